"""All lines that came, in order of time, and those of them that a filter admits: by pages.

Several threads may call it. Who looks never waits for who searches: a search works on what is
there, and its result takes the place of the last one at its end.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tycokit.errors import PatternError
from tycokit.logsearch.filters import Filter
from tycokit.logsearch.levels import LEVELS, Level
from tycokit.logsearch.lines import Line
from tycokit.logsearch.patterns import LIMIT, Pattern

MOST = 200_000  # lines that are kept, and a tenth more; the oldest go


@dataclass(frozen=True, slots=True)
class Page:
    """Some lines that the filter admits, from the one at `offset` on.

    `spans`: of each line, from where to where the regular expression was found. `version` changes
    with whatever an earlier page may show otherwise. `anchor` is the present offset of the line
    that was asked about, None where it is not admitted.
    """

    lines: tuple[Line, ...]
    spans: tuple[tuple[tuple[int, int], ...], ...]
    offset: int
    total: int
    version: int
    anchor: int | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """How many lines there are (`lines`), how many of them the filter admits (`shown`).

    `levels`: how many of each level it would admit if it admitted that level. `dropped`: how many
    old lines went. `problem` says why a regular expression is not searched for any more.
    """

    lines: int
    shown: int
    levels: dict[Level, int]
    workers: tuple[str, ...]
    dropped: int
    version: int
    problem: str


class LogIndex:
    """Lines and a filter. Close it: a regular expression has a process of its own."""

    def __init__(self, most: int = MOST, limit: float = LIMIT) -> None:
        self._most, self._limit = most, limit
        self._changing = threading.Lock()  # one thread at a time adds or searches
        self._lock = threading.Lock()  # guards what follows, never for long
        self._lines: list[Line] = []  # all, by time
        self._passing: list[Line] = []  # those that the filter would admit, were it not for levels
        self._shown: list[Line] = []  # those that it admits
        self._numbers: dict[int, Line] = {}
        self._levels: Counter[Level] = Counter()
        self._workers: set[str] = set()
        self._filter = Filter()
        self._pattern: Pattern | None = None
        self._dropped = 0
        self._version = 0
        self._problem = ""

    @property
    def filter(self) -> Filter:
        return self._filter

    def add(self, lines: Iterable[Line]) -> None:
        """Take lines in; one whose number is there already takes the other's place."""
        found = sorted(lines, key=_time)
        with self._changing:
            again = {line.number: line for line in found if line.number in self._numbers}
            fresh = [line for line in found if line.number not in again]
            try:
                passing = _passing(fresh, self._filter, self._pattern)
            except PatternError as error:
                # quick so far, but not on these: better to show all than nothing
                self._apply(
                    Filter(), None, list(self._lines), f"all lines are shown again: {error}"
                )
                passing = fresh
            with self._lock:
                _merge(self._lines, fresh)
                _merge(self._passing, passing)
                _merge(self._shown, _of(passing, self._filter.levels))
                self._levels += Counter(line.level for line in passing)
                self._numbers.update((line.number, line) for line in found)
                self._workers.update(line.worker for line in fresh if line.worker)
                if again:
                    self._replace(again)
                if len(self._lines) > self._most + self._most // 10:  # not with each line
                    self._drop(len(self._lines) - self._most)
                self._version += 1

    def choose(self, wanted: Filter) -> None:
        """Admit other lines from now on. Raises PatternError: the last filter stays."""
        with self._changing:
            before, pattern = self._pattern, None
            if wanted.expression:
                pattern = Pattern(wanted.expression, ignore_case=not wanted.case, limit=self._limit)
            try:
                passing = _passing(self._lines, wanted, pattern)
            except BaseException:
                if pattern is not None:
                    pattern.close()
                raise
            self._apply(wanted, pattern, passing)
            if before is not None:
                before.close()

    def page(self, offset: int, count: int, anchor: int | None = None) -> Page:
        """`count` lines from an offset on (a negative one counts from the end)."""
        with self._lock:
            total, version, pattern = len(self._shown), self._version, self._pattern
            offset = max(0, offset + total) if offset < 0 else offset
            lines = tuple(self._shown[offset : offset + max(0, count)])
            at = self._position(anchor)
        spans: list[list[tuple[int, int]]] = []
        if pattern is not None:
            try:
                spans = pattern.spans([line.text for line in lines])
            except PatternError:
                spans = []  # ended meanwhile; the lines are right all the same
        return Page(lines, tuple(map(tuple, spans)), offset, total, version, at)

    def line(self, number: int) -> Line | None:
        """The line with this number, if it is there."""
        with self._lock:
            return self._numbers.get(number)

    def lines(self) -> list[Line]:
        """All lines that the filter admits."""
        with self._lock:
            return list(self._shown)

    def everything(self) -> list[Line]:
        """All lines that are kept."""
        with self._lock:
            return list(self._lines)

    def next(self, level: Level, offset: int, *, back: bool = False) -> int | None:
        """The offset of the next admitted line of a level after (or before) an offset."""
        with self._lock:
            shown = self._shown
            end = -1 if back else len(shown)
            for at in range(min(offset, len(shown)) - 1 if back else offset + 1, end, 1 - 2 * back):
                if shown[at].level == level:
                    return at
        return None

    def summary(self) -> Summary:
        with self._lock:
            return Summary(
                lines=len(self._lines),
                shown=len(self._shown),
                levels={level: self._levels[level] for level in LEVELS},
                workers=tuple(sorted(self._workers)),
                dropped=self._dropped,
                version=self._version,
                problem=self._problem,
            )

    def close(self) -> None:
        """End the process of the regular expression."""
        with self._changing:
            if self._pattern is not None:
                self._pattern.close()
                self._pattern = None

    def _apply(
        self, wanted: Filter, pattern: Pattern | None, passing: list[Line], problem: str = ""
    ) -> None:
        with self._lock:
            self._filter, self._pattern, self._problem = wanted, pattern, problem
            self._passing, self._shown = passing, _of(passing, wanted.levels)
            self._levels = Counter(line.level for line in passing)
            self._version += 1

    def _replace(self, new: Mapping[int, Line]) -> None:
        """Put lines, which differ from the old ones in their level alone, in their places."""
        self._lines = [new.get(line.number, line) for line in self._lines]
        self._passing = [new.get(line.number, line) for line in self._passing]
        self._shown = _of(self._passing, self._filter.levels)
        self._levels = Counter(line.level for line in self._passing)

    def _drop(self, count: int) -> None:
        """Forget the oldest lines."""
        gone, self._lines = self._lines[:count], self._lines[count:]
        numbers = {line.number for line in gone}
        self._levels -= Counter(line.level for line in self._passing if line.number in numbers)
        self._passing = [line for line in self._passing if line.number not in numbers]
        self._shown = [line for line in self._shown if line.number not in numbers]
        for number in numbers:
            del self._numbers[number]
        self._dropped += count

    def _position(self, number: int | None) -> int | None:
        line = None if number is None else self._numbers.get(number)
        if line is None:
            return None
        at = bisect_left(self._shown, line.time, key=_time)
        while at < len(self._shown) and self._shown[at].time == line.time:
            if self._shown[at].number == number:
                return at
            at += 1
        return None


def _passing(lines: Sequence[Line], wanted: Filter, pattern: Pattern | None) -> list[Line]:
    """The lines that pass all but the level."""
    passes = wanted.plain()
    found = [line for line in lines if passes(line)]
    if pattern is None or not found:
        return found
    return [found[at] for at in pattern.matching([line.text for line in found])]


def _of(lines: Sequence[Line], levels: frozenset[Level]) -> list[Line]:
    return [line for line in lines if line.level in levels]


def _merge(lines: list[Line], new: list[Line]) -> None:
    """Put lines in, in order of time; both are in order."""
    if not new:
        return
    at = bisect_left(lines, new[0].time + 1, key=_time)  # after those of the same time
    rest = lines[at:]
    if not rest or new[-1].time < rest[0].time:
        lines[at:at] = new
    else:
        lines[at:] = sorted([*rest, *new], key=_time)


def _time(line: Line) -> int:
    return line.time
