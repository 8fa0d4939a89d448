"""Jobs as a person follows them: progress, results and what a failed datum said."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from python_pachyderm import Client
from python_pachyderm.service import pps_proto

from tycokit import statenames
from tycokit.repos.addresses import DEFAULT_PROJECT

_ENDED = ("success", "failure", "killed", "unrunnable")
_RAISED = re.compile(r"cell \d+ of .* raised ")
_NOTEBOOK = "executed notebook, as far as it got: "


@dataclass(frozen=True, slots=True)
class Job:
    """One pipeline's job. `state` is Pachyderm's, in lower case and without its `JOB_`.

    `done` counts the datums that need no more work: processed, skipped, failed or recovered.
    """

    project: str
    pipeline: str
    id: str
    state: str
    reason: str
    datums: int
    done: int
    seconds: float

    @property
    def ended(self) -> bool:
        return self.state in _ENDED

    @property
    def succeeded(self) -> bool:
        return self.state == "success"


@dataclass(frozen=True, slots=True)
class FailedDatum:
    """What a failed datum printed; `notebook` is where its executed notebook lies, if it has one.

    `inputs` are the paths of the files that it is about, `lines` the log's last ones.
    """

    pipeline: str
    job: str
    datum: str
    inputs: tuple[str, ...]
    lines: tuple[str, ...]
    notebook: str | None


def of(client: Client, job_id: str) -> list[Job]:
    """The jobs that share a global ID, upstream first."""
    return [_job(info) for info in client.inspect_job(job_id)]


def follow(
    client: Client, job_id: str, watch: Callable[[list[Job]], None], every: float = 0.2
) -> list[Job]:
    """The jobs of a global ID once all have ended; `watch` sees them while they run."""
    while True:
        found = of(client, job_id)
        watch(found)
        if all(job.ended for job in found):
            return found
        time.sleep(every)


def failed(client: Client, job: Job, most: int = 5, lines: int = 40) -> Iterator[FailedDatum]:
    """The first `most` failed datums of a job, with at most `lines` lines of what each printed."""
    count = 0
    for info in client.list_datum(job.pipeline, job.id, project_name=job.project):
        if info.state != pps_proto.FAILED:
            continue
        logs = client.get_job_logs(job.pipeline, job.id, datum=info.datum, project_name=job.project)
        said = [message.message.rstrip() for message in logs if message.user]
        yield FailedDatum(
            job.pipeline,
            job.id,
            info.datum.id,
            tuple(file.file.path for file in info.data),
            tuple(_last_attempt(said)[-lines:] if lines else ()),
            executed_notebook(said),
        )
        count += 1
        if count == most:
            return


def executed_notebook(lines: list[str]) -> str | None:
    """Where a failed datum's notebook lies, by what the stage printed."""
    for line in reversed(lines):
        _, found, path = line.partition(_NOTEBOOK)
        if found:
            return path.strip()
    return None


def _last_attempt(lines: list[str]) -> list[str]:
    """What a datum printed from the cell that raised on, of its last attempt; else all of it."""
    raised = [index for index, line in enumerate(lines) if _RAISED.match(line)]
    return lines[raised[-1] :] if raised else lines


def _job(info: Any) -> Job:
    end = info.finished.ToDatetime().timestamp() if info.HasField("finished") else None
    begin = info.started if info.HasField("started") else info.created
    start = begin.ToDatetime().timestamp()
    return Job(
        info.job.pipeline.project.name or DEFAULT_PROJECT,
        info.job.pipeline.name,
        info.job.id,
        statenames.job(info.state),
        info.reason,
        info.data_total,
        info.data_processed + info.data_skipped + info.data_failed + info.data_recovered,
        round(max(0.0, end - start), 3) if end is not None else 0.0,
    )
