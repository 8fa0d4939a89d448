"""A repo's branches and commits, page by page: what was done when, by whom, and what became of it.

    for commit in history.page(client, "model", count=20).commits: ...

A commit of a pipeline's repo carries the state of the job that made it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from python_pachyderm import Client
from python_pachyderm.service import pfs_proto

from tycokit import statenames
from tycokit.client import cut
from tycokit.repos.addresses import DEFAULT_PROJECT, Address

_ORIGINS = {pfs_proto.OriginKind.USER: "user", pfs_proto.OriginKind.AUTO: "auto"}


@dataclass(frozen=True, slots=True)
class Upstream:
    """A commit that another was made from."""

    project: str
    repo: str
    id: str


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit of one repo.

    `state` is open, finishing or finished; `origin` is user, auto (made by Pachyderm, such as a
    pipeline's) or fsck. `started` and `finished` are unix seconds; `size` is in bytes, the most
    that it can be while the commit is open. `job` is the state of the job that made it (success,
    running, ...), "" where no pipeline did; `error` says why its content is not to be used.
    """

    project: str
    repo: str
    id: str
    branch: str
    state: str
    origin: str
    started: float
    finished: float | None
    size: int
    message: str
    error: str
    parent: str | None
    children: tuple[str, ...]
    upstream: tuple[Upstream, ...]
    by_pipeline: bool
    job: str = ""
    reason: str = ""

    @property
    def address(self) -> Address:
        return Address(self.repo, self.id, project=self.project)


@dataclass(frozen=True, slots=True)
class Branch:
    """A branch: its head's id, and the branches that it is made from (`repo@branch`)."""

    name: str
    head: str
    upstream: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """Some commits, newest first. `more`: whether there are older ones."""

    commits: tuple[Commit, ...]
    more: bool


def branches(client: Client, repo: str, project: str = DEFAULT_PROJECT) -> list[Branch]:
    """A repo's branches, `master` first, then the one that was made last."""
    infos = client.list_branch(repo, project_name=project)
    found = [
        Branch(
            info.branch.name,
            info.head.id,
            tuple(
                f"{branch.repo.name}@{branch.name}"
                for branch in info.direct_provenance
                if branch.repo.type == "user"
            ),
        )
        for info in infos
    ]
    return sorted(found, key=lambda branch: branch.name != "master")


def page(
    client: Client,
    repo: str,
    *,
    branch: str | None = None,
    offset: int = 0,
    count: int = 50,
    project: str = DEFAULT_PROJECT,
) -> Page:
    """`count` commits of a repo, or of a branch's history, after the newest `offset` ones."""
    head = Address(repo, branch, project=project).at if branch else None
    last = offset + count
    infos = client.list_commit(
        repo, to_commit=head, number=last + 1, all=True, project_name=project
    )
    found = [_commit(info) for info in islice(infos, offset, last + 1)]
    return Page(tuple(_with_jobs(client, found[:count])), more=len(found) > count)


def commit(client: Client, address: Address) -> Commit:
    """One commit, by its id, a branch that it is the head of, or an ancestry."""
    (info,) = client.inspect_commit(address.at)
    (found,) = _with_jobs(client, [_commit(info)])
    return found


def _commit(info: Any) -> Commit:
    state = "open"
    if info.HasField("finished"):
        state = "finished"
    elif info.HasField("finishing"):
        state = "finishing"
    repo = info.commit.branch.repo
    return Commit(
        project=repo.project.name or DEFAULT_PROJECT,
        repo=repo.name,
        id=info.commit.id,
        branch=info.commit.branch.name,
        state=state,
        origin=_ORIGINS.get(info.origin.kind, "fsck"),
        started=_seconds(info.started),
        finished=_seconds(info.finished) if state == "finished" else None,
        size=info.details.size_bytes or info.size_bytes_upper_bound,
        message=info.description,
        error=info.error,
        parent=info.parent_commit.id or None,
        children=tuple(child.id for child in info.child_commits),
        upstream=tuple(
            Upstream(up.branch.repo.project.name or DEFAULT_PROJECT, up.branch.repo.name, up.id)
            for up in info.direct_provenance
            if up.branch.repo.type == "user"
        ),
        by_pipeline=any(up.branch.repo.type == "spec" for up in info.direct_provenance),
    )


def _with_jobs(client: Client, commits: list[Commit]) -> Iterator[Commit]:
    """The commits with the states of their jobs: one call for all, ended where they end."""
    made = {commit.id for commit in commits if commit.by_pipeline}
    jobs: dict[str, Any] = {}
    if made:
        repo, project = commits[0].repo, commits[0].project
        oldest = min(commit.started for commit in commits if commit.by_pipeline)
        infos = client.list_job(repo, history=-1, project_name=project)
        for info in infos:
            if info.job.id in made:
                jobs[info.job.id] = info
            if len(jobs) == len(made) or _seconds(info.created) < oldest - 60:
                cut(infos)
                break
    for commit in commits:
        info = jobs.get(commit.id)
        if info is None:
            yield commit
        else:
            state = statenames.job(info.state)
            yield replace(commit, job=state, reason=info.reason)


def _seconds(stamp: Any) -> float:
    return float(stamp.seconds + stamp.nanos / 1e9)
