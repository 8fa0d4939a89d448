"""Projects and repos."""

from __future__ import annotations

from tycokit.errors import (
    NotAllowed,
    ProjectExists,
    ProjectNotEmpty,
    ProjectNotFound,
    RepoExists,
    RepoNotFound,
)
from tycokit.pachd.pfs import rows
from tycokit.pachd.pfs.names import check_project, check_repo
from tycokit.pachd.pfs.transaction import Transaction
from tycokit.pachd.pfs.values import DEFAULT_PROJECT, Branch, ProjectInfo, Repo, RepoInfo

_OWNED_TYPES = ("spec", "meta")


def create_project(
    transaction: Transaction, name: str, description: str = "", update: bool = False
) -> None:
    """Raises InvalidName (bad name), ProjectExists (without `update`)."""
    check_project(name)
    connection = transaction.connection
    if connection.execute("SELECT 1 FROM project WHERE name = ?", (name,)).fetchone():
        if not update:
            raise ProjectExists(name)
        connection.execute("UPDATE project SET description = ? WHERE name = ?", (description, name))
        return
    connection.execute(
        "INSERT INTO project (name, description, created) VALUES (?, ?, ?)",
        (name, description, transaction.now),
    )


def ensure_default_project(transaction: Transaction) -> None:
    if not list_projects(transaction.connection):
        create_project(transaction, DEFAULT_PROJECT)


def list_projects(connection: rows.Connection) -> list[ProjectInfo]:
    """Oldest first."""
    found = connection.execute("SELECT * FROM project ORDER BY created, id")
    return [ProjectInfo(row["name"], row["description"], row["created"]) for row in found]


def inspect_project(connection: rows.Connection, name: str) -> ProjectInfo:
    """Raises ProjectNotFound."""
    for project in list_projects(connection):
        if project.name == name:
            return project
    raise ProjectNotFound(name)


def delete_project(transaction: Transaction, name: str) -> None:
    """Raises ProjectNotFound, ProjectNotEmpty."""
    inspect_project(transaction.connection, name)
    left = [info.repo for info in list_repos(transaction.connection, "", {name})]
    if left:
        raise ProjectNotEmpty(name, list(left))
    transaction.connection.execute("DELETE FROM project WHERE name = ?", (name,))


def create_repo(
    transaction: Transaction, repo: Repo, description: str = "", update: bool = False
) -> int:
    """The repo's row id. Raises InvalidName, ProjectNotFound, RepoExists (without `update`)."""
    check_repo(repo.name)
    connection = transaction.connection
    known = rows.repo_id(connection, repo)
    if known is not None:
        if not update:
            raise RepoExists(repo)
        connection.execute("UPDATE repo SET description = ? WHERE id = ?", (description, known))
        return known
    if not connection.execute("SELECT 1 FROM project WHERE name = ?", (repo.project,)).fetchone():
        raise ProjectNotFound(repo.project, f'cannot find project "{repo.project}": ')
    made = connection.execute(
        "INSERT INTO repo (project, name, type, description, created) VALUES (?, ?, ?, ?, ?)",
        (repo.project, repo.name, repo.type, description, transaction.now),
    ).lastrowid
    assert made is not None
    return made


def inspect_repo(connection: rows.Connection, repo: Repo) -> RepoInfo:
    """Raises RepoNotFound."""
    for info in list_repos(connection, repo.type, {repo.project}, repo.name):
        return info
    raise RepoNotFound(repo)


def list_repos(
    connection: rows.Connection,
    type_: str = "user",
    projects: set[str] | None = None,
    name: str = "",
) -> list[RepoInfo]:
    """Newest first; an empty type, name or no projects mean any."""
    found = []
    for row in connection.execute("SELECT * FROM repo ORDER BY created DESC, id DESC"):
        if (type_ and row["type"] != type_) or (name and row["name"] != name):
            continue
        if projects is not None and row["project"] not in projects:
            continue
        repo = Repo(row["project"], row["name"], row["type"])
        branches = connection.execute(
            "SELECT name FROM branch WHERE repo = ? ORDER BY id DESC", (row["id"],)
        )
        found.append(
            RepoInfo(
                repo,
                row["description"],
                row["created"],
                tuple(Branch(repo, branch["name"]) for branch in branches),
                _size(connection, repo),
            )
        )
    return found


def _size(connection: rows.Connection, repo: Repo) -> int:
    """Bytes in the newest finished commit on master."""
    branch = rows.branch_row(connection, Branch(repo, "master"))
    commit = rows.commit_by_id(connection, branch["head"]) if branch else None
    while commit is not None:
        if commit["finished"] is not None:
            return int(commit["size"])
        parent = commit["parent"]
        commit = rows.commit_by_id(connection, parent) if parent else None
    return 0


def delete_repo(transaction: Transaction, repo: Repo, force: bool = False) -> None:
    """A missing repo is no error.

    Raises:
        NotAllowed: it is a pipeline's, or a branch elsewhere depends on it and not `force`.
    """
    connection = transaction.connection
    if rows.repo_id(connection, repo) is None:
        return
    if is_pipelines(connection, repo):
        raise NotAllowed(
            "cannot delete a repo associated with a pipeline - delete the pipeline instead"
        )
    remove_repo(transaction, repo, force)
    for type_ in _OWNED_TYPES if repo.type == "user" else ():
        remove_repo(transaction, Repo(repo.project, repo.name, type_), force)


def is_pipelines(connection: rows.Connection, repo: Repo) -> bool:
    """Whether a repo is a pipeline's: there is an output repo with a spec repo beside it."""
    beside = (Repo(repo.project, repo.name, type_) for type_ in ("user", "spec"))
    return all(rows.repo_id(connection, each) is not None for each in beside)


def remove_repo(transaction: Transaction, repo: Repo, force: bool = False) -> None:
    """Delete a repo, whoever it belongs to; a missing one is no error.

    Raises:
        NotAllowed: a branch of another repo depends on it, and not `force`.
    """
    connection = transaction.connection
    id_ = rows.repo_id(connection, repo)
    if id_ is None:
        return
    below = connection.execute(
        f"{rows.BRANCHES} JOIN branch_provenance p ON p.branch = b.id"
        " JOIN branch up ON up.id = p.upstream WHERE up.repo = ? AND b.repo != ?",
        (id_, id_),
    ).fetchall()
    if below and not force:
        names = " ".join(str(rows.branch_value(row)) for row in below)
        raise NotAllowed(
            f"branch of repo {repo} has [{names}] as subvenance,"
            " deleting it would break those branches"
        )
    mine = "(SELECT id FROM branch WHERE repo = ?)"
    connection.execute(
        f"DELETE FROM branch_provenance WHERE branch IN {mine} OR upstream IN {mine}", (id_, id_)
    )
    connection.execute("DELETE FROM branch WHERE repo = ?", (id_,))
    mine = "(SELECT id FROM pfs_commit WHERE repo = ?)"
    connection.execute(
        f"DELETE FROM commit_provenance WHERE commit_id IN {mine} OR upstream IN {mine}", (id_, id_)
    )
    connection.execute("UPDATE pfs_commit SET parent = NULL WHERE repo = ?", (id_,))
    connection.execute("DELETE FROM pfs_commit WHERE repo = ?", (id_,))
    connection.execute("DELETE FROM repo WHERE id = ?", (id_,))


def delete_everything(transaction: Transaction) -> None:
    """All repos and projects; `default` is made anew."""
    for info in list_repos(transaction.connection, ""):
        remove_repo(transaction, info.repo, force=True)
    transaction.connection.execute("DELETE FROM project")
    ensure_default_project(transaction)
