"""A command that runs in a worker's container: its output, its end, and how it ended."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psutil

from tycokit.errors import WorkerLost

POLL = 0.1  # seconds until a cancelled or late command is noticed
_DRAIN = 0.2  # seconds that a daemon which kept the pipes may still write
_READ = 1 << 16
_LONGEST_LINE = 1 << 20
Emit = Callable[[str, str], None]
"""Takes the stream's name (stdout, stderr) and a line without its end."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended: `code` is negative for a signal; `cut` says why it was killed."""

    code: int
    seconds: float
    peak_kib: int
    error: str = ""
    cut: str = ""

    @property
    def why(self) -> str:
        """How it ended, in words."""
        if self.cut:
            return self.cut
        if self.error:
            return self.error
        if self.code < 0:
            return f"killed by signal {-self.code}, peak memory {self.peak_kib // 1024} MiB"
        return f"exit status {self.code}"


class Command:
    """A command that runs in a container; `outcome` is there once it has ended.

    As a context manager it is over at the end of the block, killed where it still runs.
    """

    def __init__(
        self,
        link: socket.socket,
        receive: Callable[[], list[dict[str, Any]]],
        pipes: dict[int, Lines],
    ) -> None:
        self.outcome: Outcome | None = None
        self._link = link
        self._receive = receive
        self._pipes = pipes
        self._open = set(pipes)
        self._started = time.monotonic()
        self._pid = 0
        self._error = self._cut = ""
        self._ended: dict[str, Any] | None = None
        self._until = 0.0

    def __enter__(self) -> Command:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def attend(self, seconds: float, *wake: int) -> None:
        """Hand on its output, for so long or until a descriptor of `wake` can be read.

        Raises:
            WorkerLost: the container has died.
        """
        waited = select.poll()
        for each in (self._link.fileno(), *self._open, *wake):
            waited.register(each, select.POLLIN)
        ready = [descriptor for descriptor, _ in waited.poll(seconds * 1000)]
        for descriptor in [each for each in self._open if each in ready]:
            data = os.read(descriptor, _READ)
            self._pipes[descriptor].feed(data)
            if not data:
                self._open.discard(descriptor)
        if self._link.fileno() in ready:
            for answer in self._receive():
                if "pid" in answer:
                    self._pid, self._error = answer["pid"], answer["error"]
                else:
                    self._ended, self._until = answer, time.monotonic() + _DRAIN
        if self._ended is not None and (not self._open or time.monotonic() > self._until):
            for lines in self._pipes.values():
                lines.end()
            seconds = time.monotonic() - self._started
            exit_, peak = self._ended["exit"], self._ended["peak_kib"]
            self.outcome = Outcome(exit_, seconds, peak, self._error, self._cut)

    @property
    def ended(self) -> bool:
        """Whether its process is gone, though word of that, or what it left, may yet come."""
        if self._ended is not None:
            return True
        try:
            return bool(psutil.Process(self._pid).status() == psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:
            return True

    def kill(self, why: str) -> None:
        """Kill its process group, the first time that this is called; it ends soon."""
        if not self._cut and self._ended is None and self._pid:
            self._cut = why
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._pid, signal.SIGKILL)

    def close(self) -> None:
        """Wait for its end, which this brings about."""
        try:
            while self.outcome is None:
                self.kill("ended")
                self.attend(POLL)
        except WorkerLost:
            pass  # then it is gone as well
        finally:
            pipes, self._pipes = self._pipes, {}
            for descriptor in pipes:
                os.close(descriptor)
            for lines in pipes.values():
                lines.end()


class Lines:
    """Cuts a stream into lines; a line without end is handed on in parts."""

    def __init__(self, stream: str, emit: Emit) -> None:
        self._stream = stream
        self._emit = emit
        self._rest = b""

    def feed(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._hand_on(line)
        if len(self._rest) > _LONGEST_LINE:
            self.end()

    def end(self) -> None:
        if self._rest:
            self._hand_on(self._rest)
            self._rest = b""

    def _hand_on(self, line: bytes) -> None:
        self._emit(self._stream, line.decode(errors="replace").rstrip("\r"))
