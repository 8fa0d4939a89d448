"""Branches, and what they depend on."""

from __future__ import annotations

from collections.abc import Sequence

from tycokit.errors import NotAllowed
from tycokit.pachd.pfs import rows
from tycokit.pachd.pfs.address import resolve
from tycokit.pachd.pfs.names import check_branch
from tycokit.pachd.pfs.transaction import Transaction, add_commit, finish_empty, move_head
from tycokit.pachd.pfs.triggers import check as check_trigger
from tycokit.pachd.pfs.values import Branch, BranchInfo, CommitAddress, Origin, Repo, Trigger


def create_branch(
    transaction: Transaction,
    branch: Branch,
    head: CommitAddress | None = None,
    provenance: Sequence[Branch] = (),
    trigger: Trigger | None = None,
) -> None:
    """Make a branch, or move its head and replace its provenance.

    With (new) provenance the branch gets an open commit, to be filled by a pipeline or by hand.

    Raises:
        RepoNotFound, InvalidName, CommitNotFound; NotAllowed: a trigger that cannot be, and at the
        end of the transaction: a loop, or two branches of one repo.
    """
    connection = transaction.connection
    repo = rows.need_repo(connection, branch.repo)
    check_branch(branch.name)
    if trigger is not None:
        if provenance:
            raise NotAllowed("a branch cannot have both provenance and a trigger")
        check_trigger(connection, repo, branch.name, trigger)
    upstream = [_ensure(transaction, above) for above in provenance]
    row = rows.branch_row(connection, branch)
    target = resolve(connection, head) if head is not None else None
    if target is not None and target["repo"] != repo:
        raise NotAllowed(f"branch {branch} cannot have a head in another repo ({head})")
    flows = any(rows.branch_by_id(connection, up)["repo_type"] != "spec" for up in upstream)
    if row is None:
        if target is not None:
            first = target["id"]
        elif flows:
            first = None  # the end of the transaction brings the commit that its provenance owes
        else:
            first = _root_commit(transaction, repo, branch)
        id_ = connection.execute(
            "INSERT INTO branch (repo, name, head) VALUES (?, ?, ?)", (repo, branch.name, first)
        ).lastrowid
        assert id_ is not None
        before: list[int] = []
    else:
        id_ = row["id"]
        before = rows.upstream_branches(connection, id_)
        if target is not None and target["id"] != row["head"]:
            move_head(transaction, id_, target["id"])
    connection.execute(
        "UPDATE branch SET trigger = ? WHERE id = ?", (trigger and trigger.to_json(), id_)
    )
    connection.execute("DELETE FROM branch_provenance WHERE branch = ?", (id_,))
    connection.executemany(
        "INSERT OR IGNORE INTO branch_provenance VALUES (?, ?, ?)",
        [(id_, position, above) for position, above in enumerate(upstream)],
    )
    if upstream != before:  # else the graph is what it was, however large
        transaction.linked.append(id_)
    transaction.changed.add(id_)
    if flows and set(upstream) != set(before):
        transaction.owed.add(id_)


def _root_commit(transaction: Transaction, repo: int, branch: Branch) -> int:
    commit = add_commit(transaction, repo, branch.name, Origin.AUTO, None)
    finish_empty(transaction, commit)
    return commit


def _ensure(transaction: Transaction, branch: Branch) -> int:
    """A branch's row id; one that does not exist is made, with an empty finished commit."""
    connection = transaction.connection
    repo = rows.need_repo(connection, branch.repo)
    row = rows.branch_row(connection, branch)
    if row is not None:
        return int(row["id"])
    check_branch(branch.name)
    head = _root_commit(transaction, repo, branch)
    made = connection.execute(
        "INSERT INTO branch (repo, name, head) VALUES (?, ?, ?)", (repo, branch.name, head)
    ).lastrowid
    assert made is not None
    return made


def inspect_branch(connection: rows.Connection, branch: Branch) -> BranchInfo:
    """Raises BranchNotFound."""
    return _info(connection, rows.need_branch(connection, branch))


def list_branches(
    connection: rows.Connection, repo: Repo | None, reverse: bool = False
) -> list[BranchInfo]:
    """Newest first (of all repos without one). Raises RepoNotFound."""
    order = "ASC" if reverse else "DESC"
    if repo is None:
        found = connection.execute(f"{rows.BRANCHES} ORDER BY b.id {order}")
    else:
        id_ = rows.need_repo(connection, repo)
        found = connection.execute(
            f"{rows.BRANCHES} WHERE b.repo = ? ORDER BY b.id {order}", (id_,)
        )
    return [_info(connection, row) for row in found.fetchall()]


def _info(connection: rows.Connection, row: rows.Row) -> BranchInfo:
    def values(ids: Sequence[int]) -> tuple[Branch, ...]:
        return tuple(rows.branch_value(rows.branch_by_id(connection, id_)) for id_ in ids)

    return BranchInfo(
        branch=rows.branch_value(row),
        head=rows.commit_value(rows.commit_by_id(connection, row["head"])),
        direct_provenance=values(rows.upstream_branches(connection, row["id"])),
        provenance=values(rows.transitive_branches(connection, row["id"])),
        subvenance=values(rows.transitive_branches(connection, row["id"], downstream=True)),
        trigger=Trigger.from_json(row["trigger"]) if row["trigger"] else None,
    )


def delete_branch(transaction: Transaction, branch: Branch, force: bool = False) -> None:
    """Its commits stay; a missing branch is no error.

    Raises:
        NotAllowed: other branches depend on it, and not `force`.
    """
    connection = transaction.connection
    rows.need_repo(connection, branch.repo)
    row = rows.branch_row(connection, branch)
    if row is None:
        return
    below = rows.transitive_branches(connection, row["id"], downstream=True)
    if below and not force:
        names = " ".join(str(rows.branch_value(rows.branch_by_id(connection, b))) for b in below)
        raise NotAllowed(
            f"branch {branch} has [{names}] as subvenance, deleting it would break those branches"
        )
    connection.execute(
        "DELETE FROM branch_provenance WHERE branch = ? OR upstream = ?", (row["id"], row["id"])
    )
    connection.execute("DELETE FROM branch WHERE id = ?", (row["id"],))
