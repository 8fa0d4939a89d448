"""The level of a log line, which Pachyderm does not keep: read from the line and those before it.

A traceback, and the report of a notebook's cell that raised, are errors from their first line to
their last.
"""

from __future__ import annotations

import re
from typing import Literal

Level = Literal["error", "warning", "info", "debug"]
LEVELS: tuple[Level, ...] = ("error", "warning", "info", "debug")

_START = 240  # characters of a line in which its level stands, if it says one
_NAMES: dict[str, Level] = {
    **dict.fromkeys(("error", "critical", "fatal", "severe", "e", "f"), "error"),
    **dict.fromkeys(("warn", "warning", "w"), "warning"),
    **dict.fromkeys(("info", "notice", "i"), "info"),
    **dict.fromkeys(("debug", "trace", "d"), "debug"),
}
_SAID = (
    # {"level": "error", …} and level=error
    re.compile(r'\b(?:level|severity|lvl)"?\s*[:=]\s*"?(?P<name>[A-Za-z]+)'),
    # W0000 00:00:1511891098.1234 … as TensorFlow and glog write it
    re.compile(r"^(?P<name>[DIWEF])\d{4} \d\d:\d\d:\d\d"),
    # 2017-11-28 17:44:58,123 ERROR …, [ERROR] …
    re.compile(r"\b(?P<name>TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|CRITICAL|FATAL|SEVERE)\b"),
    # error: …, [warning] …
    re.compile(r"^\s*\[(?P<name>debug|info|warn|warning|error|fatal)\]", re.IGNORECASE),
    re.compile(r"^\s*(?P<name>debug|info|warn|warning|error|fatal):", re.IGNORECASE),
)
_RAISED = re.compile(r"^[A-Za-z_][\w.]*(?:Error|Exception|Interrupt|Exit|Died|Timeout)(?::|$)")
_WARNS = re.compile(r"\b\w*Warning: ")
_PACHD_FAILS = re.compile(r"\b(?:errored|failed|failure|killed|timed out|lost)\b", re.IGNORECASE)

_TRACEBACK = "Traceback (most recent call last):"
_CHAINED = (
    "During handling of the above exception, another exception occurred:",
    "The above exception was the direct cause of the following exception:",
)
CELL = re.compile(r"^(?:cell \d+|the cell of injected parameters) of .{1,300}? raised ")
_CELL_ENDS = ("executed notebook, as far as it got: ", "the executed notebook is lost: ")
_STAGE = "tycokit stage: "
_STAGE_WARNS = "tycokit stage: no warm executor"


class Levels:
    """Tells the level of one line after the other, of many datums mixed."""

    def __init__(self) -> None:
        self._inside: dict[object, str] = {}  # where a block of errors goes on

    def of(self, text: str, *, source: object, user: bool) -> Level:
        """The level of a line. `source`: whatever tells apart who prints (job, datum, worker).

        `user`: a notebook, or other code of a pipeline, printed it; not pachd.
        """
        if not user:
            self._inside.pop(source, None)
            return "error" if _PACHD_FAILS.search(text, 0, _START) else "info"
        inside = self._inside.get(source)
        if CELL.match(text):
            self._inside[source] = "cell"
            return "error"
        if inside == "cell":
            if text.startswith(_CELL_ENDS):
                del self._inside[source]
            return "error"
        if text.rstrip() == _TRACEBACK:
            self._inside[source] = "traceback"
            return "error"
        if inside == "traceback":
            if text and not text[0].isspace() and text not in _CHAINED:
                self._inside[source] = "chain"  # what may follow a traceback's last line
            return "error"
        if inside == "chain":
            if not text.strip() or text in _CHAINED:
                return "error"
            del self._inside[source]
        return _alone(text)


def _alone(text: str) -> Level:
    """The level of a line for itself."""
    if text.startswith(_STAGE):
        return "warning" if text.startswith(_STAGE_WARNS) else "error"
    if text.startswith(_CELL_ENDS) or _RAISED.match(text):
        return "error"
    for pattern in _SAID:
        found = pattern.search(text, 0, _START)
        if found and (level := _NAMES.get(found["name"].lower())):
            return level
    return "warning" if _WARNS.search(text, 0, _START) else "info"
