"""An archive as a source. It may come from anybody: all of it is read and checked first."""

from __future__ import annotations

import json
import re
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from tycokit.errors import ArchiveError
from tycokit.moving import contents
from tycokit.moving.archive import (
    CONTENTS,
    GONE,
    HASH,
    MANIFEST,
    MOST_CONTENTS,
    PUT,
    Hashing,
    manifest_line,
    members,
)
from tycokit.moving.changes import Change, Gone, Put, Readable, Record
from tycokit.moving.contents import Contents, Step

_PLACE = re.compile(rf"({PUT}|{GONE})/(0|[1-9]\d{{0,8}})(/.+)")
_DIGEST = re.compile(r"[0-9a-f]{64}")


class ArchiveSource:
    """What an archive holds. Use it as a context manager, which checks it first: ArchiveError
    names what is wrong. `read` is told each number of bytes that was checked.
    """

    def __init__(self, file: Path, read: Callable[[int], None] = lambda _: None) -> None:
        self._file, self._read = file, read

    def __enter__(self) -> ArchiveSource:
        self._contents = _Check(self._file, self._read).contents()
        self._numbers = {step: number for number, step in enumerate(self._contents.steps)}
        self._tar = tarfile.open(self._file, "r:")
        self._members = members(self._tar)
        self._next = self._member()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._tar.close()

    def contents(self) -> Contents:
        return self._contents

    def changes(self, step: Step) -> Iterator[Change]:
        number = self._numbers[step]
        while self._next is not None and self._next.step < number:
            self._next = self._member()
        while self._next is not None and self._next.step == number:
            yield self._next.change
            self._next = self._member()

    def _member(self) -> _Place | None:
        """The next file of a step; None after the last."""
        for member in self._members:
            if member.name not in (CONTENTS, MANIFEST):
                return _place(self._tar, member)
        return None


@dataclass(frozen=True, slots=True)
class _Place:
    """A member: the number of the step that it belongs to, and what it says."""

    step: int
    change: Change


def _place(archive: tarfile.TarFile, member: tarfile.TarInfo) -> _Place:
    """Raises ValueError for a member that no archive of ours has."""
    found = _PLACE.fullmatch(member.name)
    if found is None or not _is_path(found[3]):
        raise ValueError("does not belong into an archive")
    number = int(found[2])
    if found[1] == GONE:
        if member.size:
            raise ValueError("does not belong into an archive")
        return _Place(number, Gone(found[3]))
    digest = member.pax_headers.get(HASH, "")
    if not _DIGEST.fullmatch(digest):
        raise ValueError("has no hash")
    return _Place(number, Put(found[3], member.size, digest, lambda: _opened(archive, member)))


def _is_path(path: str) -> bool:
    parts = path.split("/")[1:]
    return path.isprintable() and not {"", ".", ".."} & set(parts)


def _opened(archive: tarfile.TarFile, member: tarfile.TarInfo) -> Readable:
    file = archive.extractfile(member)
    assert file is not None, "checked: a plain file"
    return file


class _Check:
    """One reading of an archive from its beginning to its end."""

    def __init__(self, file: Path, read: Callable[[int], None]) -> None:
        self._file, self._read = file, read
        self._last = ""  # the member that was read last
        self._contents: Contents | None = None
        self._at = (-1, b"")  # the step and path that were read last

    def contents(self) -> Contents:
        """Raises ArchiveError unless all is as the manifest says."""
        if not self._file.is_file():
            raise ArchiveError(self._file, "there is no such file")
        try:
            with tarfile.open(self._file, "r:") as archive, Record() as found:
                self._whole(archive, found)
        except (tarfile.TarError, EOFError, ValueError) as error:
            if not self._last:
                raise ArchiveError(self._file, "is no archive of tycokit's") from error
            raise ArchiveError(self._file, f"ends early, or is damaged, in {self._last}") from error
        assert self._contents is not None, "_whole has read it"
        return self._contents

    def _whole(self, archive: tarfile.TarFile, found: Record) -> None:
        for member in members(archive):
            self._last = member.name
            if not member.isreg() or member.issparse():
                raise ArchiveError(self._file, f"{member.name} is no plain file")
            if member.name == MANIFEST and self._contents is not None:
                self._compare(_opened(archive, member), found)
                if archive.next() is not None:
                    raise ArchiveError(self._file, f"goes on after {MANIFEST}")
                return
            hashing = Hashing(_opened(archive, member))
            if self._contents is None:
                self._contents = self._begin(member, hashing)
            else:
                self._place(archive, member, self._contents)
                hashing.skip(self._read)
            found.add(manifest_line(member.name, member.size, hashing.sha256))
        if not self._last:
            raise ArchiveError(self._file, "is no archive of tycokit's")
        raise ArchiveError(self._file, f"ends early, or is damaged, after {self._last}")

    def _begin(self, member: tarfile.TarInfo, file: Hashing) -> Contents:
        if member.name != CONTENTS:
            raise ArchiveError(self._file, "is no archive of tycokit's")
        if member.size > MOST_CONTENTS:
            raise ArchiveError(self._file, f"{CONTENTS} is too large")
        try:
            return contents.from_json(file.read(member.size))
        except ValueError as error:
            raise ArchiveError(self._file, f"{CONTENTS}: {error}") from error

    def _place(self, archive: tarfile.TarFile, member: tarfile.TarInfo, there: Contents) -> None:
        try:
            place = _place(archive, member)
            at = (place.step, place.change.path.encode())
            if place.step >= len(there.steps) or at <= self._at:
                raise ValueError("stands in the wrong place")
            if isinstance(place.change, Gone) and there.steps[place.step].whole:
                raise ValueError("does not belong into an archive")
        except ValueError as error:
            raise ArchiveError(self._file, f"{member.name} {error}") from error
        self._at = at

    def _compare(self, manifest: Readable, found: Record) -> None:
        difference = found.first_difference(_lines(manifest))
        if difference is None:
            return
        ours, theirs = (_name(text) for text in difference)
        if theirs is None:
            raise ArchiveError(self._file, f"{ours or MANIFEST} is not in {MANIFEST}")
        if ours is None:
            raise ArchiveError(self._file, f"{theirs} is missing")
        if ours != theirs:
            raise ArchiveError(self._file, f"{ours} stands where {theirs} should")
        raise ArchiveError(self._file, f"{ours} is not what was exported: its SHA-256 differs")


def _lines(file: Readable) -> Iterator[str]:
    rest = b""
    while data := file.read(1 << 16):
        *whole, rest = (rest + data).split(b"\n")
        yield from (line.decode() for line in whole)
    if rest:
        yield rest.decode()


def _name(text: str | None) -> str | None:
    """The name in a line of a manifest; None where there is none."""
    try:
        found = json.loads(text or "")["name"]
    except (ValueError, KeyError, TypeError):
        return None
    return found if isinstance(found, str) else None
