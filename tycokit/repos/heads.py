"""What the head of a repo's `master` holds, in one stream."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
from python_pachyderm import Client

from tycokit.client import is_missing
from tycokit.repos.addresses import DEFAULT_PROJECT, Address


def files(
    client: Client, repo: str, glob: str, project: str = DEFAULT_PROJECT
) -> Iterator[tuple[str, bytes]]:
    """Path and bytes of each file that a glob names; none where there is no repo or no commit."""
    try:
        client.inspect_branch(repo, "master", project)
        with client.get_file_tar(Address(repo, project=project).at, glob) as archive:
            for member in archive:
                file = archive.extractfile(member) if member.isfile() else None
                if file is not None:
                    yield f"/{member.name.lstrip('/')}", file.read()
    except (grpc.RpcError, ConnectionError) as error:
        if not is_missing(error):
            raise


def is_empty(client: Client, repo: str, project: str = DEFAULT_PROJECT) -> bool:
    """Whether a repo holds nothing, or is not there."""
    try:
        return next(client.glob_file(Address(repo, project=project).at, "/*"), None) is None
    except (grpc.RpcError, ConnectionError) as error:
        if is_missing(error):
            return True
        raise
