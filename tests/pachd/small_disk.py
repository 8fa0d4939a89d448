"""A disk of some MiB in a mount namespace of its own, and processes that live there.

What becomes of it does not touch the machine: it goes with the last process in it.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

_USER = () if os.geteuid() == 0 else ("--user", "--map-root-user")
_ENTER_USER = () if os.geteuid() == 0 else ("--user", "--preserve-credentials")


class SmallDisk:
    """A tmpfs at `path`, which only processes started with `inside` see as such.

    From outside its files are those of `seen`.
    """

    def __init__(self, path: Path, size: int) -> None:
        self.path = path
        path.mkdir()
        mount = f'mount -t tmpfs -o size={size} tmpfs "$0" && echo ready && read end'
        self._holder = subprocess.Popen(
            ["unshare", *_USER, "--mount", "sh", "-c", mount, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._holder.stdout is not None
        if self._holder.stdout.readline() != "ready\n":
            _, said = self._holder.communicate()
            pytest.skip(f"no mount namespace can be made here: {said.strip()}")
        self.seen = Path(f"/proc/{self._holder.pid}/root{path}")

    def inside(self, command: list[str]) -> list[str]:
        """The command that runs another one where the disk is."""
        target = str(self._holder.pid)
        return ["nsenter", "--target", target, *_ENTER_USER, "--mount", *command]

    def free(self) -> int:
        """Bytes left."""
        status = os.statvfs(self.seen)
        return status.f_bavail * status.f_frsize

    def fill(self, leave: int = 0) -> None:
        """Take all but so many bytes."""
        with (self.seen / "filler").open("ab") as file:
            while (more := self.free() - leave) > 0:
                file.write(bytes(min(more, 1 << 20)))
                file.flush()

    def relieve(self) -> None:
        """Give them back."""
        (self.seen / "filler").unlink()

    def end(self) -> None:
        self._holder.communicate("\n")
