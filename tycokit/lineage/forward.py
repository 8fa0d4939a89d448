"""From a file forward to every result that it touched, in all jobs that read it.

    found = trace(client, addresses.parse("images@master:/dev1_1511891098.jpg"))
    [str(file.at) for file in found.results if file.key in found.current]

A file is its bytes at its path: a commit that holds the same file counts like any other. Of what
pipelines wrote, it is the very attempt that wrote it. What was deleted and put again counts from
the last time it was put.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from itertools import islice
from typing import Any

from python_pachyderm import Client

from tycokit.lineage import runs
from tycokit.lineage.finding import Finder
from tycokit.lineage.narrowing import Target, reads
from tycokit.lineage.records import Records
from tycokit.lineage.touched import Read, Touched, target_of
from tycokit.lineage.tracing import FORWARD, Growing, Trace
from tycokit.lineage.values import Attempt, File, Run
from tycokit.repos.addresses import DEFAULT_PROJECT, Address

MOST = 100  # attempts of one pipeline that are followed


def trace(client: Client, at: Address, *, most: int = MOST) -> Trace:
    """What was made of the file or folder at an address (of a whole commit without a path).

    Args:
        most: of each pipeline, so many attempts are followed, those of the newest jobs first;
            `more` of the trace has the names of the pipelines that have others.

    Raises TraceError: there is no such file or commit.
    """
    return _Walk(Records(client), most).trace(at)


class _Walk:
    """Downstream from pipeline to pipeline, each once."""

    def __init__(self, records: Records, most: int) -> None:
        self._records = records
        self._most = most
        self._made = Growing()
        self._touched: list[File] = []

    def trace(self, at: Address) -> Trace:
        start = self._records.file(at)
        maker = self._records.maker(start)
        since = 0.0
        if maker is not None:
            start = replace(start, at=replace(maker.output, path=start.at.path))
            self._made.made_by[start.key] = maker.key
            since = maker.created
        self._made.files[start.key] = start
        self._touched.append(start)
        for info in _downstream(self._records.client, start):
            self._pipeline(info, since)
        return self._made.done(str(at), FORWARD, start)

    def _pipeline(self, info: Any, since: float) -> None:
        project, name = info.pipeline.project.name or DEFAULT_PROJECT, info.pipeline.name
        files = [
            file for file in self._touched if reads(info.details.input, project, target_of(file))
        ]
        if not files:
            return
        touched = Touched(self._records, files, self._made.made_by)
        with closing(Finder(self._records, info, touched, since)) as finder:
            found = list(islice(finder.attempts(), self._most + 1))
            if len(found) > self._most:
                self._made.more.add(name)
            for attempt, read in found[: self._most]:
                self._take(attempt, read)
                if finder.is_current(attempt):
                    outputs = self._made.runs[attempt.key].outputs
                    self._made.current.update(file.key for file in outputs)

    def _take(self, attempt: Attempt, read: Sequence[Read]) -> None:
        """Put an attempt into the trace, with what it read of the touched files and wrote."""
        made = self._made
        made.attempts[attempt.key] = attempt
        for one in read:
            if one.file.key not in made.files:
                made.files[one.file.key] = one.file
                if one.file.key not in made.made_by:  # it lies in the folder that was asked for
                    made.link(self._touched[0].key, one.file.key)
            if one.through != one.file:
                made.files[one.through.key] = one.through
                made.link(one.file.key, one.through.key)
            made.link(one.through.key, attempt.key, one.name)
        outputs = self._records.outputs(attempt)
        executed = runs.executed_of(outputs) if attempt.notebook is not None else None
        made.runs[attempt.key] = Run(outputs, executed, None)
        self._touched += outputs
        for file in outputs:
            made.made_by[file.key] = attempt.key
            if file != executed:
                made.files[file.key] = file
                made.link(attempt.key, file.key)


def _downstream(client: Client, start: File) -> list[Any]:
    """The pipelines (PipelineInfo) that read the file's repo, or what these write, in order."""
    infos = {
        Target(info.pipeline.project.name or DEFAULT_PROJECT, info.pipeline.name, "/"): info
        for info in client.list_pipeline(details=True)
    }
    after: dict[Target, None] = {}

    def visit(repo: Target) -> None:
        for output, info in infos.items():
            if output not in after and reads(info.details.input, output.project, repo):
                visit(output)
                after[output] = None  # all that read its output stand there

    visit(Target(start.at.project, start.at.repo, "/"))
    return [infos[output] for output in reversed(after)]
