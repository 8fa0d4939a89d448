"""The JavaScript and the style of a widget: what all share, then its own.

A module that anywidget loads can import no file beside it, so they are joined.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from tycokit.widgets.states import LOOKS

FOLDER = Path(__file__).parent / "static"


def module(folder: Path, name: str) -> str:
    """The ES module of a widget."""
    looks = json.dumps({state: asdict(look) for state, look in LOOKS.items()})
    shared = (FOLDER / "shared.js").read_text(encoding="utf-8")
    return f"const LOOKS = {looks};\n{shared}\n{(folder / f'{name}.js').read_text('utf-8')}"


def style(folder: Path, name: str) -> str:
    """The style sheet of a widget."""
    shared = (FOLDER / "shared.css").read_text(encoding="utf-8")
    return f"{shared}\n{(folder / f'{name}.css').read_text('utf-8')}"
