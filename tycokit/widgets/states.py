"""How a state looks: one word, one glyph and one colour, the same in every widget.

The colours are Okabe and Ito's, which colour-blind people tell apart; the glyph and the word say
the same without any colour. static/shared.css gives each kind its shade in either theme.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup

from tycokit.operations.pods import BAD

Kind = Literal["good", "bad", "busy", "waiting", "skipped", "warning", "idle"]


@dataclass(frozen=True, slots=True)
class Look:
    """`kind` names the colour (`tycokit-<kind>` in the style sheet), `word` is what is read."""

    kind: Kind
    glyph: str
    word: str


_GLYPHS: dict[Kind, str] = {
    "good": "✔",
    "bad": "✖",
    "busy": "▶",
    "waiting": "◔",
    "skipped": "»",
    "warning": "▲",
    "idle": "○",
}
# Pachyderm's states in lower case and without their prefix: of pipelines, jobs, datums, commits.
_KINDS: dict[str, Kind] = {
    "success": "good",
    "finished": "good",
    "failure": "bad",
    "failed": "bad",
    "crashing": "bad",
    "unrunnable": "bad",
    "killed": "bad",
    "running": "busy",
    "finishing": "busy",
    "egressing": "busy",
    "created": "waiting",
    "starting": "waiting",
    "restarting": "waiting",
    "waiting": "waiting",
    "open": "waiting",
    "skipped": "skipped",
    "recovered": "warning",
    "paused": "idle",
    "standby": "idle",
    "stopped": "idle",
    "unknown": "idle",
}

# Kubernetes' words for pods, as kubectl shows them.
_KINDS |= {
    **dict.fromkeys(BAD, "bad"),
    "Running": "good",
    "Completed": "good",
    "Succeeded": "good",
    "Pending": "waiting",
    "ContainerCreating": "waiting",
    "PodInitializing": "waiting",
    "Terminating": "idle",
}

LOOKS: dict[str, Look] = {state: Look(kind, _GLYPHS[kind], state) for state, kind in _KINDS.items()}


def look(state: str) -> Look:
    """How a state looks; one that is not known keeps its own word."""
    return LOOKS.get(state) or Look("idle", _GLYPHS["idle"], state or "unknown")


def chip(state: str) -> Markup:
    """A state for a static rendering."""
    found = look(state)
    return Markup('<span class="tycokit-chip tycokit-{}">{} {}</span>').format(
        found.kind, found.glyph, found.word
    )
