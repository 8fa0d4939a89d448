"""How a pipeline stands: its workers, what waits for them, how fast they have been."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from python_pachyderm import Client
from python_pachyderm.service import pps_proto

from tycokit.errors import ScaleError
from tycokit.scaling import speed
from tycokit.scaling.choices import Choice, recorded
from tycokit.scaling.speed import Speed

_NEWEST = 100  # jobs among which those are that have not ended


@dataclass(frozen=True, slots=True)
class OpenJob:
    """A job that has not ended. `total` is None until it has found its datums.

    `to_do` are the datums that it still has to work on, `worked` those that it has worked on.
    """

    id: str
    state: str
    total: int | None
    to_do: int
    worked: int
    working: int


@dataclass(frozen=True, slots=True)
class Standing:
    """A pipeline at a moment.

    `workers` is what its spec asks for, `available` what there is, `working` those that have a
    datum just now. `waiting` are the datums that its jobs still have to work on; `uncounted` are
    its jobs that have not found their datums yet. An update would end all `jobs`, and the datums
    that they have worked on (`again`) would be worked on again.
    """

    pipeline: str
    project: str
    version: int
    state: str
    choice: Choice
    workers: int
    available: int
    working: int
    jobs: tuple[OpenJob, ...]
    speeds: tuple[Speed, ...]
    annotations: Mapping[str, str]
    every_job: bool
    autoscaling: bool

    @property
    def waiting(self) -> int:
        return sum(job.to_do for job in self.jobs)

    @property
    def uncounted(self) -> int:
        return sum(job.total is None for job in self.jobs)

    @property
    def again(self) -> int:
        return sum(job.worked for job in self.jobs)


def look(client: Client, pipeline: str, project: str = "default") -> Standing:
    """How a pipeline stands. Raises ScaleError for a spout or a service, which has no datums."""
    info = inspect(client, pipeline, project)
    jobs = unfinished(client, pipeline, project)
    details = info.details
    return Standing(
        pipeline=pipeline,
        project=project,
        version=info.version,
        state=pps_proto.PipelineState.Name(info.state).removeprefix("PIPELINE_").lower(),
        choice=recorded(details.parallelism_spec.constant, details.metadata.annotations),
        workers=details.parallelism_spec.constant or 1,
        available=details.workers_available,
        working=sum(job.working for job in jobs),
        jobs=jobs,
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


def unfinished(client: Client, pipeline: str, project: str = "default") -> tuple[OpenJob, ...]:
    """Those of the pipeline's newest jobs that have not ended, newest first."""
    newest = client.list_job(pipeline, project_name=project, number=_NEWEST)
    found: list[OpenJob] = []
    for info in newest:
        if info.HasField("finished"):
            continue
        # which workers have a datum is asked of the workers themselves
        (whole,) = client.inspect_job(info.job.id, pipeline, details=True, project_name=project)
        if not whole.HasField("finished"):
            found.append(_open_job(whole))
    return tuple(found)


def _open_job(info: Any) -> OpenJob:
    worked = info.data_processed + info.data_failed + info.data_recovered
    state = pps_proto.JobState.Name(info.state).removeprefix("JOB_").lower()
    known = bool(info.data_total) or state not in ("created", "starting", "running")
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
