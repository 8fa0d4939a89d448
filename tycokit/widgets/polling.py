"""The thread that reads again and again while a browser shows a widget, and only then."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

LEASE = 600.0  # seconds that a browser's view counts as open after it was last heard of
SLOWEST = 10.0  # seconds at most between two tries while they fail


class Poller:
    """Calls `read` every `every` seconds while somebody looks; it says whether it went well.

    After failures it waits longer from time to time; what is slow is not asked all the time.
    """

    def __init__(self, name: str, read: Callable[[], bool], every: float) -> None:
        self._name, self._read, self._every = name, read, every
        self._lock = threading.Lock()
        self._seen: dict[str, float] = {}  # viewer → when it was last heard of
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()
        self._ended = False

    def opened(self, viewer: str) -> None:
        """A view is shown, or still is."""
        with self._lock:
            self._seen[viewer] = time.monotonic()
            if self._thread is None and not self._ended:
                self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
                self._thread.start()

    def closed(self, viewer: str) -> None:
        """A view has gone."""
        with self._lock:
            self._seen.pop(viewer, None)

    def soon(self) -> None:
        """Do not wait before the next read."""
        self._wake.set()

    def end(self) -> None:
        """Read no more."""
        self._ended = True
        self._wake.set()

    def _work(self) -> None:
        pause = self._every
        while True:
            self._wake.wait(pause)
            self._wake.clear()
            with self._lock:
                oldest = time.monotonic() - LEASE
                self._seen = {name: at for name, at in self._seen.items() if at > oldest}
                if self._ended or not self._seen:
                    self._thread = None
                    return
            begun = time.monotonic()
            if self._read():
                pause = max(self._every, 2 * (time.monotonic() - begun))
            else:
                pause = min(2 * pause, SLOWEST)
