"""What the graph of branches must never be."""

from __future__ import annotations

from tycokit.errors import NotAllowed
from tycokit.pachd.pfs import rows


def check(connection: rows.Connection, branch: int) -> None:
    """Refuse what could ask for two commits of one set in a repo.

    Raises:
        NotAllowed: a loop through a branch, or two branches of one repo among all that hang
        together with it. A branch that is gone hangs together with none.
    """
    if branch in rows.transitive_branches(connection, branch):
        value = rows.branch_value(rows.branch_by_id(connection, branch))
        raise NotAllowed(f"branch {value} cannot be in its own provenance")
    if (twin := rows.connected_twin(connection, branch)) is not None:
        repo = rows.branch_value(rows.branch_by_id(connection, twin)).repo
        raise NotAllowed(
            f'multiple branches from the same repo, "{repo}", cannot participate in a DAG'
        )
