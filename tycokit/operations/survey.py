"""The facts that a look for what is wrong needs, of whatever pachd a client speaks to."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from python_pachyderm import Client

from tycokit import statenames
from tycokit.errors import KubernetesError, NotInstalled, OperationsError
from tycokit.operations import sources
from tycokit.operations.pods import Event, Reading
from tycokit.operations.sources import Source
from tycokit.processing import joblist
from tycokit.processing.joblist import JobRow
from tycokit.repos.addresses import DEFAULT_PROJECT, called


@dataclass(frozen=True, slots=True)
class Job:
    """A pipeline's newest job; `working` of its datums a worker has just now."""

    row: JobRow
    working: int


@dataclass(frozen=True, slots=True)
class Pipeline:
    """`state` is Pachyderm's, in lower case. `name` is how a command takes it: outside the project
    that is meant without one, `project/name`. `job` is the newest.
    """

    name: str
    state: str
    reason: str
    created: float
    stopped: bool
    available: int
    job: Job | None


@dataclass(frozen=True, slots=True)
class Facts:
    """All that was found at `now`.

    `silent` is why pachd does not answer: then there are neither version nor pipelines. `unseen` is
    why there is no reading of what runs, else "". `log` is where the last words of a silent pachd
    lie, if it was a process of this machine.
    """

    now: float
    version: tuple[int, int, int] | None
    silent: str
    pipelines: tuple[Pipeline, ...]
    reading: Reading | None
    events: tuple[Event, ...]
    unseen: str
    log: Path | None = None


def look(client: Client, home: str = DEFAULT_PROJECT) -> Facts:
    """Ask pachd, and the place where it runs. Raises what the client raises.

    `home` is the project that commands mean where they name none.
    """
    told = client.get_remote_version()
    found = tuple(_pipeline(client, info, home) for info in client.list_pipeline(details=True))
    reading, events, unseen = _run(lambda: sources.find(client), home)
    version = (told.major, told.minor, told.micro)
    return Facts(time.time(), version, "", found, reading, events, unseen)


def look_without(
    silent: str,
    deployment: str | None,
    log: Path | None = None,
    home: str = DEFAULT_PROJECT,
) -> Facts:
    """While pachd does not answer: look at its pods, if it is one with a deployment id.

    `log` is that of a pachd which was a process of this machine: its workers have ended with it.
    """
    if log is not None or not deployment:
        return Facts(time.time(), None, silent, (), None, (), "", log)
    reading, events, unseen = _run(lambda: sources.in_kubernetes(deployment), home)
    return Facts(time.time(), None, silent, (), reading, events, unseen)


def _run(find: Callable[[], Source], home: str) -> tuple[Reading | None, tuple[Event, ...], str]:
    """What runs, the warnings about it, and why it cannot be seen, else ""."""
    try:
        source = find()
    except (OperationsError, NotInstalled) as error:
        return None, (), str(error)
    try:
        reading = source.read().seen_from(home)
        try:
            return reading, source.events(), ""
        except KubernetesError:  # who may see pods may still not see events
            return reading, (), ""
    except OperationsError as error:
        return None, (), str(error)
    finally:
        source.close()


def _pipeline(client: Client, info: Any, home: str) -> Pipeline:
    name, project = info.pipeline.name, info.pipeline.project.name or DEFAULT_PROJECT
    return Pipeline(
        name=called(project, name, home),
        state=statenames.pipeline(info.state),
        reason=info.reason or info.details.recent_error,
        created=info.details.created_at.ToNanoseconds() / 1e9,
        stopped=info.stopped,
        available=info.details.workers_available,
        job=_newest(client, name, project),
    )


def _newest(client: Client, pipeline: str, project: str) -> Job | None:
    infos = client.list_job(pipeline, history=-1, project_name=project, number=1)
    info = next(iter(infos), None)
    if info is None:
        return None
    if not info.HasField("finished"):
        # which workers have a datum is asked of the workers themselves
        (info,) = client.inspect_job(info.job.id, pipeline, details=True, project_name=project)
    statuses = info.details.worker_status
    working = sum(status.datum_status.HasField("started") for status in statuses)
    return Job(joblist.row(info), working)
