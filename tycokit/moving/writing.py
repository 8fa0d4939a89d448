"""A pachd as a sink.

A commit is written in several streams, each of which is atomic, and finished when all of its files
have been compared by hash. A second run finds it open, and goes on with the files that it lacks.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from typing import Any

from python_pachyderm import Client

from tycokit.addresses import Address
from tycokit.errors import CopyDiffers, Occupied
from tycokit.moving import asking, branches, marks, pipelines
from tycokit.moving.asking import commit, differing, entries, provenance, repo_of, size
from tycokit.moving.changes import Change, Record, line, missing
from tycokit.moving.contents import BranchEntry, BranchName, Contents, Step
from tycokit.moving.sending import batches, send
from tycokit.moving.speaking import speaking
from tycokit.specs import Repo


class PachdSink:
    """A context's pachd that takes what a source has.

    What it holds of its own under the same names is left alone, and an error, unless `replace`.
    `start`: pipelines that run at the source are started at the end.
    """

    def __init__(
        self, client: Client, name: str, *, replace: bool = False, start: bool = False
    ) -> None:
        self._client, self._name = client, name
        self._replace, self._start = replace, start
        self._copies: dict[tuple[Repo, str | None], str] = {}  # repo and id there → id of the copy
        self._left: list[str] = []

    def prepare(self, contents: Contents) -> None:
        """Make projects, repos and pipelines. Raises Occupied where a pipeline has a repo."""
        with speaking(self._name):
            projects = {info.project.name for info in self._client.list_project()}
            for project, description in contents.projects.items():
                if project not in projects:
                    self._client.create_project(project, description)
            present = {repo_of(info.repo) for info in self._client.list_repo()}
            outputs = {repo_of(info.pipeline) for info in self._client.list_pipeline()}
            for entry in contents.repos:
                if entry.repo in outputs:
                    raise Occupied(self._name, str(entry.repo), "a pipeline writes it")
                if entry.repo not in present:
                    self._client.create_repo(
                        entry.repo.name, entry.description, project_name=entry.repo.project
                    )
                self._find_copies(entry.repo)
            self._refuse_older_history(contents)
            self._left += pipelines.create(
                self._client, self._name, contents, replace=self._replace
            )

    def has(self, step: Step) -> bool:
        return (step.repo, step.id) in self._copies

    def take(
        self, step: Step, changes: Iterator[Change], moved: Callable[[int], None]
    ) -> int | None:
        """Make a step's commit, or go on with it; how many files were sent.

        None, and no commit, where nothing would change, or the branch takes none. Raises
        Occupied, and CopyDiffers when what arrived is not what was sent.
        """
        with speaking(self._name), Record() as expected:
            branch = BranchName(step.repo, step.branch)
            info = asking.branch(self._client, branch)
            made_from = () if info is None else provenance(info)
            if made_from:
                self._left.append(
                    f"branch {branch} of {self._name} gets its commits from {made_from[0]}, and"
                    f" not the one of {step}"
                )
                return None
            head = asking.head(self._client, branch)
            at = self._open(step, head)
            wanted: Iterable[Change] = _recorded(changes, expected)
            if step.whole or at is not None:
                present = at or (commit(step.repo, head.commit.id) if head is not None else None)
                wanted = missing(wanted, self._present(present), whole=step.whole)
            files = 0
            for batch in batches(wanted):
                at = at or self._begin(step, head)
                files += send(self._client, at, batch, moved)
            if at is None and step.whole and head is not None:
                self._copies[step.repo, step.id] = head.commit.id  # it is like that already
                return None
            at = at or self._begin(step, head)
            self._compare(step, at, expected)
            self._client.finish_commit(at.at, description=marks.marked(step))
            self._copies[step.repo, step.id] = at.commit
            return files

    def finish(self, contents: Contents) -> tuple[str, ...]:
        with speaking(self._name):
            present = {repo_of(info.repo) for info in self._client.list_repo()}
            for entry in contents.branches:
                self._bring(entry, present)
            if self._start:
                pipelines.start(self._client, contents)
            return tuple(self._left)

    def _bring(self, entry: BranchEntry, present: Collection[Repo]) -> None:
        at = entry.branch
        lacking = [one for one in entry.provenance if one.repo not in present]
        if lacking:
            self._left.append(
                f"branch {at} is made from {lacking[0]}, which {self._name} does not have: it has"
                " its commits, and no provenance"
            )
            entry = replace(entry, provenance=())
        copy = None if entry.head is None else self._copies.get((at.repo, entry.head))
        why = branches.bring(self._client, entry, copy, replace=self._replace)
        if why is not None:
            self._left.append(f"branch {at} of {self._name} {why}")

    def _find_copies(self, repo: Repo) -> None:
        for info in self._client.list_commit(repo.name, all=True, project_name=repo.project):
            origin = marks.original(info.description)
            if origin is not None and info.HasField("finished") and not info.error:
                self._copies.setdefault((repo, origin), info.commit.id)

    def _refuse_older_history(self, contents: Contents) -> None:
        """Raise Occupied where commits would have to come before one that was copied alone."""
        lacking = {(step.repo, step.branch) for step in contents.steps if not self.has(step)}
        for entry in contents.branches:
            at = entry.branch
            if (at.repo, entry.head) in self._copies and (at.repo, at.name) in lacking:
                raise Occupied(
                    self._name,
                    str(at),
                    "its head was copied without its history; delete the repo there first",
                )

    def _open(self, step: Step, head: Any) -> Address | None:
        """The commit that an earlier run began."""
        if head is None or head.HasField("finished"):
            return None
        origin = marks.original(head.description)
        if origin is None:
            raise Occupied(self._name, f"{step.repo}@{step.branch}", "somebody is writing to it")
        if origin != step.id and not step.whole:
            raise Occupied(
                self._name,
                f"{step.repo}@{step.branch}",
                "a copy of another commit was cut short; run that copy again, as it was",
            )
        return commit(step.repo, head.commit.id)

    def _begin(self, step: Step, head: Any) -> Address:
        parent = None if step.parent is None else self._copies[step.repo, step.parent]
        if head is not None and not self._replace:
            ours = marks.original(head.description) is not None or head.commit.id == parent
            if size(head) and not ours:
                raise Occupied(
                    self._name,
                    f"{step.repo}@{step.branch}",
                    "it holds other files; --replace puts a commit on top, which undoes them",
                )
        made = self._client.start_commit(
            step.repo.name,
            step.branch,
            parent=None if parent is None else commit(step.repo, parent).at,
            description=marks.marked(step),
            project_name=step.repo.project,
        )
        return commit(step.repo, made.id)

    def _present(self, at: Address | None) -> Iterator[tuple[str, str]]:
        if at is not None:
            for entry in entries(self._client, at):
                yield entry.path, entry.hash

    def _compare(self, step: Step, at: Address, expected: Record) -> None:
        """Raise CopyDiffers when the open commit is not what was sent."""
        if step.parent is None:
            lines: Iterator[str] = map(line, entries(self._client, at))
        else:
            before = commit(step.repo, self._copies[step.repo, step.parent])
            lines = (line(change) for change in differing(self._client, at, before))
        found = expected.first_difference(lines)
        if found is not None:
            text = found[0] or found[1] or ""
            raise CopyDiffers(self._name, str(step), text.partition(" ")[2])


def _recorded(changes: Iterable[Change], expected: Record) -> Iterator[Change]:
    for change in changes:
        expected.add(line(change))
        yield change
