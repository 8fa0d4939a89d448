"""What a file of a commit looks like: a picture, JSON, a table, text, a notebook, or its bytes.

    shown = previews.preview(client, addresses.parse("model@master:/dev1/1511891098.json"))

Each is limited: the first bytes of a long text, the first rows of a long table, a small picture.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import ClassVar

from python_pachyderm import Client

from tycokit.errors import LookError
from tycokit.repos import browsing, cells, linediff, thumbnails
from tycokit.repos.addresses import Address
from tycokit.repos.cells import Cell

MOST_TEXT = 200_000  # bytes of a text that are shown
MOST_NOTEBOOK = 20_000_000  # bytes of a notebook, which has to be read whole
MOST_ROWS = 200
MOST_COLUMNS = 50
LONGEST_SIDE = 1000  # pixels of a picture
_WHOLE = dict.fromkeys(thumbnails.SUFFIXES, thumbnails.MOST_BYTES) | {".ipynb": MOST_NOTEBOOK}
_START = 256  # bytes shown of what is none of these


@dataclass(frozen=True, slots=True)
class PictureView:
    """A picture, made small: a JPEG of `width` x `height` pixels."""

    KIND: ClassVar[str] = "picture"
    path: str
    size: int
    jpeg: bytes
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class TextView:
    """A text. `whole`: whether this is all of it. JSON comes with a value a line."""

    KIND: ClassVar[str] = "text"
    path: str
    size: int
    text: str
    json: bool
    whole: bool


@dataclass(frozen=True, slots=True)
class TableView:
    """The first rows of a CSV or TSV file; the first of them is mostly a heading."""

    KIND: ClassVar[str] = "table"
    path: str
    size: int
    rows: tuple[tuple[str, ...], ...]
    whole: bool


@dataclass(frozen=True, slots=True)
class NotebookView:
    """A notebook's cells with their outputs, as plain text and pictures."""

    KIND: ClassVar[str] = "notebook"
    path: str
    size: int
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class BytesView:
    """What is shown of a file that is none of the others: its first bytes, and why."""

    KIND: ClassVar[str] = "bytes"
    path: str
    size: int
    start: bytes
    why: str


Preview = PictureView | TextView | TableView | NotebookView | BytesView


def preview(client: Client, at: Address) -> Preview:
    """What the file at `at.path` looks like. Raises LookError: there is no such file; FileCut."""
    found = browsing.entry(client, at)
    if found is None or found.folder:
        raise LookError(f"there is no file {at.path} in {at.below('')}")
    whole = _WHOLE.get(found.suffix, 0)
    if whole and found.size > whole:
        start = browsing.read_entry(client, at, found, _START).data
        return BytesView(found.path, found.size, start, "it is too large to look at")
    return of_bytes(found.path, browsing.read_entry(client, at, found, whole or MOST_TEXT))


def of_bytes(path: str, content: browsing.Content) -> Preview:
    """What a file of this name and these bytes looks like."""
    suffix = browsing.suffix(path)
    try:
        if suffix in thumbnails.SUFFIXES:
            made = thumbnails.make(content.data, LONGEST_SIDE)
            return PictureView(path, content.size, made.jpeg, made.width, made.height)
        if suffix == ".ipynb":
            return NotebookView(path, content.size, cells.read(content.data))
    except LookError as error:
        return _text(path, content) or _bytes(path, content, str(error))
    if suffix in (".csv", ".tsv"):
        return _table(path, content) or _bytes(path, content, "it is no text")
    return _text(path, content) or _bytes(path, content, "it is no text")


def decoded(content: browsing.Content) -> str | None:
    """The bytes as text, None when they are none; a character cut in half is left out."""
    data = content.data
    if b"\0" in data:
        return None
    for cut in range(1 if content.whole else 4):
        try:
            return data[: len(data) - cut].decode("utf-8-sig")
        except UnicodeDecodeError:
            continue
    return None


def _text(path: str, content: browsing.Content) -> TextView | None:
    text = decoded(content)
    if text is None:
        return None
    is_json = browsing.suffix(path) in (".json", ".ipynb")
    if is_json and content.whole:
        return TextView(path, content.size, linediff.pretty(text) or text, True, True)
    return TextView(path, content.size, text, is_json, content.whole)


def _table(path: str, content: browsing.Content) -> TableView | None:
    text = decoded(content)
    if text is None:
        return None
    delimiter = "\t" if browsing.suffix(path) == ".tsv" else ","
    rows: list[tuple[str, ...]] = []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            if len(rows) == MOST_ROWS:
                return TableView(path, content.size, tuple(rows), whole=False)
            rows.append(tuple(row[:MOST_COLUMNS]))
    except csv.Error:  # such as a field beyond the limit of the csv module
        return None
    if not content.whole and rows:
        rows.pop()  # the last one is cut
    return TableView(path, content.size, tuple(rows), whole=content.whole)


def _bytes(path: str, content: browsing.Content, why: str) -> BytesView:
    return BytesView(path, content.size, content.data[:_START], why)
