"""Where user code's calls of NextDatum meet the thread of its worker."""

from __future__ import annotations

import contextlib
import os
import threading
from collections import deque
from collections.abc import Callable
from typing import Protocol

from tycokit.errors import NotAllowed

OnEnd = Callable[[Callable[[], None]], bool]
"""Has something called at the end of a call, whoever ends it; False where that has come already."""
Ask = Callable[[str, OnEnd], list[str]]
"""Takes the error of the datum before ("" = none); the lines `KEY=VALUE` of the next datum."""


class Door(Protocol):
    """A port of this machine at which NextDatum is served."""

    @property
    def port(self) -> int: ...

    def close(self) -> None: ...


OpenDoor = Callable[[Ask], Door]


def not_batching(_error: str, _on_end: OnEnd) -> list[str]:
    """What the door of all other pipelines answers."""
    raise NotAllowed("datum batching not enabled")


class Call:
    """One call that waits for its answer; `error` tells of the datum that ends with it.

    `gone`: its caller does not wait any more.
    """

    def __init__(self, error: str) -> None:
        self.error = error
        self.gone = False
        self.over = threading.Event()
        self.lines: list[str] | None = None

    def answer(self, lines: list[str] | None) -> None:
        """The next datum; None when there is none any more."""
        self.lines = lines
        self.over.set()

    def leave(self) -> None:
        """The caller has gone."""
        self.gone = True
        self.over.set()


class Calls:
    """The calls of one worker. `wake` can be read when there may be one to take."""

    def __init__(self) -> None:
        self.wake, self._bell = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._lock = threading.Lock()
        self._waiting: deque[Call] = deque()
        self._open = False

    def ask(self, error: str, on_end: OnEnd) -> list[str]:
        """Called by user code: blocks until there is a next datum.

        Raises:
            NotAllowed: no datum set is in progress (any more).
        """
        call = Call(error)
        with self._lock:
            if not self._open:
                raise NotAllowed("no datum set is in progress")
            self._waiting.append(call)
            with contextlib.suppress(BlockingIOError):
                os.write(self._bell, b"!")
        if not on_end(call.leave):
            call.leave()
        call.over.wait()
        with self._lock, contextlib.suppress(ValueError):
            self._waiting.remove(call)
        if call.lines is None:
            raise NotAllowed("the datum set has ended")
        return call.lines

    def take(self) -> Call | None:
        """Called by the worker: the next call, if there is one."""
        with contextlib.suppress(BlockingIOError):
            os.read(self.wake, 4096)
        with self._lock:
            return self._waiting.popleft() if self._waiting else None

    def open(self) -> None:
        """From now on calls are taken."""
        with self._lock:
            self._open = True

    def shut(self) -> None:
        """End those that wait, and refuse new ones."""
        with self._lock:
            self._open = False
            waiting, self._waiting = self._waiting, deque()
        for call in waiting:
            call.answer(None)

    def close(self) -> None:
        self.shut()
        with self._lock:
            os.close(self.wake)
            os.close(self._bell)
