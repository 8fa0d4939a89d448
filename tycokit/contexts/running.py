"""Which local pachd serves a data folder.

pachd's process itself writes `pachd.json` into its data folder once it serves, and removes it when
it ends in good order. Who reads that file checks that the process it names is still the same one,
so that a recycled process id is never taken for pachd, and never killed.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Running:
    """A local pachd that serves. `created` is the process's start, seconds since the epoch."""

    data: Path
    pid: int
    created: float
    port: int
    open: bool
    """True when it was started without a token."""

    @property
    def address(self) -> str:
        return f"grpc://{HOST}:{self.port}"

    @property
    def token(self) -> str | None:
        """The session token, from the data folder; None when pachd asks for none."""
        return None if self.open else _text(self.data / "token")


def log_path(data: Path) -> Path:
    return data / "pachd.log"


def record(data: Path, port: int, no_token: bool) -> None:
    """Called by pachd's own process once it serves: say where, for `find`."""
    me = psutil.Process()
    found = Running(data.resolve(), me.pid, me.create_time(), port, no_token)
    content = asdict(found) | {"data": str(found.data)}
    staged = data / f".pachd.json.{me.pid}"
    staged.write_text(json.dumps(content), encoding="utf-8")
    staged.replace(data / "pachd.json")


def forget(data: Path) -> None:
    """Called by pachd's own process when it ends in good order."""
    (data / "pachd.json").unlink(missing_ok=True)


def find(data: Path) -> Running | None:
    """The local pachd that serves this data folder now, if any."""
    text = _text(data / "pachd.json")
    if text is None:
        return None
    try:
        known = json.loads(text)
        found = Running(
            data.resolve(),
            int(known["pid"]),
            float(known["created"]),
            int(known["port"]),
            bool(known["open"]),
        )
    except (ValueError, KeyError, TypeError):
        return None  # not a file that record() wrote: there is nobody that we could speak for
    return found if process(found) else None


def process(running: Running) -> psutil.Process | None:
    """The process, unless it has ended or its id is by now another process's."""
    try:
        found = psutil.Process(running.pid)
        if found.status() == psutil.STATUS_ZOMBIE:
            return None
        # the kernel's idea of when a process began moves with the clock, by less than a second
        # unless somebody sets it: then the command line says who it is
        if abs(found.create_time() - running.created) < 1:
            return found
        words = found.cmdline()
        return found if "pachd" in words and str(running.data) in words else None
    except psutil.Error:
        return None


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8").strip() or None
    except (OSError, UnicodeDecodeError):
        return None
