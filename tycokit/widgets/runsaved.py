"""What a saved notebook shows of a notebook that was tried."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from typing import Any

from markupsafe import Markup

from tycokit.errors import LookError
from tycokit.repos import thumbnails
from tycokit.repos.cells import Cell
from tycokit.widgets import states

PICTURE = 640  # pixels of the longest side
PRINTED = 2000  # characters


def saved(state: Mapping[str, Any], executed: Iterable[Cell]) -> Markup:
    """The static rendering of a state of the widget; `executed` are the newest run's cells."""
    stage, run = state["stages"][0], state["run"]
    given = {} if run is None else run["values"]
    rows = Markup("").join(
        Markup('<tr><td>{}</td><td class="tycokit-mono">{}</td><td>{}</td></tr>').format(
            one["name"],
            given.get(one["name"], stage["values"].get(one["name"], one["source"])),
            one["help"],
        )
        for one in stage["fields"]
    )
    where = stage["pipeline"] and f"pipeline {stage['pipeline']}, version {stage['version']}"
    return Markup(
        '<h3>{}</h3><p class="tycokit-quiet">{}</p><table class="tycokit-table"><tr>'
        "<th>parameter</th><th>value</th><th></th></tr>{}</table>{}"
    ).format(
        state["notebook"],
        where or "no pipeline runs it",
        rows,
        Markup("") if run is None else _run(run, executed),
    )


def _run(run: Mapping[str, Any], executed: Iterable[Cell]) -> Markup:
    on = ", ".join(f"{name}: {what}" for name, what in run["origins"].items())
    files = ", ".join(one["path"] for one in run["files"]) or "no files"
    words = run["error"] or run["printed"]
    return Markup("<p>{} after {} s, on {}; it left {}</p><pre>{}</pre>{}").format(
        states.chip(run["state"]),
        run["seconds"],
        on or "the notebook's own defaults",
        files,
        words[-PRINTED:],
        _picture(executed),
    )


def _picture(executed: Iterable[Cell]) -> Markup:
    """The first picture that the cells left, small."""
    for cell in executed:
        for output in cell.outputs:
            if output.kind == "picture":
                try:
                    data = base64.b64encode(thumbnails.make(output.picture, PICTURE).jpeg)
                except LookError:
                    continue
                return Markup(
                    '<p><img alt="a picture that the notebook left"'
                    ' src="data:image/jpeg;base64,{}"></p>'
                ).format(data.decode())
    return Markup("")
