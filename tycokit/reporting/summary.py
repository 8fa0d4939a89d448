"""A day in figures, from its records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq


@dataclass(frozen=True, slots=True)
class Threat:
    """A picture that matched a rule. `image` is the small picture, with its boxes."""

    device: str
    time: datetime
    picture: str
    seen: tuple[str, ...]
    rules: tuple[str, ...]
    alerts: tuple[Mapping[str, Any], ...]
    image: Path | None


@dataclass(frozen=True, slots=True)
class Summary:
    """Threats in the order of time, and counts; `refused` counts pictures by the check they failed.

    `alerts` counts receipts by state, `failed` gives receiver and reason of those not delivered.
    """

    day: str
    pictures: int
    threats: tuple[Threat, ...]
    devices: Counter[str]
    classes: Counter[str]
    hours: Counter[int]
    refused: Counter[str]
    alerts: Counter[str]
    failed: tuple[tuple[str, str], ...]


def read(folder: Path) -> Summary:
    """The summary of a day's folder, `day=<YYYY-MM-DD>`, as the records stage leaves it."""
    rows: list[dict[str, Any]] = []
    for file in sorted(folder.glob("*.parquet")):
        # its bytes: as a path, `day=` would become a column
        with file.open("rb") as data:
            rows += pq.read_table(data).to_pylist()
    return summarise(folder.name.partition("=")[2], rows, folder / "pictures")


def summarise(day: str, rows: Iterable[Mapping[str, Any]], pictures: Path) -> Summary:
    """The figures of rows that have the columns of the records."""
    found = list(rows)
    threats = [_threat(row, pictures) for row in found if row["matched"]]
    receipts = [receipt for threat in threats for receipt in threat.alerts]
    return Summary(
        day,
        len(found),
        tuple(sorted(threats, key=lambda threat: (threat.time, threat.device))),
        Counter(threat.device for threat in threats),
        Counter(name for threat in threats for name in set(threat.seen)),
        Counter(threat.time.hour for threat in threats),
        Counter(check for row in found if not row["valid"] for check in _checks(row["reason"])),
        Counter(receipt["state"] for receipt in receipts),
        tuple((r["receiver"], r["reason"]) for r in receipts if r["state"] == "failed"),
    )


def _threat(row: Mapping[str, Any], pictures: Path) -> Threat:
    image = pictures / f"{row['picture'].rpartition('.')[0]}.jpg"
    return Threat(
        row["device"],
        row["time"],
        row["picture"],
        _names(row["objects"]),
        tuple(row["rules"]),
        tuple(row["alerts"]),
        image if image.is_file() else None,
    )


def _names(objects: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    return tuple(item["name"] for item in objects)


def _checks(reason: str) -> list[str]:
    """The checks that a reason names: `name: no '_' (asked: …); contrast: …`."""
    return [part.partition(":")[0] for part in reason.split("); ") if part]
