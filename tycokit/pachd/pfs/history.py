"""Changing the past: squash, drop and clear; and asking it: which commits touched a file."""

from __future__ import annotations

from dataclasses import dataclass

from tycokit.errors import CommitFinished, CommitNotFinished, CommitSetNotFound, NotAllowed
from tycokit.pachd.pfs import rows, writes
from tycokit.pachd.pfs.address import resolve
from tycokit.pachd.pfs.ending import content_root, settle_children
from tycokit.pachd.pfs.filetree import FileTree
from tycokit.pachd.pfs.names import normal_path
from tycokit.pachd.pfs.transaction import Transaction, add_commit, base_root, finish_empty
from tycokit.pachd.pfs.values import Commit, CommitAddress, Origin


def squash(transaction: Transaction, set_id: str) -> None:
    """Remove a commit set whose content lives on in its commits' children.

    Raises:
        CommitSetNotFound; NotAllowed: a commit without a child or with an open one, a spec's
        commit, or other sets depend on this one.
    """
    connection = transaction.connection
    own = _own(connection, set_id)
    for row in own:
        children = _children(connection, row)
        if not children:
            raise NotAllowed(
                "cannot squash a commit that has no children as that would cause data loss,"
                f" use the drop operation instead: {rows.commit_value(row)}"
            )
        for child in children:
            if child["finished"] is None:
                waits = child["finishing"] is not None
                raise NotAllowed(
                    f"cannot squash until child commit {rows.commit_value(child)} is finished"
                    + (", consider using WaitCommit" if waits else "")
                )
    for row in own:
        # a child's tree is whole in itself, so it keeps what it shows
        connection.execute(
            "UPDATE pfs_commit SET parent = ? WHERE parent = ?", (row["parent"], row["id"])
        )
        _move_heads(transaction, row)
        if row["parent"] is not None:
            settle_children(transaction, row["parent"])
    _remove(transaction, own)


def drop(transaction: Transaction, set_id: str) -> None:
    """Remove the newest commit set of its branches, with what only it holds.

    Raises:
        CommitSetNotFound; NotAllowed: a commit with a child, a spec's commit, or other sets depend
        on this one.
    """
    connection = transaction.connection
    own = _own(connection, set_id)
    for row in own:
        if _children(connection, row):
            raise NotAllowed(f"cannot drop a commit that has children: {rows.commit_value(row)}")
    for row in own:
        _move_heads(transaction, row)
    _remove(transaction, own)


def _move_heads(transaction: Transaction, row: rows.Row) -> None:
    """From a commit that goes away to its parent, or to an empty commit where it has none."""
    connection = transaction.connection
    if not connection.execute("SELECT 1 FROM branch WHERE head = ?", (row["id"],)).fetchone():
        return
    parent = row["parent"]
    if parent is None:
        parent = add_commit(transaction, row["repo"], row["branch"], Origin.AUTO, None)
        finish_empty(transaction, parent)
    connection.execute("UPDATE branch SET head = ? WHERE head = ?", (parent, row["id"]))


def _own(connection: rows.Connection, set_id: str) -> list[rows.Row]:
    own = connection.execute(
        f"{rows.COMMITS} WHERE c.set_id = ? ORDER BY c.id", (set_id,)
    ).fetchall()
    if not own:
        raise CommitSetNotFound(set_id)
    for row in own:
        if row["repo_type"] == "spec":
            raise NotAllowed(
                f"cannot squash commit {rows.commit_value(row)} because it updated a pipeline"
            )
    below = connection.execute(
        "SELECT DISTINCT down.set_id FROM commit_provenance p"
        " JOIN pfs_commit up ON up.id = p.upstream JOIN pfs_commit down ON down.id = p.commit_id"
        " WHERE up.set_id = ?1 AND down.set_id != ?1 ORDER BY down.id",
        (set_id,),
    ).fetchall()
    if below:
        names = " ".join(row["set_id"] for row in below)
        raise NotAllowed(
            f'commit set "{set_id}" cannot be dropped because it has subvenant commit sets:'
            f" [{names}]"
        )
    return own


def _children(connection: rows.Connection, row: rows.Row) -> list[rows.Row]:
    return connection.execute(f"{rows.COMMITS} WHERE c.parent = ?", (row["id"],)).fetchall()


def _remove(transaction: Transaction, own: list[rows.Row]) -> None:
    connection = transaction.connection
    for row in reversed(own):
        connection.execute(
            "DELETE FROM commit_provenance WHERE commit_id = ?1 OR upstream = ?1", (row["id"],)
        )
        connection.execute("DELETE FROM pfs_commit WHERE id = ?", (row["id"],))
    transaction.removed += [rows.commit_value(row) for row in own]


def clear(transaction: Transaction, address: CommitAddress) -> None:
    """Drop the files written so far into an open commit. Raises CommitFinished."""
    row = resolve(transaction.connection, address)
    if row["finishing"] is not None:
        raise CommitFinished(rows.commit_value(row))
    writes.forget(transaction.connection, row["id"])
    transaction.connection.execute(
        "UPDATE pfs_commit SET root = ? WHERE id = ?",
        (base_root(transaction.connection, row["parent"]), row["id"]),
    )


@dataclass(frozen=True, slots=True)
class Found:
    """Commits that changed a path, newest first, and how far the search went."""

    commits: tuple[Commit, ...]
    last: Commit
    searched: int


def find_commits(
    connection: rows.Connection, trees: FileTree, start: CommitAddress, path: str, limit: int
) -> Found:
    """The commits, from `start` back, that added, changed or removed a path (0 = no limit).

    Raises:
        CommitNotFinished: `start` is open.
    """
    row = resolve(connection, start)
    if row["finished"] is None:
        raise CommitNotFinished(rows.commit_value(row))
    found: list[Commit] = []
    searched = 0
    while True:
        searched += 1
        parent = rows.commit_by_id(connection, row["parent"]) if row["parent"] else None
        before = (
            trees.find(connection, content_root(connection, parent), normal_path(path))
            if parent
            else []
        )
        if trees.find(connection, content_root(connection, row), normal_path(path)) != before:
            found.append(rows.commit_value(row))
        if parent is None or (limit and len(found) >= limit):
            return Found(tuple(found), rows.commit_value(row), searched)
        row = parent
