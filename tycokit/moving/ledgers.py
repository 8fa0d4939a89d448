"""The ledger of alerts on the move: two that know of different alerts become one that knows both.

To undo what a destination has noted would be to tell people again.
"""

from __future__ import annotations

import json

from python_pachyderm import Client

from tycokit.alerting.ledger import REPO, Receipt
from tycokit.moving.contents import BranchName
from tycokit.repos.addresses import DEFAULT_BRANCH, Address

_TOLD = {"sent", "written"}


def is_ledger(branch: BranchName) -> bool:
    """Whether a branch holds who was told of what, in any project: copies add to it."""
    return (branch.repo.name, branch.name) == (REPO, DEFAULT_BRANCH)


def is_told(client: Client, at: Address, path: str) -> bool:
    """Whether the receipt at a path says that somebody was told: no other one replaces it."""
    with client.get_file(at.at, path) as file:
        try:
            return Receipt(**json.loads(file.read())).state in _TOLD
        except (ValueError, TypeError):  # no receipt
            return False
