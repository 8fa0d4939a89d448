"""Ways to give a process a private /pfs, best first.

Each is a command in front of the worker's first process. As the root folder cannot get a new
folder from a user without rights, the namespace's root is a tmpfs into which the top-level folders
are bound; that leaves no trace on the real one either.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_PROBE_SECONDS = 10
Wrap = Callable[[Path], list[str]]


@dataclass(frozen=True, slots=True)
class Namespace:
    """How workers get their /pfs. `private` is false where they get none, only a folder."""

    name: str
    private: bool
    wrap: Wrap


def bubblewrap(pfs: Path) -> list[str]:
    """Arguments that run a command with the folder bound on /pfs."""
    command = ["bwrap", "--tmpfs", "/"]
    for entry in _top_level():
        if entry.is_symlink():
            command += ["--symlink", str(entry.readlink()), str(entry)]
        else:
            command += ["--dev-bind", str(entry), str(entry)]
    return [*command, "--bind", str(pfs), "/pfs", "--"]


def unshare(pfs: Path) -> list[str]:
    """The same with util-linux alone."""
    lines = ["set -e", "new=$(mktemp -d)", 'mount -t tmpfs tmpfs "$new"']
    for entry in _top_level():
        quoted = shlex.quote(entry.name)
        if entry.is_symlink():
            lines.append(f'ln -s {shlex.quote(str(entry.readlink()))} "$new"/{quoted}')
        elif entry.is_dir():
            lines.append(f'mkdir "$new"/{quoted}; mount --rbind /{quoted} "$new"/{quoted}')
    lines += [
        f'mkdir "$new"/pfs; mount --rbind {shlex.quote(str(pfs))} "$new"/pfs',
        'exec chroot "$new" "$@"',
    ]
    script = "\n".join(lines)
    flags = ["--mount", "--propagation", "private"]
    return ["unshare", "--user", "--map-root-user", *flags, "sh", "-c", script, "sh"]


def folder(_pfs: Path) -> list[str]:
    """Nothing in front: user code is told the folder in TYCOKIT_PFS."""
    return []


def _top_level() -> list[Path]:
    return sorted(entry for entry in Path("/").iterdir() if entry.name != "pfs")


def choose(scratch: Path) -> Namespace:
    """The first way that works here, found by trying each on an empty folder below `scratch`."""
    for name, wrap in (("bubblewrap", bubblewrap), ("unshare", unshare)):
        if _works(name, wrap, scratch):
            return Namespace(name, True, wrap)
    return Namespace("folder", False, folder)


def _works(name: str, wrap: Wrap, scratch: Path) -> bool:
    pfs = scratch / f"probe-{name}"
    pfs.mkdir(parents=True, exist_ok=True)
    (pfs / "seen").touch()
    command = wrap(pfs)
    try:
        if shutil.which(command[0]) is None:
            return False
        done = subprocess.run(
            [*command, "test", "-e", "/pfs/seen"],
            capture_output=True,
            timeout=_PROBE_SECONDS,
            cwd="/",
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    else:
        return done.returncode == 0
    finally:
        shutil.rmtree(pfs, ignore_errors=True)
