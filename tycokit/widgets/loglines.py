"""Lines of a log and their filter as the browser gets them, and as a saved notebook has them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from typing import Any

from markupsafe import Markup

from tycokit.logsearch.filters import Filter
from tycokit.logsearch.index import Summary
from tycokit.logsearch.levels import LEVELS, Level
from tycokit.logsearch.lines import Line

LONGEST = 1000  # characters of a line in a list
GLYPHS: dict[Level, str] = {"error": "✖", "warning": "▲", "info": "●", "debug": "○"}


def saved(lines: Sequence[Line], found: Summary, about: str) -> Markup:
    """The last lines of `about` as a table; `found` counts all."""
    rows = Markup("").join(
        Markup(
            '<tr class="tycokit-level-{}"><td>{}</td><td>{} {}</td><td>{}</td><td>{}</td></tr>'
        ).format(
            line.level,
            _clock(line),
            GLYPHS[line.level],
            line.level,
            line.pipeline,
            line.text[:LONGEST],
        )
        for line in lines
    )
    return Markup(
        "<p>{}: the last {:,} of {:,} lines that the filter admits, of {:,} in all;"
        ' {:,} errors</p><table class="tycokit-table tycokit-saved-lines"><thead><tr>'
        "<th>time (UTC)</th><th>level</th><th>pipeline</th><th>line</th></tr></thead>"
        "<tbody>{}</tbody></table>"
    ).format(about, len(lines), found.shown, found.lines, found.levels["error"], rows)


def plain(line: Line) -> str:
    """A line as a file has it: time, level, where from, text."""
    where = f"{line.pipeline} {line.job[:8] or '-'} {line.datum[:12] or '-'}"
    return f"{_stamp(line)} {line.level.upper():7} {where} {line.text}"


def filter_of(given: dict[str, Any]) -> Filter:
    """The filter that the browser asks for; its times are in ms."""
    words = {name: str(given.get(name) or "") for name in ("text", "pipeline", "job", "datum")}
    return Filter(
        **words,
        worker=str(given.get("worker") or ""),
        regex=bool(given.get("regex")),
        case=bool(given.get("case")),
        levels=frozenset(level for level in LEVELS if level in _listed(given.get("levels"))),
        since=_ns(given.get("since")),
        until=_ns(given.get("until")),
        pachd=bool(given.get("pachd", True)),
    )


def filter_json(wanted: Filter) -> dict[str, Any]:
    """The same, back."""
    return {
        "text": wanted.text,
        "regex": wanted.regex,
        "case": wanted.case,
        "levels": [level for level in LEVELS if level in wanted.levels],
        "pipeline": wanted.pipeline,
        "job": wanted.job,
        "datum": wanted.datum,
        "worker": wanted.worker,
        "since": None if wanted.since is None else wanted.since // 10**6,
        "until": None if wanted.until is None else wanted.until // 10**6,
        "pachd": wanted.pachd,
    }


def _listed(levels: Iterable[str] | None) -> Iterable[str]:
    return LEVELS if levels is None else levels


def _ns(ms: float | None) -> int | None:
    return None if ms is None else int(ms) * 10**6


def row(line: Line, marks: Iterable[tuple[int, int]]) -> dict[str, Any]:
    """A line of the list; its time in ms, `marks` the places (from, to) that were searched for."""
    return {
        "number": line.number,
        "time": line.time / 1e6,
        "level": line.level,
        "pipeline": line.pipeline,
        "job": line.job,
        "datum": line.datum,
        "worker": line.worker,
        "user": line.user,
        "text": line.text[:LONGEST],
        "marks": list(marks),
    }


def _when(line: Line) -> datetime:
    return datetime.fromtimestamp(line.time // 10**9, timezone.utc)


def _stamp(line: Line) -> str:
    return f"{_when(line):%Y-%m-%dT%H:%M:%S}.{line.time % 10**9 // 1000:06}Z"


def _clock(line: Line) -> str:
    return f"{_when(line):%Y-%m-%d %H:%M:%S}"
