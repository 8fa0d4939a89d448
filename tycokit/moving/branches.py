"""Branches on the move: their heads, and what else moves them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from google.protobuf import json_format
from python_pachyderm import Client
from python_pachyderm.service import pfs_proto

from tycokit.moving import asking, ledgers
from tycokit.moving.asking import commit, provenance, trigger
from tycokit.moving.contents import BranchEntry, BranchName
from tycokit.moving.destination import Destination
from tycokit.pipelines.specs import Repo

_NO_LINKS: tuple[tuple[BranchName, ...], None] = ((), None)


@dataclass(frozen=True, slots=True)
class Planned:
    """What a branch comes to: whether it is made or moved, and a sentence for all that is not.

    `copy` is the id of its head's copy, None for an empty one.
    """

    entry: BranchEntry
    copy: str | None
    done: bool
    told: tuple[str, ...]

    def make(self, client: Client) -> None:
        if not self.done:
            return
        repo, entry = self.entry.branch.repo, self.entry
        client.create_branch(
            repo.name,
            entry.branch.name,
            head_commit=None if self.copy is None else commit(repo, self.copy).at,
            provenance=[_message(one) for one in entry.provenance],
            trigger=None
            if entry.trigger is None
            else json_format.ParseDict(entry.trigger, pfs_proto.Trigger()),
            project_name=repo.project,
        )
        if entry.provenance:  # Pachyderm opens a commit for it, which no pipeline will finish
            made = asking.head(client, asking.branch(client, entry.branch))
            if not made.HasField("finished"):
                client.finish_commit(commit(repo, made.commit.id).at)


def plan(
    there: Destination,
    entry: BranchEntry,
    copy: str | None,
    repos: Collection[Repo],
    *,
    placed: bool = False,
) -> Planned:
    """How to make a branch as the source has it.

    A provenance or trigger that the branch has of its own, and commits, are kept unless the
    destination's `replace`. `repos` are those that it has. `placed`: whatever its head is now, it
    will be the copy.
    """
    told: list[str] = []
    lacking = next((one for one in entry.provenance if one.repo not in repos), None)
    if lacking is not None:
        told.append(
            f"branch {entry.branch} is made from {lacking}, which {there.name} does not have: it"
            " has its commits, and no provenance"
        )
        entry = replace(entry, provenance=())
    info = asking.branch(there.client, entry.branch)
    if info is not None and ledgers.is_ledger(entry.branch):
        copy = info.head.id  # it is never moved back
    done, why = _decide(there, entry, info, copy, placed)
    if why:
        told.append(f"branch {entry.branch} of {there.name} {why}")
    return Planned(entry, copy, done, tuple(told))


def _decide(
    there: Destination, entry: BranchEntry, info: Any, copy: str | None, placed: bool
) -> tuple[bool, str]:
    """Whether there is something to do to a branch (BranchInfo), and why it is not done."""
    wanted = (entry.provenance, entry.trigger)
    if info is None:
        untaken = entry.head is not None and copy is None  # which was told before
        return not untaken and (not placed or wanted != _NO_LINKS), ""
    links = (provenance(info), trigger(info))
    moves = not placed and copy not in (None, info.head.id)
    if links == wanted and (entry.provenance or not moves):
        return False, ""
    if links not in (_NO_LINKS, wanted) and not there.replace:
        return False, "has a provenance or trigger of its own, and keeps it; --replace changes that"
    if moves and not there.replace:
        own = there.own(asking.head(there.client, info))
        if own:
            return False, f"holds {own}; --replace moves it to the copy"
    return True, ""


def _message(branch: BranchName) -> Any:
    repo = pfs_proto.Repo(
        name=branch.repo.name, type="user", project=pfs_proto.Project(name=branch.repo.project)
    )
    return pfs_proto.Branch(repo=repo, name=branch.name)
