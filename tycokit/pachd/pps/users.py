"""The account that a transform's user code runs as."""

from __future__ import annotations

import grp
import os
import pwd
from dataclasses import dataclass
from pathlib import Path

from tycokit.errors import NotServed, UserUnknown


@dataclass(frozen=True, slots=True)
class Account:
    uid: int
    gid: int
    home: str

    def take(self, path: str | Path) -> None:
        """Give a file, or a folder with all in it, to the account."""
        os.chown(path, self.uid, self.gid, follow_symlinks=False)
        if os.path.isdir(path) and not os.path.islink(path):
            with os.scandir(path) as inside:
                for entry in inside:
                    self.take(entry.path)


def find(user: str) -> Account | None:
    """The account of `name`, `name:group`, `uid` or `uid:gid`, of this machine.

    None for "", and for whoever pachd itself runs as: then nothing has to change.

    Raises:
        UserUnknown: no such user or group. NotServed: only a pachd of root can change the user.
    """
    if not user:
        return None
    name, _, group = user.partition(":")
    found = _user(name)
    gid = found.gid if not group else _group(group)
    if (found.uid, gid) == (os.geteuid(), os.getegid()):
        return None
    if os.geteuid() != 0:
        raise NotServed(
            f"user code cannot run as user {user}: the local pachd runs as user {os.geteuid()},"
            " and only one of root can run it as another"
        )
    return Account(found.uid, gid, found.home)


def _user(name: str) -> Account:
    try:
        found = pwd.getpwuid(int(name)) if name.isdigit() else pwd.getpwnam(name)
    except (KeyError, OverflowError) as error:
        if name.isdigit() and int(name) < 1 << 31:  # an id needs no name, and Docker's group is 0
            return Account(int(name), 0, "/")
        raise UserUnknown("user", name) from error
    return Account(found.pw_uid, found.pw_gid, found.pw_dir)


def _group(name: str) -> int:
    if name.isdigit() and int(name) < 1 << 31:
        return int(name)
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError as error:
        raise UserUnknown("group", name) from error
