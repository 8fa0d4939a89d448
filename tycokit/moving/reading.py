"""A pachd as a source."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from types import TracebackType
from typing import Any

from python_pachyderm import Client
from python_pachyderm.service import pfs_proto

from tycokit.client import cut
from tycokit.errors import MoveError
from tycokit.moving.asking import commit, differing, entries, provenance, repo_of, size, trigger
from tycokit.moving.changes import Change, Gone, Put
from tycokit.moving.contents import (
    BranchEntry,
    BranchName,
    Contents,
    Origin,
    PipelineEntry,
    RepoEntry,
    Step,
)
from tycokit.moving.fetching import Files
from tycokit.moving.pipelines import crons, portable
from tycokit.moving.speaking import speaking
from tycokit.pipelines.specs import Repo, pfs_inputs
from tycokit.repos import browsing
from tycokit.repos.addresses import DEFAULT_PROJECT, called


class PachdSource:
    """What a context's pachd has: repos that people write, and pipelines.

    What pipelines write is left out, since their pachd makes it again; so are the repos that
    tick for cron inputs. `only` names repos and pipelines; all where it is empty. `history`: each
    commit, not only the branches' heads. `home` is the project that names without one mean. Use
    it as a context manager, which ends its streams.
    """

    def __init__(
        self,
        client: Client,
        name: str,
        *,
        only: Collection[Repo] = (),
        history: bool = False,
        home: str = DEFAULT_PROJECT,
    ) -> None:
        self._client, self._name, self._home = client, name, home
        self._only, self._history = frozenset(only), history
        self._files: Files | None = None  # of the step that was asked for last

    def __enter__(self) -> PachdSource:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._end()

    def contents(self) -> Contents:
        """Raises MoveError for a name that is none, or is that of a pipeline's repo."""
        with speaking(self._name):
            pipelines = list(self._client.list_pipeline(details=True))
            made = _made_by_pachd(pipelines)
            repos = {repo_of(info.repo): info for info in self._client.list_repo()}
            chosen = self._chosen({repo_of(info.pipeline) for info in pipelines}, set(repos), made)
            entries = [
                RepoEntry(repo, info.description)
                for repo, info in sorted(repos.items())
                if repo in chosen and repo not in made
            ]
            own = _own_branches(pipelines)
            steps: list[Step] = []
            branches: list[BranchEntry] = []
            for entry in entries:
                found = self._branches(entry.repo, own, steps)
                branches += found
            kept = [
                PipelineEntry(repo_of(info.pipeline), portable(info), not info.stopped)
                for info in pipelines
                if repo_of(info.pipeline) in chosen
            ]
            # a word, since it stands in the message of each copy
            cluster = "_".join(self._client.inspect_cluster().deployment_id.split())
            return Contents(
                Origin(self._name, cluster),
                self._projects({repo.project for repo in chosen}),
                tuple(entries),
                tuple(steps),
                tuple(branches),
                tuple(kept),
            )

    def changes(self, step: Step) -> Iterator[Change]:
        """The files of a commit, or what differs from those of its parent."""
        at = commit(step.repo, step.id)
        self._end()
        self._files = files = Files(self._client, self._name, at)
        with speaking(self._name):
            found = (
                entries(self._client, at)
                if step.parent is None
                else differing(self._client, at, commit(step.repo, step.parent))
            )
            for one in found:
                yield one if isinstance(one, Gone) else _put(files, one)

    def _end(self) -> None:
        if self._files is not None:
            self._files.close()

    def _chosen(
        self, pipelines: set[Repo], repos: set[Repo], made: Collection[Repo]
    ) -> frozenset[Repo] | set[Repo]:
        def named(repo: Repo) -> str:
            return called(repo.project, repo.name, self._home)

        for repo in sorted(self._only - pipelines):
            if repo not in repos:
                known = ", ".join(sorted(map(named, (repos - set(made)) | pipelines))) or "nothing"
                raise MoveError(
                    f"{self._name} has no repo or pipeline {named(repo)}; it has {known}"
                )
            if repo in made:
                raise MoveError(
                    f"{named(repo)} is filled by a pipeline; name the pipeline, or what it reads"
                )
        return self._only or repos | pipelines

    def _projects(self, names: Iterable[str]) -> dict[str, str]:
        wanted = set(names) - {DEFAULT_PROJECT}
        return {
            info.project.name: info.description
            for info in self._client.list_project()
            if info.project.name in wanted
        }

    def _branches(
        self, repo: Repo, own: Collection[BranchName], steps: list[Step]
    ) -> list[BranchEntry]:
        """The branches of a repo; the commits that they need are added to `steps`."""
        infos = [
            info
            for info in self._client.list_branch(repo.name, project_name=repo.project)
            if BranchName(repo, info.branch.name) not in own
        ]
        infos.sort(key=lambda info: info.branch.name != "master")  # what others forked from
        nearest: dict[str, str | None] = {}  # commit → itself or the next before it to be moved
        found = []
        for info in infos:
            head = self._steps(repo, info, nearest, steps)
            name = BranchName(repo, info.branch.name)
            found.append(BranchEntry(name, head, provenance(info), trigger(info)))
        return found

    def _steps(
        self, repo: Repo, branch: Any, nearest: dict[str, str | None], steps: list[Step]
    ) -> str | None:
        """The step that a branch ends with."""
        before: str | None = None
        line: list[Any] = []
        commits = self._client.list_commit(
            repo.name,
            to_commit=commit(repo, branch.head.id).at,
            all=True,
            project_name=repo.project,
        )
        for info in commits:
            if info.commit.id in nearest:
                before = nearest[info.commit.id]
                break
            line.append(info)
            if not self._history and _is_content(info):
                break
        cut(commits)
        before_it = 0
        for info in reversed(line):
            if _is_content(info) and (before is not None or not _is_blank(info)):
                now = size(info)
                parent = before if self._history else None
                steps.append(
                    Step(
                        repo,
                        branch.branch.name,
                        info.commit.id,
                        parent,
                        info.description,
                        max(0, now - before_it) if parent else now,
                    )
                )
                before, before_it = info.commit.id, now
            nearest[info.commit.id] = before
        return before


def _put(files: Files, entry: browsing.Entry) -> Put:
    return Put(entry.path, entry.size, entry.hash, lambda: files.open(entry))


def _made_by_pachd(pipelines: Iterable[Any]) -> set[Repo]:
    """The repos that pipelines write, and those that tick for cron inputs."""
    made = {repo_of(info.pipeline) for info in pipelines}
    for info in pipelines:
        project = repo_of(info.pipeline).project
        made |= {Repo(cron.project or project, cron.repo) for cron in crons(info.details.input)}
    return made


def _own_branches(pipelines: Iterable[Any]) -> set[BranchName]:
    """The branches that pachd makes for inputs with a trigger."""
    return {
        BranchName(Repo(pfs.project or repo_of(info.pipeline).project, pfs.repo), pfs.branch)
        for info in pipelines
        for pfs in pfs_inputs(info.details.input)
        if pfs.HasField("trigger")
    }


def _is_content(info: Any) -> bool:
    """Whether a commit is finished, and well."""
    return bool(info.HasField("finished") and not info.error)


def _is_blank(info: Any) -> bool:
    """Whether it is one of those that Pachyderm itself begins a branch with."""
    return bool(info.origin.kind != pfs_proto.OriginKind.USER and not size(info))
