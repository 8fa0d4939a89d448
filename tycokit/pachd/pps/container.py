"""One worker's process tree: a private /pfs, and commands run in it one after the other."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tycokit.errors import WorkerLost
from tycokit.pachd.pps import init
from tycokit.pachd.pps.namespace import Namespace

_POLL = 0.1  # seconds until a cancelled or late command is noticed
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


class Container:
    """Starts on construction; `close` ends every process that ever started in it.

    Raises:
        WorkerLost: it cannot be started.
    """

    def __init__(self, namespace: Namespace, pfs: Path) -> None:
        ours, theirs = socket.socketpair()
        self._link = ours
        self._answers = b""
        command = [sys.executable, "-I", "-S", init.__file__, str(theirs.fileno())]
        with theirs:
            try:
                self._process = subprocess.Popen(
                    [*namespace.wrap(pfs), *command],
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    cwd="/",
                    start_new_session=True,  # a terminal's Ctrl-C is pachd's to handle
                )
            except OSError as error:
                ours.close()
                raise WorkerLost(str(error)) from error

    def run(
        self,
        cmd: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path | str,
        stdin: bytes,
        emit: Emit,
        timeout: float | None,
        cancelled: Callable[[], bool],
    ) -> Outcome:
        """Run a command to its end, its output handed on line by line.

        Args:
            timeout: seconds after which its process group is killed.
            cancelled: asked now and then; once true, the same happens.

        Raises:
            WorkerLost: the container has died.
        """
        started = time.monotonic()
        out_read, out_write = os.pipe()
        err_read, err_write = os.pipe()
        with tempfile.TemporaryFile() as source:
            source.write(stdin)
            source.seek(0)
            request = json.dumps({"cmd": list(cmd), "env": dict(env), "cwd": str(cwd)}).encode()
            try:
                head = struct.pack("<I", len(request))
                socket.send_fds(self._link, [head], [source.fileno(), out_write, err_write])
                self._link.sendall(request)
            except OSError as error:
                os.close(out_read)
                os.close(err_read)
                raise WorkerLost(str(error)) from error
            finally:
                os.close(out_write)
                os.close(err_write)
        pipes = {out_read: _Lines("stdout", emit), err_read: _Lines("stderr", emit)}
        try:
            return self._attend(pipes, started, timeout, cancelled)
        finally:
            for descriptor, lines in pipes.items():
                lines.end()
                os.close(descriptor)

    def _attend(
        self,
        pipes: dict[int, _Lines],
        started: float,
        timeout: float | None,
        cancelled: Callable[[], bool],
    ) -> Outcome:
        open_ = set(pipes)
        pid, error, cut = 0, "", ""
        ended: dict[str, Any] | None = None
        until = 0.0
        while ended is None or (open_ and time.monotonic() < until):
            waited: list[socket.socket | int] = [self._link, *open_]
            ready = select.select(waited, [], [], _POLL)[0]
            for descriptor in [each for each in open_ if each in ready]:
                data = os.read(descriptor, _READ)
                pipes[descriptor].feed(data)
                if not data:
                    open_.discard(descriptor)
            if self._link in ready:
                for answer in self._receive():
                    if "pid" in answer:
                        pid, error = answer["pid"], answer["error"]
                    else:
                        ended, until = answer, time.monotonic() + _DRAIN
            late = timeout is not None and time.monotonic() - started > timeout
            if pid and not cut and ended is None and (late or cancelled()):
                cut = f"timed out after {timeout:g} s" if late else "cancelled"
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(pid, signal.SIGKILL)
        seconds = time.monotonic() - started
        return Outcome(ended["exit"], seconds, ended["peak_kib"], error, cut)

    def _receive(self) -> list[dict[str, Any]]:
        try:
            data = self._link.recv(_READ)
        except OSError as error:
            raise WorkerLost(str(error)) from error
        if not data:
            raise WorkerLost(f"its first process ended with exit code {self._process.wait()}")
        *lines, self._answers = (self._answers + data).split(b"\n")
        return [json.loads(line) for line in lines]

    def close(self) -> None:
        """End everything and wait for it."""
        self._link.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class _Lines:
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
