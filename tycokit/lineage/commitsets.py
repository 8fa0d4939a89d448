"""Commit sets (global IDs): what began each, what became of it, and which commits it holds.

newest = page(client).sets[0]
holding(client, newest.id).held["model"]
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from python_pachyderm import Client
from python_pachyderm.service import pfs_proto

from tycokit.errors import TraceError
from tycokit.lineage import project as projects
from tycokit.lineage.project import Job
from tycokit.lineage.records import optional
from tycokit.repos.addresses import DEFAULT_PROJECT, is_id

COUNT = 20


@dataclass(frozen=True, slots=True)
class Began:
    """A commit that a person made: the first of a set. `pipeline`: it made or updated that one."""

    repo: str
    message: str
    pipeline: bool = False


@dataclass(frozen=True, slots=True)
class CommitSet:
    """A global ID. `state` is finished, open or failed (a commit of it has an error).

    `started` is a unix time; `began` are the commits that people made, `commits` counts all that
    hold files.
    """

    id: str
    started: float
    state: str
    began: tuple[Began, ...]
    commits: int


@dataclass(frozen=True, slots=True)
class Sets:
    """Some commit sets, newest first. `more`: whether there are older ones."""

    sets: tuple[CommitSet, ...]
    more: bool


@dataclass(frozen=True, slots=True)
class Held:
    """The commit of a repo that a set holds: `own`, or one of an earlier set that it builds on."""

    commit: str
    own: bool
    state: str
    size: int
    error: str
    message: str
    job: Job | None


@dataclass(frozen=True, slots=True)
class Holding:
    """What a commit set holds, by the repos' keys in the project's graph."""

    set: CommitSet
    held: Mapping[str, Held]


def page(
    client: Client, project: str = DEFAULT_PROJECT, *, after: str = "", count: int = COUNT
) -> Sets:
    """The `count` newest sets, or those before the set with the id `after`."""
    infos = client.list_commit(project_name=project)
    found: list[CommitSet] = []
    skipping = bool(after)
    try:
        for info in infos:
            if skipping:
                skipping = info.commit_set.id != after
                continue
            if len(found) == count:
                return Sets(tuple(found), more=True)
            found.append(_set(info.commit_set.id, list(info.commits)))
    finally:
        infos.cancel()
    return Sets(tuple(found), more=False)


def holding(client: Client, id_: str, project: str = DEFAULT_PROJECT) -> Holding:
    """Which commit of each repo a set holds, and what its jobs did. Raises TraceError: no set."""
    infos = optional(lambda: list(client.inspect_commit(id_))) if is_id(id_) else None
    if not infos:
        raise TraceError(id_, "there is no commit set with this ID")
    jobs = {
        projects.key_of(info.job.pipeline, project): projects.job_of(info)
        for info in optional(lambda: list(client.inspect_job(id_))) or ()
    }
    held = {}
    for info in infos:
        repo = info.commit.branch.repo
        if repo.type == "user":
            key = projects.key_of(repo, project)
            own = info.commit.id == id_
            held[key] = _held(info, own, jobs.get(key) if own else None)
    return Holding(_set(id_, infos), held)


def _held(info: Any, own: bool, job: Job | None) -> Held:
    return Held(
        commit=info.commit.id,
        own=own,
        state=_state([info]),
        size=info.details.size_bytes or info.size_bytes_upper_bound,
        error=info.error,
        message=info.description,
        job=job,
    )


def _set(id_: str, infos: list[Any]) -> CommitSet:
    own = [info for info in infos if info.commit.id == id_]
    return CommitSet(
        id=id_,
        started=min((info.started.seconds + info.started.nanos / 1e9 for info in own), default=0.0),
        state=_state(own),
        began=tuple(_began(own)),
        commits=sum(info.commit.branch.repo.type == "user" for info in own),
    )


def _began(infos: list[Any]) -> Iterator[Began]:
    for info in infos:
        repo = info.commit.branch.repo
        if repo.type == "spec":
            yield Began(repo.name, info.description, pipeline=True)
        elif repo.type == "user" and info.origin.kind == pfs_proto.OriginKind.USER:
            yield Began(repo.name, info.description)


def _state(infos: list[Any]) -> str:
    if any(info.error for info in infos):
        return "failed"
    return "finished" if all(info.HasField("finished") for info in infos) else "open"
