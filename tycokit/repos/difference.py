"""What differs between two commits: which files, and what in each of them.

    changes = difference.files(client, new, old)
    shown = difference.file(client, new.below("/rules.json"), old.below("/rules.json"))

Of a repo's files only those that differ are listed, a page at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from python_pachyderm import Client

from tycokit.client import cut
from tycokit.errors import LookError
from tycokit.repos import browsing, linediff, previews
from tycokit.repos.addresses import Address
from tycokit.repos.browsing import Entry
from tycokit.repos.cells import Cell
from tycokit.repos.linediff import Line
from tycokit.repos.previews import Preview

_MOST_LINES = 3000  # of a comparison


@dataclass(frozen=True, slots=True)
class Change:
    """A file that is added, changed or deleted (`kind`); `old` or `new` is None where it is not."""

    path: str
    kind: str
    new: Entry | None
    old: Entry | None


@dataclass(frozen=True, slots=True)
class Changes:
    """Files that differ, by path. `after` is where the next page begins, "" on the last one."""

    changes: tuple[Change, ...]
    after: str


@dataclass(frozen=True, slots=True)
class Lines:
    """Two texts, line by line. `whole`: whether all of both was compared and is here."""

    KIND: ClassVar[str] = "lines"
    lines: tuple[Line, ...]
    whole: bool


@dataclass(frozen=True, slots=True)
class Notebooks:
    """Two notebooks' cells, to be compared by cell."""

    KIND: ClassVar[str] = "notebooks"
    new: tuple[Cell, ...]
    old: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Sides:
    """What can only be looked at side by side: pictures, bytes; None where there is no file."""

    KIND: ClassVar[str] = "sides"
    new: Preview | None
    old: Preview | None


FileDifference = Lines | Notebooks | Sides


def files(
    client: Client, new: Address, old: Address | None, *, after: str = "", count: int = 200
) -> Changes:
    """A page of the files below `new.path` that differ from `old`'s (None: the parent commit's)."""
    found: list[Change] = []
    stream = client.diff_file(
        new.at, new.path or "/", old.at if old else None, (old.path or "/") if old else None
    )
    try:
        for change in _changes(stream):
            if change.path <= after:
                continue
            if len(found) == count:
                return Changes(tuple(found), found[-1].path)
            found.append(change)
    finally:
        cut(stream)
    return Changes(tuple(found), "")


def file(client: Client, new: Address, old: Address) -> FileDifference:
    """How one file differs between two commits; either may lack it.

    Raises LookError: neither has it; FileCut.
    """
    shown_new, shown_old = _preview(client, new), _preview(client, old)
    if shown_new is None and shown_old is None:
        raise LookError(f"neither {new.below('')} nor {old.below('')} has {new.path}")
    sides = [shown_new, shown_old]
    if any(isinstance(side, previews.NotebookView) for side in sides) and all(
        isinstance(side, previews.NotebookView | None) for side in sides
    ):
        return Notebooks(_cells(shown_new), _cells(shown_old))
    texts = [_as_text(client, at, side) for at, side in zip((new, old), sides, strict=True)]
    if texts[0] is None or texts[1] is None:
        return Sides(shown_new, shown_old)
    (new_text, new_whole), (old_text, old_whole) = texts[0], texts[1]
    lines = linediff.lines(old_text, new_text)
    whole = new_whole and old_whole and len(lines) <= _MOST_LINES
    return Lines(tuple(lines[:_MOST_LINES]), whole)


def _changes(stream: Any) -> Iterator[Change]:
    for pair in stream:
        new = browsing.entry_of(pair.new_file) if pair.HasField("new_file") else None
        old = browsing.entry_of(pair.old_file) if pair.HasField("old_file") else None
        # a folder differs where a file in it does, which comes by itself
        new = None if new and new.folder else new
        old = None if old and old.folder else old
        if new and old:
            yield Change(new.path, "changed", new, old)
        elif new:
            yield Change(new.path, "added", new, None)
        elif old:
            yield Change(old.path, "deleted", None, old)


def _preview(client: Client, at: Address) -> Preview | None:
    found = browsing.entry(client, at)
    return None if found is None or found.folder else previews.preview(client, at)


def _cells(side: Preview | None) -> tuple[Cell, ...]:
    return side.cells if isinstance(side, previews.NotebookView) else ()


def _as_text(client: Client, at: Address, side: Preview | None) -> tuple[str, bool] | None:
    """The text of a side that can be compared by lines, and whether it is all of it."""
    if side is None:
        return "", True
    if isinstance(side, previews.TextView):
        return side.text, side.whole
    if isinstance(side, previews.TableView):
        content = browsing.read(client, at, previews.MOST_TEXT)
        text = previews.decoded(content)
        return None if text is None else (text, content.whole)
    return None
