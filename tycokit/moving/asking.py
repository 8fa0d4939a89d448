"""What both ends of a move ask a pachd."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import grpc
from google.protobuf import json_format
from python_pachyderm import Client
from python_pachyderm.service import pfs_proto

from tycokit.client import is_missing
from tycokit.moving.changes import Gone
from tycokit.moving.contents import BranchName
from tycokit.pipelines.specs import Repo
from tycokit.repos import browsing
from tycokit.repos.addresses import DEFAULT_PROJECT, Address


def commit(repo: Repo, id_or_branch: str) -> Address:
    """The address of a commit of a repo."""
    return Address(repo.name, id_or_branch, project=repo.project)


def repo_of(named: Any) -> Repo:
    """Of a Repo or Pipeline (protobuf)."""
    return Repo(named.project.name or DEFAULT_PROJECT, named.name)


def entries(client: Client, at: Address) -> Iterator[browsing.Entry]:
    """The files of a commit, by path; none of an empty one, which has no root."""
    try:
        with closing(browsing.files(client, at)) as found:
            yield from found
    except grpc.RpcError as error:
        if not browsing.is_no_file(error):  # one that is gone by now is no empty one
            raise


def differing(client: Client, at: Address, before: Address) -> Iterator[browsing.Entry | Gone]:
    """The files of a commit that are not like those of another, and those that it lacks."""
    for found in client.diff_file(at.at, "/", before.at, "/"):
        if found.new_file.file_type == pfs_proto.FileType.FILE:
            yield browsing.entry_of(found.new_file)
        elif not found.HasField("new_file") and (
            found.old_file.file_type == pfs_proto.FileType.FILE
        ):
            yield Gone(browsing.entry_of(found.old_file).path)


def provenance(info: Any) -> tuple[BranchName, ...]:
    """The branches of people's repos that a branch (protobuf) is made from."""
    return tuple(
        sorted(
            (
                BranchName(repo_of(branch.repo), branch.name)
                for branch in info.direct_provenance
                if branch.repo.type == "user"
            ),
            key=str,
        )
    )


def trigger(info: Any) -> dict[str, Any] | None:
    """What moves a branch (protobuf) beside its own commits, as JSON."""
    found = json_format.MessageToDict(info.trigger, preserving_proto_field_name=True)
    return found or None


def branch(client: Client, name: BranchName) -> Any:
    """The BranchInfo, None where there is no such branch."""
    try:
        return client.inspect_branch(name.repo.name, name.name, project_name=name.repo.project)
    except grpc.RpcError as error:
        if is_missing(error):
            return None
        raise


def head(client: Client, info: Any) -> Any:
    """The CommitInfo of a branch's (BranchInfo) head."""
    repo = repo_of(info.branch.repo)
    (found,) = client.inspect_commit(commit(repo, info.head.id).at)
    return found


def size(info: Any) -> int:
    """Bytes in a commit (protobuf), at most."""
    return int(info.details.size_bytes or info.size_bytes_upper_bound)
