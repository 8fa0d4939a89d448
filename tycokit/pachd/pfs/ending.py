"""How commits end, and what they show until then."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from tycokit.errors import BaseUnfinished
from tycokit.pachd.pfs import rows, writes
from tycokit.pachd.pfs.address import resolve
from tycokit.pachd.pfs.transaction import Transaction, base_root
from tycokit.pachd.pfs.values import CommitAddress, CommitState
from tycokit.pachd.store.database import Database
from tycokit.pachd.store.maps import EMPTY

T = TypeVar("T")


def close(transaction: Transaction, row: rows.Row, error: str = "") -> str:
    """End a commit that is open, or that waits for this; its error, given or found in its files.

    It is finished at once, unless what it grows from is open: then it is as soon as that ends.
    """
    connection = transaction.connection
    base = base_root(connection, row["parent"])
    root = row["root"] if row["root"] is not None else base
    if root is None and not error:
        connection.execute(
            "UPDATE pfs_commit SET finishing = ? WHERE id = ?", (transaction.now, row["id"])
        )
        return ""
    if not error and root is not None and base is not None:
        error = transaction.trees.collisions(
            connection, root, transaction.trees.changed_files(connection, base, root)
        )
    node = transaction.trees.root(connection, root or EMPTY)
    transaction.closed.append(row["id"])
    connection.execute(
        "UPDATE pfs_commit SET finishing = coalesce(finishing, ?1), finished = ?1, root = ?2,"
        " size = ?3, error = ?4 WHERE id = ?5",
        (transaction.now, root, node.size if node else 0, error, row["id"]),
    )
    settle_children(transaction, row["id"])
    return error


def settle_children(transaction: Transaction, commit: int) -> None:
    """Work in, and end, what has waited for a commit to stand; and so on below."""
    connection = transaction.connection
    waiting = [commit]
    while waiting:
        below = connection.execute(
            f"{rows.COMMITS} WHERE c.parent = ? AND c.root IS NULL ORDER BY c.id", (waiting.pop(),)
        ).fetchall()
        for child in below:
            if not writes.settle(transaction, child):
                continue
            settled = rows.commit_by_id(connection, child["id"])
            if settled["finished"] is not None:  # with an error, or it would have waited
                node = transaction.trees.root(connection, settled["root"])
                connection.execute(
                    "UPDATE pfs_commit SET size = ? WHERE id = ?",
                    (node.size if node else 0, child["id"]),
                )
                waiting.append(child["id"])
            elif settled["finishing"] is not None:
                close(transaction, settled)


def _unfinished(connection: rows.Connection, row: rows.Row) -> BaseUnfinished:
    parent = rows.commit_by_id(connection, row["parent"])
    while parent["finished"] is not None:
        parent = rows.commit_by_id(connection, parent["parent"])
    return BaseUnfinished(rows.commit_value(parent), rows.commit_value(row))


def content_root(connection: rows.Connection, row: rows.Row) -> bytes:
    """The tree that a commit shows. Raises BaseUnfinished: it grows from an open commit."""
    root = writes.root_of(connection, row)
    if root is None:
        raise _unfinished(connection, row)
    return root


def once_ended(
    database: Database, address: CommitAddress, read: Callable[[], T], give_up: Callable[[], bool]
) -> T:
    """What `read` gives; first waits for the end of a commit that was closed, but cannot end yet.

    Raises what `read` does, and BaseUnfinished: the commit is open, or `give_up` said so.
    """
    try:
        return read()
    except BaseUnfinished:
        with database.read() as connection:
            row = resolve(connection, address)
        if row["finishing"] is None:
            raise
    commit = rows.commit_value(row)
    fixed = CommitAddress(commit.repo, id=commit.id)

    def look(connection: rows.Connection) -> bool | None:
        return reached(connection, resolve(connection, fixed), CommitState.FINISHED) or None

    database.wait_until(look, give_up)
    return read()


def reached(connection: rows.Connection, row: rows.Row, state: CommitState) -> bool:
    """Whether a commit is as far as somebody waits for."""
    if row["finished"] is not None or state <= CommitState.STARTED:
        return True
    if state == CommitState.FINISHING:
        return row["finishing"] is not None
    if state == CommitState.READY:
        upstream = connection.execute(
            f"{rows.COMMITS} JOIN commit_provenance p ON p.upstream = c.id"
            " WHERE p.commit_id = ? AND c.finished IS NULL",
            (row["id"],),
        )
        return upstream.fetchone() is None
    return False
