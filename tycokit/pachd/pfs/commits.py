"""Commits and commit sets: start, finish, look."""

from __future__ import annotations

from collections.abc import Callable

from tycokit.errors import CommitFinished, CommitSetNotFound, NotAllowed
from tycokit.pachd.pfs import rows
from tycokit.pachd.pfs.address import resolve
from tycokit.pachd.pfs.ending import close
from tycokit.pachd.pfs.names import check_branch
from tycokit.pachd.pfs.transaction import Transaction, add_commit, move_head
from tycokit.pachd.pfs.values import (
    Branch,
    Commit,
    CommitAddress,
    CommitInfo,
    Origin,
    Repo,
)


def start_commit(
    transaction: Transaction,
    branch: Branch,
    parent: CommitAddress | None = None,
    description: str = "",
) -> Commit:
    """A new open commit, made the branch's head; a missing branch is made.

    Raises:
        RepoNotFound, CommitNotFound; NotAllowed: an output branch, or an unfinished parent.
    """
    connection = transaction.connection
    repo = rows.need_repo(connection, branch.repo)
    if not branch.name:
        raise NotAllowed("branch must be specified")
    check_branch(branch.name)
    row = rows.branch_row(connection, branch)
    if row is not None:
        above = [
            rows.branch_by_id(connection, up)
            for up in rows.upstream_branches(connection, row["id"])
        ]
        # a spout's branch only depends on its spec, and its user code does commit to it
        if any(up["repo_type"] != "spec" for up in above):
            raise NotAllowed(f"cannot start a commit on an output branch: {branch}")
    if parent is not None:
        base = resolve(connection, parent)["id"]
    else:
        base = row["head"] if row is not None else None
    if base is not None:
        base_row = rows.commit_by_id(connection, base)
        if base_row["finishing"] is None:
            raise NotAllowed(f"parent commit {rows.commit_value(base_row)} has not been finished")
    made = add_commit(transaction, repo, branch.name, Origin.USER, base, description)
    if row is None:
        id_ = connection.execute(
            "INSERT INTO branch (repo, name, head) VALUES (?, ?, ?)", (repo, branch.name, made)
        ).lastrowid
        assert id_ is not None
        transaction.changed.add(id_)
    else:
        move_head(transaction, row["id"], made)
    return rows.commit_value(rows.commit_by_id(connection, made))


def finish_commit(
    transaction: Transaction,
    address: CommitAddress,
    description: str = "",
    error: str = "",
    force: bool = False,
) -> None:
    """End a commit; one whose files collide ends with an error.

    Raises:
        CommitNotFound, CommitFinished; NotAllowed: a pipeline's commit, and not `force`.
    """
    row = resolve(transaction.connection, address)
    if row["finishing"] is not None:
        raise CommitFinished(rows.commit_value(row))
    if not force and _is_pipelines(transaction.connection, row):
        raise NotAllowed("cannot finish a pipeline output or meta commit, use 'stop job' instead")
    if description:
        transaction.connection.execute(
            "UPDATE pfs_commit SET description = ? WHERE id = ?", (description, row["id"])
        )
    close(transaction, row, error)


def _is_pipelines(connection: rows.Connection, row: rows.Row) -> bool:
    if row["repo_type"] == "meta":
        return True
    upstream = connection.execute(
        f"{rows.COMMITS} JOIN commit_provenance p ON p.upstream = c.id"
        " WHERE p.commit_id = ? AND r.type = 'spec'",
        (row["id"],),
    )
    return upstream.fetchone() is not None


def commit_set(connection: rows.Connection, set_id: str) -> list[CommitInfo]:
    """What the set's commits depend on in other sets, then its own, upstream first.

    Raises:
        CommitSetNotFound: no commit carries the id.
    """
    # a commit's row is made after those of its provenance, so row order is topological
    found = connection.execute(
        f"""
        WITH RECURSIVE reached (id) AS (
            SELECT id FROM pfs_commit WHERE set_id = ?
            UNION
            SELECT p.upstream FROM commit_provenance p JOIN reached ON p.commit_id = reached.id
        ) {rows.COMMITS} JOIN reached ON reached.id = c.id ORDER BY c.set_id = ?, c.id
        """,
        (set_id, set_id),
    ).fetchall()
    if not found:
        raise CommitSetNotFound(set_id)
    return [rows.commit_info(connection, row) for row in found]


def list_commits(
    connection: rows.Connection,
    repo: Repo,
    *,
    keep: Callable[[rows.Row], bool] = lambda _row: True,
    number: int = 0,
    reverse: bool = False,
    start: CommitAddress | None = None,
    stop: CommitAddress | None = None,
) -> list[CommitInfo]:
    """A repo's commits, newest first.

    Args:
        start: walk the parents from this commit on instead of listing the repo.
        stop: end before this commit (needs `start`).
        number: at most so many (0 = all).
    """
    id_ = rows.need_repo(connection, repo)
    if stop is not None and start is None:
        raise NotAllowed("cannot use `from` commit without `to` commit")
    if reverse and start is not None:
        raise NotAllowed("cannot use `reverse` together with `from` or `to`")
    found: list[CommitInfo] = []
    if start is None:
        order = "ASC" if reverse else "DESC"
        cursor = connection.execute(
            f"{rows.COMMITS} WHERE c.repo = ? ORDER BY c.id {order}", (id_,)
        )
        for row in cursor:
            if keep(row):
                found.append(rows.commit_info(connection, row))
                if number and len(found) >= number:
                    break
        return found
    end = resolve(connection, stop)["id"] if stop is not None else None
    next_: rows.Row | None = resolve(connection, start)
    while next_ is not None and next_["id"] != end and not (number and len(found) >= number):
        if keep(next_):
            found.append(rows.commit_info(connection, next_))
        next_ = rows.commit_by_id(connection, next_["parent"]) if next_["parent"] else None
    return found


def next_commit(
    connection: rows.Connection, repo: Repo, after: int, branch: str = "", kind: int = 0
) -> rows.Row | None:
    """The row of the first commit made after the one with row id `after`.

    Of one branch or kind of origin only, where given. Raises RepoNotFound.
    """
    row: rows.Row | None = connection.execute(
        f"{rows.COMMITS} WHERE c.repo = ?1 AND c.id > ?2 AND (?3 = '' OR c.branch = ?3)"
        " AND (?4 = 0 OR c.origin = ?4) ORDER BY c.id LIMIT 1",
        (rows.need_repo(connection, repo), after, branch, kind),
    ).fetchone()
    return row


def newest_row(connection: rows.Connection, repo: Repo) -> int:
    """The row id of the newest commit that a repo has, 0 without one. Raises RepoNotFound."""
    found = connection.execute(
        "SELECT coalesce(max(id), 0) AS id FROM pfs_commit WHERE repo = ?",
        (rows.need_repo(connection, repo),),
    )
    return int(found.fetchone()["id"])


def list_commit_sets(connection: rows.Connection, project: str | None) -> list[str]:
    """Ids of the sets with a commit in the project (in any without one), newest first."""
    found = connection.execute(
        "SELECT c.set_id, max(c.id) AS newest FROM pfs_commit c JOIN repo r ON r.id = c.repo"
        " WHERE ?1 IS NULL OR r.project = ?1 GROUP BY c.set_id ORDER BY newest DESC",
        (project,),
    )
    return [row["set_id"] for row in found]
