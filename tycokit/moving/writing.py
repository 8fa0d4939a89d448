"""A pachd as a sink.

A commit is written in several streams, each of which is atomic, and finished when all of its files
have been compared by hash. A second run finds it open, and goes on with the files that it lacks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from python_pachyderm import Client

from tycokit.errors import CopyDiffers
from tycokit.moving import branches, ledgers, marks, pipelines
from tycokit.moving.asking import commit, differing, entries
from tycokit.moving.changes import Change, Put, Record, line
from tycokit.moving.contents import Contents, Origin, Step
from tycokit.moving.destination import Destination
from tycokit.moving.sending import batches, send
from tycokit.moving.speaking import speaking
from tycokit.repos.addresses import Address


class PachdSink:
    """A context's pachd that takes what a source has.

    What it holds of its own under the same names is left alone, and an error, unless `replace`.
    `start`: pipelines that run at the source are started at the end.
    """

    def __init__(
        self, client: Client, name: str, *, replace: bool = False, start: bool = False
    ) -> None:
        self._client, self._name, self._start = client, name, start
        self._there = Destination(client, name, replace=replace)
        self._origin = Origin("", "")
        self._left: list[str] = []

    def prepare(self, contents: Contents) -> None:
        """Make projects, repos and pipelines. Raises, before it makes any, Occupied where a
        pipeline has a repo, and SpecError.
        """
        self._origin = contents.origin
        with speaking(self._name):
            lacking = self._there.look(contents)
            made = list(pipelines.plan(self._there, contents))  # a fault in a spec comes up here
            for project, description in lacking.projects.items():
                self._client.create_project(project, description)
            for entry in lacking.repos:
                self._client.create_repo(
                    entry.repo.name, entry.description, project_name=entry.repo.project
                )
            for planned in made:
                planned.make(self._client)
                self._left += planned.told

    def has(self, step: Step) -> bool:
        return self._there.has(step)

    def take(
        self, step: Step, changes: Iterator[Change], moved: Callable[[int], None]
    ) -> int | None:
        """Make a step's commit, or go on with it; how many files were sent.

        None, and no commit, where nothing would change, or the branch takes none. Raises
        Occupied, and CopyDiffers when what arrived is not what was sent.
        """
        copies = self._there.copies
        with speaking(self._name), Record() as expected:
            standing = self._there.standing(step)
            untaken = self._there.untaken(step, standing)
            if untaken:
                self._left.append(untaken)
                return None
            at = standing.begun
            files = 0
            adds = ledgers.is_ledger(step.on)
            given = changes if adds else _recorded(changes, expected)
            wanted = self._there.wanted(step, standing, given)
            if adds:
                wanted = _recorded(wanted, expected, gone=False)
            for batch in batches(wanted):
                at = at or self._begin(step, standing.head)
                files += send(self._client, at, batch, moved)
            if at is None and (step.whole or adds) and standing.head is not None:
                copies[step.repo, step.id] = standing.head.commit.id  # it is like that already
                return None
            at = at or self._begin(step, standing.head)
            self._compare(step, at, expected)
            self._client.finish_commit(at.at, description=marks.marked(step, self._origin))
            copies[step.repo, step.id] = at.commit
            return files

    def finish(self, contents: Contents) -> tuple[str, ...]:
        with speaking(self._name):
            repos = self._there.repos()
            for entry in contents.branches:
                copy = self._there.copies.get((entry.branch.repo, entry.head))
                planned = branches.plan(self._there, entry, copy, repos)
                planned.make(self._client)
                self._left += planned.told
            if self._start:
                pipelines.start(self._client, contents)
            return tuple(self._left)

    def _begin(self, step: Step, head: Any) -> Address:
        self._there.refuse(step, head)
        parent = None if step.parent is None else self._there.copies[step.repo, step.parent]
        if ledgers.is_ledger(step.on):
            parent = None  # on top of what is there
        made = self._client.start_commit(
            step.repo.name,
            step.branch,
            parent=None if parent is None else commit(step.repo, parent).at,
            description=marks.marked(step, self._origin),
            project_name=step.repo.project,
        )
        return commit(step.repo, made.id)

    def _compare(self, step: Step, at: Address, expected: Record) -> None:
        """Raise CopyDiffers when the open commit is not what was sent."""
        if ledgers.is_ledger(step.on):
            lacking = expected.first_lacking(map(line, entries(self._client, at)))
            if lacking is not None:
                raise CopyDiffers(self._name, str(step), lacking.partition(" ")[2])
            return
        if step.parent is None:
            lines: Iterator[str] = map(line, entries(self._client, at))
        else:
            before = commit(step.repo, self._there.copies[step.repo, step.parent])
            lines = (line(change) for change in differing(self._client, at, before))
        found = expected.first_difference(lines)
        if found is not None:
            text = found[0] or found[1] or ""
            raise CopyDiffers(self._name, str(step), text.partition(" ")[2])


def _recorded(
    changes: Iterable[Change], expected: Record, *, gone: bool = True
) -> Iterator[Change]:
    for change in changes:
        if gone or isinstance(change, Put):
            expected.add(line(change))
        yield change
