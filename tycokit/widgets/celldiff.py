"""Two notebooks compared by cell: which were added, deleted and changed, and how."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import nbformat
from nbdime import diff_notebooks

from tycokit.repos import linediff
from tycokit.repos.cells import Cell
from tycokit.repos.linediff import Line


@dataclass(frozen=True, slots=True)
class CellChange:
    """A cell of a comparison: `kind` is same, added, deleted or changed.

    `new` and `old` are the cell's numbers, from 1, `lines` how its source differs, all of it where
    the cell is only in one notebook. `outputs`: whether it left something else.
    """

    kind: str
    new: int | None
    old: int | None
    lines: tuple[Line, ...]
    outputs: bool


def compare(new: Sequence[Cell], old: Sequence[Cell]) -> list[CellChange]:
    """The cells of both notebooks, in order, each once."""
    return list(_changes(new, old))


def _changes(new: Sequence[Cell], old: Sequence[Cell]) -> Iterator[CellChange]:
    for i, j in _aligned(new, old):
        if i is None and j is not None:
            lines = linediff.lines(old[j].source, "")
            yield CellChange("deleted", None, j + 1, tuple(lines), outputs=False)
        elif j is None and i is not None:
            lines = linediff.lines("", new[i].source)
            yield CellChange("added", i + 1, None, tuple(lines), outputs=False)
        elif i is not None and j is not None:
            lines = linediff.lines(old[j].source, new[i].source)
            outputs = new[i].outputs != old[j].outputs
            kind = "changed" if lines or outputs or new[i].kind != old[j].kind else "same"
            yield CellChange(kind, i + 1, j + 1, tuple(lines), outputs)


def _aligned(new: Sequence[Cell], old: Sequence[Cell]) -> Iterator[tuple[int | None, int | None]]:
    """Indices of the cells that belong together, None where the other notebook has no such."""
    i = j = 0
    for step in _cells_diff(new, old):
        while j < step["key"]:
            yield i, j
            i, j = i + 1, j + 1
        if step["op"] == "addrange":
            for _ in step["valuelist"]:
                yield i, None
                i += 1
        elif step["op"] == "removerange":
            for _ in range(step["length"]):
                yield None, j
                j += 1
        else:  # patch
            yield i, j
            i, j = i + 1, j + 1
    while j < len(old):
        yield i, j
        i, j = i + 1, j + 1


def _cells_diff(new: Sequence[Cell], old: Sequence[Cell]) -> list[dict[str, Any]]:
    """nbdime's list of operations on the old notebook's cells.

    It gets the sources only: outputs are compared cell by cell, which costs less than finding out
    how two pictures differ.
    """
    found = diff_notebooks(_bare(old, "old"), _bare(new, "new"))
    for step in found:
        if step["key"] == "cells":
            return list(step["diff"])
    return []


def _bare(cells: Sequence[Cell], side: str) -> nbformat.NotebookNode:
    """Cells of one id are taken for the same one; where the files have none, none is alike."""
    made: list[dict[str, Any]] = [
        {
            "cell_type": cell.kind,
            "id": cell.id or f"{side}{number}",
            "metadata": {},
            "source": cell.source,
            **({"execution_count": None, "outputs": []} if cell.kind == "code" else {}),
        }
        for number, cell in enumerate(cells)
    ]
    whole = {"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    notebook: nbformat.NotebookNode = nbformat.from_dict(whole)  # type: ignore[no-untyped-call]
    return notebook
