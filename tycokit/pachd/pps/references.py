"""What jobs lead to: the datums' records, and the output that these name."""

from __future__ import annotations

from collections.abc import Iterable

from tycokit.pachd.pfs import rows
from tycokit.pachd.pps.values import DatumRecord
from tycokit.pachd.store.garbage import Live
from tycokit.pachd.store.maps import Maps


def trace(maps: Maps, connection: rows.Connection, live: Live, held: Iterable[bytes]) -> None:
    """Mark the datums of every job; `held` are maps of datums that running jobs go by."""
    named = connection.execute("SELECT DISTINCT datums FROM job WHERE datums IS NOT NULL")
    for root in [*held, *(row["datums"] for row in named.fetchall())]:
        for key, value in maps.reach(connection, root, live.pages, live.broken.append):
            _mark(key.decode(), value, live)
    for row in connection.execute("SELECT datum, record FROM datum_result"):
        _mark(row["datum"], row["record"], live)


def _mark(id_: str, record: bytes, live: Live) -> None:
    for content in DatumRecord.unpack(id_, record).outputs.values():
        live.chunks.update(content.chunks)
