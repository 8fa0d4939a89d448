"""Cron specs: the next tick, and the files of ticks."""

from __future__ import annotations

import pytest

from tycokit.errors import InvalidSpec
from tycokit.pachd.pfs.cron import parse, tick_path, tick_time

WEDNESDAY = tick_time("/2024-01-31T10:00:00Z") or 0


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("* * * * *", "2024-01-31T10:01:00Z"),
        ("*/5 * * * *", "2024-01-31T10:05:00Z"),
        ("0,30 10 * * *", "2024-01-31T10:30:00Z"),
        ("0 9-17/2 * * mon-fri", "2024-01-31T11:00:00Z"),
        ("5/15 11 ? * ?", "2024-01-31T11:05:00Z"),
        ("0 0 29 2 *", "2024-02-29T00:00:00Z"),
        ("0 0 1 JAN *", "2025-01-01T00:00:00Z"),
        ("0 0 * * 0", "2024-02-04T00:00:00Z"),
        ("0 0 * * 7", "2024-02-04T00:00:00Z"),
        ("0 0 13 * 5", "2024-02-02T00:00:00Z"),
        ("0 0 13 * *", "2024-02-13T00:00:00Z"),
        ("@hourly", "2024-01-31T11:00:00Z"),
        ("@daily", "2024-02-01T00:00:00Z"),
        ("@weekly", "2024-02-04T00:00:00Z"),
        ("@monthly", "2024-02-01T00:00:00Z"),
        ("@yearly", "2025-01-01T00:00:00Z"),
        ("@every 10s", "2024-01-31T10:00:10Z"),
        ("@every 1h30m", "2024-01-31T11:30:00Z"),
        ("@every 1ms", "2024-01-31T10:00:01Z"),
    ],
)
def test_next(spec: str, expected: str) -> None:
    tick = parse(spec).next(WEDNESDAY)
    assert tick is not None
    assert tick_path(tick) == f"/{expected}"


@pytest.mark.parametrize("spec", ["@never", "0 0 31 2 *"])
def test_never(spec: str) -> None:
    assert parse(spec).next(WEDNESDAY) is None


@pytest.mark.parametrize(
    "spec",
    [
        "",
        "* * * *",
        "60 * * * *",
        "5-1 * * * *",
        "*/0 * * * *",
        "a * * * *",
        "-1 * * * *",
        ", * * * *",
        "* * 0 * *",
        "* * * 13 *",
        "* * * * fun",
        "@every",
        "@every x",
        "@foo",
    ],
)
def test_bad_specs(spec: str) -> None:
    with pytest.raises(InvalidSpec, match=r"^error parsing cron-spec: "):
        parse(spec)


def test_ticks_advance_from_within_a_second() -> None:
    assert parse("@every 10s").next(WEDNESDAY + 999) == WEDNESDAY + 10_000_000_000
    assert parse("* * * * *").next(WEDNESDAY - 1) == WEDNESDAY


def test_another_file_is_no_tick() -> None:
    assert tick_time("/notes.txt") is None
