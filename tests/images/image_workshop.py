"""Builds and runs container images with buildah: no daemon, no registry, and no kernel feature.

vfs keeps a whole copy of each layer, and chroot isolation runs a step as a child of buildah's: both
work where overlays, user namespaces or cgroups do not.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
# The image that debootstrap made.
BASE = "localhost/tycokit-test/base:latest"
# What nobody reads in an image that lives for a test.
UNREAD = ("doc", "locale", "man")
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


@dataclass(frozen=True, slots=True)
class Workshop:
    """A storage of images of its own, below a folder."""

    folder: Path

    @property
    def env(self) -> dict[str, str]:
        return {
            **os.environ,
            "CONTAINERS_STORAGE_CONF": str(self.folder / "storage.conf"),
            "BUILDAH_ISOLATION": "chroot",
            "TMPDIR": str(self.folder),
        }

    def buildah(self, *arguments: str) -> str:
        return output(["buildah", *arguments], env=self.env)

    def make(self, context: Path, *arguments: str, **env: str) -> str:
        """Run images/build.py of a context with buildah; what it printed."""
        command = [sys.executable, str(context / "images" / "build.py"), *arguments]
        return output(command, env={**self.env, **env})

    def inspect(self, image: str) -> dict[str, Any]:
        found = json.loads(self.buildah("inspect", "--type", "image", image))["Docker"]
        assert isinstance(found, dict)
        return found

    def layers(self, image: str) -> list[str]:
        return list(self.inspect(image)["rootfs"]["diff_ids"])

    def start(self, image: str) -> Container:
        return Container(self, image, self.buildah("from", "--pull-never", image).strip())


@dataclass(frozen=True, slots=True)
class Container:
    """A container of an image, on disk; nothing runs in it by itself."""

    workshop: Workshop
    image: str
    name: str

    @property
    def config(self) -> dict[str, Any]:
        """What its image says of how to run it."""
        return dict(self.workshop.inspect(self.image)["config"])

    @property
    def root(self) -> Path:
        """Its files, from outside."""
        return Path(self.workshop.buildah("mount", self.name).strip())

    def run(self, *words: str, pfs: Path | None = None, env: dict[str, str] | None = None) -> str:
        """What words printed, run in it as its user, apart from everything else.

        AssertionError when they fail.
        """
        options = [f"--env={name}={value}" for name, value in (env or {}).items()]
        if pfs is not None:
            options.append(f"--volume={pfs}:/pfs")
        # kept in a file: what still is in buildah's pipes when the last process ends may be lost
        shell = ["sh", "-c", 'exec "$@" > /tmp/printed 2>&1', "sh", *words]
        command = [*APART, "buildah", "run", *options, self.name, "--", *shell]
        done = subprocess.run(
            command, env=self.workshop.env, capture_output=True, text=True, check=False
        )
        printed = (self.root / "tmp/printed").read_text()
        assert done.returncode == 0, f"{words} answer {done.returncode}:\n{printed}{done.stderr}"
        return printed


def output(command: Sequence[str], env: dict[str, str] | None = None) -> str:
    """What a command prints on both streams. AssertionError, with that, when it fails."""
    done = subprocess.run(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert done.returncode == 0, f"{' '.join(command)} answers {done.returncode}:\n{done.stdout}"
    return done.stdout


@contextmanager
def opened(folder: Path) -> Iterator[Workshop]:
    """A storage in a folder, which holds BASE; the folder is gone afterwards."""
    workshop = Workshop(folder)
    lines = ["[storage]", 'driver = "vfs"']
    lines += [f'{name} = "{folder / name}"' for name in ("graphroot", "runroot")]
    (folder / "storage.conf").write_text("\n".join(lines))
    try:
        container = workshop.buildah("from", "scratch").strip()
        debootstrap(Path(workshop.buildah("mount", container).strip()))
        workshop.buildah("commit", "--quiet", "--rm", container, BASE)
        yield workshop
    finally:
        # gigabytes, which pytest would keep for three runs
        shutil.rmtree(folder)


def debootstrap(folder: Path) -> None:
    """Put this machine's Debian or Ubuntu, with Python, into a folder; from where apt gets it."""
    release = dict(
        line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if line
    )["VERSION_CODENAME"]
    fields = "$(REPO_URI) $(COMPONENT)"
    chosen = ["Created-By: Packages", f"Release: {release}"]
    listing = output(["apt-get", "indextargets", "--format", fields, *chosen]).splitlines()
    assert listing, f"apt knows no source of {release}: apt-get update"
    mirror = listing[0].split()[0]
    components = {line.split()[1] for line in listing if line.split()[0] == mirror}
    output(
        [
            *("debootstrap", "--variant=minbase", "--include=ca-certificates,python3,python3-venv"),
            *(f"--components={','.join(sorted(components))}", release, str(folder), mirror),
        ]
    )
    (folder / "etc/apt/sources.list").unlink()
    # vfs copies it all for every step of a build
    for idle in ("var/cache/apt", "var/lib/apt/lists", *(f"usr/share/{n}" for n in UNREAD)):
        shutil.rmtree(folder / idle)


def copy_context(folder: Path) -> None:
    """Copy what the Dockerfiles see, and themselves, so that a test may change it."""
    names = (ROOT / ".dockerignore").read_text().splitlines()
    for name in [".dockerignore", "images", *(line[1:] for line in names if line[:1] == "!")]:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
            shutil.copytree(ROOT / name, folder / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, folder / name)
