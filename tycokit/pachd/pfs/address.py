"""From what a caller names (an id, a branch, an ancestry suffix) to one commit."""

from __future__ import annotations

import re

from tycokit.errors import CommitNotFound, NotAllowed, RepoNotFound
from tycokit.pachd.pfs import rows
from tycokit.pachd.pfs.names import is_uuid4
from tycokit.pachd.pfs.values import Branch, CommitAddress

_ANCESTRY = re.compile(r"(?P<base>[^\^~.]*)(?P<suffix>(?:[\^~]\d*)+|\.\d+)?")
_STEP = re.compile(r"[\^~](\d*)")


def resolve(connection: rows.Connection, address: CommitAddress) -> rows.Row:
    """The commit's row.

    Raises:
        BranchNotFound, CommitNotFound, RepoNotFound: no such thing.
        NotAllowed: an ancestry that mixes `^` or `~` with `.`, or an id that clashes with a branch.
    """
    text = address.id or address.branch
    found = _ANCESTRY.fullmatch(text)
    if found is None:
        raise NotAllowed(f"invalid commit ancestry: {text}")
    base, suffix = found["base"], found["suffix"] or ""
    repo = rows.repo_id(connection, address.repo)
    if is_uuid4(base):
        if repo is None:
            raise RepoNotFound(address.repo)
        row = rows.commit_of(connection, repo, base) or _alias(connection, repo, base)
        if row is None:
            raise CommitNotFound(address)
    else:
        if address.id and address.branch:
            branch = Branch(address.repo, address.branch)
            raise NotAllowed(f"invalid commit ID given with a branch ({branch}): {address.id}")
        if not base:
            raise NotAllowed("branch must be specified")
        head = rows.need_branch(connection, Branch(address.repo, base))["head"]
        if head is None:
            raise CommitNotFound(address)  # a branch that this very transaction has made
        row = rows.commit_by_id(connection, head)
    if suffix.startswith("."):
        return _counted(connection, row, int(suffix[1:]), address)
    steps = sum(int(number or 1) for number in _STEP.findall(suffix))
    for _ in range(steps):
        if row["parent"] is None:
            raise CommitNotFound(address)
        row = rows.commit_by_id(connection, row["parent"])
    return row


def _alias(connection: rows.Connection, repo: int, set_id: str) -> rows.Row | None:
    """The repo's commit that the commit set's own commits descend from."""
    row: rows.Row | None = connection.execute(
        f"""
        WITH RECURSIVE reached (id) AS (
            SELECT id FROM pfs_commit WHERE set_id = ?
            UNION
            SELECT p.upstream FROM commit_provenance p JOIN reached ON p.commit_id = reached.id
        ) {rows.COMMITS} JOIN reached ON reached.id = c.id WHERE c.repo = ?
        ORDER BY c.id DESC LIMIT 1
        """,
        (set_id, repo),
    ).fetchone()
    return row


def _counted(
    connection: rows.Connection, row: rows.Row, number: int, address: CommitAddress
) -> rows.Row:
    """The number-th commit from the first one on."""
    line = [row["id"]]
    while row["parent"] is not None:
        row = rows.commit_by_id(connection, row["parent"])
        line.append(row["id"])
    if not 1 <= number <= len(line):
        raise CommitNotFound(address)
    return rows.commit_by_id(connection, line[-number])
