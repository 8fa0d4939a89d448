"""A pachd as a sink that takes nothing, and tells what it would: --dry-run."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from python_pachyderm import Client

from tycokit.moving import branches, ledgers, pipelines
from tycokit.moving.changes import Change, Put
from tycokit.moving.contents import BranchName, Contents, Step
from tycokit.moving.destination import Destination, Standing
from tycokit.moving.speaking import speaking
from tycokit.pipelines.specs import Repo
from tycokit.wording import counted, sized


class PachdPreview:
    """What a PachdSink would do, in `would`, a line for each thing. It raises what that would."""

    def __init__(
        self, client: Client, name: str, *, replace: bool = False, start: bool = False
    ) -> None:
        self._client, self._name, self._start = client, name, start
        self._there = Destination(client, name, replace=replace)
        self._heads: dict[BranchName, str] = {}  # branches with a commit that would be made: which
        self._stopped: list[Repo] = []  # pipelines that would be made, which is stopped
        self._left: list[str] = []
        self.would: list[str] = []
        self.size = 0  # bytes that would be sent

    def prepare(self, contents: Contents) -> None:
        with speaking(self._name):
            lacking = self._there.look(contents)
            self.would += [f"make project {name}" for name in lacking.projects]
            self.would += [f"make repo {entry.repo}" for entry in lacking.repos]
            for planned in pipelines.plan(self._there, contents):
                if planned.done:
                    self.would.append(f"{planned.done} pipeline {planned.pipeline}")
                if planned.done == pipelines.MADE:
                    self._stopped.append(planned.pipeline)
                self._left += planned.told

    def has(self, step: Step) -> bool:
        return self._there.has(step)

    def take(
        self, step: Step, changes: Iterator[Change], moved: Callable[[int], None]
    ) -> int | None:
        """Count what would be sent; None where nothing would change, or the branch takes none."""
        branch, adds = step.on, ledgers.is_ledger(step.on)
        with speaking(self._name):
            # what stands there once the commit before it is made is that one
            at = Standing(None, None, ()) if branch in self._heads else self._there.standing(step)
            untaken = self._there.untaken(step, at)
            if untaken:
                self._left.append(untaken)
                return None
            count = files = size = 0
            for count, change in enumerate(self._there.wanted(step, at, changes), 1):  # noqa: B007
                if isinstance(change, Put):
                    files, size = files + 1, size + change.size
            if not count and at.begun is None and (step.whole or adds) and at.head is not None:
                self._there.copies[step.repo, step.id] = at.head.commit.id
                return None
            if at.begun is None:
                self._there.refuse(step, at.head)
            self._heads[branch] = step.id
            self._there.copies[step.repo, step.id] = step.id  # whatever it will be
            self.size += size
            moved(size)
            self.would.append(f"commit {step}: {counted(files, 'file')}, {sized(size)}")
            return files

    def finish(self, contents: Contents) -> tuple[str, ...]:
        with speaking(self._name):
            repos = self._there.repos() | {entry.repo for entry in contents.repos}
            for entry in contents.branches:
                copy = self._there.copies.get((entry.branch.repo, entry.head))
                placed = copy is not None and self._heads.get(entry.branch) == entry.head
                planned = branches.plan(self._there, entry, copy, repos, placed=placed)
                if planned.done:
                    self.would.append(f"make or move branch {entry.branch}")
                self._left += planned.told
            if self._start:
                waiting = {*self._stopped, *pipelines.stopped(self._client, contents)}
                self.would += [
                    f"start pipeline {entry.pipeline}"
                    for entry in contents.pipelines
                    if entry.running and entry.pipeline in waiting
                ]
            return tuple(self._left)
