"""How the system is used: pictures a user-device, processing time a stage, failures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from python_pachyderm import Client
from python_pachyderm.service import pps_proto

from tycokit import statenames
from tycokit.recording import reading
from tycokit.reporting import page
from tycokit.repos.addresses import DEFAULT_PROJECT

MOST_JOBS = 1000  # newest jobs a pipeline that are counted
MOST_FAILURES = 50


@dataclass(frozen=True, slots=True)
class Stage:
    """A pipeline's newest jobs: datums by what became of them, seconds of user code."""

    pipeline: str
    jobs: int
    processed: int
    skipped: int
    failed: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Failure:
    """A job that did not succeed."""

    pipeline: str
    job: str
    state: str
    reason: str


@dataclass(frozen=True, slots=True)
class Usage:
    """`devices` counts pictures, valid or not, by user-device."""

    devices: Counter[str]
    stages: tuple[Stage, ...]
    failures: tuple[Failure, ...]


def collect(client: Client, project: str = DEFAULT_PROJECT) -> Usage:
    """Ask a cluster about a project."""
    devices = Counter(reading.arrow(client, project=project).column("device").to_pylist())
    stages, failures = [], []
    for info in client.list_pipeline():
        if (info.pipeline.project.name or DEFAULT_PROJECT) != project:
            continue
        name = info.pipeline.name
        jobs = list(_newest(client, name, project))
        stages.append(_stage(name, jobs))
        failures += [
            Failure(
                name,
                job.job.id,
                statenames.job(job.state),
                job.reason,
            )
            for job in jobs
            if job.state in {pps_proto.JOB_FAILURE, pps_proto.JOB_KILLED, pps_proto.JOB_UNRUNNABLE}
        ]
    return Usage(devices, tuple(stages), tuple(failures[:MOST_FAILURES]))


def render(usage: Usage) -> str:
    """The usage page."""
    return page.page(
        "Usage",
        page.figures(
            [
                ("pictures", str(sum(usage.devices.values()))),
                ("user-devices", str(sum(1 for device in usage.devices if device))),
                ("failed jobs", str(len(usage.failures))),
            ]
        ),
        page.section(
            "Pictures by user-device",
            ("user-device", "pictures"),
            [(name or "(no valid name)", str(n)) for name, n in usage.devices.most_common()],
        ),
        page.section(
            "Processing by stage",
            ("stage", "jobs", "processed", "skipped", "failed", "seconds", "seconds a datum"),
            [_cells(stage) for stage in usage.stages],
        ),
        page.section(
            "Failures",
            ("stage", "job", "state", "why"),
            [(one.pipeline, one.job, one.state, one.reason) for one in usage.failures],
        ),
    )


def _newest(client: Client, pipeline: str, project: str) -> Iterable[pps_proto.JobInfo]:
    for count, info in enumerate(client.list_job(pipeline, project_name=project)):
        if count == MOST_JOBS:
            return
        yield info


def _stage(name: str, jobs: list[pps_proto.JobInfo]) -> Stage:
    return Stage(
        name,
        len(jobs),
        sum(job.data_processed for job in jobs),
        sum(job.data_skipped for job in jobs),
        sum(job.data_failed for job in jobs),
        sum(job.stats.process_time.ToTimedelta().total_seconds() for job in jobs),
    )


def _cells(stage: Stage) -> tuple[str, ...]:
    each = f"{stage.seconds / stage.processed:.3f}" if stage.processed else ""
    counts = (stage.jobs, stage.processed, stage.skipped, stage.failed)
    return (stage.pipeline, *(f"{count:,}" for count in counts), f"{stage.seconds:.1f}", each)
