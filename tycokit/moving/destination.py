"""What a pachd has of the things that a source brings, and what it lets nobody change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from python_pachyderm import Client

from tycokit.errors import Occupied
from tycokit.moving import asking, ledgers, marks
from tycokit.moving.asking import commit, entries, provenance, repo_of, size
from tycokit.moving.changes import Change, missing
from tycokit.moving.contents import BranchName, Contents, Origin, RepoEntry, Step
from tycokit.moving.marks import Mark
from tycokit.pipelines.specs import Repo
from tycokit.repos.addresses import Address


@dataclass(frozen=True, slots=True)
class Lacking:
    """What has to be made before the first commit: projects with their descriptions, and repos."""

    projects: dict[str, str]
    repos: tuple[RepoEntry, ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """How the branch of a step stands: its head (CommitInfo, None where there is no branch), the
    commit of an earlier run to go on with, and the branches that it gets its commits from.
    """

    head: Any
    begun: Address | None
    made_from: tuple[BranchName, ...]


class Destination:
    """A context's pachd, which is only looked at. `replace`: what is its own may be covered."""

    def __init__(self, client: Client, name: str, *, replace: bool) -> None:
        self.client, self.name, self.replace = client, name, replace
        self.copies: dict[tuple[Repo, str | None], str] = {}  # repo and id there → id of the copy
        self._source = Origin("", "")

    def look(self, contents: Contents) -> Lacking:
        """Find what is there already. Raises Occupied where a pipeline has a repo."""
        self._source = contents.origin
        projects = {info.project.name for info in self.client.list_project()}
        present = self.repos()
        outputs = {repo_of(info.pipeline) for info in self.client.list_pipeline()}
        for entry in contents.repos:
            if entry.repo in outputs:
                raise Occupied(self.name, str(entry.repo), "a pipeline writes it")
            if entry.repo in present:
                self._find_copies(entry.repo)
        self._count_noted(contents)
        self._refuse_older_history(contents)
        return Lacking(
            {name: text for name, text in contents.projects.items() if name not in projects},
            tuple(entry for entry in contents.repos if entry.repo not in present),
        )

    def repos(self) -> set[Repo]:
        return {repo_of(info.repo) for info in self.client.list_repo()}

    def has(self, step: Step) -> bool:
        return (step.repo, step.id) in self.copies

    def standing(self, step: Step) -> Standing:
        """Raises Occupied where something else is being written to the branch."""
        info = asking.branch(self.client, step.on)
        if info is None:
            return Standing(None, None, ())
        head = asking.head(self.client, info)
        made_from = provenance(info)
        return Standing(head, None if made_from else self._begun(step, head), made_from)

    def wanted(self, step: Step, at: Standing, changes: Iterable[Change]) -> Iterable[Change]:
        """Those of a step's changes that have still to be made."""
        head = None if at.head is None else commit(step.repo, at.head.commit.id)
        there = at.begun or head
        if ledgers.is_ledger(step.on):

            def kept(path: str) -> bool:
                return there is not None and ledgers.is_told(self.client, there, path)

            return missing(changes, self._files(there), whole=False, kept=kept)
        if at.begun is None and not step.whole:
            return changes
        return missing(changes, self._files(there), whole=step.whole)

    def refuse(self, step: Step, head: Any) -> None:
        """Raise Occupied where a step's commit would undo what is no copy from its source."""
        if head is None or self.replace or not size(head) or ledgers.is_ledger(step.on):
            return
        if head.commit.id == self.copies.get((step.repo, step.parent)):
            return
        mark = marks.read(head.description)
        if mark is None:
            why = "it holds other files; --replace puts a commit on top, which undoes them"
        elif mark.is_of(self._source):
            return
        else:
            why = f"it holds {self._other(mark)}; --replace puts a commit on top, which undoes it"
        raise Occupied(self.name, str(step.on), why)

    def own(self, head: Any) -> str:
        """What a head holds that did not come from the source; "" where it all did."""
        if not size(head):
            return ""
        mark = marks.read(head.description)
        if mark is None:
            return "commits of its own, and keeps them"
        return "" if mark.is_of(self._source) else f"{self._other(mark)}, and keeps it"

    def untaken(self, step: Step, at: Standing) -> str:
        """Why a step's commit cannot be made; "" where it can."""
        if at.made_from:
            return (
                f"branch {step.on} of {self.name} gets its commits from"
                f" {at.made_from[0]}, and not the one of {step}"
            )
        if step.parent is None or (step.repo, step.parent) in self.copies:
            return ""
        before = f"{step.repo}={step.parent[:12]}"
        return f"{self.name} has no copy of {before}, which {step} comes after"

    def _other(self, mark: Mark) -> str:
        return f"a copy from {mark.origin}, while this one is from {self._source}"

    def _find_copies(self, repo: Repo) -> None:
        for info in self.client.list_commit(repo.name, all=True, project_name=repo.project):
            mark = marks.read(info.description)
            if mark is not None and info.HasField("finished") and not info.error:
                self.copies.setdefault((repo, mark.id), info.commit.id)

    def _count_noted(self, contents: Contents) -> None:
        """Count the commits of a ledger before one that was copied: it has all that they noted."""
        later: dict[BranchName, str] = {}
        for step in reversed(contents.steps):
            copy = self.copies.get((step.repo, step.id)) or later.get(step.on)
            if copy is not None and ledgers.is_ledger(step.on):
                later[step.on] = self.copies[step.repo, step.id] = copy

    def _refuse_older_history(self, contents: Contents) -> None:
        """Raise Occupied where commits would have to come before one that was copied alone."""
        lacking = {step.on for step in contents.steps if not self.has(step)}
        for entry in contents.branches:
            at = entry.branch
            if (at.repo, entry.head) in self.copies and at in lacking:
                raise Occupied(
                    self.name,
                    str(at),
                    "its head was copied without its history; delete the repo there first",
                )

    def _begun(self, step: Step, head: Any) -> Address | None:
        """The commit that an earlier run began."""
        if head.HasField("finished"):
            return None
        mark = marks.read(head.description)
        at = str(step.on)
        if mark is None:
            raise Occupied(self.name, at, "somebody is writing to it")
        if not mark.is_of(self._source) and not (self.replace and step.whole):
            raise Occupied(
                self.name, at, f"{self._other(mark)}, was cut short; run that copy again, as it was"
            )
        if mark.id != step.id and not step.whole:
            raise Occupied(
                self.name,
                at,
                "a copy of another commit was cut short; run that copy again, as it was",
            )
        return commit(step.repo, head.commit.id)

    def _files(self, at: Address | None) -> Iterator[tuple[str, str]]:
        if at is not None:
            for entry in entries(self.client, at):
                yield entry.path, entry.hash
