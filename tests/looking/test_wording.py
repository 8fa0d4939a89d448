"""Numbers as Python says them, and as the widgets' script does."""

from __future__ import annotations

import pytest

from tycokit.wording import counted, sized


@pytest.mark.parametrize(
    ("number", "says"),
    [(0, "0 datums"), (1, "1 datum"), (2, "2 datums"), (12_345, "12,345 datums")],
)
def test_counted(number: int, says: str) -> None:
    assert counted(number, "datum") == says


@pytest.mark.parametrize(
    ("number", "says"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (7250, "7.3 kB"),
        (14_500, "15 kB"),
        (999_499, "999 kB"),
        (999_999, "1.0 MB"),
        (15_300_000, "15 MB"),
        (2 * 10**15, "2.0 PB"),
        (2 * 10**18, "2000 PB"),
    ],
)
def test_sized(number: int, says: str) -> None:
    assert sized(number) == says
