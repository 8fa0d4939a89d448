"""`tk.logs`: what stages printed, live, searched and filtered, and where an error came from."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, ClassVar

from python_pachyderm import Client

from tycokit.errors import CliError
from tycokit.logsearch import failing
from tycokit.logsearch.filters import Filter
from tycokit.logsearch.index import LogIndex
from tycokit.logsearch.levels import Level
from tycokit.logsearch.lines import Line
from tycokit.logsearch.reading import Reader
from tycokit.logsearch.streams import Source
from tycokit.processing import joblist, opening, pastdatum
from tycokit.repos import addresses
from tycokit.repos.addresses import DEFAULT_PROJECT
from tycokit.widgets import loglines, showing
from tycokit.widgets.base import Answer, View, request
from tycokit.widgets.showing import Blobs

CHOICES_EVERY = 3.0  # seconds between two looks at what pipelines and jobs there are
PATIENCE = 3.0  # seconds that the first lines are waited for
JOBS = 50  # of a pipeline that can be chosen
WHOLE = 200_000  # characters of a line that is looked at
PART = 10_000  # lines in one part of a download
SAVED = 40  # lines of the static rendering
MOST_PAGE = 500


class Logs(View):
    """The log of a pipeline, of a job, of a datum; of all pipelines without any of them.

    `pipeline` may name a project too: `project/pipeline`. `job` is the id of a job, `datum` the
    start of a datum's id or a part of a file's path.
    """

    NAME: ClassVar[str] = "logs"
    TITLE: ClassVar[str] = "Logs"
    EVERY: ClassVar[float] = 0.5
    PARTS: ClassVar[tuple[str, ...]] = ("cells",)

    def __init__(
        self,
        pipeline: str | None = None,
        job: str | None = None,
        datum: str | None = None,
        *,
        project: str = DEFAULT_PROJECT,
        client: Client | None = None,
    ) -> None:
        at = addresses.named(pipeline, project) if pipeline else None
        self._source = Source(at.repo if at else "", job or "", at.project if at else project)
        self._datum = datum or ""
        self._index = LogIndex()
        self._reader: Reader | None = None
        self._choices: dict[str, Any] = {}
        self._looked = 0.0
        super().__init__(client)

    # for scripts

    @property
    def source(self) -> Source:
        """Whose lines are read."""
        return self._source

    @property
    def filter(self) -> Filter:
        """Which of them are shown."""
        return self._index.filter

    def lines(self) -> list[Line]:
        """The lines that are shown, by time."""
        return self._index.lines()

    def choose(self, wanted: Filter) -> None:
        """Show other lines. Raises PatternError."""
        self._index.choose(wanted)

    def look_at(self, pipeline: str = "", job: str = "", back: int = 0) -> None:
        """Read another pipeline or job, or further back (in seconds)."""
        with self._reads:
            reader, index = self._reader, self._index
            self._source = Source(pipeline, job, self._source.project, back)
            self._index, self._reader, self._looked = LogIndex(), None, 0.0
            self._index.choose(index.filter)
        if reader is not None:
            reader.stop()
        index.close()

    def open_datum(self, number: int, folder: Path | None = None) -> opening.Opened | Path:
        """Open the datum of a line in a folder; the path of its notebook if that was done before.

        Raises OpenError.
        """
        line = self._line(number)
        folder = folder or Path.cwd() / f"{line.pipeline}-{line.datum[:12]}"
        before = sorted(folder.glob("*.ipynb"))
        if len(before) == 1:
            return before[0]
        return opening.open_datum(
            self.client, line.datum, folder, pipeline=line.pipeline, job=line.job
        )

    def close(self) -> None:
        """Take the widget away, and read no more."""
        super().close()
        if self._reader is not None:
            self._reader.stop()
        self._index.close()

    # what is shown

    def read(self) -> dict[str, Any]:
        """Look whether there is more to read, and say how much there is."""
        now = time.monotonic()
        if now - self._looked > CHOICES_EVERY or not self._looked:
            if self._datum:
                self._resolve(self._datum)
            self._choices = self._look()
            if self._reader is None:
                self._reader = Reader(self.client, self._source, self._index)
            self._reader.refresh()
            self._looked = now
            self._wait(now)
        assert self._reader is not None
        found = self._index.summary()
        return {
            "source": {"pipeline": self._source.pipeline, "job": self._source.job},
            "back": self._source.back,
            "filter": loglines.filter_json(self._index.filter),
            "lines": found.lines,
            "shown": found.shown,
            "levels": found.levels,
            "workers": found.workers[:100],
            "dropped": found.dropped,
            "version": found.version,
            "problem": found.problem or self._reader.problem,
            "reading": self._reader.reading,
            **self._choices,
        }

    def _wait(self, begun: float) -> None:
        """Have something to show at first sight."""
        reader = self._reader
        while reader is not None and reader.reading and not self._index.summary().lines:
            if time.monotonic() - begun > PATIENCE:
                return
            time.sleep(0.02)

    def _resolve(self, datum: str) -> None:
        """Find out whose datum it is, where only that was named."""
        self._index.choose(Filter(datum=datum))
        if not self._source.pipeline:
            found = pastdatum.find(self.client, datum, None, self._source.job or None)
            self._source = Source(found.pipeline, found.job, self._source.project)
            self._index.choose(Filter(datum=found.id))
        self._datum = ""

    def _look(self) -> dict[str, Any]:
        """The pipelines, and the newest jobs of the one that is looked at."""
        project, pipeline = self._source.project, self._source.pipeline
        names = sorted(
            info.pipeline.name
            for info in self.client.list_pipeline()
            if (info.pipeline.project.name or DEFAULT_PROJECT) == project
        )
        if pipeline and pipeline not in names:
            raise CliError(f"there is no pipeline {pipeline} in the project {project}")
        sets = joblist.page(self.client, pipeline or None, count=JOBS, project=project).sets
        jobs = [{"id": one.id, "state": one.state, "at": one.created} for one in sets]
        return {"pipelines": names, "jobs": jobs}

    def static_html(self) -> str:
        """The last lines that are shown, as a table."""
        lines = self._index.page(-SAVED, SAVED).lines
        about = self._source.pipeline or "all pipelines"
        return loglines.saved(lines, self._index.summary(), about)

    # what the browser asks for

    @request
    def page(self, offset: int, count: int, anchor: int | None = None) -> dict[str, Any]:
        """A page of the lines that are shown; a negative offset follows the newest ones."""
        if offset >= 0:
            self._rest()
        found = self._index.page(offset, min(count, MOST_PAGE), anchor)
        spans = found.spans or ((),) * len(found.lines)
        return {
            "offset": found.offset,
            "total": found.total,
            "version": found.version,
            "anchor": found.anchor,
            "rows": [
                loglines.row(line, marks) for line, marks in zip(found.lines, spans, strict=True)
            ],
        }

    @request
    def search(self, filter: dict[str, Any]) -> dict[str, Any]:  # noqa: A002
        """Show other lines."""
        self._rest()
        wanted = loglines.filter_of(filter)
        self._index.choose(wanted)
        oldest = wanted.since
        back = self._source.back
        reach = max(back, 86400)
        if oldest is not None and not self._source.job and time.time() - oldest / 1e9 > reach:
            self.look_at(self._source.pipeline, back=int(time.time() - oldest / 1e9) + 60)
        self.refresh()
        self._rest()  # while they are fetched and drawn
        return {"shown": self._index.summary().shown}

    @request
    def look(self, pipeline: str, job: str) -> dict[str, Any]:
        """Read another pipeline or job."""
        self.look_at(pipeline, job)
        self.refresh()
        return {}

    @request
    def line(self, number: int) -> dict[str, Any]:
        """All of one line."""
        line = self._line(number)
        return {
            **loglines.row(line, ()),
            "text": line.text[:WHOLE],
            "left": max(0, len(line.text) - WHOLE),
            "inputs": line.inputs[:100],
        }

    @request
    def next_line(self, level: Level, offset: int, back: bool) -> dict[str, Any]:
        """Where the next line of a level stands."""
        self._rest()
        return {"offset": self._index.next(level, offset, back=back)}

    @request
    def text(self, offset: int, count: int = PART) -> Answer:
        """Lines as text, to copy or to keep."""
        found = self._index.page(offset, min(count, PART))
        body = "".join(f"{loglines.plain(line)}\n" for line in found.lines)
        data = body.encode("utf-8", "replace")
        return {"count": len(found.lines), "total": found.total}, [data]

    @request
    def failing(self, number: int) -> Answer:
        """The failing cell of the notebook of a line's datum, and the cells around it."""
        line = self._line(number)
        found = failing.failing_cell(self.client, line.pipeline, line.job, line.datum)
        pictures = Blobs()
        shown = [showing.cell(one, pictures) for one in found.cells]
        return {
            "notebook": str(found.notebook),
            "executed": None if found.executed is None else str(found.executed),
            "error": found.error,
            "at": found.at,
            "number": found.number,
            "cells": shown,
        }, pictures.found

    @request
    def open_here(self, number: int) -> dict[str, Any]:
        """Open a line's datum below the kernel's folder."""
        opened = self.open_datum(number)
        before = isinstance(opened, Path)
        path = opened if isinstance(opened, Path) else opened.notebook
        return {"path": str(path), "home": str(Path.home()), "before": before}

    def _rest(self) -> None:
        if self._reader is not None:
            self._reader.rest()

    def _line(self, number: int) -> Line:
        line = self._index.line(number)
        if line is None:
            raise CliError("this line is no longer kept: it was one of the oldest")
        return line
