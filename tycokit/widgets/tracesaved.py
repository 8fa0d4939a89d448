"""A trace for a notebook that is only read: the graph as SVG, and what ran."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from tycokit.lineage.tracing import BACK, Trace
from tycokit.widgets import cards, tracecards

_MOST = 50  # datums in the table


def html(trace: Trace, drawing: Mapping[str, Any], pictures: Mapping[str, bytes]) -> Markup:
    """The whole rendering; `pictures` are JPEGs by the keys of cards."""
    head = Markup(
        "<p>where <code>{}</code> comes from</p>"
        if trace.direction == BACK
        else "<p>what <code>{}</code> led to</p>"
    ).format(trace.asked)
    return head + cards.svg(drawing, pictures) + _table(trace)


def _table(trace: Trace) -> Markup:
    rows = []
    for attempt in list(trace.attempts.values())[:_MOST]:
        run = trace.runs.get(attempt.key)
        parameters = tracecards.own(run.parameters or {}) if run is not None else ()
        facts = [(name, str(file.at)) for name, file in trace.inputs(attempt)]
        facts += [("wrote", str(file.at)) for file in (run.outputs if run is not None else ())]
        facts += [(name, json.dumps(value)) for name, value in parameters]
        told = Markup("").join(
            Markup("<div>{} <code>{}</code></div>").format(*each) for each in facts
        )
        rows.append(
            Markup("<tr><td>{}</td><td>{}</td></tr>").format(
                attempt.pipeline, told + (attempt.lost or "")
            )
        )
    if not rows:
        return Markup("<p class='tycokit-quiet'>no pipeline is behind it</p>")
    return Markup("<table class='tycokit-table tycokit-ran'>{}</table>").format(
        Markup("").join(rows)
    )
