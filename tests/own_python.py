"""Pythons with other packages than the tests' own, each in a virtual environment that is kept."""

from __future__ import annotations

import fcntl
import re
import subprocess
import venv
from pathlib import Path

import pytest
from platformdirs import user_cache_path

# read before the tests' own cache folder takes its place
_HOME = user_cache_path("tycokit") / "tests"
_NO_INDEX = re.compile(
    r"Failed to establish a new connection|Temporary failure in name resolution|timed out"
    r"|Max retries exceeded|Network is unreachable|Connection refused"
)


def python(name: str, *packages: str) -> str:
    """The Python of the environment `name`, made once with these packages and kept.

    The test is skipped where PyPI cannot be reached.
    """
    home = _HOME / name
    found, ready = str(home / "bin" / "python"), home / "ready"
    _HOME.mkdir(parents=True, exist_ok=True)
    with (_HOME / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two test runs may want it at once
        _make(home, found, ready, packages)
    return found


def _make(home: Path, found: str, ready: Path, packages: tuple[str, ...]) -> None:
    if not ready.exists():
        venv.create(home, clear=True, with_pip=True)
        pip = [found, "-m", "pip", "--disable-pip-version-check"]
        done = subprocess.run(
            [*pip, "install", "--quiet", "--retries", "1", *packages],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode and _NO_INDEX.search(done.stdout + done.stderr):
            pytest.skip(f"PyPI cannot be reached, so {home.name} cannot be installed")
        assert done.returncode == 0, done.stderr
        ready.touch()
