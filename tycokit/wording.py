"""Numbers, in words, as the widgets' script says them too."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

_UNITS = ("kB", "MB", "GB", "TB", "PB")


def counted(number: int, noun: str) -> str:
    """Such as `1 datum`, `2,000 datums`."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def sized(number: int) -> str:
    """Bytes, such as `999 B`, `1.0 kB`, `15 MB`."""
    if number < 1000:
        return f"{number} B"
    size, at = number / 1000, 0
    while size >= 999.5 and at < len(_UNITS) - 1:
        size, at = size / 1000, at + 1
    digits = Decimal("0.1" if size < 10 else "1")
    return f"{Decimal(size).quantize(digits, ROUND_HALF_UP)} {_UNITS[at]}"
