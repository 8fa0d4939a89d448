"""What has been committed, on disk: so that a crash at any moment neither loses nor repeats."""

from __future__ import annotations

import os
import sqlite3
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tycokit.errors import WatchError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS batch (id TEXT PRIMARY KEY) STRICT;
CREATE TABLE IF NOT EXISTS file (
    path BLOB PRIMARY KEY, name BLOB NOT NULL UNIQUE, size INTEGER NOT NULL,
    modified INTEGER NOT NULL, batch TEXT
) STRICT;
CREATE INDEX IF NOT EXISTS file_batch ON file (batch) WHERE batch IS NOT NULL;
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """A file as it was looked at: size in bytes, time of its last change in ns since 1970."""

    path: Path
    size: int
    modified: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Files on their way into one commit, which carries the batch's id in its description."""

    id: str
    files: tuple[Seen, ...]

    @property
    def mark(self) -> str:
        return f"tycokit watch {self.id}"


class Ledger:
    """The files of one folder that are in the repo, or on their way; used by one thread."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._database = sqlite3.connect(path, isolation_level=None, timeout=1.0)
        try:
            # two watchers of one folder would both commit each picture
            self._database.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = FULL")
            self._database.executescript(_SCHEMA)
        except sqlite3.OperationalError as error:
            self._database.close()
            if "locked" not in str(error):
                raise
            raise WatchError(
                f"another `tycokit watch` is at work on this folder ({path})"
            ) from error

    def close(self) -> None:
        self._database.close()

    def knows(self, file: Seen) -> bool:
        """Whether the file, as it is, has been committed, refused, or is on its way."""
        row = self._database.execute(
            "SELECT size, modified FROM file WHERE path = ?", (os.fsencode(file.path),)
        ).fetchone()
        return bool(row == (file.size, file.modified))

    def namesake(self, file: Seen) -> Path | None:
        """Another file of the same name, which has its path in the repo already."""
        row = self._database.execute(
            "SELECT path FROM file WHERE name = ? AND path != ?",
            (os.fsencode(file.path.name), os.fsencode(file.path)),
        ).fetchone()
        return None if row is None else Path(os.fsdecode(row[0]))

    def begin(self, files: Iterable[Seen]) -> Batch:
        """Note files as on their way, before the first byte is sent."""
        batch = Batch(uuid.uuid4().hex, tuple(files))
        with self._database:
            self._database.execute("BEGIN")
            self._database.execute("INSERT INTO batch VALUES (?)", (batch.id,))
            self._note(batch.files, batch.id)
        return batch

    def open_batches(self) -> list[Batch]:
        """The batches of which nobody noted the end, oldest first."""
        rows = self._database.execute("SELECT id FROM batch ORDER BY rowid").fetchall()
        return [Batch(id_, tuple(self._files(id_))) for (id_,) in rows]

    def done(self, batch: Batch) -> None:
        """Note that pachd has acknowledged the commit."""
        with self._database:
            self._database.execute("BEGIN")
            self._database.execute("UPDATE file SET batch = NULL WHERE batch = ?", (batch.id,))
            self._database.execute("DELETE FROM batch WHERE id = ?", (batch.id,))

    def _files(self, batch: str) -> Iterable[Seen]:
        rows = self._database.execute(
            "SELECT path, size, modified FROM file WHERE batch = ? ORDER BY path", (batch,)
        )
        for path, size, modified in rows:
            yield Seen(Path(os.fsdecode(path)), size, modified)

    def _note(self, files: Iterable[Seen], batch: str) -> None:
        self._database.executemany(
            "INSERT OR REPLACE INTO file VALUES (?, ?, ?, ?, ?)",
            [
                (
                    os.fsencode(file.path),
                    os.fsencode(file.path.name),
                    file.size,
                    file.modified,
                    batch,
                )
                for file in files
            ],
        )
