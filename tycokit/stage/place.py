"""Where a worker's warm executor listens, and what it was started for.

The folder belongs to the user alone: who can reach its socket can run code as that user.
"""

from __future__ import annotations

import hashlib
import json
import os
import site
import stat
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import tycokit
from tycokit.errors import ExecutorError
from tycokit.stage.datum import Datum
from tycokit.stage.source import Source

# a unix socket's whole path must stay below 108 bytes (104 on macOS)
LONGEST_BASE = 60
# two pachds on one machine may give their workers the same names
WORKER_VARIABLES = (
    "PPS_POD_NAME",
    "PPS_PIPELINE_NAME",
    "PPS_PROJECT_NAME",
    "PACH_NAMESPACE",
    "PACHD_PEER_SERVICE_HOST",
    "PACHD_PEER_SERVICE_PORT",
)
# these differ from process to process, and say nothing about what runs in it
PASSING_VARIABLES = frozenset(
    {
        *("PWD", "OLDPWD", "SHLVL", "_", "HOSTNAME", "PYTEST_CURRENT_TEST"),
        *("PPS_WORKER_GRPC_PORT", "PPS_SPEC_COMMIT"),
    }
)

Marks = list[tuple[str, int]]
"""Paths, each with the time of its last change, ns since the epoch."""


@dataclass(frozen=True, slots=True)
class Place:
    """A private folder with the files of one worker's executor of one notebook."""

    folder: Path

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return self.folder / "s"

    @property
    def lock(self) -> Path:
        """Held by who starts it."""
        return self.folder / "lock"

    @property
    def log(self) -> Path:
        """What it, and C libraries and commands in it, write to file descriptors 1 and 2."""
        return self.folder / "log"

    def box(self, pid: int) -> Path:
        """The black box of the worker with this process id."""
        return self.folder / f"box-{pid}"

    def ended(self, pid: int) -> Path:
        """The supervisor's record of how the worker with this process id ended."""
        return self.folder / f"ended-{pid}.json"


def place(datum: Datum, env: Mapping[str, str]) -> Place:
    """The executor's folder for this worker and notebook, made if it does not exist.

    ExecutorError when it is not this user's alone, or cannot be made.
    """
    base = Path(next((env[n] for n in ("TMPDIR", "TEMP", "TMP") if env.get(n)), "/tmp"))
    if len(os.fsencode(base)) > LONGEST_BASE or not base.is_dir():
        base = Path("/tmp")
    identity = [env.get(name, "") for name in WORKER_VARIABLES]
    identity += [str(datum.root), datum.notebook.name]
    top = base / f"tycokit-{os.getuid()}"
    folder = top / hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:16]
    for path in (top, folder):
        _private(path)
    return Place(folder)


def _private(folder: Path) -> None:
    try:
        with suppress(FileExistsError):
            os.mkdir(folder, mode=0o700)
        state = os.lstat(folder)
    except OSError as error:
        raise ExecutorError(f"{folder}: {error.strerror}") from None
    if not stat.S_ISDIR(state.st_mode) or state.st_uid != os.getuid() or state.st_mode & 0o077:
        raise ExecutorError(
            f"{folder} must be a folder that belongs to user {os.getuid()} with mode 700;"
            " someone else may have made it"
        )


def digest(source: Source, datum: Datum, env: Mapping[str, str], marks: Marks) -> str:
    """What an executor is good for: a notebook, a Python environment, the stage's variables."""
    variables = {
        name: value
        for name, value in env.items()
        if name not in datum.variables and name not in PASSING_VARIABLES
    }
    what = [sys.executable, sys.version, tycokit.__version__, marks, sorted(variables.items())]
    return hashlib.sha256(json.dumps(what).encode() + source.data).hexdigest()


def marks() -> Marks:
    """What changes with the installed packages and with our own code."""
    found = []
    for path in _marked():
        with suppress(FileNotFoundError):
            found.append((path, os.stat(path).st_mtime_ns))
    return found


@cache
def _marked() -> list[str]:
    own = Path(tycokit.__file__).parent
    code = sorted(path for part in ("stage", "vision") for path in (own / part).glob("**/*.py"))
    return [*map(str, code), *site.getsitepackages()]
