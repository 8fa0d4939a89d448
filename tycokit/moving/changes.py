"""What a commit brings, as a stream in the order of the paths; pure.

A stream is read once, and neither it nor what was read of it is kept in memory: a Record keeps on
the disk what has to be compared later.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from types import TracebackType
from typing import Protocol

from tycokit.repos.browsing import Entry


class Readable(Protocol):
    """A file's bytes, from its beginning; b"" at its end."""

    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Put:
    """A file that is new or has other bytes: its path, size, Pachyderm's hash in hex."""

    path: str
    size: int
    hash: str
    open: Callable[[], Readable]


@dataclass(frozen=True, slots=True)
class Gone:
    """A file that is there no longer."""

    path: str


Change = Put | Gone


def missing(
    changes: Iterable[Change],
    present: Iterable[tuple[str, str]],
    *,
    whole: bool,
    kept: Callable[[str], bool] = lambda _path: False,
) -> Iterator[Change]:
    """Those of the changes that a commit does not show yet.

    `present` are path and hash of the files that the commit holds, by path. `whole`: the changes
    are all that it is to hold, so that what they do not name has to go. `kept` is asked of a file
    that is there and that a change is about: whether it stays as it is.
    """
    there = iter(present)
    held = next(there, None)
    for change in changes:
        while held is not None and held[0].encode() < change.path.encode():
            if whole:
                yield Gone(held[0])
            held = next(there, None)
        if held is not None and held[0] == change.path:
            differs = isinstance(change, Gone) or held[1] != change.hash
            if differs and not kept(change.path):
                yield change
            held = next(there, None)
        elif isinstance(change, Put):
            yield change
    while whole and held is not None:
        yield Gone(held[0])
        held = next(there, None)


def line(change: Change | Entry) -> str:
    """A change, or a file that is there, in one line: what is compared of it."""
    return f"gone {change.path}" if isinstance(change, Gone) else f"{change.hash} {change.path}"


class Record:
    """Lines on the disk, to be compared with others; gone when closed."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  (`__exit__` closes it)

    def __enter__(self) -> Record:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._file.close()

    def add(self, text: str) -> None:
        self._file.write(text.encode() + b"\n")

    def file(self) -> tuple[int, Readable]:
        """How many bytes there are, and all of them."""
        size = self._file.seek(0, io.SEEK_END)
        self._file.seek(0)
        return size, self._file

    def first_lacking(self, others: Iterable[str]) -> str | None:
        """The first line of ours that is not among the others, which are in the same order."""
        self._file.seek(0)
        rest = iter(others)
        ours = (text.decode().removesuffix("\n") for text in self._file)
        return next((text for text in ours if text not in rest), None)

    def first_difference(self, others: Iterable[str]) -> tuple[str | None, str | None] | None:
        """The first two lines, ours and the other, that differ; None where all are the same."""
        self._file.seek(0)
        ours = (text.decode().removesuffix("\n") for text in self._file)
        pairs = zip_longest(ours, others)
        return next((pair for pair in pairs if pair[0] != pair[1]), None)
