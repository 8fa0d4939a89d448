"""The files of a commit, a page at a time, and their bytes up to a limit.

No call reads a whole repo: lists go on from a marker, streams are cut where enough has come.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import grpc
from python_pachyderm import Client
from python_pachyderm.service import pfs_proto

from tycokit.client import cut, refusal
from tycokit.errors import FileCut, LookError
from tycokit.repos.addresses import Address

_MOST_FILES = 100_000  # that pachd lists in one call backwards
_NO_FILE = re.compile(r"file .+ not found in repo ")  # as opposed to: no such repo, commit


@dataclass(frozen=True, slots=True)
class Entry:
    """A file or folder of a commit.

    `path` is absolute, without a slash at a folder's end. `size` is in bytes, a folder's that of
    all below it. `hash` is Pachyderm's, in hex. `datum` is the id of the datum that wrote the
    file, "" for a folder and for what no pipeline wrote.
    """

    path: str
    folder: bool
    size: int
    hash: str
    datum: str

    @property
    def name(self) -> str:
        return posixpath.basename(self.path)

    @property
    def suffix(self) -> str:
        return suffix(self.path)


@dataclass(frozen=True, slots=True)
class Listing:
    """Entries in Pachyderm's order. `after` is the marker of the next page, "" on the last one."""

    entries: tuple[Entry, ...]
    after: str


@dataclass(frozen=True, slots=True)
class Content:
    """A file's first bytes; `size` is how many the whole file has."""

    data: bytes
    size: int

    @property
    def whole(self) -> bool:
        return len(self.data) == self.size


def folder(client: Client, at: Address, *, after: str = "", count: int = 200) -> Listing:
    """A page of what lies directly in the folder `at.path` ("" is the root), from a marker on.

    Empty where there is no such folder.
    """
    marker = pfs_proto.File(commit=at.at, path=after) if after else None
    infos = list(
        client.list_file(at.at, at.path or "/", pagination_marker=marker, number=count + 1)
    )
    entries = tuple(entry_of(info) for info in infos[:count])
    return Listing(entries, infos[count - 1].file.path if len(infos) > count else "")


def files(
    client: Client, at: Address, *, after: str = "", newest: bool = False
) -> Generator[Entry, None, None]:
    """The files below `at.path`, at any depth, from the path `after` on: by name, or backwards.

    Files come as they are asked for; close the iterator to end the stream.
    """
    marker = pfs_proto.File(commit=at.at, path=after) if after else None
    number = _MOST_FILES if newest else 0
    infos = client.walk_file(
        at.at, at.path or "/", pagination_marker=marker, number=number, reverse=newest
    )
    try:
        yield from (entry_of(info) for info in infos if info.file_type == pfs_proto.FileType.FILE)
    finally:
        cut(infos)


def entry(client: Client, at: Address) -> Entry | None:
    """What lies at `at.path`, None where nothing does."""
    try:
        return entry_of(client.inspect_file(at.at, at.path or "/"))
    except grpc.RpcError as error:
        if is_no_file(error):
            return None
        raise


def is_no_file(error: BaseException) -> bool:
    """Whether a commit was there, and what was asked for in it was not."""
    return _NO_FILE.match(refusal(error) or "") is not None


def read(client: Client, at: Address, most: int) -> Content:
    """The first `most` bytes of the file at `at.path`.

    Raises LookError (there is no such file) and FileCut (the connection broke).
    """
    found = entry(client, at)
    if found is None or found.folder:
        raise LookError(f"there is no file {at.path} in {at.below('')}")
    return read_entry(client, at, found, most)


def read_entry(client: Client, at: Address, found: Entry, most: int) -> Content:
    """As `read`, of a file that a list has shown: one call less."""
    wanted = min(found.size, most)
    with closing(client.get_file(at.at, at.path)) as stream:
        data = bytes(stream.read(wanted))
    if len(data) < wanted:  # the client's own read keeps silent about it
        raise FileCut(at.path, len(data), found.size)
    return Content(data, found.size)


def suffix(path: str) -> str:
    """A path's extension in lower case, with its dot."""
    return posixpath.splitext(path)[1].lower()


def entry_of(info: Any) -> Entry:
    """The entry of a FileInfo (protobuf)."""
    is_folder = info.file_type == pfs_proto.FileType.DIR
    datum = info.file.datum
    return Entry(
        path=info.file.path.rstrip("/") or "/",
        folder=is_folder,
        size=info.size_bytes,
        hash=info.hash.hex(),
        datum="" if is_folder or datum == "default" else datum,
    )
