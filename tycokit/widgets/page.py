"""The static rendering of a widget: an output of its own, above the live one that hides it.

A saved, reopened or exported notebook has only this, so it must stand alone: no script, nothing
fetched. `data-tycokit` names the widget; while that lives in the page, its JavaScript hides this.
"""

from __future__ import annotations

import base64
import re
from datetime import datetime, timezone
from typing import Any

from IPython.display import display
from markupsafe import Markup

_WIDGET = "application/vnd.jupyter.widget-view+json"
_AS_OF = re.compile(r'<time class="tycokit-as-of">[^<]*</time>')
# Lab's own message below it, where there is no kernel to ask for the live widget
_NO_MESSAGE = (
    ".jp-OutputArea-child:has([data-tycokit]) + .jp-OutputArea-child"
    " > .jp-OutputArea-output.lm-Panel:not(:has(*)) { display: none; }"
)


def render(title: str, body: Markup, token: str, problem: str, css: str) -> str:
    """The whole rendering; `problem` says why it may be old or empty."""
    now = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")
    warning = Markup('<p class="tycokit-lost" role="status">▲ {}</p>').format(problem)
    return str(
        Markup(
            '<div class="tycokit tycokit-static" data-tycokit="{}"><style>{}</style>'
            '<div class="tycokit-head"><strong>{}</strong> '
            '<time class="tycokit-as-of">as of {}</time></div>{}{}</div>'
        ).format(token, Markup(css + _NO_MESSAGE), title, now, warning if problem else "", body)
    )


def same(one: str, other: str) -> bool:
    """Whether two renderings differ in nothing but their time."""
    return _AS_OF.sub("", one) == _AS_OF.sub("", other)


def drawing(svg: str, alt: str, width: int) -> Markup:
    """An SVG as a picture, `width` pixels wide at most: Lab keeps that, and no <svg>, where a
    notebook is not trusted. The theme's colours do not reach into it, so it needs its own ground.
    """
    data = base64.b64encode(svg.encode()).decode()
    return Markup(
        '<img alt="{}" style="max-width:100%" width="{}" src="data:image/svg+xml;base64,{}">'
    ).format(alt, width, data)


def show(html: str, text: str, display_id: str, *, again: bool) -> None:
    """Display it, so that `update` can replace it. `again`: it is displayed elsewhere as well."""
    if again:
        update(html, text, display_id)
    display(_bundle(html, text), raw=True, display_id=display_id)  # type: ignore[no-untyped-call]


def update(html: str, text: str, display_id: str) -> None:
    """Replace it wherever it is displayed."""
    display(_bundle(html, text), raw=True, display_id=display_id, update=True)  # type: ignore[no-untyped-call]


def show_live(model_id: str) -> None:
    """Display the live widget; its text is empty, as an export shows that in its place."""
    view = {"version_major": 2, "version_minor": 0, "model_id": model_id}
    display({_WIDGET: view, "text/plain": ""}, raw=True)  # type: ignore[no-untyped-call]


def _bundle(html: str, text: str) -> dict[str, Any]:
    return {"text/html": html, "text/plain": text}
