"""Lazy inputs: named pipes, each filled once when somebody opens it."""

from __future__ import annotations

import contextlib
import os
import select
import stat
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from tycokit.pachd.pfs.filetree import Content
from tycokit.pachd.store.packs import Packs

_REST = 0.005  # seconds between two looks at the pipes that nobody has opened yet
_SHARE = 3  # and as many times what a look took, when there are many pipes
_PIECE = 1 << 16
_STUCK = 0.1  # seconds until a writer looks whether it shall end


class Pipes:
    """The pipes of one datum, from their making until `close`.

    No event tells of a reader that waits in open(), so one thread tries each pipe again and again;
    another one fills each that is open.
    """

    def __init__(self, packs: Packs, files: Mapping[Path, Content]) -> None:
        self._packs = packs
        self._unopened = dict(files)
        self._lock = threading.Lock()
        self._written = 0
        self._ending = threading.Event()
        self._failure: Exception | None = None
        self._fillers: list[threading.Thread] = []
        for path in files:
            path.parent.mkdir(parents=True, exist_ok=True)
            os.mkfifo(path, 0o600)
        self._thread = threading.Thread(target=self._look, name="lazy inputs")
        self._thread.start()

    def close(self) -> int:
        """Stop filling; the bytes that were written.

        Raises:
            StoreError, OSError: a file could not be read to its end, so its reader saw too little.
        """
        self._ending.set()
        self._thread.join()
        for filler in self._fillers:
            filler.join()
        if self._failure is not None:
            raise self._failure
        return self._written

    def _look(self) -> None:
        while self._unopened and not self._ending.is_set():
            begun = time.monotonic()
            for path in list(self._unopened):
                descriptor = _opened(path)
                if descriptor is None:
                    continue
                content = self._unopened.pop(path)
                filler = threading.Thread(target=self._fill, args=(descriptor, content))
                self._fillers.append(filler)
                filler.start()
            self._ending.wait(_REST + _SHARE * (time.monotonic() - begun))

    def _fill(self, descriptor: int, content: Content) -> None:
        try:
            self._write(descriptor, content)
        except Exception as error:
            self._failure = error

    def _write(self, descriptor: int, content: Content) -> None:
        # one who stops reading in the middle is not at fault
        with open(descriptor, "wb", buffering=0), contextlib.suppress(BrokenPipeError):
            room = select.poll()
            room.register(descriptor, select.POLLOUT)
            for piece in self._pieces(content):
                rest = memoryview(piece)
                while rest:
                    if self._ending.is_set():
                        return
                    if room.poll(_STUCK * 1000):
                        written = os.write(descriptor, rest[:_PIECE])
                        rest = rest[written:]
                        with self._lock:
                            self._written += written

    def _pieces(self, content: Content) -> Iterator[bytes]:
        for chunk in content.chunks:
            yield self._packs.read(chunk)


def _opened(path: Path) -> int | None:
    """A descriptor to write to when somebody waits for what comes out of the pipe."""
    try:
        if not stat.S_ISFIFO(os.lstat(path).st_mode):
            return None  # user code has put something of its own there
        return os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:  # nobody reads, or user code has removed it
        return None
