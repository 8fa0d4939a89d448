"""The local pachd as a process of its own, on a new folder."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from python_pachyderm import Client

from tycokit.client import connect_to
from tycokit.contexts import local
from tycokit.contexts.running import Running


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="tycokit-bench-") as made:
        yield Path(made)


@contextlib.contextmanager
def pachd() -> Iterator[Client]:
    """A client of a pachd that ends with the block."""

    def probe(running: Running) -> None:
        connect_to(running.address, running.token)

    with folder() as data:
        running, _ = local.start(data, 0, probe=probe)
        try:
            yield Client("127.0.0.1", running.port, auth_token=running.token)
        finally:
            local.stop(data)


def put(client: Client, repo: str, files: dict[str, bytes], append: bool = False) -> None:
    """Write files in one ModifyFile, which is one commit.

    `append` adds to what is there, which spares a third of the messages.
    """
    with client.modify_file_client((repo, "master")) as change:
        for path, data in files.items():
            change.put_file_from_bytes(path, data, append=append)


def numbered(count: int, begin: int = 0) -> dict[str, bytes]:
    """Small files, each with other bytes."""
    return {f"/f{at:06d}": b"%d" % at for at in range(begin, begin + count)}
