"""Datum batching: one user process that asks for one datum after the other."""

from __future__ import annotations

import time

from tycokit.pachd.pps.attempt import Attempt
from tycokit.pachd.pps.calls import Call, Calls, OpenDoor
from tycokit.pachd.pps.container import POLL, Command
from tycokit.pachd.pps.workplace import Workplace


class Batch:
    """A worker's user process, from datum set to datum set; runs in the worker's thread.

    `broken` says why the process of the present set could not even ask for its first datum.
    """

    def __init__(self, where: Workplace, open_door: OpenDoor) -> None:
        self.broken = ""
        self._where = where
        self._calls = Calls()
        self._door = open_door(self._calls.ask)
        self.port = self._door.port
        self._command: Command | None = None
        self._ready: Call | None = None  # the process waits for a datum
        self._attempt: Attempt | None = None  # whose lines the process writes

    def process(self, attempt: Attempt) -> str:
        """Let the process work on what is laid out in /pfs; "" or why it failed.

        A process that has failed is stopped, and the next attempt starts another one.

        Raises:
            WorkerLost; what the transform's secrets raise.
        """
        self._attempt = attempt
        if self._ready is None:
            first = self._start(attempt)
            if isinstance(first, str):
                self.broken = "" if attempt.cancelled() else first
                self.stop()
                return first
            self._ready = first
        ready, self._ready = self._ready, None
        ready.answer(attempt.lines)
        after = self._next(attempt, attempt.task.spec.datum_timeout or None)
        if isinstance(after, Call) and not after.error:
            self._ready = after
            return ""
        self.stop()
        if isinstance(after, Call):
            after.answer(None)
            return after.error
        return after

    def stop(self) -> None:
        """End the process: at the end of a datum set, or because it has failed."""
        # killed while it waits: it must not be told anything that it would report as an error
        if self._command is not None:
            self._command.close()
            self._command = None
        self._calls.shut()
        if self._ready is not None:
            self._ready.answer(None)
            self._ready = None

    def close(self) -> None:
        self.stop()
        self._calls.close()
        self._door.close()

    def _start(self, attempt: Attempt) -> Call | str:
        transform = attempt.task.transform
        container = self._where.container(transform)
        self._calls.open()
        self._command = container.start(
            transform.cmd,
            env=self._where.environment(attempt.task, self.port),
            cwd=transform.working_dir or self._where.work,
            stdin="".join(f"{line}\n" for line in transform.stdin).encode(),
            emit=self._emit,
        )
        return self._next(attempt, None)

    def _next(self, attempt: Attempt, timeout: float | None) -> Call | str:
        """The process's next call, or why there is none."""
        started = time.monotonic()
        command = self._command
        assert command is not None
        while True:
            call = self._calls.take()
            if call is not None:
                command.attend(0)  # what it wrote before it called belongs to this datum
                return call
            outcome = command.outcome
            if outcome is not None:
                how = "user code exited prematurely" if outcome.why == _DONE else outcome.why
                return f"error running user code: {how}"
            if timeout is not None and time.monotonic() - started > timeout:
                return f"timed out after {timeout:g} s"
            if attempt.cancelled():
                return "cancelled"
            command.attend(POLL, self._calls.wake)

    def _emit(self, stream: str, line: str) -> None:
        if self._attempt is not None:
            self._attempt.emit(stream, line)


_DONE = "exit status 0"
