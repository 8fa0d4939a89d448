"""Whether commits and branches fit together; the bytes are the store's to check."""

from __future__ import annotations

from collections.abc import Iterator

from tycokit.errors import StoreError
from tycokit.pachd.pfs import rows
from tycokit.pachd.pfs.transaction import Pfs


def check(pfs: Pfs) -> Iterator[str]:
    """A sentence for each branch or commit that is not as it must be."""
    with pfs.database.read() as connection:
        faults = [*_branches(connection), *_commits(pfs, connection)]
    yield from faults


def _branches(connection: rows.Connection) -> Iterator[str]:
    for row in connection.execute(rows.BRANCHES).fetchall():
        branch = rows.branch_value(row)
        if row["head"] is None:
            yield f"branch {branch} has no head"
            continue
        head = rows.commit_by_id(connection, row["head"])
        if head is None or head["repo"] != row["repo"]:
            yield f"branch {branch} has a head that is no commit of its repo"


def _commits(pfs: Pfs, connection: rows.Connection) -> Iterator[str]:
    for row in connection.execute(f"{rows.COMMITS} ORDER BY c.id").fetchall():
        commit = rows.commit_value(row)
        if row["parent"] is not None:
            parent = rows.commit_by_id(connection, row["parent"])
            if parent is None or parent["repo"] != row["repo"]:
                yield f"commit {commit} has a parent that is no commit of its repo"
        if row["finished"] is None or row["root"] is None:
            continue
        try:
            root = pfs.trees.root(connection, row["root"])
        except StoreError as error:
            yield f"commit {commit} cannot be read: {error}"
            continue
        size = root.size if root is not None else 0
        if size != row["size"]:
            yield f"commit {commit} holds {size} bytes, and says {row['size']}"
