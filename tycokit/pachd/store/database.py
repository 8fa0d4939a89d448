"""One SQLite file: one writer, many readers, and a bell that rings after each durable write."""

from __future__ import annotations

import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tycokit.errors import FolderUnusable, NewerData

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Migration:
    """A named step of the schema. Steps are only ever appended, never edited."""

    name: str
    sql: str


class Database:
    """SQLite in WAL mode with full synchronisation: what `write` committed survives a power cut.

    Args:
        path: the file; its folder must exist.
        migrations: every step of the schema in order; those not yet recorded are applied.

    Raises:
        NewerData: the file holds a migration that this program does not know.
        FolderUnusable: the file is no database.
    """

    def __init__(self, path: Path, migrations: Sequence[Migration]) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._bell = threading.Condition()
        self._generation = 0
        self._heard = 0
        self._closed = False
        self._durable = True
        self._readers: queue.LifoQueue[sqlite3.Connection] = queue.LifoQueue()
        self._writer = self._connect()
        try:
            self._writer.execute("PRAGMA journal_mode=WAL")
            self._migrate(migrations)
        except BaseException:
            self._writer.close()
            raise

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, timeout=60, isolation_level=None, check_same_thread=False
        )
        connection.row_factory = sqlite3.Row
        try:
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("PRAGMA foreign_keys=ON")
        except sqlite3.DatabaseError as error:  # cut short, or another program's
            connection.close()
            raise FolderUnusable(self.path.parent, f"{self.path.name}: {error}") from error
        return connection

    def _migrate(self, migrations: Sequence[Migration]) -> None:
        self._writer.execute(
            "CREATE TABLE IF NOT EXISTS migration (name TEXT PRIMARY KEY, position INTEGER)"
        )
        applied = {row["name"] for row in self._writer.execute("SELECT name FROM migration")}
        unknown = applied - {m.name for m in migrations}
        if unknown:
            raise NewerData(self.path, sorted(unknown))
        for position, migration in enumerate(migrations):
            if migration.name in applied:
                continue
            with self.write() as connection:
                for statement in migration.sql.split(";\n"):
                    if statement.strip():
                        connection.execute(statement)
                connection.execute(
                    "INSERT INTO migration VALUES (?, ?)", (migration.name, position)
                )

    @contextlib.contextmanager
    def write(self, durable: bool = True) -> Iterator[sqlite3.Connection]:
        """The writer's connection inside one transaction; an exception undoes all of it.

        One that is not `durable` is of something that nobody waits for: it costs no wait for the
        disk, and rings no bell. A power cut may undo it; the next durable one makes both last.
        """
        with self._lock:
            if durable != self._durable:
                self._writer.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
                self._durable = durable
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                self._writer.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:  # a full disk may have ended it
                    self._writer.execute("ROLLBACK")
                raise
        if durable:
            self.ring()

    @contextlib.contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A reader's connection that sees one unchanging state until the block ends."""
        try:
            connection = self._readers.get_nowait()
        except queue.Empty:
            connection = self._connect()
            connection.execute("PRAGMA query_only=ON")
        connection.execute("BEGIN")
        try:
            yield connection
        finally:
            connection.execute("ROLLBACK")
            if self._closed or self._readers.qsize() >= 16:
                connection.close()
            else:
                self._readers.put(connection)

    @property
    def generation(self) -> int:
        """A number that every durable write makes another."""
        return self._generation

    def compact(self) -> None:
        """Give the file's unused space back to the disk. Nobody else may use the database."""
        with self._lock:
            self._writer.execute("VACUUM")
            self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def ring(self) -> None:
        """Wake everyone in `wait_until`."""
        with self._bell:
            self._generation += 1
            self._bell.notify_all()

    def wait_for_ring(self, seconds: float) -> None:
        """Back after the next write since this was last called, or after so many seconds.

        For one caller: a ring between two calls is not missed.
        """
        with self._bell:
            if self._generation == self._heard:
                self._bell.wait(timeout=seconds)
            self._heard = self._generation

    def wait_until(
        self,
        look: Callable[[sqlite3.Connection], T | None],
        give_up: Callable[[], bool] = lambda: False,
    ) -> T | None:
        """Look after every write until `look` returns something; None once `give_up` says so.

        `give_up` is asked at least every half second, since the one who waits may have gone.
        """
        looked: int | None = None
        while not give_up():
            with self._bell:
                if self._generation == looked:
                    self._bell.wait(timeout=0.5)
                if self._generation == looked:
                    continue
                looked = self._generation
            with self.read() as connection:
                found = look(connection)
            if found is not None:
                return found
        return None

    def close(self) -> None:
        with self._lock:
            self._closed = True
            while not self._readers.empty():
                self._readers.get_nowait().close()
            self._writer.close()
