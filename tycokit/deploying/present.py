"""What a pachd has of what a plan is about: looked at once, as values."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import grpc
from python_pachyderm import Client

from tycokit import targeting
from tycokit.client import is_missing
from tycokit.deploying import versions
from tycokit.deploying.actions import NOTEBOOKS
from tycokit.deploying.reading import Branch, leaves
from tycokit.deploying.versions import Version
from tycokit.deploying.wanted import Wanted
from tycokit.pipelines.specdiff import request_of
from tycokit.pipelines.specs import Repo, Spec
from tycokit.repos import heads
from tycokit.repos.addresses import DEFAULT_BRANCH, DEFAULT_PROJECT, Address
from tycokit.scaling import standing

_RECENT = 5  # jobs among which the one is sought that found datums last


@dataclass(frozen=True, slots=True)
class Past:
    """What a pipeline's jobs have done: how many datums the newest with any had, how many jobs have
    not ended, and how many datums would be worked on again because of jobs that did not end well.
    """

    datums: int
    unended: int
    again: int


@dataclass(frozen=True, slots=True)
class Head:
    """Where master of a repo is: its commit's id ("": there is none), and whether it is open."""

    commit: str
    open: bool


@dataclass(frozen=True, slots=True)
class Present:
    """A pachd at a moment.

    `pipelines` are PipelineInfos with details, `past` is known of those that are to be deployed.
    `notebooks` are the bytes by path at the head of the project's notebooks, `filled` its repos
    that hold something, of those that were asked about, and `heads` are those of all these repos.
    `follows` tells of the branches that pipelines read and that have a trigger which one they
    follow; `targets` name where alerts go.
    """

    version: Version
    projects: frozenset[str]
    repos: frozenset[Repo]
    pipelines: Mapping[Repo, Any]
    past: Mapping[Repo, Past]
    notebooks: Mapping[str, bytes]
    filled: frozenset[Repo]
    heads: Mapping[Repo, Head]
    follows: Mapping[Branch, str]
    targets: tuple[str, ...]

    def spec(self, pipeline: Repo) -> Spec:
        """The spec that would make a pipeline as it is."""
        return Spec(f"pipeline {pipeline}", request_of(self.pipelines[pipeline]))

    def readers(self, repos: Collection[Repo]) -> dict[Repo, set[Repo]]:
        """The pipelines, of any project, that read something of each of some repos."""
        found: dict[Repo, set[Repo]] = {repo: set() for repo in repos}
        for pipeline in self.pipelines if found else ():
            for repo in self.spec(pipeline).inputs:
                if repo in found:
                    found[repo].add(pipeline)
        return found


def look(client: Client, wanted: Wanted, fillable: Collection[str] = ()) -> Present:
    """Look at a pachd; `fillable` are repos of which is asked whether they hold something.

    Raises PachdUnfit where its version is not one that can be deployed to.
    """
    told = client.get_remote_version()
    version = Version(told.major, told.minor, told.micro)
    versions.require_served(version)
    project = wanted.project
    # before what they hold: whoever commits in between is noticed later
    at = {repo: _head(client, repo) for repo in (Repo(project, n) for n in (NOTEBOOKS, *fillable))}
    pipelines = _pipelines(client)
    made = Present(
        version=version,
        projects=frozenset(info.project.name for info in client.list_project()),
        repos=_repos(client),
        pipelines=pipelines,
        past={
            spec.output: _past(client, spec.output)
            for spec in wanted.specs
            if spec.output in pipelines
        },
        notebooks=dict(heads.files(client, NOTEBOOKS, "/*.ipynb", project)),
        filled=frozenset(
            Repo(project, name) for name in fillable if not heads.is_empty(client, name, project)
        ),
        heads=at,
        follows={},
        targets=tuple(targeting.names(client)),
    )
    running = [made.spec(repo) for repo in pipelines]
    return replace(made, follows=dict(_follows(client, [*wanted.specs, *running])))


def again(client: Client, before: Present) -> Present:
    """The same pachd later, in all that tells whether a plan can still be carried out as it is."""
    return replace(
        before,
        repos=_repos(client),
        pipelines=_pipelines(client),
        heads={repo: _head(client, repo) for repo in before.heads},
    )


def _repos(client: Client) -> frozenset[Repo]:
    return frozenset(
        Repo(info.repo.project.name or DEFAULT_PROJECT, info.repo.name)
        for info in client.list_repo()
    )


def _pipelines(client: Client) -> dict[Repo, Any]:
    return {
        Repo(info.pipeline.project.name or DEFAULT_PROJECT, info.pipeline.name): info
        for info in client.list_pipeline(details=True)
    }


def branch_of(client: Client, repo: Repo, branch: str) -> Any:
    """A BranchInfo, None where there is no such branch or repo."""
    try:
        return client.inspect_branch(repo.name, branch, repo.project)
    except grpc.RpcError as error:
        if not is_missing(error):
            raise
        return None


def _head(client: Client, repo: Repo) -> Head:
    info = branch_of(client, repo, DEFAULT_BRANCH)
    if info is None or not info.head.id:
        return Head("", open=False)
    at = Address(repo.name, info.head.id, project=repo.project).at
    (commit,) = client.inspect_commit(at)
    return Head(info.head.id, open=not commit.HasField("finishing"))


def _follows(client: Client, specs: Iterable[Spec]) -> Iterator[tuple[Branch, str]]:
    """Of the branches that specs read, and are no master, those that follow another, and which."""
    waiting = {(leaf.repo, leaf.branch) for spec in specs for leaf in leaves(spec, {})}
    seen: set[Branch] = set()
    while waiting:
        repo, branch = waiting.pop()
        if branch == DEFAULT_BRANCH or (repo, branch) in seen:
            continue
        seen.add((repo, branch))
        info = branch_of(client, repo, branch)
        if info is not None and info.trigger.branch:
            yield (repo, branch), info.trigger.branch
            waiting.add((repo, info.trigger.branch))


def _past(client: Client, pipeline: Repo) -> Past:
    jobs = client.list_job(pipeline.name, history=-1, number=_RECENT, project_name=pipeline.project)
    datums = next((info.data_total for info in jobs if info.data_total), 0)
    work = standing.work(client, pipeline.name, pipeline.project)
    return Past(datums, len(work.jobs), work.again)
