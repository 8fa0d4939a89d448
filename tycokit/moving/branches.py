"""Branches on the move: their heads, and what else moves them."""

from __future__ import annotations

from typing import Any

from google.protobuf import json_format
from python_pachyderm import Client
from python_pachyderm.service import pfs_proto

from tycokit.moving import asking, marks
from tycokit.moving.asking import commit, provenance, trigger
from tycokit.moving.contents import BranchEntry, BranchName


def bring(client: Client, entry: BranchEntry, copy: str | None, *, replace: bool) -> str | None:
    """Make a branch as the source has it; why it was left as it is, None where it was not.

    `copy` is the id of its head's copy. A provenance or trigger that the branch has of its own,
    and commits, are kept unless `replace`.
    """
    repo, name = entry.branch.repo, entry.branch.name
    info = asking.branch(client, entry.branch)
    wanted = (entry.provenance, entry.trigger)
    if info is not None:
        links = (provenance(info), trigger(info))
        if links == wanted and (entry.provenance or copy in (None, info.head.id)):
            return None
        if links not in (((), None), wanted) and not replace:
            return "has a provenance or trigger of its own, and keeps it; --replace changes that"
        if copy not in (None, info.head.id) and not replace and _own(client, entry.branch):
            return "holds commits of its own, and keeps them; --replace moves it to the copy"
    client.create_branch(
        repo.name,
        name,
        head_commit=None if copy is None else commit(repo, copy).at,
        provenance=[_message(one) for one in entry.provenance],
        trigger=None
        if entry.trigger is None
        else json_format.ParseDict(entry.trigger, pfs_proto.Trigger()),
        project_name=repo.project,
    )
    if entry.provenance:  # Pachyderm opens a commit for it, which no pipeline will finish
        made = asking.head(client, entry.branch)
        if not made.HasField("finished"):
            client.finish_commit(commit(repo, made.commit.id).at)
    return None


def _own(client: Client, branch: BranchName) -> bool:
    """Whether the head of a branch holds something that was not copied."""
    head = asking.head(client, branch)
    return asking.size(head) > 0 and marks.original(head.description) is None


def _message(branch: BranchName) -> Any:
    repo = pfs_proto.Repo(
        name=branch.repo.name, type="user", project=pfs_proto.Project(name=branch.repo.project)
    )
    return pfs_proto.Branch(repo=repo, name=branch.name)
