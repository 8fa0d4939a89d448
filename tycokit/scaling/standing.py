"""How a pipeline stands: its workers, what waits for them, how fast they have been."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from python_pachyderm import Client

from tycokit import statenames
from tycokit.errors import ScaleError
from tycokit.scaling import speed
from tycokit.scaling.choices import Choice, recorded
from tycokit.scaling.speed import Speed

_NEWEST = 100  # jobs among which those are that have not ended
_BROKEN = ("failure", "killed")


@dataclass(frozen=True, slots=True)
class OpenJob:
    """A job that has not ended, or not well. `total` is None until it has found its datums.

    `to_do` are the datums that it still has to work on, `worked` those that it has worked on,
    `working` those that a worker has just now.
    """

    id: str
    state: str
    total: int | None
    to_do: int
    worked: int
    working: int


@dataclass(frozen=True, slots=True)
class Work:
    """What a pipeline has to do: its `jobs` that have not ended, newest first.

    Without any, `broken` is the newest one with datums, if it has failed or was stopped: Pachyderm
    builds on the last job without an error, so the next job does again what that one did.
    """

    jobs: tuple[OpenJob, ...]
    broken: OpenJob | None

    @property
    def waiting(self) -> int:
        """Datums that the jobs still have to work on, as far as they have counted them."""
        return sum(job.to_do for job in self.jobs)

    @property
    def uncounted(self) -> int:
        """Jobs that have not found their datums yet."""
        return sum(job.total is None for job in self.jobs)

    @property
    def working(self) -> int:
        return sum(job.working for job in self.jobs)

    @property
    def again(self) -> int:
        """Datums that are not waiting, and that the job of an update would work on."""
        if self.broken is not None:
            return self.broken.worked + self.broken.to_do
        return sum(job.worked for job in self.jobs)


@dataclass(frozen=True, slots=True)
class Standing:
    """A pipeline at a moment.

    `workers` is what its spec asks for, `available` what there is, `work` what there is to do.
    """

    pipeline: str
    project: str
    version: int
    state: str
    choice: Choice
    workers: int
    available: int
    work: Work
    speeds: tuple[Speed, ...]
    annotations: Mapping[str, str]
    every_job: bool
    autoscaling: bool


def look(client: Client, pipeline: str, project: str = "default") -> Standing:
    """How a pipeline stands. Raises ScaleError for a spout or a service, which has no datums."""
    info = inspect(client, pipeline, project)
    details = info.details
    return Standing(
        pipeline=pipeline,
        project=project,
        version=info.version,
        state=statenames.pipeline(info.state),
        choice=recorded(details.parallelism_spec.constant, details.metadata.annotations),
        workers=details.parallelism_spec.constant or 1,
        available=details.workers_available,
        work=work(client, pipeline, project),
        speeds=speed.measure(client, pipeline, project),
        annotations=dict(details.metadata.annotations),
        every_job=details.reprocess_spec == "every_job",
        autoscaling=details.autoscaling,
    )


def inspect(client: Client, pipeline: str, project: str = "default") -> Any:
    """A pipeline's PipelineInfo. Raises ScaleError for a spout or a service."""
    (info,) = client.inspect_pipeline(pipeline, details=True, project_name=project)
    if info.details.HasField("spout") or info.details.HasField("service"):
        kind = "spout" if info.details.HasField("spout") else "service"
        raise ScaleError(f"{pipeline} is a {kind}: it has no datums, and one worker")
    return info


def work(client: Client, pipeline: str, project: str = "default") -> Work:
    """What the pipeline's newest jobs have to do."""
    found: list[OpenJob] = []
    ended: OpenJob | None = None
    for info in client.list_job(pipeline, history=-1, project_name=project, number=_NEWEST):
        if not info.HasField("finished"):
            # which workers have a datum is asked of the workers themselves
            (info,) = client.inspect_job(info.job.id, pipeline, details=True, project_name=project)
        if not info.HasField("finished"):
            found.append(_open_job(info))
        elif ended is None and info.data_total:
            ended = _open_job(info)
    broken = ended if not found and ended is not None and ended.state in _BROKEN else None
    return Work(tuple(found), broken)


def _open_job(info: Any) -> OpenJob:
    worked = info.data_processed + info.data_failed + info.data_recovered
    state = statenames.job(info.state)
    known = bool(info.data_total) or info.HasField("finished")
    return OpenJob(
        id=info.job.id,
        state=state,
        total=info.data_total if known else None,
        to_do=max(0, info.data_total - info.data_skipped - worked),
        worked=worked,
        working=sum(
            status.datum_status.HasField("started") for status in info.details.worker_status
        ),
    )
