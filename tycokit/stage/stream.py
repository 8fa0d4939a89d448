"""What a datum's cells print, on its way to the client."""

from __future__ import annotations

import codecs
import socket
import time
from contextlib import suppress
from pathlib import Path
from threading import Event, Lock, Thread

from tycokit.stage import limits, wire
from tycokit.stage.blackbox import BlackBox, Printed


class Flusher:
    """A thread that flushes the stream of the datum that runs, a little after it was written to."""

    DELAY = 0.05

    def __init__(self) -> None:
        self._written = Event()
        self._stream: Stream | None = None
        Thread(target=self._run, daemon=True).start()

    def watch(self, stream: Stream) -> None:
        """Flush this one soon."""
        self._stream = stream
        self._written.set()

    def _run(self) -> None:
        while self._written.wait():
            time.sleep(self.DELAY)
            self._written.clear()
            if self._stream is not None:
                self._stream.flush()


class Stream:
    """Sends what cells print to the client: a little later, so that lines travel together.

    Each message wakes two other processes, so a quick datum's text travels with its result.
    """

    LIMIT = 1 << 16
    PIECE = 1 << 20

    def __init__(
        self,
        connection: socket.socket,
        limit: limits.LogLimit,
        flusher: Flusher,
        box: BlackBox,
    ) -> None:
        self._connection = connection
        self._limit = limit
        self._flusher = flusher
        self._box = box
        self._parts: list[Printed] = []
        self._size = 0
        self._kept = 0
        self._lock = Lock()
        self._gone = False

    def write(self, name: str, text: str) -> None:
        """Take text of a stream."""
        if not text or self._gone:
            return
        with self._lock:
            kept, note = self._limit.take(text)
            if not kept and not note:
                return
            self._parts += [(name, kept), ("stderr", note)] if note else [(name, kept)]
            self._size += len(kept)
            full = self._size > self.LIMIT
        if full:
            self.flush()
        else:
            self._flusher.watch(self)

    def copy(self, name: str, path: Path, start: int) -> None:
        """Write what a file got since it was `start` bytes long."""
        with suppress(OSError), path.open("rb") as file:
            file.seek(start)
            reader = codecs.getreader("utf-8")(file, "replace")
            while text := reader.read(self.PIECE):
                self.write(name, text)

    def secure(self) -> None:
        """See to it that what was written is not lost with this process."""
        with self._lock:
            if len(self._parts) == self._kept:
                return
            self._parts = _merged(self._parts)
            self._kept = len(self._parts)
            fits = self._box.keep(self._parts)
        if not fits:
            self.flush()

    def flush(self) -> None:
        """Send what was written."""
        with self._lock:
            for name, text in _merged(self._take()):
                for at in range(0, len(text), self.PIECE):
                    piece = text[at : at + self.PIECE]
                    self._send({"type": "stream", "name": name, "text": piece})
            self._forget()

    def close(self) -> list[Printed]:
        """What was written and not sent yet; nothing is sent any more."""
        with self._lock:
            self._gone = True
            left = _merged(self._take())
            self._forget()
            return left

    def _take(self) -> list[Printed]:
        parts, self._parts, self._size = self._parts, [], 0
        return parts

    def _forget(self) -> None:
        if self._kept:
            self._kept = 0
            self._box.keep(())

    def _send(self, message: wire.Message) -> None:
        if not self._gone:
            try:
                wire.send(self._connection, message)
            except OSError:  # the supervisor knows, and interrupts the cell
                self._gone = True


def _merged(parts: list[Printed]) -> list[Printed]:
    """Neighbouring texts of one stream as one."""
    merged: list[tuple[str, list[str]]] = []
    for name, text in parts:
        if merged and merged[-1][0] == name:
            merged[-1][1].append(text)
        else:
            merged.append((name, [text]))
    return [(name, "".join(texts)) for name, texts in merged]
