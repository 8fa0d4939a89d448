"""Write changes to an open commit: a stream for some of them at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from python_pachyderm import Client

from tycokit.moving.changes import Change, Gone, Put, Readable
from tycokit.repos.addresses import Address

_FILES, _BYTES = 1000, 8 << 20  # that one stream carries, unless a single file is larger
_CHUNK = 1 << 20  # bytes a message


def batches(changes: Iterable[Change]) -> Iterator[list[Change]]:
    batch: list[Change] = []
    size = 0
    for change in changes:
        batch.append(change)
        size += change.size if isinstance(change, Put) else 0
        if len(batch) >= _FILES or size >= _BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def send(client: Client, at: Address, batch: list[Change], moved: Callable[[int], None]) -> int:
    """Write the changes to an open commit, all or none of them; how many files that were.

    Where the source fails, what it gave until then is written, cut off files too: their hashes
    tell the next run. Raises what the source did.
    """
    failures: list[Exception] = []
    with client.modify_file_client(at.at) as changes:
        for change in batch:
            if isinstance(change, Gone):
                changes.delete_file(change.path)
            else:
                changes.put_file_from_fileobj(change.path, _Sending(change, failures, moved))
    if failures:
        raise failures[0]
    return sum(isinstance(change, Put) for change in batch)


class _Sending:
    """A file on its way. A failure ends it and all that follow, and is kept for `send`:
    gRPC, which reads it, would tell nothing of it.
    """

    def __init__(self, put: Put, failures: list[Exception], moved: Callable[[int], None]) -> None:
        self._put, self._failures, self._moved = put, failures, moved
        self._file: Readable | None = None

    def read(self, size: int) -> bytes:
        if self._failures:
            return b""
        try:
            if self._file is None:
                self._file = self._put.open()
            data = self._file.read(min(size, _CHUNK))
        except Exception as error:
            self._failures.append(error)
            return b""
        self._moved(len(data))
        return data
