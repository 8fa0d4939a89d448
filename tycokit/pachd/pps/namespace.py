"""Ways to give a process a private /pfs (and folders of secrets), best first.

Each is a command in front of the worker's first process. As the root folder cannot get a new
folder from a user without rights, the namespace's root is a tmpfs into which the top-level folders
are bound; that leaves no trace on the real one either. A folder for which a new mount point is
wanted deeper down is treated likewise.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

_PROBE_SECONDS = 10
# what root gives up in a sandbox of bubblewrap's, and whoever starts others' processes needs
_SWITCHING = ("CAP_SETUID", "CAP_SETGID", "CAP_KILL")
_NOT_BELOW = ("/pfs", "/proc", "/sys", "/dev")
Mounts = Mapping[str, Path]
"""Where in the namespace → which folder."""


class Wrap(Protocol):
    """Words to put in front of a command; `switching`: it will start others as another user."""

    def __call__(self, mounts: Mounts, switching: bool = False, /) -> list[str]: ...


@dataclass(frozen=True, slots=True)
class Namespace:
    """How workers get their /pfs. `private` is false where they get none, only a folder."""

    name: str
    private: bool
    wrap: Wrap


@dataclass(frozen=True, slots=True)
class Tmpfs:
    """An empty file system in memory at a path."""

    path: Path


@dataclass(frozen=True, slots=True)
class Bind:
    """A folder or file at another path, which is made for it."""

    source: Path
    path: Path


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link as it is on the real file system."""

    path: Path
    target: str


Step = Tmpfs | Bind | Link


def can_mount(path: str) -> bool:
    """Whether a folder can be mounted at a path of the namespace."""
    if not path.startswith("/") or ".." in Path(path).parts:
        return False
    point = _real(Path(path))
    if point == Path("/") or (point.exists() and not point.is_dir()):
        return False
    return not any(Path(each) in (point, *point.parents) for each in _NOT_BELOW)


def _real(point: Path) -> Path:
    """Where a path leads when links on the way are followed."""
    return _existing(point).resolve() / point.relative_to(_existing(point))


def _existing(point: Path) -> Path:
    return next(each for each in (point, *point.parents) if each.exists())


def steps(mounts: Mounts) -> list[Step]:
    """How to build the namespace's files, in order; the real ones stay as they are."""
    points = {_real(Path(path)): source for path, source in mounts.items()}
    opened = {Path("/"), *(_existing(point) for point in points if not point.exists())}
    made: list[Step] = []
    for folder in sorted(opened):
        made.append(Tmpfs(folder))
        for entry in sorted(folder.iterdir()):
            if entry in points or entry in opened:
                continue
            if entry.is_symlink():
                made.append(Link(entry, str(entry.readlink())))
            else:
                made.append(Bind(entry, entry))
    return made + [Bind(source, point) for point, source in sorted(points.items())]


def bubblewrap(mounts: Mounts, switching: bool = False, /) -> list[str]:
    """Arguments that run a command with the folders bound where they are wanted."""
    command = ["bwrap"]
    for capability in _SWITCHING if switching else ():
        command += ["--cap-add", capability]
    for step in steps(mounts):
        if isinstance(step, Tmpfs):
            command += ["--tmpfs", str(step.path)]
        elif isinstance(step, Link):
            command += ["--symlink", step.target, str(step.path)]
        else:
            # an entry of a folder such as /tmp may be gone by now
            how = "--dev-bind-try" if step.source == step.path else "--dev-bind"
            command += [how, str(step.source), str(step.path)]
    return [*command, "--"]


def unshare(mounts: Mounts, switching: bool = False, /) -> list[str]:
    """The same with util-linux alone."""
    lines = ["set -e", "new=$(mktemp -d)"]
    for step in steps(mounts):
        here = f'"$new"{shlex.quote(str(step.path))}'
        if isinstance(step, Tmpfs):
            lines.append(f"mkdir -p {here}; mount -t tmpfs tmpfs {here}")
        elif isinstance(step, Link):
            lines.append(f"ln -s {shlex.quote(step.target)} {here}")
        else:
            parent = f'"$new"{shlex.quote(str(step.path.parent))}'
            make = "mkdir -p" if step.source.is_dir() else "touch"
            source = shlex.quote(str(step.source))
            lines.append(f"mkdir -p {parent}; {make} {here}; mount --rbind {source} {here}")
    lines.append('exec chroot "$new" "$@"')
    script = "\n".join(lines)
    flags = ["--mount", "--propagation", "private"]
    # in a namespace of its own no other user would be known
    user = [] if switching else ["--user", "--map-root-user"]
    return ["unshare", *user, *flags, "sh", "-c", script, "sh"]


def folder(_mounts: Mounts, _switching: bool = False, /) -> list[str]:
    """Nothing in front: user code is told the folder in TYCOKIT_PFS."""
    return []


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
    command = wrap({"/pfs": pfs})
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
