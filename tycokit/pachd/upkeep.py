"""Reclaiming what is garbage, by itself whenever pachd has been idle for a while."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator

from tycokit.pachd.pfs import references as files
from tycokit.pachd.pfs.check import check as check_files
from tycokit.pachd.pfs.transaction import Pfs
from tycokit.pachd.pps import references as jobs
from tycokit.pachd.store import garbage
from tycokit.pachd.store.check import check as check_store
from tycokit.pachd.store.garbage import Collected, Live
from tycokit.pachd.store.maps import Maps

_LOG = logging.getLogger(__name__)
IDLE_SECONDS = 30.0


def _none() -> Iterable[bytes]:
    return ()


class Upkeep:
    """Knows everything that leads to content.

    Args:
        held: the maps of datums that running jobs go by.
        idle: seconds without a change after which garbage is looked for.
    """

    def __init__(
        self,
        pfs: Pfs,
        maps: Maps,
        held: Callable[[], Iterable[bytes]] = _none,
        idle: float = IDLE_SECONDS,
    ) -> None:
        self._pfs = pfs
        self._maps = maps
        self._held = held
        self._idle = idle
        self._one = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="upkeep")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def trace(self, connection: sqlite3.Connection, live: Live) -> None:
        """Mark all that commits, jobs and readers lead to."""
        with self._pfs.packs.gate:
            held = list(self._held())
        files.trace(self._pfs, connection, live)
        jobs.trace(self._maps, connection, live, held)

    def collect(self) -> Collected:
        """Reclaim now. Raises StoreDamaged: nothing was removed."""
        database = self._pfs.database
        with self._one:
            with database.read() as connection:
                lost = files.lost(connection)
            done = garbage.collect(database, self._pfs.packs, self.trace, self._stopping.is_set)
            if not self._stopping.is_set():
                with database.write() as connection:
                    connection.execute("UPDATE garbage SET lost = lost - ?", (lost,))
        return done

    def check(self, stop: Callable[[], bool]) -> Iterator[str]:
        """A sentence for each fault of the metadata, then of the bytes; `stop` ends it early."""
        yield from check_files(self._pfs)
        yield from check_store(self._pfs.database, self._pfs.packs, self.trace, stop)

    def _loop(self) -> None:
        seen = self._pfs.database.generation
        while not self._stopping.wait(self._idle):
            before, seen = seen, self._pfs.database.generation
            if before != seen:
                continue
            try:
                with self._pfs.database.read() as connection:
                    worthwhile = files.lost(connection) >= files.WORTHWHILE
                if worthwhile:
                    done = self.collect()
                    _LOG.info("reclaimed %s bytes, %s pages", done.bytes, done.pages)
                    seen = self._pfs.database.generation
            except Exception:
                _LOG.exception("garbage could not be reclaimed")
