"""Limits on what one datum prints and holds: sizes, and what is said when one is passed."""

from __future__ import annotations

import re
from typing import Protocol

# characters that a cell may print into its executed notebook: more, and JupyterLab hardly opens it
CELL_TEXT = 1_000_000
LOG = 256 << 20

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?", re.IGNORECASE)


def size(text: str) -> int:
    """A number of bytes, as in `500M` or `2G`: by 1024s. ValueError when it is none above 0."""
    found = _SIZE.fullmatch(text.strip())
    count = int(float(found[1]) * 1024 ** " kmgt".index(found[2].lower() or " ")) if found else 0
    if count <= 0:
        raise ValueError(text)
    return count


def shown(count: int) -> str:
    """A number of bytes in the largest unit that it fills."""
    for power, unit in ((3, "G"), (2, "M"), (1, "k")):
        if count >= 1024**power:
            return f"{count / 1024**power:.4g}{unit}"
    return f"{count}"


def cut_note(dropped: int) -> str:
    """The line in an executed notebook about printed characters that are not in it."""
    return (
        f"\n[tycokit: this cell printed {dropped:,} more characters, which are left out here;"
        " they are in the datum's log (`tycokit logs`)]\n"
    )


def memory_note(held: int, limit: int) -> str:
    """The line in the log about an executor that ends because of its memory."""
    return (
        f"tycokit stage: the warm executor has held {shown(held)} of memory, more than its"
        f" --memory-limit of {shown(limit)}; the next datum gets a new one\n"
    )


class LogLimit:
    """How much of what a datum prints still goes into its log."""

    def __init__(self, limit: int) -> None:
        self._limit = self._left = limit

    def take(self, text: str) -> tuple[str, str]:
        """The part of a text that goes into the log, and the line that says what does not."""
        if len(text) <= self._left:
            self._left -= len(text)
            return text, ""
        kept, over = text[: max(self._left, 0)], self._left >= 0
        self._left = -1
        if not over:
            return "", ""
        note = f"tycokit stage: the log has {shown(self._limit)} of this datum, its --log-limit;"
        return kept, f"{note} what it prints from here on is left out\n"


class Writable(Protocol):
    """What a kernel's printed text can be sent to."""

    def write(self, text: str, /) -> object: ...
    def flush(self) -> None: ...


class LimitedFile:
    """A file that takes as much as a limit, shared with others, allows; `notes` gets the rest's
    one line."""

    def __init__(self, file: Writable, limit: LogLimit, notes: Writable) -> None:
        self._file = file
        self._limit = limit
        self._notes = notes

    def write(self, text: str) -> None:
        """Write what the limit lets through, and once what it does not."""
        kept, note = self._limit.take(text)
        self._file.write(kept)
        if note:
            self._notes.write(note)

    def flush(self) -> None:
        """Flush the file."""
        self._file.flush()
