"""A notebook as it is before it runs: its cells, and the parameters that it declares."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tycokit.errors import NotebookError, UndeclaredError
from tycokit.stage.datum import OUT

# compile's flag for "only parse"; importing ast for it would cost each datum some milliseconds
ONLY_AST = 0x400
ASSIGNMENT = re.compile(r"^([^\W\d]\w*)\s*(?::[^=]*)?=(?!=)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Source:
    """A notebook file. `declared`: the names that its parameters cell sets, in order."""

    path: Path
    data: bytes
    declared: tuple[str, ...]


def read(path: Path) -> Source:
    """Read a notebook. NotebookError when it is none, or has no cell tagged `parameters`."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise NotebookError(path, f"the notebook cannot be read: {error.strerror}") from None
    try:
        content = json.loads(data)
    except ValueError as error:
        raise NotebookError(path, f"not a notebook: it is not JSON ({error})") from None
    cells = content.get("cells") if isinstance(content, dict) else None
    if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
        raise NotebookError(path, "not a notebook of format 4: it has no list of cells")
    for cell in cells:
        if "parameters" in _tags(cell):
            text = cell.get("source", "")
            return Source(path, data, _names("".join(text) if isinstance(text, list) else text))
    raise NotebookError(
        path,
        "no cell is tagged `parameters`; tag the one that sets the defaults"
        " (in JupyterLab: Property Inspector, Cell Tags)",
    )


def _tags(cell: Mapping[str, Any]) -> Iterable[str]:
    metadata = cell.get("metadata")
    tags = metadata.get("tags") if isinstance(metadata, dict) else None
    return tags if isinstance(tags, list) else ()


def _names(text: str) -> tuple[str, ...]:
    try:
        tree: Any = compile(text, "<parameters>", "exec", ONLY_AST, dont_inherit=True)
    except (SyntaxError, ValueError):  # magics, or a mistake that running it will show
        return tuple(dict.fromkeys(ASSIGNMENT.findall(text)))
    names: dict[str, None] = {}
    for statement in tree.body:
        targets = getattr(statement, "targets", None) or [getattr(statement, "target", None)]
        for target in targets:
            for part in getattr(target, "elts", [target]):
                if type(part).__name__ == "Name":
                    names[part.id] = None
    return tuple(names)


def parameters(
    source: Source, inputs: Mapping[str, str], out: Path, given: Mapping[str, Any]
) -> dict[str, Any]:
    """What to run the notebook with: its inputs' paths, `out`, and what was given.

    UndeclaredError names what the parameters cell does not declare.
    """
    values: dict[str, Any] = {**inputs, OUT: str(out)}
    missing = [name for name in values if name not in source.declared]
    unknown = [name for name in given if name not in source.declared]
    taken = [name for name in given if name in values]
    declared = f"it declares: {', '.join(source.declared) or 'nothing'}"
    if missing:
        raise UndeclaredError(
            source.path,
            missing,
            f"the cell tagged `parameters` does not declare {_list(missing)}, whose path"
            f" the stage hands to it; {declared}",
        )
    if unknown:
        raise UndeclaredError(
            source.path,
            unknown,
            f"the cell tagged `parameters` does not declare {_list(unknown)}, given with -p or -r;"
            f" {declared}",
        )
    if taken:
        raise UndeclaredError(
            source.path, taken, f"{_list(taken)} is an input; -p and -r cannot set it"
        )
    return values | dict(given)


def _list(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
