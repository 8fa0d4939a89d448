"""Previews and comparisons as JSON for the browser, pictures as bytes beside it.

Where JSON names a picture, `blob` is its place among the bytes. Nothing here is HTML.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tycokit.errors import LookError
from tycokit.pictures.sightings import Shot
from tycokit.repos import thumbnails
from tycokit.repos.cells import Cell, Output
from tycokit.repos.difference import FileDifference, Lines, Notebooks
from tycokit.repos.linediff import Line
from tycokit.repos.previews import (
    BytesView,
    NotebookView,
    PictureView,
    Preview,
    TableView,
    TextView,
)
from tycokit.vision import boxes
from tycokit.widgets import celldiff

_MOST_BLOBS = 8_000_000  # bytes of pictures that go with one answer
_LARGE = 300_000  # bytes of a notebook's picture from which on it is made smaller
_LONGEST_LINE = 2000  # characters of a compared line that are shown


@dataclass(slots=True)
class Blobs:
    """The bytes that go with an answer."""

    found: list[bytes] = field(default_factory=list)
    size: int = 0

    def add(self, data: bytes) -> int | None:
        """Its place, None where all together would be too much."""
        if self.size + len(data) > _MOST_BLOBS:
            return None
        self.size += len(data)
        self.found.append(data)
        return len(self.found) - 1


def preview(shown: Preview, blobs: Blobs) -> dict[str, Any]:
    """A file. Its `kind` is picture, text, table, notebook or bytes."""
    about: dict[str, Any] = {"kind": shown.KIND, "path": shown.path, "size": shown.size}
    if isinstance(shown, PictureView):
        blob = blobs.add(shown.jpeg)
        return about | {"width": shown.width, "height": shown.height, "blob": blob}
    if isinstance(shown, TextView):
        return about | {"text": shown.text, "json": shown.json, "whole": shown.whole}
    if isinstance(shown, TableView):
        return about | {"rows": shown.rows, "whole": shown.whole}
    if isinstance(shown, NotebookView):
        return about | {"cells": [cell(one, blobs) for one in shown.cells]}
    assert isinstance(shown, BytesView)
    return about | {"hex": shown.start.hex(" "), "why": shown.why}


def comparison(found: FileDifference, blobs: Blobs) -> dict[str, Any]:
    """How a file differs. Its `kind` is lines, notebooks or sides."""
    if isinstance(found, Lines):
        return {"kind": found.KIND, "lines": lines(found.lines), "whole": found.whole}
    if isinstance(found, Notebooks):
        return {"kind": found.KIND, "cells": list(_cells(found, blobs))}
    sides = {"new": found.new, "old": found.old}
    return {
        "kind": found.KIND,
        **{side: preview(one, blobs) if one else None for side, one in sides.items()},
    }


def shot(found: Shot) -> dict[str, Any]:
    """A picture's objects; `colour` is that of the class wherever it is drawn."""
    return {
        "path": found.path,
        "picture": found.picture,
        "device": found.device,
        "time": found.time,
        "rules": found.rules,
        "looked": found.looked,
        "compared": found.compared,
        "seen": [
            {
                **one.object.as_json(),
                "colour": boxes.colour(one.object.class_number),
                "threat": one.threat,
                "by": one.by,
            }
            for one in found.seen
        ],
    }


def lines(found: tuple[Line, ...]) -> list[list[Any]]:
    """Compared lines: [kind, old number, new number, text, marks]."""
    return [
        [line.kind, line.old, line.new, line.text[:_LONGEST_LINE], line.marks] for line in found
    ]


def cell(one: Cell, blobs: Blobs) -> dict[str, Any]:
    """A notebook's cell with what it left."""
    return {
        "kind": one.kind,
        "source": one.source,
        "tags": one.tags,
        "count": one.count,
        "failed": one.failed,
        "outputs": [_output(each, blobs) for each in one.outputs],
    }


def _output(one: Output, blobs: Blobs) -> dict[str, Any]:
    if one.kind != "picture":
        return {"kind": one.kind, "text": one.text}
    data, kind = one.picture, "image/png" if one.picture[:4] == b"\x89PNG" else "image/jpeg"
    if len(data) > _LARGE:
        try:
            data, kind = thumbnails.make(data, 1000).jpeg, "image/jpeg"
        except LookError as error:
            return {"kind": "text", "text": str(error)}
    blob = blobs.add(data)
    if blob is None:
        return {"kind": "text", "text": "(a picture: there are too many to show this one too)"}
    return {"kind": "picture", "text": one.text, "blob": blob, "type": kind}


def _cells(found: Notebooks, blobs: Blobs) -> Iterator[dict[str, Any]]:
    for change in celldiff.compare(found.new, found.old):
        new = found.new[change.new - 1] if change.new else None
        old = found.old[change.old - 1] if change.old else None
        known = new or old
        assert known is not None
        made: dict[str, Any] = {
            "kind": change.kind,
            "new": change.new,
            "old": change.old,
            "cell": known.kind,
            "lines": lines(change.lines),
        }
        if change.kind == "same":
            made["source"] = known.source
        elif change.outputs and new and old:
            made["outputs"] = {
                "new": [_output(each, blobs) for each in new.outputs],
                "old": [_output(each, blobs) for each in old.outputs],
            }
        yield made
