"""Which lines somebody wants to see; all but the regular expression, which `patterns` searches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tycokit.logsearch.levels import LEVELS, Level
from tycokit.logsearch.lines import Line


@dataclass(frozen=True, slots=True)
class Filter:
    """What a line must be; what is empty or None admits all.

    `text`: what it holds, or with `regex` an expression (of Python's `re`) that is found in it.
    `datum`: the start of a datum's id, or a part of the path of one of its files. `job`, `worker`:
    the start of an id. `since` and `until`: ns since 1970, the latter excluded. `pachd`: whether
    pachd's own lines are admitted.
    """

    text: str = ""
    regex: bool = False
    case: bool = False
    levels: frozenset[Level] = frozenset(LEVELS)
    pipeline: str = ""
    job: str = ""
    datum: str = ""
    worker: str = ""
    since: int | None = None
    until: int | None = None
    pachd: bool = True

    @property
    def expression(self) -> str:
        """The regular expression to search for, "" for none."""
        return self.text if self.regex else ""

    def plain(self) -> Callable[[Line], bool]:
        """A function that tells whether a line passes, level and regular expression left aside."""
        tests: list[Callable[[Line], bool]] = []
        if self.pipeline:
            tests.append(lambda line: line.pipeline == self.pipeline)
        if self.job:
            tests.append(lambda line: line.job.startswith(self.job))
        if self.datum:
            tests.append(self._of_datum)
        if self.worker:
            tests.append(lambda line: line.worker.startswith(self.worker))
        if self.since is not None:
            since = self.since
            tests.append(lambda line: line.time >= since)
        if self.until is not None:
            until = self.until
            tests.append(lambda line: line.time < until)
        if not self.pachd:
            tests.append(lambda line: line.user)
        if self.text and not self.regex:
            tests.append(self._holds())
        return lambda line: all(test(line) for test in tests)

    def _of_datum(self, line: Line) -> bool:
        return bool(line.datum) and (
            line.datum.startswith(self.datum) or any(self.datum in path for path in line.inputs)
        )

    def _holds(self) -> Callable[[Line], bool]:
        if self.case:
            return lambda line: self.text in line.text
        wanted = self.text.casefold()
        return lambda line: wanted in line.text.casefold()
