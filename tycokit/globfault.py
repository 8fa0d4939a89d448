"""What is malformed in a Pachyderm glob pattern: a look at its brackets, no matching.

pachd is the judge of globs, but it sees one only when a pipeline is created, which is when the
repos have been made: this finds before that what no pachd takes.
"""

from __future__ import annotations

import posixpath

_CLOSES = {"{": "}", "(": ")"}
_CLASSES = {"alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print"}
_CLASSES |= {"punct", "space", "upper", "word", "xdigit"}


def glob_fault(pattern: str) -> str | None:
    """The fault of a pattern in a few words, None when it has none."""
    if not pattern:
        return "it is empty"
    pattern = posixpath.normpath("/" + pattern.lstrip("/"))  # as pachd cleans it before it reads it
    waiting: list[tuple[str, int]] = []
    at = 0
    while at < len(pattern):
        character = pattern[at]
        if character == "\\":
            if at + 1 == len(pattern):
                return "nothing follows the last \\ "
            at += 1
        elif character == "[":
            fault, at = _class(pattern, at)
            if fault:
                return fault
        elif character in "{(":
            waiting.append((character, at))
        elif waiting and character == _CLOSES[waiting[-1][0]]:
            waiting.pop()
        at += 1
    if waiting:
        opener, place = waiting[-1]
        return f"the {opener} at character {place + 1} is not closed"
    return None


def _class(pattern: str, start: int) -> tuple[str | None, int]:
    """The fault of the character class that opens at `start`, and where it closes."""
    at = start + 1
    if pattern[at : at + 1] in ("!", "^"):
        at += 1
    first = at
    while at < len(pattern) and pattern[at] != "]":
        if pattern.startswith("[:", at):
            end = pattern.find(":]", at)
            name = pattern[at + 2 : end] if end > 0 else ""
            if name not in _CLASSES:
                return f"[:{name}:] is no character class", at
            at = end + 2
            continue
        low, at = _member(pattern, at)
        if pattern.startswith("-", at) and not pattern.startswith("]", at + 1):
            high, at = _member(pattern, at + 1)
            if high < low:
                return f"the range {low}-{high} runs backwards", at
    if at >= len(pattern):
        return f"the [ at character {start + 1} is not closed", at
    return (f"the [] at character {start + 1} is empty" if at == first else None), at


def _member(pattern: str, at: int) -> tuple[str, int]:
    """One character of a class, and where the next begins."""
    if pattern.startswith("\\", at):
        at += 1
    return pattern[at : at + 1], at + 1
