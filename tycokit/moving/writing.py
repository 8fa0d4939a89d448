"""A pachd as a sink.

A commit is written in several streams, each of which is atomic, and finished when all of its files
have been compared by hash. A second run finds it open, and goes on with the files that it lacks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import grpc
from google.protobuf import json_format
from python_pachyderm import Client
from python_pachyderm.service import pfs_proto

from tycokit.addresses import Address
from tycokit.client import is_missing
from tycokit.errors import CopyDiffers, Occupied
from tycokit.moving import marks, pipelines
from tycokit.moving.changes import Change, Gone, Put, Readable, Record, line, missing
from tycokit.moving.contents import BranchEntry, BranchName, Contents, Step, commit
from tycokit.moving.pipelines import repo_of
from tycokit.moving.reading import differing, entries, provenance
from tycokit.moving.speaking import speaking
from tycokit.specs import Repo

_FILES, _BYTES = 200, 8 << 20  # that one stream carries, unless a single file is larger
_CHUNK = 1 << 20


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
        self._copies: dict[tuple[Repo, str], str] = {}  # repo and id there → id of the copy
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
            self._left += pipelines.create(
                self._client, self._name, contents, replace=self._replace
            )

    def has(self, step: Step) -> bool:
        return (step.repo, step.id) in self._copies

    def take(self, step: Step, changes: Iterator[Change], moved: Callable[[int], None]) -> int:
        """Make a step's commit, or go on with it. Nothing is made where nothing would change.

        Raises Occupied, and CopyDiffers when what arrived is not what was sent.
        """
        with speaking(self._name), Record() as expected:
            branch = BranchName(step.repo, step.branch)
            made_from = self._made_from(branch)
            if made_from:
                self._left.append(
                    f"branch {branch} of {self._name} gets its commits from {made_from[0]}, and"
                    f" not the one of {step}"
                )
                return 0
            head = self._head(branch)
            at = self._open(step, head)
            wanted: Iterable[Change] = _recorded(changes, expected)
            if step.whole or at is not None:
                present = at or (commit(step.repo, head.commit.id) if head is not None else None)
                wanted = missing(wanted, self._present(present), whole=step.whole)
            files = 0
            for batch in _batches(wanted):
                at = at or self._begin(step, head)
                files += self._send(at, batch, moved)
            if at is None and step.whole and head is not None:
                self._copies[step.repo, step.id] = head.commit.id  # it is like that already
                return files
            at = at or self._begin(step, head)
            self._compare(step, at, expected)
            self._client.finish_commit(at.at, description=marks.marked(step))
            self._copies[step.repo, step.id] = at.commit
            return files

    def finish(self, contents: Contents) -> tuple[str, ...]:
        with speaking(self._name):
            present = {repo_of(info.repo) for info in self._client.list_repo()}
            for entry in contents.branches:
                lacking = [one for one in entry.provenance if one.repo not in present]
                if lacking:
                    self._left.append(
                        f"branch {entry.branch} is made from {lacking[0]}, which {self._name} does"
                        " not have: it has its commits, and no provenance"
                    )
                self._branch(entry, () if lacking else entry.provenance)
            if self._start:
                pipelines.start(self._client, contents)
            return tuple(self._left)

    def _find_copies(self, repo: Repo) -> None:
        for info in self._client.list_commit(repo.name, all=True, project_name=repo.project):
            origin = marks.original(info.description)
            if origin is not None and info.HasField("finished") and not info.error:
                self._copies.setdefault((repo, origin), info.commit.id)

    def _info(self, branch: BranchName) -> Any:
        """The BranchInfo, None where there is no such branch."""
        try:
            return self._client.inspect_branch(
                branch.repo.name, branch.name, project_name=branch.repo.project
            )
        except grpc.RpcError as error:
            if is_missing(error):
                return None
            raise

    def _made_from(self, branch: BranchName) -> tuple[BranchName, ...]:
        info = self._info(branch)
        return () if info is None else provenance(info)

    def _head(self, branch: BranchName) -> Any:
        """The CommitInfo of a branch's head, None where there is no such branch."""
        info = self._info(branch)
        if info is None:
            return None
        (head,) = self._client.inspect_commit(commit(branch.repo, info.head.id).at)
        return head

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
            size = head.details.size_bytes or head.size_bytes_upper_bound
            ours = marks.original(head.description) is not None or head.commit.id == parent
            if size and not ours:
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

    def _send(self, at: Address, batch: list[Change], moved: Callable[[int], None]) -> int:
        """Write the changes to an open commit, all or none of them; how many files that were."""
        failures: list[Exception] = []
        with self._client.modify_file_client(at.at) as changes:
            for change in batch:
                if isinstance(change, Gone):
                    changes.delete_file(change.path)
                else:
                    changes.put_file_from_fileobj(change.path, _Sending(change, failures, moved))
        if failures:
            raise failures[0]
        return sum(isinstance(change, Put) for change in batch)

    def _compare(self, step: Step, at: Address, expected: Record) -> None:
        """Raise CopyDiffers when the open commit is not what was sent."""
        if step.parent is None:
            lines = map(line, entries(self._client, at))
        else:
            before = commit(step.repo, self._copies[step.repo, step.parent])
            lines = (line(change) for change in differing(self._client, at, before))
        found = expected.first_difference(lines)
        if found is not None:
            text = found[0] or found[1] or ""
            raise CopyDiffers(self._name, str(step), text.partition(" ")[2])

    def _branch(self, entry: BranchEntry, wanted: tuple[BranchName, ...]) -> None:
        """Make a branch as the source has it: its head, and what moves it."""
        repo, name = entry.branch.repo, entry.branch.name
        info = self._info(entry.branch)
        head = None if entry.head is None else self._copies.get((repo, entry.head))
        if info is not None:
            trigger = json_format.MessageToDict(info.trigger, preserving_proto_field_name=True)
            links = (provenance(info), trigger or None)
            if links == (wanted, entry.trigger) and (wanted or head in (None, info.head.id)):
                return
            if links not in (((), None), (wanted, entry.trigger)) and not self._replace:
                self._left.append(
                    f"branch {entry.branch} of {self._name} has a provenance or trigger of its own,"
                    " and keeps it; --replace changes that"
                )
                return
        self._client.create_branch(
            repo.name,
            name,
            head_commit=None if head is None else commit(repo, head).at,
            provenance=[_message(one) for one in wanted],
            trigger=None
            if entry.trigger is None
            else json_format.ParseDict(entry.trigger, pfs_proto.Trigger()),
            project_name=repo.project,
        )
        if wanted:  # Pachyderm opens a commit for it, which no pipeline will finish
            made = self._head(entry.branch)
            if not made.HasField("finished"):
                self._client.finish_commit(commit(repo, made.commit.id).at)


class _Sending:
    """A file on its way. A failure ends it and all that follow, and is kept for `_send`:
    gRPC, which reads it, would tell nothing of it.
    """

    def __init__(self, put: Put, failures: list[Exception], moved: Callable[[int], None]) -> None:
        self._put, self._failures, self._moved = put, failures, moved
        self._file: Readable | None = None

    def read(self, size: int) -> bytes:
        if self._failures:
            return b""
        try:
            if self._file is None:
                self._file = self._put.open()
            data = self._file.read(min(size, _CHUNK))
        except Exception as error:
            self._failures.append(error)
            return b""
        self._moved(len(data))
        return data


def _recorded(changes: Iterable[Change], expected: Record) -> Iterator[Change]:
    for change in changes:
        expected.add(line(change))
        yield change


def _batches(changes: Iterable[Change]) -> Iterator[list[Change]]:
    batch: list[Change] = []
    size = 0
    for change in changes:
        batch.append(change)
        size += change.size if isinstance(change, Put) else 0
        if len(batch) >= _FILES or size >= _BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _message(branch: BranchName) -> Any:
    repo = pfs_proto.Repo(
        name=branch.repo.name, type="user", project=pfs_proto.Project(name=branch.repo.project)
    )
    return pfs_proto.Branch(repo=repo, name=branch.name)
