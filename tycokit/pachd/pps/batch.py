"""Datum batching: one user process that asks for one datum after the other."""

from __future__ import annotations

import time

from tycokit.pachd.pps.attempt import Attempt
from tycokit.pachd.pps.calls import Call, Calls, OpenDoor
from tycokit.pachd.pps.command import POLL, Command, Emit
from tycokit.pachd.pps.logs import JobLog
from tycokit.pachd.pps.workplace import Workplace


class Batch:
    """A worker's user process; runs in the worker's thread.

    It stays from datum set to datum set and from job to job, where it waits in NextDatum. `broken`
    says why the process of the present set could not even ask for its first datum.
    """

    def __init__(self, where: Workplace, open_door: OpenDoor) -> None:
        self.broken = ""
        self._where = where
        self._calls = Calls()
        self._door = open_door(self._calls.ask)
        self.port = self._door.port
        self._command: Command | None = None
        self._ready: Call | None = None  # the process waits for a datum
        self._emit: Emit = _nowhere  # takes what the process writes

    def resume(self, log: JobLog) -> None:
        """Begin a datum set, with the process of the one before if that still waits.

        What it has written since then is of no datum, and stands in the log as such.

        Raises:
            WorkerLost
        """
        worker = self._where.name
        self._emit = lambda stream, line: log.write(line, worker=worker, user=True, stream=stream)
        if self._command is None:
            return
        self._command.attend(0)
        if self._ready is None or self._ready.gone or self._command.ended:
            self.stop()  # it was killed, or has given up
        else:
            self._calls.open()

    def rest(self) -> None:
        """End a datum set: a process that waits stays for the next one."""
        self.broken = ""
        if self._ready is None:
            self.stop()
        else:
            self._calls.shut()  # nobody else is given what comes next
        self._emit = _nowhere

    def process(self, attempt: Attempt) -> str:
        """Let the process work on what is laid out in /pfs; "" or why it failed.

        A process that has failed is stopped, and the next attempt starts another one.

        Raises:
            WorkerLost; what the transform's secrets raise.
        """
        self._emit = attempt.emit
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
        """End the process, if there is one."""
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
            emit=lambda stream, line: self._emit(stream, line),
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


def _nowhere(_stream: str, _line: str) -> None:
    """While a process waits for the next job there is no log to write to."""


_DONE = "exit status 0"
