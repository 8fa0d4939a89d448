"""A notebook as it is before it runs: its cells, and the parameters that it declares."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tycokit.errors import NotebookError, ParameterError, UndeclaredError
from tycokit.stage import parameters as declarations
from tycokit.stage.datum import OUT
from tycokit.stage.parameters import Parameter


@dataclass(frozen=True, slots=True)
class Source:
    """A notebook file. `parameters`: what its parameters cell declares, in order."""

    path: Path
    data: bytes
    parameters: tuple[Parameter, ...]

    @property
    def declared(self) -> tuple[str, ...]:
        """The parameters' names."""
        return tuple(one.name for one in self.parameters)


def read(path: Path, *, help: bool = False, known: Source | None = None) -> Source:  # noqa: A002
    """Read a notebook, with its parameters' help if asked; `known` saves work if it is the same.

    NotebookError when it is none, or has no cell tagged `parameters`.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise NotebookError(path, f"the notebook cannot be read: {error.strerror}") from None
    if known is not None and (known.path, known.data) == (path, data):
        return known
    return parse(path, data, help=help)


def parse(path: Path, data: bytes, *, help: bool = False) -> Source:  # noqa: A002
    """The same of a notebook's bytes; `path` is what to call it. Raises NotebookError."""
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
            text = "".join(text) if isinstance(text, list) else text
            return Source(path, data, declarations.declared(text, help=help))
    raise NotebookError(
        path,
        "no cell is tagged `parameters`; tag the one that sets the defaults"
        " (in JupyterLab: Property Inspector, Cell Tags)",
    )


def _tags(cell: Mapping[str, Any]) -> Iterable[str]:
    metadata = cell.get("metadata")
    tags = metadata.get("tags") if isinstance(metadata, dict) else None
    return tags if isinstance(tags, list) else ()


def parameters(
    source: Source, inputs: Mapping[str, str], out: Path, given: Mapping[str, Any]
) -> dict[str, Any]:
    """What to run the notebook with: its inputs' paths, `out`, and what was given.

    UndeclaredError names what the parameters cell does not declare, ParameterError what has the
    wrong type.
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
    fitting, unfit = declarations.values(source.parameters, values | dict(given))
    if unfit:
        raise ParameterError(
            source.path,
            [one.name for one, _ in unfit],
            "; ".join(declarations.wrong(one, value) for one, value in unfit),
        )
    return fitting


def _list(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
