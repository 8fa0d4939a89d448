"""Whether the store holds what it promises: every chunk and page read, and its hash compared."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator

from tycokit.pachd.store.database import Database
from tycokit.pachd.store.garbage import Live, Trace
from tycokit.pachd.store.maps import page_hash
from tycokit.pachd.store.packs import Packs, chunk_hash


def check(
    database: Database, packs: Packs, trace: Trace, stop: Callable[[], bool] = lambda: False
) -> Iterator[str]:
    """A sentence for everything that is wrong with the bytes of a data folder.

    Packs are read one after the other, chunk by chunk. What is removed or moved by others while
    this runs is no fault. `stop` is asked after each pack, and ends it early when true.
    """
    yield from _pages(database)
    yield from _references(database, trace)
    with database.read() as connection:
        found = connection.execute("SELECT id, name, size FROM pack ORDER BY id").fetchall()
    for pack in found:
        if stop():
            return
        faults = list(_pack(database, packs, pack))
        with database.read() as connection:
            ask = "SELECT 1 FROM pack WHERE name = ?"
            there = connection.execute(ask, (pack["name"],)).fetchone()
        if there:
            yield from faults


def _pages(database: Database) -> Iterator[str]:
    with database.read() as connection:
        damaged = [
            row["hash"]
            for row in connection.execute("SELECT hash, data FROM page")
            if page_hash(row["data"]) != row["hash"]
        ]
    for hash_ in damaged:
        yield f"page {hash_.hex()} is damaged: its bytes do not have this hash"


def _references(database: Database, trace: Trace) -> Iterator[str]:
    live = Live()
    with database.read() as connection:
        trace(connection, live)
        chunks = {row["hash"] for row in connection.execute("SELECT hash FROM chunk")}
    for hash_ in live.broken:
        yield f"page {hash_.hex()} is needed, but missing or damaged"
    for hash_ in sorted(live.chunks - chunks):
        yield f"chunk {hash_.hex()} is needed, but missing"


def _pack(database: Database, packs: Packs, pack: sqlite3.Row) -> Iterator[str]:
    with database.read() as connection:
        rows = connection.execute(
            "SELECT hash, offset, length FROM chunk WHERE pack = ? ORDER BY offset", (pack["id"],)
        ).fetchall()
    name = pack["name"]
    try:
        with packs.path(name).open("rb") as file:
            size = file.seek(0, 2)
            if size != pack["size"]:
                yield f"pack {name} has {size} bytes, and should have {pack['size']}"
            for row in rows:
                hash_, end = row["hash"], row["offset"] + row["length"]
                if end > pack["size"]:
                    yield f"chunk {hash_.hex()} ends at byte {end} of pack {name}, beyond its end"
                    continue
                file.seek(row["offset"])
                if chunk_hash(file.read(row["length"])) != hash_:
                    yield f"chunk {hash_.hex()} in pack {name} is damaged"
    except OSError as error:
        yield f"pack {name} cannot be read: {error.strerror or error}"
