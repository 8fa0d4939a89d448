"""What the tests' images are built on: this machine's own Debian or Ubuntu, with Python."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

# What nobody reads in an image that lives for a test.
UNREAD = ("doc", "locale", "man")


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


def output(command: Sequence[str], env: dict[str, str] | None = None) -> str:
    """What a command prints on both streams. AssertionError, with that, when it fails."""
    done = subprocess.run(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert done.returncode == 0, f"{' '.join(command)} answers {done.returncode}:\n{done.stdout}"
    return done.stdout
