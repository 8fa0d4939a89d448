"""Logs: one file of JSON lines a job, kept as long as the job is.

The inputs of a datum stand once in the file, in the first line that speaks of it. What a crash or a
full disk leaves of a line stays a line of its own, and readers pass over it.
"""

from __future__ import annotations

import io
import itertools
import json
import logging
import os
import shutil
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from tycokit.pachd.pfs.names import check_name
from tycokit.pachd.pps.values import InputFile, Job, Pipeline, selects

_LOG = logging.getLogger(__name__)
_POLL = 0.2  # seconds between two looks of one who follows
_LAG = 10**9  # ns
_BLOCK = 1 << 18  # bytes
_INPUTS = b'"inputs": '


@dataclass(frozen=True, slots=True)
class LogLine:
    ts: int  # ns since the epoch
    message: str
    job: Job
    worker: str = ""
    datum: str = ""
    inputs: tuple[tuple[str, str], ...] = ()  # (path, hash in hex)
    user: bool = False
    master: bool = False
    stream: str = ""


@dataclass(frozen=True, slots=True)
class LogFilter:
    """What a reader wants; each input filter must be the path or hash of one of the inputs."""

    datum: str = ""
    master: bool = False
    inputs: tuple[str, ...] = ()
    since: int = 0  # ns since the epoch

    def keeps(self, line: LogLine) -> bool:
        if line.ts < self.since or line.master != self.master:
            return False
        if self.datum and line.datum != self.datum:
            return False
        return selects(self.inputs, line.inputs)


class JobLog:
    """The log of one job, to write to from several threads."""

    def __init__(self, path: Path, job: Job) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a+b", buffering=0)
        self._job = job
        self._lock = threading.Lock()
        self._told: set[str] = set()
        self._whole = _ends_with_a_line(self._file)
        self._failed = False

    def write(
        self,
        message: str,
        *,
        worker: str = "",
        datum: str = "",
        inputs: tuple[InputFile, ...] = (),
        user: bool = False,
        master: bool = False,
        stream: str = "",
    ) -> None:
        """Add a line. A disk that takes none is told of once: it is no fault of what runs."""
        data: dict[str, Any] = {"ts": time.time_ns(), "message": message}
        if datum:
            data["datum"] = datum
        for name, value in (("worker", worker), ("stream", stream)):
            if value:
                data[name] = value
        for name, flag in (("user", user), ("master", master)):
            if flag:
                data[name] = True
        with self._lock:
            if inputs and datum not in self._told:
                self._told.add(datum)
                data["inputs"] = [(each.path, each.hash) for each in inputs]
            if not self._file.closed:
                self._append(json.dumps(data).encode() + b"\n")

    def _append(self, line: bytes) -> None:
        whole, self._whole = self._whole, False
        try:
            rest = memoryview(line if whole else b"\n" + line)
            while rest:
                rest = rest[self._file.write(rest) or 0 :]
        except OSError as error:
            if not self._failed:
                _LOG.warning("the log of job %s cannot be written: %s", self._job, error)
            self._failed = True
        else:
            self._whole = True

    def close(self) -> None:
        with self._lock:
            self._file.close()


def _ends_with_a_line(file: io.FileIO) -> bool:
    size = file.seek(0, os.SEEK_END)
    return size == 0 or os.pread(file.fileno(), 1, size - 1) == b"\n"


class Logs:
    """All logs, below one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def open(self, job: Job) -> JobLog:
        return JobLog(self._path(job), job)

    def remove(self, pipeline: Pipeline, job_id: str = "") -> None:
        """Forget a job's log, or without an id all of a pipeline's."""
        if job_id:
            self._path(Job(pipeline, job_id)).unlink(missing_ok=True)
        else:
            shutil.rmtree(self._of(pipeline), ignore_errors=True)

    def _of(self, pipeline: Pipeline) -> Path:
        for name in (pipeline.project, pipeline.name):
            check_name(name)  # it becomes that of a folder, which may be removed
        return self._folder / pipeline.project / pipeline.name

    def _path(self, job: Job) -> Path:
        return self._of(job.pipeline) / f"{job.id}.jsonl"

    def read(self, jobs: list[Job], wanted: LogFilter, tail: int = 0) -> list[LogLine]:
        """The lines of some jobs that a filter keeps, by time; the last `tail` of them."""
        found: list[LogLine] = []
        for job in jobs:
            if tail:
                last = itertools.islice(filter(wanted.keeps, self._last(job, wanted)), tail)
                found += reversed(list(last))
            else:
                found += filter(wanted.keeps, self._lines(job, wanted))
        found.sort(key=lambda line: line.ts)
        return found[-tail:] if tail else found

    def follow(
        self,
        jobs: Callable[[], list[Job]],
        wanted: LogFilter,
        tail: int,
        give_up: Callable[[], bool],
    ) -> Iterator[LogLine]:
        """The same, and then each new line as it comes, of jobs still to come as well."""
        at: dict[Job, int] = {}
        told: dict[Job, dict[str, Any]] = {}
        first = True
        while not give_up():
            fresh: list[LogLine] = []
            for job in jobs():
                lines, at[job] = self._more(job, at.get(job, 0), told.setdefault(job, {}))
                fresh += [line for line in lines if wanted.keeps(line)]
            fresh.sort(key=lambda line: line.ts)
            yield from fresh[-tail:] if first and tail else fresh
            first = False
            if not fresh:
                time.sleep(_POLL)

    def _more(self, job: Job, start: int, told: dict[str, Any]) -> tuple[list[LogLine], int]:
        path = self._path(job)
        if not path.exists() or os.path.getsize(path) == start:
            return [], start
        lines: list[LogLine] = []
        with path.open("rb") as file:
            file.seek(start)
            for raw in file:
                if not raw.endswith(b"\n"):
                    break
                start += len(raw)
                lines += _parse(raw, job, told)
        return lines, start

    def _young(self, job: Job, since: int) -> bool:
        """Whether a job's log may have lines that are young enough."""
        path = self._path(job)
        # a file's time may lag a little; most of a pipeline's jobs are older than anybody asks for
        return path.exists() and path.stat().st_mtime_ns + _LAG >= since

    def _last(self, job: Job, wanted: LogFilter) -> Iterator[LogLine]:
        """The lines from the last one back; parsed are those that are asked for, and few more."""
        if not self._young(job, wanted.since):
            return
        told: dict[str, Any] = {}
        with self._path(job).open("rb") as file:
            for raw in file:
                if _INPUTS in raw:
                    deque(_parse(raw, job, told), 0)
            for raw in _backwards(file):
                yield from _parse(raw, job, told)

    def _lines(self, job: Job, wanted: LogFilter) -> Iterator[LogLine]:
        """The lines in order; of one datum, if only that is wanted, without parsing the others."""
        if not self._young(job, wanted.since):
            return
        told: dict[str, Any] = {}
        named = json.dumps(wanted.datum).encode() if wanted.datum else b""
        with self._path(job).open("rb") as file:
            for raw in file:
                if named in raw and raw.endswith(b"\n"):
                    yield from _parse(raw, job, told)


def _backwards(file: BinaryIO) -> Iterator[bytes]:
    """A file's whole lines from the last one back."""
    at = file.seek(0, os.SEEK_END)
    whole, rest = False, b""  # whether a line's end was met; a line whose beginning comes next
    while at:
        size = min(_BLOCK, at)
        at -= size
        file.seek(at)
        rest, *lines = (file.read(size) + rest).split(b"\n")
        if not whole and lines:
            del lines[-1]  # half a line, or nothing
            whole = True
        yield from reversed(lines)
    if whole:
        yield rest


def _parse(raw: bytes, job: Job, told: dict[str, Any]) -> Iterator[LogLine]:
    """The line; none where a crash has left half of one."""
    try:
        data = json.loads(raw)
    except ValueError:
        return
    given = data.pop("inputs", None)
    line = LogLine(job=job, **data)
    if given is not None:
        told[line.datum] = tuple((path, hash_) for path, hash_ in given)
    yield replace(line, inputs=told.get(line.datum, ()))
