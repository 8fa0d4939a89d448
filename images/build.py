"""Builds the container images with docker, podman or buildah: `make images` runs it.

    python images/build.py --tag V2 [--base IMAGE] [--builder NAME] [stage] [lab]

pip in the build uses the index, proxy and certificate of this machine's pip. They are handed over
as build secrets, so that no layer and no history holds them.
"""

from __future__ import annotations

import argparse
import ast
import configparser
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
IMAGES = ("stage", "lab")
# In order. Docker's format alone has a health command; --layers keeps steps for the next build.
BUILDERS = {
    "docker": ["build"],
    "podman": ["build", "--format", "docker", "--layers"],
    "buildah": ["build", "--format", "docker", "--layers"],
}
# What pip's configuration says about reaching an index, and nothing about the machine's own files.
REACHING = {
    *("index-url", "extra-index-url", "trusted-host", "proxy", "cert"),
    *("timeout", "default-timeout", "retries"),
}
LABEL = "org.opencontainers.image"
# Where a build secret lies during the step that names it.
CERTIFICATE = "/run/secrets/pip-cert"


def builder(names: Sequence[str]) -> str:
    """The first of some builders that works here. Without one the program ends, and says what to
    install."""
    silent = []
    for name in names:
        if shutil.which(name) is None:
            continue
        # it may be there without its daemon, or without the right to use it
        asked = subprocess.run([name, "info"], capture_output=True, check=False)
        if asked.returncode == 0:
            return name
        silent.append(f"`{name} info` fails")
    *others, last = names
    wanted = f"{', '.join(others)} or {last}" if others else last
    raise SystemExit(
        f"images: no {wanted} works here{'; '.join(['', *silent])}.\n"
        "One that needs no daemon, on Debian and Ubuntu: apt-get install buildah runc"
    )


def pip_settings() -> dict[str, str]:
    """How this machine's pip reaches its index, by the names of pip's options."""
    listing = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"],
        capture_output=True,
        text=True,
        check=False,  # a Python without pip has nothing to say
    ).stdout
    found: dict[str, dict[str, str]] = {}
    for line in listing.splitlines():
        key, _, value = line.partition("=")
        section, _, name = key.rpartition(".")
        if name in REACHING:
            found.setdefault(section, {})[name] = str(ast.literal_eval(value))
    # pip takes the environment before [install] before [global]
    return {**found.get("global", {}), **found.get("install", {}), **found.get(":env:", {})}


def secrets(folder: Path) -> list[str]:
    """The builder's options that hand pip's settings to a build; the file goes into a folder."""
    settings = pip_settings()
    options = []
    if certificate := settings.get("cert"):
        options.append(f"--secret=id={Path(CERTIFICATE).name},src={certificate}")
        settings["cert"] = CERTIFICATE
    if settings:
        config = configparser.RawConfigParser()
        config["global"] = settings
        path = folder / "pip.conf"
        with path.open("w") as file:
            config.write(file)
        options.append(f"--secret=id=pip.conf,src={path}")
    return options


def revision() -> str:
    """The commit of the checkout; empty where there is none."""
    command = ["git", "-C", str(ROOT), "rev-parse", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    except FileNotFoundError:
        return ""


def main() -> None:
    """Build what the command line names."""
    parser = argparse.ArgumentParser(description="Build tycokit's container images.")
    parser.add_argument("images", nargs="*", metavar="IMAGE", help=f"default: {' '.join(IMAGES)}")
    parser.add_argument("--tag", required=True, help="the images are called tycokit/IMAGE:TAG")
    parser.add_argument("--base", help="what they build on (default: python:3.11-slim-bookworm)")
    parser.add_argument(
        "--builder", choices=BUILDERS, help="default: the first of them that works here"
    )
    chosen = parser.parse_args()
    if unknown := set(chosen.images) - set(IMAGES):
        parser.error(f"no image {', '.join(sorted(unknown))}; there are {', '.join(IMAGES)}")
    program = builder([chosen.builder] if chosen.builder else list(BUILDERS))
    labels = {"version": chosen.tag, "revision": revision()}
    with tempfile.TemporaryDirectory() as folder:
        command = [program, *BUILDERS[program], *secrets(Path(folder))]
        command += [f"--label={LABEL}.{name}={value}" for name, value in labels.items() if value]
        if chosen.base:
            command.append(f"--build-arg=BASE={chosen.base}")
        for image in chosen.images or IMAGES:
            name = f"tycokit/{image}:{chosen.tag}"
            built = subprocess.run(
                [*command, f"--file=images/{image}/Dockerfile", f"--tag={name}", "."],
                cwd=ROOT,
                # docker without it knows no secrets
                env={**os.environ, "DOCKER_BUILDKIT": "1"},
                check=False,
            )
            if built.returncode:
                raise SystemExit(f"images: {program} could not build {name}")


if __name__ == "__main__":
    main()
