"""What a worker is given: the server that it is part of, and the datum of a job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tycokit.pachd.pfs.transaction import Pfs
from tycokit.pachd.pps.calls import OpenDoor
from tycokit.pachd.pps.datums import Datum
from tycokit.pachd.pps.logs import JobLog
from tycokit.pachd.pps.namespace import Namespace
from tycokit.pachd.pps.plan import PlannedDatum
from tycokit.pachd.pps.secrets import Secrets
from tycokit.pachd.pps.spec import PipelineSpec, Transform
from tycokit.pachd.pps.values import InputFile, Job


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all workers of one server share.

    `environment` is what user code inherits; `address` where this pachd is reached; `shut_port`
    where NextDatum says that a pipeline has no datum batching.
    """

    pfs: Pfs
    namespace: Namespace
    scratch: Path
    environment: Mapping[str, str]
    address: tuple[str, int]
    secrets: Secrets
    open_door: OpenDoor
    shut_port: int


@dataclass(frozen=True, slots=True)
class Task:
    """One datum of one job."""

    job: Job
    spec: PipelineSpec
    spec_commit: str
    planned: PlannedDatum
    log: JobLog

    @property
    def transform(self) -> Transform:
        return self.spec.transform or Transform()


def input_files(datum: Datum) -> tuple[InputFile, ...]:
    """A datum's inputs as its record keeps them."""
    return tuple(
        InputFile(
            name=each.name,
            project=each.project,
            repo=each.repo,
            repo_type=each.repo_type,
            branch=each.branch,
            commit_id=each.commit_id,
            path=each.path,
            size=each.size,
            hash=each.hash.hex(),
        )
        for each in datum.inputs
    )
