"""A regular expression that cannot hang who searches for it: a process tries, for so long."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from tycokit.errors import PatternError, PatternTooSlow
from tycokit.logsearch import matching

LIMIT = 5.0  # seconds; a hundred thousand lines take a tenth of one
MOST = 1000  # characters of an expression


class Pattern:
    """One expression in Python's syntax, and the process that searches for it; close it."""

    def __init__(self, expression: str, *, ignore_case: bool = True, limit: float = LIMIT) -> None:
        """Raises PatternError when it is none."""
        if len(expression) > MOST:
            raise PatternError(expression, f"longer than {MOST} characters")
        self._expression, self._limit = expression, limit
        self._lock = threading.Lock()
        # -I -S: nothing is imported but Python's own library
        command = [sys.executable, "-I", "-S", matching.__file__]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        answer = self._ask([expression, ignore_case])
        if "error" in answer:
            self.close()
            raise PatternError(expression, f"cannot be read: {answer['error']}")

    def matching(self, texts: Sequence[str]) -> list[int]:
        """The positions of the texts in which it is found. Raises PatternTooSlow."""
        found: list[int] = self._ask({"texts": list(texts), "spans": False})
        return found

    def spans(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        """Of each text, from where to where it is found. Raises PatternTooSlow."""
        found = self._ask({"texts": list(texts), "spans": True})
        return [[(start, end) for start, end in each] for each in found]

    def close(self) -> None:
        """End the process; it answers nothing any more."""
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):  # what it never took
                pipe.close()  # type: ignore[union-attr]
        self._process.wait()

    def _ask(self, message: object) -> Any:
        body = json.dumps(message).encode("ascii")
        with self._lock:
            if self._process.poll() is not None:
                raise PatternError(self._expression, "its search has ended")
            assert self._process.stdin is not None
            try:
                self._process.stdin.write(matching.LENGTH.pack(len(body)) + body)
                self._process.stdin.flush()
                end = time.monotonic() + self._limit
                size = matching.LENGTH.unpack(self._take(matching.LENGTH.size, end))[0]
                return json.loads(self._take(size, end))
            except (TimeoutError, BrokenPipeError, EOFError) as error:
                self.close()
                if isinstance(error, TimeoutError):
                    raise PatternTooSlow(self._expression, self._limit) from None
                raise PatternError(self._expression, "its search ended early") from error

    def _take(self, size: int, end: float) -> bytes:
        assert self._process.stdout is not None
        file = self._process.stdout.fileno()
        parts = bytearray()
        with selectors.DefaultSelector() as selector:
            selector.register(file, selectors.EVENT_READ)
            while len(parts) < size:
                if not selector.select(max(0.0, end - time.monotonic())):
                    raise TimeoutError
                part = os.read(file, min(size - len(parts), 1 << 20))
                if not part:
                    raise EOFError
                parts += part
        return bytes(parts)
