"""A datum that some job worked on: what went in, by name, and where its notebook failed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import grpc
from python_pachyderm import Client
from python_pachyderm.service import pps_proto
from wcmatch import glob

from tycokit import statenames
from tycokit.client import refusal
from tycokit.errors import DatumUnknown
from tycokit.pipelines.specs import pfs_inputs
from tycokit.processing import following
from tycokit.repos.addresses import DEFAULT_PROJECT

_WHOLE = 64  # digits of a datum's id
_NAMED = re.compile(r"(?:(?P<job>[0-9a-f]{32})-)?(?P<datum>[0-9a-f]{6,64})(?:\.ipynb)?")
_RAISED = re.compile(r"cell (?P<cell>\d+) of .+? raised (?P<error>.*)")
_DIED = re.compile(r"tycokit stage: (?P<error>the warm executor .* in cell (?P<cell>\d+),.*)")


@dataclass(frozen=True, slots=True)
class Input:
    """One file or folder of a datum: the pfs input's name, its commit (protobuf), its path."""

    name: str
    commit: Any
    path: str


@dataclass(frozen=True, slots=True)
class Failure:
    """The cell that failed: its number in the notebook's source, from 1, and the error.

    `executed` is where the stage kept the executed notebook, on the worker's machine.
    """

    cell: int
    error: str
    executed: str | None


@dataclass(frozen=True, slots=True)
class PastDatum:
    """A datum of a job. `state` is Pachyderm's in lower case, `cmd` what its pipeline ran."""

    project: str
    pipeline: str
    job: str
    id: str
    state: str
    cmd: tuple[str, ...]
    inputs: tuple[Input, ...]
    failure: Failure | None


def find(
    client: Client,
    datum: str,
    pipeline: str | None = None,
    job: str | None = None,
    project: str | None = None,
) -> PastDatum:
    """The datum with this id, or whose id alone starts so, in the newest job that ran it.

    `datum` may also be the name of a kept notebook, `<job>-<datum>.ipynb`. Ids are one in all
    projects; `pipeline`, `job` and `project` leave out all others. DatumUnknown when there is none,
    or more than one.
    """
    named = _NAMED.fullmatch(datum.rpartition("/")[2])
    if named is None:
        raise DatumUnknown(datum, "a datum's id has 6 to 64 digits of 0-9a-f")
    job, start = job or named["job"], named["datum"]
    if pipeline and job and len(start) == _WHOLE:
        return _exactly(client, pipeline, job, start, project)
    found: dict[str, tuple[Any, Any]] = {}
    for info in _jobs(client, pipeline, job, project):
        for each in _datums(client, info, start):
            id_ = each.datum.id
            known = found.get(id_)
            # where it was skipped, nothing was printed
            if known is None or known[1].state == pps_proto.SKIPPED != each.state:
                found[id_] = (info, each)
        if any(each.state != pps_proto.SKIPPED for _, each in found.values()):
            break
    if not found:
        where = f" in job {job}" if job else ""
        raise DatumUnknown(datum, f"no pipeline has such a datum{where}")
    if len(found) > 1:
        raise DatumUnknown(datum, f"it fits {', '.join(sorted(found))}; give more of its digits")
    ((info, each),) = found.values()
    return _past(client, info, each)


def _exactly(client: Client, pipeline: str, job: str, datum: str, project: str | None) -> PastDatum:
    """The one with this whole id: a job may have ten thousand others."""
    reason = f"no pipeline {pipeline} has such a datum in job {job}"
    try:
        for info in _jobs(client, pipeline, job, project):
            home = info.job.pipeline.project.name
            return _past(client, info, client.inspect_datum(pipeline, job, datum, home))
    except grpc.RpcError as error:
        if (found := refusal(error)) is None:
            raise
        raise DatumUnknown(datum, found) from error
    raise DatumUnknown(datum, reason)


def _jobs(
    client: Client, pipeline: str | None, job: str | None, project: str | None
) -> Iterator[Any]:
    def meant(named: Any) -> bool:
        home = named.project.name or DEFAULT_PROJECT
        return pipeline in (None, named.name) and project in (None, home)

    if job:
        yield from (info for info in client.inspect_job(job) if meant(info.job.pipeline))
        return
    for info in client.list_pipeline():
        if meant(info.pipeline):
            yield from client.list_job(info.pipeline.name, project_name=info.pipeline.project.name)


def _datums(client: Client, info: Any, start: str) -> list[Any]:
    of = info.job.pipeline
    datums = client.list_datum(of.name, info.job.id, project_name=of.project.name)
    return [each for each in datums if each.datum.id.startswith(start)]


def _past(client: Client, info: Any, datum: Any) -> PastDatum:
    pipeline, job = info.job.pipeline.name, info.job.id
    project = info.job.pipeline.project.name or DEFAULT_PROJECT
    (whole,) = client.inspect_job(job, pipeline, details=True, project_name=project)
    said = client.get_job_logs(pipeline, job, datum=datum.datum, project_name=project)
    lines = [message.message.rstrip() for message in said if message.user]
    failed = datum.state in (pps_proto.FAILED, pps_proto.RECOVERED)
    return PastDatum(
        project=project,
        pipeline=pipeline,
        job=job,
        id=datum.datum.id,
        state=statenames.datum(datum.state),
        cmd=tuple(whole.details.transform.cmd),
        inputs=tuple(named(datum.data, list(pfs_inputs(whole.details.input)))),
        failure=_failure(lines) if failed else None,
    )


def named(files: Any, declared: list[Any]) -> Iterator[Input]:
    """Each file (FileInfo) of a datum with the name of the PFSInput that it came through.

    Raises DatumUnknown where none of them reads its repo.
    """
    left = list(declared)
    for file in files:
        repo, path = file.file.commit.branch.repo, file.file.path
        reading = [one for one in declared if one.repo == repo.name]
        if not reading:
            raise DatumUnknown(path, f"no input of its pipeline reads the repo {repo.name}")
        # a union has one of its inputs only, a cross may have two alike, a group more files of one
        exact = [one for one in reading if _fits(path, one.glob)] or reading
        fitting = [one for one in exact if one in left] or exact
        if fitting[0] in left:
            left.remove(fitting[0])
        yield Input(fitting[0].name or repo.name, file.file.commit, path)


def _fits(path: str, pattern: str) -> bool:
    plain = pattern.replace("(", "").replace(")", "")  # captures of a join or group
    found = glob.globmatch(path.rstrip("/") or "/", plain or "/", flags=glob.GLOBSTAR | glob.BRACE)
    return bool(found)


def _failure(lines: list[str]) -> Failure | None:
    for line in reversed(lines):
        found = _RAISED.match(line) or _DIED.match(line)
        if found:
            return Failure(int(found["cell"]), found["error"], following.executed_notebook(lines))
    return None
