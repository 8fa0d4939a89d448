"""Put files of this machine into a repo, in one commit, and say which ones pachd would not take.

One ModifyFile stream is one atomic commit: a broken connection leaves nothing half-way. pachd is
the judge of paths: when it refuses one, that file is left out, and the others go on.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import grpc
from python_pachyderm import Client

from tycokit.client import refusal
from tycokit.repos.addresses import DEFAULT_PROJECT, Address

_PLAIN = re.compile(r"[A-Za-z0-9._/ -]+")
_CHUNK = 1 << 20  # bytes a message: small enough for a progress bar that moves


@dataclass(frozen=True, slots=True)
class Item:
    """One file to put: where it lies, and its path in the repo."""

    source: Path
    path: str


@dataclass(frozen=True, slots=True)
class Put:
    """What became of the files. `commit` is the id of the branch's head, None if nothing went in.

    `refused` gives the reason for each source that was left out.
    """

    commit: str | None
    stored: tuple[Item, ...]
    refused: dict[Path, str]


def flat(sources: Iterable[Path]) -> tuple[list[Item], dict[Path, str]]:
    """The files of paths and of folders at any depth, each to be put at the root by its name.

    Answers the items and, for those that cannot be put, why: no such file, no plain file, or a
    name that another file has already.
    """
    items: dict[str, Item] = {}
    refused: dict[Path, str] = {}
    for source in sources:
        files = sorted(_below(source)) if source.is_dir() else [source]
        for file in files:
            fault = _fault(file)
            if fault is None and file.name in items:
                if items[file.name].source.resolve() == file.resolve():
                    continue
                fault = f"{items[file.name].source} has the same name"
            if fault is not None:
                refused[file] = fault
            else:
                items[file.name] = Item(file, f"/{file.name}")
    return list(items.values()), refused


def put(
    client: Client,
    repo: str,
    items: Sequence[Item],
    *,
    into: Any = None,
    project: str = DEFAULT_PROJECT,
    replace: bool = False,
    progress: Callable[[int], None] = lambda _: None,
) -> Put:
    """Commit the items to master of a project's repo, in one commit; `replace` empties it before.

    `into` is an open commit of the repo that takes them instead.

    `progress` is called with the number of bytes that went out since its last call; negative
    when an attempt has to be made again. Raises what the client raises when pachd refuses more
    than a path.
    """
    # names that pachd may refuse go first, so that a refusal costs no upload
    waiting = sorted(items, key=lambda item: _PLAIN.fullmatch(item.path) is not None)
    refused: dict[Path, str] = {}
    for item in list(waiting):
        try:
            item.path.encode("utf-8")
        except UnicodeEncodeError:
            refused[item.source] = "its name is not UTF-8"
            waiting.remove(item)
    while waiting:
        attempt = [_Reading(item, progress) for item in waiting]
        try:
            with client.modify_file_client(into or Address(repo, project=project).at) as commit:
                if replace:
                    commit.delete_file("/")
                for reading in attempt:
                    commit.put_file_from_fileobj(reading.item.path, reading)
        except (grpc.RpcError, ConnectionError) as error:
            bad, reason = _culprit(attempt, error)
            if bad is None:
                raise
            refused[bad.source] = reason
            waiting.remove(bad)
            progress(-sum(reading.sent for reading in attempt))
        else:
            break
        finally:
            for reading in attempt:
                reading.close()
    if not waiting:
        return Put(None, (), refused)
    head = into or client.inspect_branch(repo, "master", project).head
    return Put(head.id, tuple(waiting), refused)


class _Reading:
    """A file that is opened when the first byte is asked for, and closed after the last.

    gRPC asks in a thread of its own, which may do so still when the call has failed.
    """

    def __init__(self, item: Item, progress: Callable[[int], None]) -> None:
        self.item = item
        self.sent = 0
        self.failed: OSError | None = None
        self._progress = progress
        self._file: BinaryIO | None = None
        self._closed = False
        self._lock = threading.Lock()

    def read(self, size: int) -> bytes:
        with self._lock:
            if self._closed:
                return b""
            try:
                if self._file is None:
                    self._file = self.item.source.open("rb")
                chunk = self._file.read(min(size, _CHUNK))
            except OSError as error:
                self.failed = error  # gRPC reports no more than that the requests ended early
                raise
        if not chunk:
            self.close()
        self.sent += len(chunk)
        self._progress(len(chunk))
        return chunk

    def close(self) -> None:
        with self._lock:
            self._closed = True
            if self._file is not None:
                self._file.close()


def _culprit(attempt: Sequence[_Reading], error: Exception) -> tuple[Item | None, str]:
    """The file that an attempt failed over, and why; no file when it was something else."""
    for reading in attempt:
        if reading.failed is not None:
            return reading.item, f"cannot be read: {reading.failed.strerror}"
    said = refusal(error)
    if said is None:
        return None, ""
    for item in (reading.item for reading in attempt):
        if f"({item.path})" in said or f"({item.path.lstrip('/')})" in said:
            return item, said
    return None, ""


def _below(folder: Path) -> Iterable[Path]:
    """Every entry below a folder that is no folder; links to folders are not followed."""
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            yield from _below(entry)
        else:
            yield entry


def _fault(file: Path) -> str | None:
    if file.is_file():
        return None
    if file.is_symlink() and not file.exists():
        return "is a link that leads nowhere"
    return "is not a plain file" if file.exists() else "there is no such file"
