"""A notebook as plain values: cells with their text, outputs as text and pictures, nothing active.

HTML, JavaScript and widgets of an output are left out for its plain text: a notebook that came
from elsewhere may be looked at without running anything of it.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import nbformat

from tycokit.errors import LookError

_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_PICTURES = ("image/png", "image/jpeg")
_BROKEN = (ValueError, KeyError, TypeError, AttributeError, RecursionError)
_MOST_TEXT = 20_000  # characters of one output


@dataclass(frozen=True, slots=True)
class Output:
    """What a cell left: `kind` is text, error or picture.

    `text` is plain (an error's is its traceback); `picture` holds a PNG's or JPEG's bytes.
    """

    kind: str
    text: str
    picture: bytes = b""


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell: `kind` is code, markdown or raw; `count` the number of its execution, if it has one.

    `failed` says that it raised.
    """

    id: str
    kind: str
    source: str
    tags: tuple[str, ...]
    count: int | None
    outputs: tuple[Output, ...]

    @property
    def failed(self) -> bool:
        return any(output.kind == "error" for output in self.outputs)


def read(data: bytes) -> tuple[Cell, ...]:
    """The cells of a notebook file (.ipynb, of any nbformat). Raises LookError: it is none."""
    try:
        document = json.loads(data.decode())
        notebook = nbformat.convert(nbformat.from_dict(document), 4)  # type: ignore[no-untyped-call]
        return tuple(_cell(cell) for cell in notebook.cells)
    except (nbformat.ValidationError, *_BROKEN) as error:
        raise LookError(f"it cannot be read as a notebook: {error}") from error


def plain(text: str) -> str:
    """Text without what only a terminal understands."""
    return _ANSI.sub("", text)


def _cell(cell: Any) -> Cell:
    return Cell(
        id=str(cell.get("id", "")),
        kind=str(cell["cell_type"]),
        source=_joined(cell["source"]),
        tags=tuple(str(tag) for tag in cell.get("metadata", {}).get("tags", ())),
        count=cell.get("execution_count"),
        outputs=tuple(_outputs(cell.get("outputs", ()))),
    )


def _outputs(outputs: Iterable[Any]) -> Iterator[Output]:
    stream: list[str] = []
    for output in outputs:
        if output["output_type"] == "stream":
            stream.append(_joined(output["text"]))
            continue
        if stream:
            yield Output("text", _short("".join(stream)))
            stream = []
        if output["output_type"] == "error":
            trace = "\n".join(output.get("traceback", ()))
            yield Output("error", _short(trace or f"{output['ename']}: {output['evalue']}"))
        else:
            yield _shown(output.get("data", {}))
    if stream:
        yield Output("text", _short("".join(stream)))


def _shown(data: Any) -> Output:
    text = _short(_joined(data.get("text/plain", data.get("text/markdown", ""))))
    for kind in _PICTURES:
        if kind in data:
            try:
                return Output("picture", text, base64.b64decode(_joined(data[kind])))
            except binascii.Error:
                break
    return Output("text", text or f"(an output of {', '.join(sorted(data)) or 'nothing'})")


def _short(text: str) -> str:
    text = plain(text)
    if len(text) <= _MOST_TEXT:
        return text
    left_out = len(text) - _MOST_TEXT
    return f"{text[: _MOST_TEXT // 2]}\n… {left_out:,} characters …\n{text[-_MOST_TEXT // 2 :]}"


def _joined(text: str | list[str]) -> str:
    return text if isinstance(text, str) else "".join(text)
