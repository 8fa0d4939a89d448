"""One change of state: it owns one commit set id, and flows downstream at its end."""

from __future__ import annotations

import contextlib
import sqlite3
import time
import uuid
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from tycokit.errors import NotAllowed
from tycokit.pachd.pfs import graph, rows
from tycokit.pachd.pfs.filetree import FileTree
from tycokit.pachd.pfs.values import Commit, Origin
from tycokit.pachd.store.database import Database
from tycokit.pachd.store.maps import EMPTY, Maps
from tycokit.pachd.store.packs import Packs, Stage


def _ignore(_transaction: object, _what: object) -> None:
    """What a hook does before anyone subscribes."""


@dataclass(slots=True)
class Transaction:
    """An open change.

    `changed` holds the ids of branches whose head moved; `owed` those that shall get a commit of
    their own even though nothing above them moved (a branch with new provenance); `linked` those
    whose provenance is another, so that the graph must be checked; `closed` the commits that it
    finished, and `removed` those that it took away. `stages` hold the bytes that it wrote itself.
    """

    connection: sqlite3.Connection
    trees: FileTree
    packs: Packs
    set_id: str
    now: int
    changed: set[int] = field(default_factory=set)
    owed: set[int] = field(default_factory=set)
    linked: list[int] = field(default_factory=list)
    closed: list[int] = field(default_factory=list)
    removed: list[Commit] = field(default_factory=list)
    stages: list[Stage] = field(default_factory=list)

    def stage(self) -> Stage:
        """A pack for bytes that can only be known now; whoever asks seals and records it."""
        self.stages.append(self.packs.stage(connection=self.connection))
        return self.stages[-1]


class _Undo(Exception):
    """Ends a trial."""


class Rooted(Protocol):
    """Something that reads the tree of this root."""

    root: bytes


class Pfs:
    """Everything that pfs needs at hand: rows, bytes and trees.

    Called inside each transaction: `on_propagated` with the commits that it made downstream,
    `on_removed` with those that it took away, `on_closed` (in a set of its own, that what it sets
    in motion be told from the cause) with the row ids of those that it finished.
    """

    def __init__(self, database: Database, packs: Packs, maps: Maps) -> None:
        self.database = database
        self.packs = packs
        self.trees = FileTree(maps)
        self.snapshots: weakref.WeakSet[Rooted] = weakref.WeakSet()  # that may yet be read
        self.on_propagated: Callable[[Transaction, list[Commit]], None] = _ignore
        self.on_removed: Callable[[Transaction, list[Commit]], None] = _ignore
        self.on_closed: Callable[[Transaction, list[int]], None] = _ignore

    @contextlib.contextmanager
    def transaction(
        self, set_id: str | None = None, *, trial: bool = False, durable: bool = True
    ) -> Iterator[Transaction]:
        """Change things; all of it is acknowledged together, or none.

        A trial shows what would be refused, at its end too, and leaves nothing. What is not
        `durable` may be undone by a power cut, unless something durable came after it.
        """
        stages: list[Stage] = []
        try:
            with self.database.write(durable) as connection:
                transaction = self._begin(connection, set_id, time.time_ns(), stages)
                yield transaction
                self._end(transaction)
                if transaction.closed:
                    after = self._begin(connection, None, transaction.now, stages)
                    self.on_closed(after, transaction.closed)
                    self._end(after)
                if trial:
                    raise _Undo
        except BaseException as error:
            for stage in stages:
                stage.drop()
            if not isinstance(error, _Undo):
                raise

    def _begin(
        self, connection: sqlite3.Connection, set_id: str | None, now: int, stages: list[Stage]
    ) -> Transaction:
        set_id = set_id or uuid.uuid4().hex
        return Transaction(connection, self.trees, self.packs, set_id, now, stages=stages)

    def _end(self, transaction: Transaction) -> None:
        # only now: on the way to other inputs, old and new provenance stand side by side
        for branch in transaction.linked:
            graph.check(transaction.connection, branch)
        made = propagate(transaction)
        if made:
            self.on_propagated(transaction, made)
        if transaction.removed:
            self.on_removed(transaction, transaction.removed)


def add_commit(
    transaction: Transaction,
    repo: int,
    branch: str,
    origin: Origin,
    parent: int | None,
    description: str = "",
    provenance: tuple[int, ...] = (),
) -> int:
    """A new open commit; its row id.

    Raises:
        NotAllowed: the repo has a commit of this transaction already.
    """
    connection = transaction.connection
    twin = rows.commit_of(connection, repo, transaction.set_id)
    if twin is not None:
        raise NotAllowed(
            f"inconsistent dependencies: cannot create commit from {rows.commit_value(twin)};"
            f" repo ({twin['repo_name']}) already has a commit in this transaction"
        )
    cursor = connection.execute(
        "INSERT INTO pfs_commit (set_id, repo, branch, origin, description, parent, started, root)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            transaction.set_id,
            repo,
            branch,
            int(origin),
            description,
            parent,
            transaction.now,
            base_root(connection, parent),
        ),
    )
    made = cursor.lastrowid
    assert made is not None
    connection.executemany(
        "INSERT OR IGNORE INTO commit_provenance VALUES (?, ?)",
        ((made, upstream) for upstream in provenance),
    )
    return made


def base_root(connection: sqlite3.Connection, parent: int | None) -> bytes | None:
    """The tree that a child of `parent` starts from: that of the nearest ancestor without error.

    None while that cannot be known, because an ancestor on the way is unfinished.
    """
    while parent is not None:
        row = rows.commit_by_id(connection, parent)
        if row["finished"] is None:
            return None
        if not row["error"]:
            root: bytes = row["root"]
            return root
        parent = row["parent"]
    return EMPTY


def finish_empty(transaction: Transaction, commit: int) -> None:
    """End a commit that shall hold just what its parent does."""
    row = rows.commit_by_id(transaction.connection, commit)
    root = row["root"] or EMPTY
    node = transaction.trees.root(transaction.connection, root)
    transaction.connection.execute(
        "UPDATE pfs_commit SET finishing = ?, finished = ?, root = ?, size = ? WHERE id = ?",
        (transaction.now, transaction.now, root, node.size if node else 0, commit),
    )


def move_head(transaction: Transaction, branch: int, commit: int) -> None:
    transaction.connection.execute("UPDATE branch SET head = ? WHERE id = ?", (commit, branch))
    transaction.changed.add(branch)


def _fill_headless(transaction: Transaction) -> None:
    """A branch made for a provenance that the same transaction took away has no head yet."""
    headless = transaction.connection.execute(
        "SELECT id, repo, name FROM branch WHERE head IS NULL"
        " AND id NOT IN (SELECT branch FROM branch_provenance)"
    ).fetchall()
    for row in headless:
        commit = add_commit(transaction, row["repo"], row["name"], Origin.AUTO, None)
        finish_empty(transaction, commit)
        move_head(transaction, row["id"], commit)


def propagate(transaction: Transaction) -> list[Commit]:
    """Give every branch below a changed one an open commit of this transaction's set.

    A branch that only depends on a spec (a spout's) gets none: its user code makes its commits.
    """
    connection = transaction.connection
    _fill_headless(transaction)
    affected = set(transaction.owed)
    for branch in transaction.changed:
        affected.update(rows.transitive_branches(connection, branch, downstream=True))
    there = [  # a branch that the transaction made or moved may be gone again
        id_
        for id_ in affected
        if connection.execute("SELECT 1 FROM branch WHERE id = ?", (id_,)).fetchone()
    ]
    ordered = sorted(there, key=lambda id_: len(rows.transitive_branches(connection, id_)))
    made: list[Commit] = []
    for id_ in ordered:
        row = rows.branch_by_id(connection, id_)
        head = rows.commit_by_id(connection, row["head"]) if row["head"] else None
        if head is not None and head["set_id"] == transaction.set_id:
            continue
        upstream = [
            rows.branch_by_id(connection, up) for up in rows.upstream_branches(connection, id_)
        ]
        if all(up["repo_type"] == "spec" for up in upstream):
            continue
        commit = add_commit(
            transaction,
            row["repo"],
            row["name"],
            Origin.AUTO,
            row["head"],
            provenance=tuple(up["head"] for up in upstream),
        )
        connection.execute("UPDATE branch SET head = ? WHERE id = ?", (commit, id_))
        made.append(rows.commit_value(rows.commit_by_id(connection, commit)))
    return made
