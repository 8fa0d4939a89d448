"""An image's container, run by buildah or podman: as its user, apart from everything else."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from base_image import output

# SIOCSIFFLAGS, IFF_UP
LOOPBACK_UP = """
import fcntl, os, socket, struct, sys
fcntl.ioctl(socket.socket(), 0x8914, struct.pack("16sh14x", b"lo", 1))
os.execvp(sys.argv[1], sys.argv[1:])
"""
# as a pod without a network is; and what a command leaves running ends with it
APART = (
    *("unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"),
    *(sys.executable, "-c", LOOPBACK_UP),
)


class Container(Protocol):
    """One image to run commands in."""

    @property
    def root(self) -> Path:
        """Its files, from outside."""

    def run(
        self, *words: str, pfs: Path | None = None, env: Mapping[str, str] | None = None
    ) -> str:
        """What words printed, run in it as its user, without a network.

        AssertionError when they fail.
        """


def _options(pfs: Path | None, env: Mapping[str, str] | None) -> list[str]:
    options = [f"--env={name}={value}" for name, value in (env or {}).items()]
    return options if pfs is None else [*options, f"--volume={pfs}:/pfs"]


@dataclass(frozen=True, slots=True)
class OfBuildah:
    """A container of buildah's on disk, which may be written to; chroot is what isolates it."""

    name: str
    env: dict[str, str]

    @property
    def root(self) -> Path:
        return Path(output(["buildah", "mount", self.name], self.env).strip())

    def run(
        self, *words: str, pfs: Path | None = None, env: Mapping[str, str] | None = None
    ) -> str:
        # kept in a file: what still is in buildah's pipes when the last process ends may be lost
        shell = ["sh", "-c", 'exec "$@" > /tmp/printed 2>&1', "sh", *words]
        command = [*APART, "buildah", "run", *_options(pfs, env), self.name, "--", *shell]
        done = subprocess.run(command, env=self.env, capture_output=True, text=True, check=False)
        printed = (self.root / "tmp/printed").read_text()
        assert done.returncode == 0, f"{words} answer {done.returncode}:\n{printed}{done.stderr}"
        return printed


@dataclass(frozen=True, slots=True)
class OfPodman:
    """A container a command, by runc or crun.

    Unless it is for somebody to work in, it can write to /pfs and temporary folders alone.
    """

    image: str
    env: dict[str, str]
    is_desk: bool = False

    @property
    def root(self) -> Path:
        return Path(output(["podman", "image", "mount", self.image], self.env).strip())

    def run(
        self, *words: str, pfs: Path | None = None, env: Mapping[str, str] | None = None
    ) -> str:
        return self._podman("run", "--rm", *self._apart, *_options(pfs, env), self.image, *words)

    @contextmanager
    def started(self, *words: str) -> Iterator[Running]:
        """It, running these words (none: the image's own) until the end of the block."""
        name = self._podman("run", "--detach", *self._apart, self.image, *words).split()[-1]
        try:
            yield Running(name, self.env)
        finally:
            self._podman("rm", "--force", "--time=0", name)

    @property
    def _apart(self) -> tuple[str, ...]:
        return ("--network=none", f"--read-only={not self.is_desk}".lower(), "--pull=never")

    def _podman(self, *words: str) -> str:
        return output(["podman", *words], self.env)


@dataclass(frozen=True, slots=True)
class Running:
    """A container of podman's that stays."""

    name: str
    env: dict[str, str]

    def run(self, *words: str) -> str:
        return output(["podman", "exec", self.name, *words], self.env)

    def is_healthy(self) -> bool:
        """What its image's health command says now. There is no systemd here that would ask it."""
        command = ["podman", "healthcheck", "run", self.name]
        done = subprocess.run(command, env=self.env, capture_output=True, check=False)
        return done.returncode == 0

    def health(self) -> dict[str, Any]:
        """What podman has noted of its health."""
        state = ["podman", "inspect", "--format={{json .State.Health}}", self.name]
        found = json.loads(output(state, self.env))
        assert isinstance(found, dict)
        return found
