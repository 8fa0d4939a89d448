"""A project as a graph: its repos, the pipelines that write some of them, and what reads what.

found = read(client)
found.nodes["model"].state, [edge.source for edge in found.edges if edge.target == "model"]
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from python_pachyderm import Client

from tycokit import statenames
from tycokit.errors import TraceError
from tycokit.lineage.records import optional
from tycokit.pipelines.specs import pfs_inputs
from tycokit.repos.addresses import DEFAULT_PROJECT, called

_SETS = (2, 20)  # newest commit sets in which each pipeline's newest job is looked for


@dataclass(frozen=True, slots=True)
class Job:
    """A pipeline's job. `state` is Pachyderm's in lower case; of `datums`, `done` need no more."""

    id: str
    state: str
    reason: str
    created: float
    datums: int
    processed: int
    skipped: int
    failed: int
    recovered: int

    @property
    def done(self) -> int:
        return self.processed + self.skipped + self.failed + self.recovered

    @property
    def ended(self) -> bool:
        return self.state in ("success", "failure", "killed", "unrunnable")


@dataclass(frozen=True, slots=True)
class Pipeline:
    """What a node has besides its repo where a pipeline writes it.

    `state` is that of the pipeline, `job` its newest job, where that is among the newest ones;
    `last` is the state of its last job in any case, "" before the first. `command` is what it runs.
    """

    state: str
    reason: str
    version: int
    workers: int
    description: str
    command: tuple[str, ...]
    last: str
    job: Job | None


@dataclass(frozen=True, slots=True)
class Node:
    """A repo, and the pipeline that writes it, if one does.

    `key` is the repo's name, with its project where that is another one than was asked for.
    `size` is in bytes; `created` a unix time; `branches` are names. `gone`: it cannot be read.
    """

    key: str
    project: str
    name: str
    description: str = ""
    size: int = 0
    created: float = 0.0
    branches: tuple[str, ...] = ()
    pipeline: Pipeline | None = None
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Edge:
    """`target`, a pipeline, reads a branch of `source` through the input `name`."""

    source: str
    target: str
    name: str
    branch: str
    glob: str


@dataclass(frozen=True, slots=True)
class Project:
    """Nodes by key, upstream not before downstream in particular; edges in the specs' order."""

    name: str
    nodes: Mapping[str, Node]
    edges: tuple[Edge, ...]


def read(client: Client, project: str = DEFAULT_PROJECT) -> Project:
    """The project as it is now, with what its pipelines read of other projects.

    Raises TraceError: there is no such project.
    """
    repos = {key_of(info.repo, project): info for info in client.list_repo()}
    pipelines = {
        key_of(info.pipeline, project): info
        for info in client.list_pipeline(details=True)
        if (info.pipeline.project.name or DEFAULT_PROJECT) == project
    }
    edges = tuple(edge for key, info in pipelines.items() for edge in _edges(key, info, project))
    wanted = [key for key, info in repos.items() if _project(info.repo) == project]
    wanted += [edge.source for edge in edges]
    if not wanted and optional(lambda: client.inspect_project(project)) is None:
        raise TraceError(project, "there is no such project")
    jobs = newest_jobs(client, project, set(pipelines))
    nodes = {
        key: _node(key, project, repos.get(key), pipelines.get(key), jobs.get(key))
        for key in dict.fromkeys([*reversed(wanted), *pipelines])
    }
    return Project(project, nodes, edges)


def newest_jobs(client: Client, project: str, pipelines: set[str]) -> dict[str, Job]:
    """The newest job of each pipeline that has one in the newest commit sets."""
    found: dict[str, Job] = {}
    for number in _SETS:  # mostly the newest set of all has them
        sets = client.list_job(number=number)
        for one in sets:
            for info in one.jobs:
                key = key_of(info.job.pipeline, project)
                if key in pipelines:
                    found.setdefault(key, job_of(info))
        if len(found) == len(pipelines):
            break
    return found


def key_of(named: Any, project: str) -> str:
    """The key of a repo or pipeline (protobuf) in the graph of a project."""
    return called(named.project.name, named.name, project)


def job_of(info: Any) -> Job:
    """A JobInfo's job."""
    return Job(
        id=info.job.id,
        state=statenames.job(info.state),
        reason=info.reason,
        created=_seconds(info.created),
        datums=info.data_total,
        processed=info.data_processed,
        skipped=info.data_skipped,
        failed=info.data_failed,
        recovered=info.data_recovered,
    )


def _node(key: str, project: str, repo: Any, pipeline: Any, job: Job | None) -> Node:
    elsewhere, _, name = key.rpartition("/")
    if repo is None:
        return Node(key, elsewhere or project, name, gone=pipeline is None, pipeline=None)
    return Node(
        key=key,
        project=_project(repo.repo),
        name=repo.repo.name,
        description=repo.description,
        size=repo.details.size_bytes or repo.size_bytes_upper_bound,
        created=_seconds(repo.created),
        branches=tuple(branch.name for branch in repo.branches),
        pipeline=_pipeline(pipeline, job) if pipeline is not None else None,
    )


def _pipeline(info: Any, job: Job | None) -> Pipeline:
    return Pipeline(
        state=statenames.pipeline(info.state),
        reason=info.reason,
        version=info.version,
        workers=info.parallelism,
        description=info.details.description,
        command=tuple(info.details.transform.cmd),
        last=statenames.job(info.last_job_state),
        job=job,
    )


def _edges(key: str, info: Any, project: str) -> Iterator[Edge]:
    for pfs in pfs_inputs(info.details.input):
        source = called(pfs.project or project, pfs.repo, project)
        yield Edge(source, key, pfs.name or pfs.repo, pfs.branch or "master", pfs.glob)
    for cron in _crons(info.details.input):
        repo = cron.repo or f"{info.pipeline.name}_{cron.name}"
        yield Edge(called(cron.project or project, repo, project), key, cron.name, "master", "/*")


def _crons(node: Any) -> Iterator[Any]:
    if node.HasField("cron"):
        yield node.cron
    for inner in (*node.cross, *node.union, *node.join, *node.group):
        yield from _crons(inner)


def _project(repo: Any) -> str:
    return repo.project.name or DEFAULT_PROJECT


def _seconds(stamp: Any) -> float:
    return float(stamp.seconds + stamp.nanos / 1e9)
