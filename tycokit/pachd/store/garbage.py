"""Removing the pages and chunks that nothing leads to any more.

Marking reads one unchanging state, beside all other work. Removing happens in short write
transactions that first mark what has come since. What a row does not name yet (the chunks that an
open stage counts on) is asked for within the gate of the packs, which whoever begins to count on
something must pass too. A pack that is mostly dead is copied, and the copy recorded, before it
goes; a crash at any point leaves either pack, and files that no row names, which the next start
removes.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from tycokit.errors import StoreDamaged
from tycokit.pachd.store.database import Database
from tycokit.pachd.store.packs import Packs, Stage, chunk_hash

_LOG = logging.getLogger(__name__)
_BATCH = 2000  # rows removed in one transaction: others wait for it
_DEAD_SHARE = 0.5  # of a pack's bytes, from which on it is copied
_COPY_BYTES = 256 << 20  # live bytes copied into one new pack


@dataclass(slots=True)
class Live:
    """What has been reached; `broken` are pages that should be there and are not, or are damaged.

    About 90 bytes of memory for each page and chunk.
    """

    pages: set[bytes] = field(default_factory=set)
    chunks: set[bytes] = field(default_factory=set)
    broken: list[bytes] = field(default_factory=list)


Trace = Callable[[sqlite3.Connection, Live], None]
"""Adds to `Live` all that rows and readers lead to; what is in it already need not be looked at."""


@dataclass(frozen=True, slots=True)
class Collected:
    """What was removed: pages, chunks, and bytes of packs."""

    pages: int
    chunks: int
    bytes: int


def collect(
    database: Database, packs: Packs, trace: Trace, stop: Callable[[], bool] = lambda: False
) -> Collected:
    """Remove what is not reached. `stop` is asked now and then, and ends it early when true.

    One at a time for a database.

    Raises:
        StoreDamaged: a page that is needed is missing or damaged, so that what it leads to is not
        known. Nothing is removed.
    """
    live = Live()
    with database.read() as connection:
        trace(connection, live)
        _check(live)
        pages = _all_but(connection, "page", live.pages)
        chunks = _all_but(connection, "chunk", live.chunks)
    gone_pages = sum(
        _remove(database, packs, trace, live, "page", batch)
        for batch in _batches(pages)
        if not stop()
    )
    gone_chunks = sum(
        _remove(database, packs, trace, live, "chunk", batch)
        for batch in _batches(chunks)
        if not stop()
    )
    freed = 0 if stop() else _sweep_packs(database, packs, stop)
    return Collected(gone_pages, gone_chunks, freed)


def _check(live: Live) -> None:
    if live.broken:
        raise StoreDamaged(f"page {live.broken[0].hex()} is missing or damaged")


def _all_but(connection: sqlite3.Connection, table: str, kept: set[bytes]) -> list[bytes]:
    found = connection.execute(f"SELECT hash FROM {table}")
    return [row["hash"] for row in found if row["hash"] not in kept]


def _batches(hashes: Sequence[bytes]) -> Iterator[list[bytes]]:
    rest = iter(hashes)
    while batch := list(islice(rest, _BATCH)):
        yield batch


def _remove(
    database: Database, packs: Packs, trace: Trace, live: Live, table: str, batch: list[bytes]
) -> int:
    """Remove rows, but for those that something has come to lead to; how many went."""
    # the gate is opened only after the commit: whoever passes it then sees what is gone
    with contextlib.ExitStack() as after_commit, database.write() as connection:
        after_commit.enter_context(packs.gate)
        trace(connection, live)
        _check(live)
        kept = live.pages if table == "page" else live.chunks | packs.in_use()
        gone = [(hash_,) for hash_ in batch if hash_ not in kept]
        connection.executemany(f"DELETE FROM {table} WHERE hash = ?", gone)
    return len(gone)


def _sweep_packs(database: Database, packs: Packs, stop: Callable[[], bool]) -> int:
    """Remove dead packs, and copy what lives in mostly dead ones; bytes freed."""
    with database.read() as connection:
        found = connection.execute(
            "SELECT pack.id, name, size, coalesce(sum(length), 0) AS live"
            " FROM pack LEFT JOIN chunk ON chunk.pack = pack.id GROUP BY pack.id ORDER BY pack.id"
        ).fetchall()
    wasted = [row for row in found if row["size"] - row["live"] >= _DEAD_SHARE * row["size"]]
    freed = 0
    while wasted and not stop():
        some: list[sqlite3.Row] = []
        while wasted and sum(row["live"] for row in some) < _COPY_BYTES:
            some.append(wasted.pop(0))
        freed += _replace(database, packs, some)
    return freed


def _replace(database: Database, packs: Packs, old: list[sqlite3.Row]) -> int:
    """Put what lives in some packs into one new pack, and remove them; bytes freed."""
    stage = packs.stage()
    try:
        copied = {row["id"]: _copy(database, packs, row, stage) for row in old}
        stage.seal()
        offsets = dict(stage.chunks())
        moved = [row for row in old if copied[row["id"]] is not None]
        with database.write() as connection:
            new = stage.record_pack(connection) if offsets else None
            for row in moved:
                # what has been removed meanwhile stays so; nothing is ever added to a pack
                connection.executemany(
                    "UPDATE chunk SET pack = ?, offset = ? WHERE hash = ? AND pack = ?",
                    [(new, offsets[hash_], hash_, row["id"]) for hash_ in copied[row["id"]] or ()],
                )
                connection.execute("DELETE FROM pack WHERE id = ?", (row["id"],))
    except BaseException:
        stage.drop()
        raise
    for row in moved:
        packs.forget(row["name"])
    return sum(row["size"] - row["live"] for row in moved)


def _copy(database: Database, packs: Packs, pack: sqlite3.Row, stage: Stage) -> list[bytes] | None:
    """Copy a pack's live chunks to a stage; their hashes, or None when one is damaged."""
    with database.read() as connection:
        rows = connection.execute(
            "SELECT hash, offset, length FROM chunk WHERE pack = ? ORDER BY offset", (pack["id"],)
        ).fetchall()
    if not rows:
        return []
    try:
        with packs.path(pack["name"]).open("rb") as file:
            for row in rows:
                file.seek(row["offset"])
                data = file.read(row["length"])
                if chunk_hash(data) != row["hash"]:
                    _LOG.error("chunk %s in pack %s is damaged", row["hash"].hex(), pack["name"])
                    return None
                stage.keep(row["hash"], data)
    except OSError as error:
        _LOG.error("pack %s cannot be read: %s", pack["name"], error)
        return None
    return [row["hash"] for row in rows]
