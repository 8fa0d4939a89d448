"""Builds container images with buildah or podman: no daemon, and no registry."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import image_storage
from base_image import output
from containers import Container, OfBuildah, OfPodman

ROOT = Path(__file__).parents[2]
# The image of the folder that debootstrap made.
BASE = "localhost/tycokit-test/base:latest"


@dataclass(frozen=True, slots=True)
class Workshop:
    """A storage of images of its own, which both engines share. `env` makes them use it."""

    env: dict[str, str]

    def buildah(self, *arguments: str) -> str:
        return output(["buildah", *arguments], env=self.env)

    def make(self, context: Path, *arguments: str, **env: str) -> str:
        """Run images/build.py of a context, on BASE; what it printed."""
        command = [sys.executable, str(context / "images" / "build.py"), "--base", BASE]
        return output([*command, *arguments], env={**self.env, **env})

    def inspect(self, image: str) -> dict[str, Any]:
        found = json.loads(self.buildah("inspect", "--type", "image", image))["Docker"]
        assert isinstance(found, dict)
        return found

    def layers(self, image: str) -> list[str]:
        return list(self.inspect(image)["rootfs"]["diff_ids"])

    def start(self, engine: str, image: str) -> Container:
        if engine == "podman":
            return OfPodman(image, self.env)
        name = self.buildah("from", "--pull-never", image).strip()
        return OfBuildah(name, self.env)


@contextmanager
def opened(folder: Path, debian: Path, **env: str) -> Iterator[Workshop]:
    """A storage in a folder, which holds BASE, made of another; the first is gone afterwards."""
    with image_storage.opened(folder) as own:
        workshop = Workshop({**os.environ, **own, **env})
        container = workshop.buildah("from", "scratch").strip()
        root = workshop.buildah("mount", container).strip()
        output(["cp", "--archive", f"{debian}/.", root])
        workshop.buildah("commit", "--quiet", "--rm", container, BASE)
        yield workshop


def copy_context(folder: Path) -> None:
    """Copy what the Dockerfiles see, and themselves, so that a test may change it."""
    names = (ROOT / ".dockerignore").read_text().splitlines()
    for name in [".dockerignore", "images", *(line[1:] for line in names if line[:1] == "!")]:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
            shutil.copytree(ROOT / name, folder / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, folder / name)
