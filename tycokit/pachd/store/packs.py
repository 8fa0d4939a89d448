"""Immutable chunks of bytes, many to a pack file, found by their hash.

A pack is staged, fsynced and renamed before the row that names it is written: a row never points
at bytes that a power cut could take. (As git's pack files and restic's packs.)
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import uuid
import weakref
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b
from io import FileIO
from pathlib import Path

from tycokit.errors import ChunkDamaged, ChunkMissing
from tycokit.pachd.store.database import Database, Migration
from tycokit.pachd.store.durable import sync_folder

MIGRATIONS = (
    Migration(
        "packs-1",
        """
        CREATE TABLE pack (
            id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, size INTEGER NOT NULL
        );
        CREATE TABLE chunk (
            hash BLOB PRIMARY KEY, pack INTEGER NOT NULL REFERENCES pack(id),
            offset INTEGER NOT NULL, length INTEGER NOT NULL
        ) WITHOUT ROWID
        """,
    ),
    Migration("packs-2", "CREATE INDEX chunk_of_pack ON chunk (pack)"),
)
_OPEN_PACKS = 64
_WAITING_BYTES = 1 << 20  # of chunks that a stage has not looked up and written yet


def chunk_hash(data: bytes) -> bytes:
    """BLAKE2b-256 of a chunk, 32 bytes."""
    return blake2b(data, digest_size=32).digest()


class Packs:
    """The chunks below one folder.

    `gate` is for whoever begins to use content that no row need name for so long: within it none
    is removed, and what has been noted when it ends is kept. It is taken inside a write transaction
    or before a read one, never before a write one.

    Args:
        folder: made when missing; staged files that a crash left are removed.
        database: where the index lives (see MIGRATIONS).
    """

    def __init__(self, folder: Path, database: Database) -> None:
        self._folder = folder
        self._database = database
        self._files: OrderedDict[str, int] = OrderedDict()
        self._lock = threading.Lock()
        self.gate = threading.RLock()
        self._stages: weakref.WeakSet[Stage] = weakref.WeakSet()
        folder.mkdir(parents=True, exist_ok=True)
        with database.read() as connection:
            known = {row["name"] for row in connection.execute("SELECT name FROM pack")}
        for file in folder.iterdir():
            if file.name not in known:
                file.unlink()

    def stage(
        self, after: Stage | None = None, connection: sqlite3.Connection | None = None
    ) -> Stage:
        """A new pack to put chunks into; nothing is kept until it is sealed and recorded.

        `after` is a sealed one that shall be recorded with it. `connection` is that of the write
        transaction in which all this happens, if it does, and sees what was recorded in it.
        """
        made = Stage(self, self._folder, after, connection)
        with self.gate:
            self._stages.add(made)
        return made

    def in_use(self) -> set[bytes]:
        """Chunks that open stages count on. Call it within the gate."""
        return {hash_ for stage in self._stages for hash_ in stage.relies_on}

    def path(self, name: str) -> Path:
        return self._folder / name

    def forget(self, name: str) -> None:
        """Remove the file of a pack that no row names any more."""
        with self._lock:
            descriptor = self._files.pop(name, None)
            if descriptor is not None:
                os.close(descriptor)
        self.path(name).unlink(missing_ok=True)

    def having(
        self, hashes: Iterable[bytes], connection: sqlite3.Connection | None = None
    ) -> set[bytes]:
        """Which of these chunks there are; to the eyes of `connection`, where given."""
        with self._reading(connection) as connection:
            ask = "SELECT 1 FROM chunk WHERE hash = ?"
            return {hash_ for hash_ in hashes if connection.execute(ask, (hash_,)).fetchone()}

    def length(self, hash_: bytes) -> int:
        """Bytes in a chunk. Raises ChunkMissing."""
        return int(self._row(hash_)["length"])

    def _reading(
        self, connection: sqlite3.Connection | None
    ) -> contextlib.AbstractContextManager[sqlite3.Connection]:
        return contextlib.nullcontext(connection) if connection else self._database.read()

    def read(
        self,
        hash_: bytes,
        offset: int = 0,
        count: int | None = None,
        connection: sqlite3.Connection | None = None,
    ) -> bytes:
        """`count` bytes of a chunk from `offset` on (all of the rest without `count`).

        Raises:
            ChunkMissing: no such chunk. ChunkDamaged: the pack is shorter than its index says,
            or a whole chunk does not have its hash.
        """
        while True:
            row = self._row(hash_, connection)
            wanted = max(0, row["length"] - offset)
            if count is not None:
                wanted = min(wanted, count)
            try:
                with self._lock:
                    # the descriptor must not be evicted and closed between look-up and read
                    data = os.pread(self._file(row["name"]), wanted, row["offset"] + offset)
                break
            except FileNotFoundError as error:
                # its chunks may have moved to another pack since the look-up
                if self._row(hash_, connection)["name"] == row["name"]:
                    raise ChunkDamaged(hash_, row["name"]) from error
        if len(data) != wanted:
            raise ChunkDamaged(hash_, row["name"])
        if offset == 0 and wanted == row["length"] and chunk_hash(data) != hash_:
            raise ChunkDamaged(hash_, row["name"])
        return data

    def _row(self, hash_: bytes, connection: sqlite3.Connection | None = None) -> sqlite3.Row:
        with self._reading(connection) as connection:
            row: sqlite3.Row | None = connection.execute(
                "SELECT name, offset, length FROM chunk JOIN pack ON pack.id = chunk.pack"
                " WHERE hash = ?",
                (hash_,),
            ).fetchone()
        if row is None:
            raise ChunkMissing(hash_)
        return row

    def _file(self, name: str) -> int:
        if name in self._files:
            self._files.move_to_end(name)
            return self._files[name]
        descriptor = os.open(self._folder / name, os.O_RDONLY | os.O_CLOEXEC)
        self._files[name] = descriptor
        if len(self._files) > _OPEN_PACKS:
            os.close(self._files.popitem(last=False)[1])
        return descriptor

    def close(self) -> None:
        with self._lock:
            while self._files:
                os.close(self._files.popitem()[1])


class Stage:
    """A pack being written: put, seal, then record in the transaction that names the chunks."""

    def __init__(
        self,
        packs: Packs,
        folder: Path,
        after: Stage | None = None,
        connection: sqlite3.Connection | None = None,
    ) -> None:
        self._packs = packs
        self._connection = connection
        self._folder = folder
        self._after = after
        self.relies_on: set[bytes] = set()
        self._path = folder / f"staged-{uuid.uuid4().hex}"
        self._index: dict[bytes, tuple[int, int]] = {}
        self._size = 0
        self._waiting: dict[bytes, bytes] = {}  # looked up and written many at a time
        self._waiting_bytes = 0
        self._digest = blake2b(digest_size=32)
        self._file: FileIO | None = self._path.open("x+b", buffering=0)
        self._name = ""

    def put(self, data: bytes) -> bytes:
        """Keep a chunk, once; its hash, 32 bytes.

        Raises OSError: the disk is full, say. What was put before is kept all the same.
        """
        hash_ = chunk_hash(data)
        if not self._has(hash_):
            assert self._file is not None, "the stage is sealed"
            self._waiting[hash_] = data
            self._waiting_bytes += len(data)
            if self._waiting_bytes >= _WAITING_BYTES:
                self._write_waiting()
        return hash_

    def rely_on(self, hashes: Iterable[bytes]) -> bool:
        """Keep chunks of the packs from being removed before this stage is recorded or dropped.

        Whether all of them are there.
        """
        wanted = {hash_ for hash_ in hashes if not self._has(hash_)}
        return self._hold(wanted) == wanted

    def _hold(self, wanted: Iterable[bytes]) -> set[bytes]:
        """Rely on those of these chunks that the packs have; which they are."""
        with self._packs.gate:
            there = self._packs.having(wanted, self._connection)
            self.relies_on |= there
        return there

    def _has(self, hash_: bytes) -> bool:
        if hash_ in self._index or hash_ in self._waiting:
            return True
        return self._after is not None and self._after._has(hash_)

    def _write_waiting(self) -> None:
        there = self._hold(self._waiting)
        self._write({hash_: data for hash_, data in self._waiting.items() if hash_ not in there})
        self._waiting, self._waiting_bytes = {}, 0

    def keep(self, hash_: bytes, data: bytes) -> None:
        """Write a chunk, whether or not the packs have it."""
        self._write({hash_: data})

    def _write(self, chunks: Mapping[bytes, bytes]) -> None:
        assert self._file is not None, "the stage is sealed"
        begin = at = self._size
        rest = memoryview(b"".join(chunks.values()))
        while rest:  # what a full disk cuts short is written over by what comes next
            written = os.pwrite(self._file.fileno(), rest, at)
            rest, at = rest[written:], at + written
        for hash_, data in chunks.items():
            self._digest.update(hash_)
            self._index[hash_] = (self._size, len(data))
            self._size += len(data)
        if at - begin >= _WAITING_BYTES:
            # Linux begins to write the range to the disk now: less is left when it is sealed
            os.posix_fadvise(self._file.fileno(), begin, at - begin, os.POSIX_FADV_DONTNEED)

    def read(self, hash_: bytes) -> bytes:
        """A chunk of this stage, of those before it, or of the packs."""
        if hash_ in self._waiting:
            return self._waiting[hash_]
        if hash_ not in self._index:
            if self._after is not None:
                return self._after.read(hash_)
            return self._packs.read(hash_, connection=self._connection)
        offset, length = self._index[hash_]
        if self._file is None:
            with (self._folder / self._name).open("rb") as sealed:
                return os.pread(sealed.fileno(), length, offset)
        return os.pread(self._file.fileno(), length, offset)

    def seal(self) -> None:
        """Make the bytes survive a power cut. Nothing may be put afterwards."""
        if self._file is None:
            return
        self._write_waiting()
        file, self._file = self._file, None
        with file:
            if self._index:
                file.truncate(self._size)
                os.fsync(file.fileno())
        if not self._index:
            self._path.unlink()
            return
        # the random part: two packs of the same bytes must not share one file
        self._name = f"{self._digest.hexdigest()}-{self._path.name[-8:]}"
        self._path.rename(self._folder / self._name)
        sync_folder(self._folder)

    def record(self, connection: sqlite3.Connection) -> None:
        """Name the sealed chunks in the caller's transaction."""
        if self._after is not None:
            self._after.record(connection)
        if not self._index:
            return
        pack = self.record_pack(connection)
        connection.executemany(
            "INSERT OR IGNORE INTO chunk (hash, pack, offset, length) VALUES (?, ?, ?, ?)",
            ((hash_, pack, offset, length) for hash_, (offset, length) in self._index.items()),
        )

    def record_pack(self, connection: sqlite3.Connection) -> int:
        """Name the sealed pack, without its chunks; its row id."""
        assert self._name, "record needs a sealed stage"
        pack = connection.execute(
            "INSERT INTO pack (name, size) VALUES (?, ?)", (self._name, self._size)
        ).lastrowid
        assert pack is not None
        return pack

    def chunks(self) -> Iterator[tuple[bytes, int]]:
        """(hash, offset) of each chunk in this pack."""
        return ((hash_, offset) for hash_, (offset, _) in self._index.items())

    def drop(self) -> None:
        """Forget a stage that will not be recorded."""
        if self._after is not None:
            self._after.drop()
        self.relies_on = set()
        if self._file is not None:
            self._file.close()
            self._file = None
        for name in (self._path.name, self._name):
            if name:
                (self._folder / name).unlink(missing_ok=True)
