"""The files of a commit, many in one stream.

A call for each file costs more than a small file itself. Pachyderm sends any number of them as one
tar, in the order of their paths, from a path on; what lies between those that are wanted is read
past, or, where that is more than a call is worth, left out by another stream.
"""

from __future__ import annotations

import sys
import tarfile
from collections.abc import Iterator
from typing import Any

from python_pachyderm import Client
from python_pachyderm.service import pfs_grpc, pfs_proto

from tycokit.client import cut
from tycokit.errors import FileCut
from tycokit.moving.archive import members
from tycokit.moving.changes import Readable
from tycokit.moving.speaking import speaking
from tycokit.repos.addresses import Address
from tycokit.repos.browsing import Entry

_PAST = 1 << 18  # bytes to read past rather than begin another stream
_BLOCK = 1 << 16  # that tarfile takes at a time, of which it copies what is left at each read


class Files:
    """The files of a commit. Open them by path; each is read before the next one is opened."""

    def __init__(self, client: Client, name: str, at: Address) -> None:
        # the client's own get_file_tar knows no range
        self._stub: Any = pfs_grpc.APIStub(client._channel)
        self._name, self._at = name, at
        self._stream: _Stream | None = None
        self._tar: tarfile.TarFile | None = None
        self._members: Iterator[tarfile.TarInfo] = iter(())

    def open(self, entry: Entry) -> Readable:
        """Raises FileCut where the stream does not hold it."""
        with speaking(self._name):
            file = self._found(entry)
        return _Whole(file, self._name, entry)

    def close(self) -> None:
        if self._tar is not None:
            self._tar.close()
        if self._stream is not None:
            self._stream.close()
        self._stream = self._tar = None

    def _found(self, entry: Entry) -> Any:
        try:
            file = self._ahead(entry, _PAST)
            if file is None:
                self._begin(entry.path)
                file = self._ahead(entry, sys.maxsize)
        except tarfile.TarError as error:  # the stream ended within a header
            raise FileCut(entry.path, 0, entry.size) from error
        if file is None:
            raise FileCut(entry.path, 0, entry.size)
        return file

    def _ahead(self, entry: Entry, most: int) -> Any:
        """The file, None where it does not come, or comes after more than so many bytes."""
        past = 0
        for member in self._members:
            path = f"/{member.name.lstrip('/')}"
            if path == entry.path and member.isreg() and member.size == entry.size:
                assert self._tar is not None, "it has members"
                return self._tar.extractfile(member)
            past += tarfile.BLOCKSIZE + member.size
            if path.encode() >= entry.path.encode() or past > most:
                break
        return None

    def _begin(self, path: str) -> None:
        self.close()
        request = pfs_proto.GetFileRequest(
            file=pfs_proto.File(commit=self._at.at, path="/"),
            path_range=pfs_proto.PathRange(lower=path),
        )
        self._stream = _Stream(self._stub.GetFileTAR(request))
        self._tar = tarfile.open(fileobj=self._stream, mode="r|", bufsize=_BLOCK)  # type: ignore[call-overload]  # noqa: SIM115
        self._members = members(self._tar)


class _Stream:
    """The bytes of a stream of messages, for tarfile. Raises grpc.RpcError."""

    def __init__(self, call: Any) -> None:
        self._call, self._data, self._begin = call, b"", 0

    def read(self, size: int) -> bytes:
        while self._begin == len(self._data):
            message = next(self._call, None)
            if message is None:
                return b""
            self._data, self._begin = message.value, 0
        data = self._data[self._begin : self._begin + size]
        self._begin += len(data)
        return data

    def close(self) -> None:
        cut(self._call)


class _Whole:
    """A file that is read to its end, or raises FileCut."""

    def __init__(self, file: Any, name: str, entry: Entry) -> None:
        self._file, self._name, self._entry, self._left = file, name, entry, entry.size

    def read(self, size: int, /) -> bytes:
        wanted = min(size, self._left)
        try:
            with speaking(self._name):
                data = bytes(self._file.read(wanted)) if wanted else b""
        except tarfile.TarError:
            data = b""
        self._left -= len(data)
        if len(data) < wanted:
            raise FileCut(self._entry.path, self._entry.size - self._left, self._entry.size)
        return data
