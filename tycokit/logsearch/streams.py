"""Whose logs are read, and the calls of Pachyderm that give them."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

from google.protobuf.duration_pb2 import Duration
from python_pachyderm import Client

from tycokit.logsearch.lines import Line, Parser
from tycokit.repos.addresses import DEFAULT_PROJECT


@dataclass(frozen=True, slots=True)
class Source:
    """A pipeline's lines, or a job's (a global ID: of all its pipelines), or a pipeline's job's.

    All pipelines of the project where neither is named. `back`: how many seconds back lines of a
    pipeline are asked for; 0 is Pachyderm's default, a day.
    """

    pipeline: str = ""
    job: str = ""
    project: str = DEFAULT_PROJECT
    back: int = 0


@dataclass(frozen=True, slots=True)
class Stream:
    """What one call of Pachyderm gives: a pipeline's lines, or those of one of its jobs."""

    pipeline: str
    job: str
    project: str


def streams(client: Client, source: Source) -> list[Stream]:
    """The streams that a source has now."""
    if source.pipeline:
        names = [source.pipeline]
    elif source.job:
        names = [
            info.job.pipeline.name
            for info in client.inspect_job(source.job)
            if (info.job.pipeline.project.name or DEFAULT_PROJECT) == source.project
        ]
    else:
        names = [
            info.pipeline.name
            for info in client.list_pipeline()
            if (info.pipeline.project.name or DEFAULT_PROJECT) == source.project
        ]
    return [Stream(name, source.job, source.project) for name in names]


def messages(
    client: Client, stream: Stream, *, follow: bool = False, tail: int = 0, back: int = 0
) -> Any:
    """Pachyderm's messages, the call itself: it can be cancelled."""
    options = {
        "project_name": stream.project,
        "follow": follow,
        "tail": tail,
        "since": Duration(seconds=back) if back else None,
    }
    if stream.job:
        return client.get_job_logs(stream.pipeline, stream.job, **options)
    return client.get_pipeline_logs(stream.pipeline, **options)


def read(client: Client, source: Source) -> list[Line]:
    """All lines that there are now, by time."""
    numbers = itertools.count()
    found: list[Line] = []
    for stream in streams(client, source):
        parser = Parser(numbers)
        found += map(parser.line, messages(client, stream, back=source.back))
    return sorted(found, key=lambda line: line.time)
