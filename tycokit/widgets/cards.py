"""Graphs of cards: laid out once, drawn by the browser (static/graph.js) or as SVG.

drawing = draw([Card("images", "repo", "images"), Card("model", "pipeline", "model")],
               [("images", "model", "picture")])
svg(drawing)
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

from markupsafe import Markup

from tycokit.widgets import layered
from tycokit.widgets.layered import Size
from tycokit.widgets.states import look

WIDTH, HEAD, ROW, PICTURE, FOOT = 216, 48, 22, 116, 5  # pixels, as static/graph.css has them
_TITLE, _TEXT = 26, 31  # characters that fit


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a card, which can be clicked like the card."""

    key: str
    glyph: str
    text: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """A node. Below the title stands `state` as a chip, or `word`, and at the right `note`.

    `kind` and `tone` choose the look: kind repo, pipeline, datum, file, folder or group; tone "",
    start, source or dim. `picture` leaves room for one. `progress` is from 0 to 1, None for none.
    `label` is what is read aloud.
    """

    key: str
    kind: str
    title: str
    state: str = ""
    word: str = ""
    note: str = ""
    rows: tuple[Row, ...] = ()
    tone: str = ""
    progress: float | None = None
    picture: bool = False
    label: str = ""

    @property
    def height(self) -> int:
        body = ROW * len(self.rows) + PICTURE * self.picture
        return HEAD + body + (FOOT if body else 0)


Links = Iterable[tuple[str, str, str]]
"""From card to card, and what a person reads about it."""


def draw(cards: Sequence[Card], links: Links) -> dict[str, Any]:
    """The drawing as JSON: `width`, `height`, `cards` (with `x`, `y`, ...) and `ways`."""
    names: dict[tuple[str, str], dict[str, None]] = {}
    for source, target, name in links:
        names.setdefault((source, target), {})[name] = None
    placed = _layout(tuple((card.key, card.height) for card in cards), tuple(names))
    return {
        "width": round(placed.width),
        "height": round(placed.height),
        "cards": [
            {
                **asdict(card),
                "x": round(placed.at[card.key].x),
                "y": round(placed.at[card.key].y),
                "width": WIDTH,
                "height": card.height,
                "column": placed.at[card.key].column,
            }
            for card in cards
        ],
        "ways": [
            {
                "source": way.source,
                "target": way.target,
                "path": layered.path(way),
                "name": _few(list(filter(None, names[way.source, way.target]))),
            }
            for way in placed.ways
        ],
    }


def _few(names: Sequence[str]) -> str:
    text = ", ".join(names[:3])
    return f"{text} and {len(names) - 3} more" if len(names) > 3 else text


@lru_cache(maxsize=32)
def _layout(
    heights: tuple[tuple[str, int], ...], edges: tuple[tuple[str, str], ...]
) -> layered.Layout:
    """Most reads find the same graph as the last."""
    return layered.layout({key: Size(WIDTH, height) for key, height in heights}, edges)


def svg(drawing: Mapping[str, Any], pictures: Mapping[str, bytes] | None = None) -> Markup:
    """The drawing as SVG; `pictures` are JPEGs by the keys of cards."""
    ways = Markup("").join(
        Markup('<path class="tycokit-way" d="{}" fill="none" stroke="#888"/>').format(way["path"])
        for way in drawing["ways"]
    )
    found = Markup("").join(
        _card(card, (pictures or {}).get(card["key"])) for card in drawing["cards"]
    )
    return Markup(
        '<svg class="tycokit-svg" xmlns="http://www.w3.org/2000/svg" role="img"'
        ' aria-label="graph" viewBox="-4 -4 {} {}" style="max-width: {}px">{}{}</svg>'
    ).format(drawing["width"] + 8, drawing["height"] + 8, drawing["width"] + 8, ways, found)


def _card(card: Mapping[str, Any], picture: bytes | None) -> Markup:
    round_ = 12 if card["kind"] in ("repo", "file", "folder") else 4
    seen = look(card["state"]) if card["state"] else None
    sub = f"{seen.glyph} {seen.word}" if seen else card["word"]
    parts = [
        Markup(
            '<rect class="tycokit-rect" width="{}" height="{}" rx="{}" fill="#fff" stroke="#888"/>'
        ).format(card["width"], card["height"], round_),
        _text(12, 20, card["title"], _TITLE, "tycokit-svg-title"),
        _text(12, 37, sub, _TEXT, f"tycokit-svg-sub tycokit-fill-{seen.kind if seen else 'quiet'}"),
        _text(card["width"] - 12, 37, card["note"], 22, "tycokit-svg-note", end=True),
    ]
    top = HEAD
    if card["picture"]:
        if picture is not None:
            data = base64.b64encode(picture).decode()
            parts.append(
                Markup(
                    '<image x="8" y="{}" width="{}" height="{}" href="data:image/jpeg;base64,{}"/>'
                ).format(top, card["width"] - 16, PICTURE - 6, data)
            )
        top += PICTURE
    for row in card["rows"]:
        text = f"{row['glyph']} {row['text']}"
        space = _TEXT - (len(row["note"]) + 1 if row["note"] else 0)
        parts.append(_text(12, top + 15, text, space, "tycokit-svg-sub"))
        parts.append(
            _text(card["width"] - 12, top + 15, row["note"], 14, "tycokit-svg-note", end=True)
        )
        top += ROW
    return Markup(
        '<g class="tycokit-kind-{} tycokit-tone-{}" transform="translate({},{})">{}</g>'
    ).format(card["kind"], card["tone"] or "plain", card["x"], card["y"], Markup("").join(parts))


def _text(x: float, y: float, text: str, most: int, kind: str, *, end: bool = False) -> Markup:
    if not text:
        return Markup("")
    short = text if len(text) <= most else f"{text[: most - 1]}…"
    anchor = Markup(' text-anchor="end"') if end else Markup("")
    return Markup(
        '<text class="{}" x="{}" y="{}"{} font-size="12"><title>{}</title>{}</text>'
    ).format(kind, x, y, anchor, text, short)
