"""The JavaScript and the style of a widget: what all share, then its own.

A module that anywidget loads can import no file beside it, so they are joined.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from tycokit.widgets.states import LOOKS

FOLDER = Path(__file__).parent / "static"


def module(folder: Path, name: str, parts: Sequence[str] = ()) -> str:
    """The ES module of a widget; `parts` are pieces that it shares with some others."""
    looks = json.dumps({state: asdict(look) for state, look in LOOKS.items()})
    return "\n".join([f"const LOOKS = {looks};", *_texts(folder, name, parts, "js")])


def style(folder: Path, name: str, parts: Sequence[str] = ()) -> str:
    """The style sheet of a widget."""
    return "\n".join(_texts(folder, name, parts, "css"))


def _texts(folder: Path, name: str, parts: Sequence[str], kind: str) -> Iterator[str]:
    for part in ("shared", *parts):
        yield (FOLDER / f"{part}.{kind}").read_text("utf-8")
    yield (folder / f"{name}.{kind}").read_text("utf-8")
