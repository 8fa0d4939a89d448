"""Jobs in lists: page by page, newest first, with what a progress bar shows; and their end.

A global ID's jobs are one entry, as they belong together: one commit set off all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from python_pachyderm import Client

from tycokit import statenames

ENDED = frozenset({"success", "failure", "killed", "unrunnable"})
_TELLING = (
    *("running", "egressing", "finishing", "starting", "created"),
    *("failure", "killed", "unrunnable", "success", "state_unknown"),
)


@dataclass(frozen=True, slots=True)
class JobRow:
    """One pipeline's job. Times are seconds since the epoch, None while they are still to come.

    `state` is Pachyderm's, in lower case and without its `JOB_`. `total` counts the datums; it is 0
    until the job has found them. `processed`, `skipped`, `failed` and `recovered` are done.
    """

    pipeline: str
    project: str
    id: str
    state: str
    reason: str
    version: int
    created: float
    started: float | None
    finished: float | None
    total: int
    processed: int
    skipped: int
    failed: int
    recovered: int

    @property
    def ended(self) -> bool:
        return self.state in ENDED

    @property
    def done(self) -> int:
        return self.worked + self.skipped

    @property
    def worked(self) -> int:
        """Datums that took work."""
        return self.processed + self.failed + self.recovered

    def seconds(self, now: float) -> float:
        """How long it has been running, waiting not counted."""
        if self.started is None:
            return 0.0
        return max(0.0, (now if self.finished is None else self.finished) - self.started)

    def left(self, now: float) -> float | None:
        """Seconds until its end, if it goes on as it went so far; None where that is unknown."""
        if self.ended or not self.worked:
            return None
        return max(0, self.total - self.done) * self.seconds(now) / self.worked


@dataclass(frozen=True, slots=True)
class JobSet:
    """The jobs that share a global ID, upstream first."""

    id: str
    jobs: tuple[JobRow, ...]

    @property
    def created(self) -> float:
        return min(job.created for job in self.jobs)

    @property
    def ended(self) -> bool:
        return all(job.ended for job in self.jobs)

    @property
    def state(self) -> str:
        """The one state that says most: of a job that runs, else of one that ended worst."""
        states = {job.state for job in self.jobs}
        return next(state for state in _TELLING if state in states)


@dataclass(frozen=True, slots=True)
class JobPage:
    """Some job sets, newest first. `older` is what to give `page` for those before, else None."""

    sets: tuple[JobSet, ...]
    older: int | None


def page(
    client: Client,
    pipeline: str | None = None,
    *,
    before: int | None = None,
    count: int = 20,
    project: str = "default",
) -> JobPage:
    """The newest job sets, or those before another page's `older`; of one pipeline, or of all.

    With a pipeline each set has that pipeline's job alone, of whatever version of it.
    """
    # one more tells whether there are any before
    marker = {} if before is None else {"pagination_marker": _timestamp(before)}
    if pipeline is None:
        found = client.list_job(number=count + 1, **marker)
        entries = [(info.job_set.id, list(info.jobs)) for info in found]
    else:
        found = client.list_job(
            pipeline, history=-1, project_name=project, number=count + 1, **marker
        )
        entries = [(info.job.id, [info]) for info in found]
    shown = entries[:count]
    older = None
    if len(entries) > count:
        older = min(info.created.ToNanoseconds() for info in shown[-1][1])
    return JobPage(tuple(JobSet(id_, tuple(map(row, infos))) for id_, infos in shown), older)


def of_set(client: Client, id_: str) -> JobSet:
    """The jobs of one global ID."""
    return JobSet(id_, tuple(map(row, client.inspect_job(id_))))


def one(client: Client, pipeline: str, id_: str, project: str = "default") -> JobRow:
    """One pipeline's job."""
    (info,) = client.inspect_job(id_, pipeline, project_name=project)
    return row(info)


def stop(client: Client, pipeline: str, id_: str, project: str = "default") -> JobRow:
    """End a job, and with it what waits for its output; the job as it then is.

    Its output commit ends with an error, so that nothing of it is built on. A job that has ended
    stays as it is.
    """
    client.stop_job(id_, pipeline, project_name=project)
    return one(client, pipeline, id_, project)


def stop_set(client: Client, id_: str) -> JobSet:
    """End all jobs of a global ID, downstream first, so that none starts on what another leaves."""
    for job in reversed(of_set(client, id_).jobs):
        if not job.ended:
            client.stop_job(id_, job.pipeline, project_name=job.project)
    return of_set(client, id_)


def row(info: Any) -> JobRow:
    """A JobInfo (protobuf) as a row."""
    return JobRow(
        pipeline=info.job.pipeline.name,
        project=info.job.pipeline.project.name or "default",
        id=info.job.id,
        state=statenames.job(info.state),
        reason=info.reason,
        version=info.pipeline_version,
        created=info.created.ToNanoseconds() / 1e9,
        started=_seconds(info, "started"),
        finished=_seconds(info, "finished"),
        total=info.data_total,
        processed=info.data_processed,
        skipped=info.data_skipped,
        failed=info.data_failed,
        recovered=info.data_recovered,
    )


def _seconds(info: Any, field: str) -> float | None:
    return getattr(info, field).ToNanoseconds() / 1e9 if info.HasField(field) else None


def _timestamp(nanoseconds: int) -> Any:
    made = Timestamp()
    made.FromNanoseconds(nanoseconds)
    return made
