"""Finding rows, and turning them into values."""

from __future__ import annotations

import sqlite3

from tycokit.errors import BranchNotFound, RepoNotFound
from tycokit.pachd.pfs.values import Branch, Commit, CommitInfo, Origin, Repo

COMMITS = """
    SELECT c.*, r.project AS repo_project, r.name AS repo_name, r.type AS repo_type
    FROM pfs_commit c JOIN repo r ON r.id = c.repo
"""
BRANCHES = """
    SELECT b.*, r.project AS repo_project, r.name AS repo_name, r.type AS repo_type
    FROM branch b JOIN repo r ON r.id = b.repo
"""
Row = sqlite3.Row
Connection = sqlite3.Connection


def repo_id(connection: Connection, repo: Repo) -> int | None:
    row = connection.execute(
        "SELECT id FROM repo WHERE project = ? AND name = ? AND type = ?",
        (repo.project, repo.name, repo.type),
    ).fetchone()
    return row["id"] if row else None


def need_repo(connection: Connection, repo: Repo) -> int:
    """Raises RepoNotFound."""
    found = repo_id(connection, repo)
    if found is None:
        raise RepoNotFound(repo)
    return found


def branch_row(connection: Connection, branch: Branch) -> Row | None:
    row: Row | None = connection.execute(
        f"{BRANCHES} WHERE r.project = ? AND r.name = ? AND r.type = ? AND b.name = ?",
        (branch.repo.project, branch.repo.name, branch.repo.type, branch.name),
    ).fetchone()
    return row


def need_branch(connection: Connection, branch: Branch) -> Row:
    """Raises BranchNotFound."""
    row = branch_row(connection, branch)
    if row is None:
        raise BranchNotFound(branch.name, branch.repo)
    return row


def branch_by_id(connection: Connection, id_: int) -> Row:
    row: Row = connection.execute(f"{BRANCHES} WHERE b.id = ?", (id_,)).fetchone()
    return row


def commit_by_id(connection: Connection, id_: int) -> Row:
    row: Row = connection.execute(f"{COMMITS} WHERE c.id = ?", (id_,)).fetchone()
    return row


def commit_of(connection: Connection, repo: int, set_id: str) -> Row | None:
    row: Row | None = connection.execute(
        f"{COMMITS} WHERE c.repo = ? AND c.set_id = ?", (repo, set_id)
    ).fetchone()
    return row


def repo_value(row: Row) -> Repo:
    return Repo(row["repo_project"], row["repo_name"], row["repo_type"])


def branch_value(row: Row) -> Branch:
    return Branch(repo_value(row), row["name"])


def commit_value(row: Row) -> Commit:
    return Commit(repo_value(row), row["branch"], row["set_id"])


def commit_info(connection: Connection, row: Row) -> CommitInfo:
    parent = commit_by_id(connection, row["parent"]) if row["parent"] else None
    children = connection.execute(f"{COMMITS} WHERE c.parent = ? ORDER BY c.id", (row["id"],))
    provenance = connection.execute(
        f"{COMMITS} JOIN commit_provenance p ON p.upstream = c.id WHERE p.commit_id = ?"
        " ORDER BY c.id",
        (row["id"],),
    )
    return CommitInfo(
        commit=commit_value(row),
        origin=Origin(row["origin"]),
        description=row["description"],
        parent=commit_value(parent) if parent else None,
        children=tuple(commit_value(child) for child in children),
        started=row["started"],
        finishing=row["finishing"],
        finished=row["finished"],
        direct_provenance=tuple(commit_value(upstream) for upstream in provenance),
        error=row["error"],
        size=row["size"],
    )


def upstream_branches(connection: Connection, branch: int) -> list[int]:
    """Ids of a branch's direct provenance, in the order in which it was given."""
    return [
        row["upstream"]
        for row in connection.execute(
            "SELECT upstream FROM branch_provenance WHERE branch = ? ORDER BY position", (branch,)
        )
    ]


def connected_twin(connection: Connection, branch: int) -> int | None:
    """The first branch whose repo has another one, of all that hang together with a branch, up or
    down and on from there."""
    row = connection.execute(
        """
        WITH RECURSIVE reached (id) AS (
            SELECT ?
            UNION
            SELECT iif(p.branch = reached.id, p.upstream, p.branch) FROM branch_provenance p
            JOIN reached ON p.branch = reached.id OR p.upstream = reached.id
        ) SELECT max(b.id) AS id FROM reached JOIN branch b ON b.id = reached.id
        GROUP BY b.repo HAVING count(*) > 1 ORDER BY 1 LIMIT 1
        """,
        (branch,),
    ).fetchone()
    return None if row is None else int(row["id"])


def transitive_branches(connection: Connection, branch: int, downstream: bool = False) -> list[int]:
    """Ids of everything a branch depends on, or of everything that depends on it."""
    here, there = ("upstream", "branch") if downstream else ("branch", "upstream")
    return [
        row["id"]
        for row in connection.execute(
            f"""
            WITH RECURSIVE reached (id) AS (
                SELECT {there} FROM branch_provenance WHERE {here} = ?
                UNION
                SELECT p.{there} FROM branch_provenance p JOIN reached ON p.{here} = reached.id
            ) SELECT id FROM reached ORDER BY id
            """,
            (branch,),
        )
    ]
