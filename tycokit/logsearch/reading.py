"""Reads logs into an index and follows them, in threads, through lost connections.

The last lines come first, by a call of their own: whoever looks sees them at once, while all others
are read. A stream that is opened again gives lines once more; they are recognized and left out.
"""

from __future__ import annotations

import itertools
import queue
import threading
import time
from collections import defaultdict
from collections.abc import Hashable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

import grpc
from python_pachyderm import Client

from tycokit.client import refusal
from tycokit.logsearch import streams
from tycokit.logsearch.index import MOST, LogIndex
from tycokit.logsearch.lines import Line, Parser
from tycokit.logsearch.streams import Source, Stream

PREVIEW = 500  # lines that come first
PAUSE = 0.15  # seconds in which lines gather before they are taken in together
QUIET = 1.0  # seconds without a line after which a stream has caught up
REST = 0.3  # seconds for which reading stands back when a person asks for something
LEASE = 10.0  # seconds without `refresh` after which nobody looks any more
FASTEST, SLOWEST = 0.25, 3.0  # seconds between two tries to open a stream that was lost
ENDED = 5.0  # the same for one that came to its end: its job has, or its containers
_MARGIN = 60  # seconds that a stream, opened again, reaches further back: clocks differ
_ERRORS = (grpc.RpcError, ConnectionError)  # python_pachyderm makes the one of the other


class _Mark(Enum):
    """How a stream is read from now on."""

    PREVIEW = "its last lines"
    WHOLE = "from its beginning, for the first time"
    AGAIN = "once more, from a little before where it was lost"


@dataclass(slots=True)
class _Opened:
    """What is known of a stream since it was opened; only the collecting thread uses it."""

    parser: Parser
    known: dict[Hashable, list[Line]]  # lines of it that the index has
    mark: _Mark
    at: float = field(default_factory=time.time)
    newest: int = 0  # ns since 1970
    last: float = field(default_factory=time.monotonic)
    begun: bool = False
    caught_up: bool = False


class Reader:
    """Reads a source into an index, from the first `refresh` on until nobody calls that or `stop`.

    `problem` is pachd's sentence where it refuses, "" else; connections that are lost are tried
    again. `reading`: whether lines that were there at the beginning are still to come.
    """

    def __init__(self, client: Client, source: Source, index: LogIndex) -> None:
        self._client, self._source, self._index = client, source, index
        self._lock = threading.Lock()
        self._threads: dict[Stream, threading.Thread] = {}
        self._calls: dict[Stream, Any] = {}
        self._problems: dict[Stream, str] = {}
        self._collector: threading.Thread | None = None
        self._items: queue.SimpleQueue[tuple[Stream, Any]] = queue.SimpleQueue()
        self._numbers = itertools.count()
        self._opened: dict[Stream, _Opened] = {}
        self._complete: dict[Stream, int] = {}  # its newest line's time, once all was read
        self._looked = 0.0
        self._rests_until = 0.0
        self._asleep = threading.Event()
        self.reading = True

    @property
    def problem(self) -> str:
        with self._lock:
            return "; ".join(dict.fromkeys(self._problems.values()))

    def refresh(self) -> None:
        """Somebody looks: read what the source has now. Raises what the client raises."""
        found = streams.streams(self._client, self._source)
        with self._lock:
            self._looked = time.monotonic()
            if self._asleep.is_set():
                self._asleep = threading.Event()
                self._threads = {}
            if self._collector is None:
                self._collector = self._start(self._collect, self._asleep)
            for stream in found:
                if stream not in self._threads:
                    self._threads[stream] = self._start(self._follow, stream, self._asleep)

    def rest(self) -> None:
        """Stand back for a moment: what a person asks for, and what shows it, go first.

        Reading takes whole cores: this process's, and that of a pachd of this machine.
        """
        self._rests_until = time.monotonic() + REST

    def stop(self) -> None:
        """Read no more."""
        with self._lock:
            threads = [*self._threads.values(), self._collector]
        self._sleep()
        for thread in threads:
            if thread is not None and thread is not threading.current_thread():
                thread.join(10)

    def _start(self, work: Any, *arguments: Any) -> threading.Thread:
        thread = threading.Thread(target=work, args=arguments, name="tycokit-logs", daemon=True)
        thread.start()
        return thread

    def _sleep(self) -> None:
        with self._lock:
            self._asleep.set()
            self._collector = None
            calls, self._calls = self._calls, {}
        for call in calls.values():
            call.cancel()

    def _follow(self, stream: Stream, asleep: threading.Event) -> None:
        """One stream, in a thread of its own."""
        pause = FASTEST
        while not asleep.is_set():
            try:
                for message in self._open(stream, asleep):
                    self._items.put((stream, message))
                    while (left := self._rests_until - time.monotonic()) > 0:
                        if asleep.wait(left):
                            break
                    pause = FASTEST
                asleep.wait(ENDED)
            except _ERRORS as error:
                if asleep.is_set():
                    return
                self._items.put((stream, error))
                asleep.wait(pause)
                pause = min(2 * pause, SLOWEST)

    def _open(self, stream: Stream, asleep: threading.Event) -> Iterator[Any]:
        """Its messages: the last ones first, unless it was read before; then all, and new ones."""
        newest = self._complete.get(stream)
        back = self._source.back
        if newest is None:
            self._items.put((stream, _Mark.PREVIEW))
            yield from self._call(stream, asleep, tail=PREVIEW, back=back)
            self._items.put((stream, _Mark.WHOLE))
        else:
            back = max(0, int(time.time() - newest / 1e9)) + _MARGIN
            self._items.put((stream, _Mark.AGAIN))
        yield from self._call(stream, asleep, follow=True, tail=MOST, back=back)

    def _call(self, stream: Stream, asleep: threading.Event, **options: Any) -> Any:
        call = streams.messages(self._client, stream, **options)
        with self._lock:
            self._calls[stream] = call
            if asleep.is_set():
                call.cancel()
        return call

    def _collect(self, asleep: threading.Event) -> None:
        """Takes in what all streams give."""
        while not asleep.is_set():
            items = []
            with suppress(queue.Empty):
                items.append(self._items.get(timeout=PAUSE))
                asleep.wait(PAUSE)
                for _ in range(20_000):
                    items.append(self._items.get_nowait())
            lines: list[Line] = []
            for stream, item in items:
                if isinstance(item, _Mark):
                    self._index.add(lines)
                    lines = []
                    known = self._known(stream)
                    self._opened[stream] = _Opened(Parser(self._numbers), known, item)
                elif isinstance(item, _ERRORS):
                    self._refused(stream, refusal(item) or "")
                else:
                    lines += self._take(stream, item)
            if lines:
                self._index.add(lines)
            self._note()
            if time.monotonic() - self._looked > LEASE:
                self._sleep()

    def _take(self, stream: Stream, message: Any) -> list[Line]:
        """The line of a message, if it is new or must take the place of what it was before."""
        opened = self._opened[stream]
        line = opened.parser.line(message)
        if not opened.begun:
            self._refused(stream, "")
        opened.last, opened.begun = time.monotonic(), True
        opened.newest = max(line.time, opened.newest)
        opened.caught_up = opened.caught_up or line.time >= opened.at * 1e9
        there = opened.known.get(line.key)
        if not there:
            return [line]
        old = there.pop()
        # only now what stood before it is known, and with that its level
        changed = opened.mark is _Mark.WHOLE and old.level != line.level
        return [replace(line, number=old.number)] if changed else []

    def _refused(self, stream: Stream, reason: str) -> None:
        with self._lock:
            if reason:
                self._problems[stream] = reason
            else:
                self._problems.pop(stream, None)

    def _known(self, stream: Stream) -> dict[Hashable, list[Line]]:
        found: dict[Hashable, list[Line]] = defaultdict(list)
        for line in reversed(self._index.everything()):
            if line.pipeline == stream.pipeline:
                found[line.key].append(line)
        return dict(found)

    def _note(self) -> None:
        """What has caught up by now."""
        now = time.monotonic()
        for stream, opened in self._opened.items():
            patience = QUIET if opened.begun else 5 * QUIET
            waited = now - max(opened.last, self._rests_until)
            opened.caught_up = opened.caught_up or waited > patience
            if opened.caught_up and opened.mark is not _Mark.PREVIEW:
                self._complete[stream] = opened.newest
        with self._lock:
            waiting = self._threads.keys() - self._complete.keys() - self._problems.keys()
        self.reading = bool(waiting)
