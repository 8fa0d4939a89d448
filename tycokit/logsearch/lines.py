"""One line of a log, as an index keeps it."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Any

from tycokit.logsearch.levels import Level, Levels

_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")


@dataclass(frozen=True, slots=True)
class Line:
    """One line. `number` counts the lines as they came, `time` is in ns since 1970.

    `inputs` are the paths of the files of its datum. `user`: a pipeline's own code printed it, not
    pachd. `job`, `datum` and `worker` may be empty.
    """

    number: int
    time: int
    pipeline: str
    job: str
    datum: str
    worker: str
    inputs: tuple[str, ...]
    level: Level
    user: bool
    text: str

    @property
    def key(self) -> Hashable:
        """What it has in common with itself, read once more."""
        return self.time, self.pipeline, self.job, self.datum, self.worker, self.text


class Parser:
    """Makes lines of Pachyderm's messages (protobuf), in the order in which they come."""

    def __init__(self, numbers: Iterator[int]) -> None:
        self._numbers = numbers
        self._levels = Levels()
        self._known: dict[Any, Any] = {}  # one object for what many lines have in common

    def line(self, message: Any) -> Line:
        text = message.message.rstrip("\r\n")
        if "\x1b" in text:
            text = _ANSI.sub("", text)
        job, datum, worker = message.job_id, message.datum_id, message.worker_id
        user = bool(message.user)
        inputs = tuple(sorted(file.path for file in message.data))
        source = message.pipeline_name, job, datum, worker
        return Line(
            number=next(self._numbers),
            time=message.ts.seconds * 10**9 + message.ts.nanos,
            pipeline=self._one(message.pipeline_name),
            job=self._one(job),
            datum=self._one(datum),
            worker=self._one(worker),
            inputs=self._one(inputs),
            level=self._levels.of(text, source=source, user=user),
            user=user,
            text=text,
        )

    def _one(self, value: Any) -> Any:
        return self._known.setdefault(value, value)
