"""Numbers of things, in words."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """Such as `1 datum`, `2 datums`."""
    return f"{number} {noun}{'s' * (number != 1)}"
