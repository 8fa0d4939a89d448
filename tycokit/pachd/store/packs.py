"""Immutable chunks of bytes, many to a pack file, found by their hash.

A pack is staged, fsynced and renamed before the row that names it is written: a row never points
at bytes that a power cut could take. (As git's pack files and restic's packs.)
"""

from __future__ import annotations

import os
import sqlite3
import threading
import uuid
from collections import OrderedDict
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO

from tycokit.errors import ChunkDamaged, ChunkMissing
from tycokit.pachd.store.database import Database, Migration

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
)
_OPEN_PACKS = 64


def chunk_hash(data: bytes) -> bytes:
    """BLAKE2b-256 of a chunk, 32 bytes."""
    return blake2b(data, digest_size=32).digest()


class Packs:
    """The chunks below one folder.

    Args:
        folder: made when missing; staged files that a crash left are removed.
        database: where the index lives (see MIGRATIONS).
    """

    def __init__(self, folder: Path, database: Database) -> None:
        self._folder = folder
        self._database = database
        self._files: OrderedDict[str, int] = OrderedDict()
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)
        with database.read() as connection:
            known = {row["name"] for row in connection.execute("SELECT name FROM pack")}
        for file in folder.iterdir():
            if file.name not in known:
                file.unlink()

    def stage(self) -> Stage:
        """A new pack to put chunks into; nothing is kept until it is sealed and recorded."""
        return Stage(self, self._folder)

    def has(self, hash_: bytes) -> bool:
        with self._database.read() as connection:
            row = connection.execute("SELECT 1 FROM chunk WHERE hash = ?", (hash_,)).fetchone()
        return row is not None

    def length(self, hash_: bytes) -> int:
        """Bytes in a chunk. Raises ChunkMissing."""
        return int(self._row(hash_)["length"])

    def read(self, hash_: bytes, offset: int = 0, count: int | None = None) -> bytes:
        """`count` bytes of a chunk from `offset` on (all of the rest without `count`).

        Raises:
            ChunkMissing: no such chunk. ChunkDamaged: the pack is shorter than its index says,
            or a whole chunk does not have its hash.
        """
        row = self._row(hash_)
        wanted = max(0, row["length"] - offset)
        if count is not None:
            wanted = min(wanted, count)
        with self._lock:
            # the descriptor must not be evicted and closed between look-up and read
            data = os.pread(self._file(row["name"]), wanted, row["offset"] + offset)
        if len(data) != wanted:
            raise ChunkDamaged(hash_, row["name"])
        if offset == 0 and wanted == row["length"] and chunk_hash(data) != hash_:
            raise ChunkDamaged(hash_, row["name"])
        return data

    def _row(self, hash_: bytes) -> sqlite3.Row:
        with self._database.read() as connection:
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

    def __init__(self, packs: Packs, folder: Path) -> None:
        self._packs = packs
        self._folder = folder
        self._path = folder / f"staged-{uuid.uuid4().hex}"
        self._index: dict[bytes, tuple[int, int]] = {}
        self._size = 0
        self._digest = blake2b(digest_size=32)
        self._file: BinaryIO | None = self._path.open("x+b")
        self._name = ""

    def put(self, data: bytes) -> bytes:
        """Keep a chunk, once; its hash, 32 bytes."""
        hash_ = chunk_hash(data)
        if hash_ in self._index or self._packs.has(hash_):
            return hash_
        assert self._file is not None, "the stage is sealed"
        self._file.write(data)
        self._digest.update(data)
        self._index[hash_] = (self._size, len(data))
        self._size += len(data)
        return hash_

    def read(self, hash_: bytes) -> bytes:
        """A chunk of this stage or of the packs."""
        if hash_ not in self._index or self._file is None:
            return self._packs.read(hash_)
        offset, length = self._index[hash_]
        self._file.flush()
        return os.pread(self._file.fileno(), length, offset)

    def length(self, hash_: bytes) -> int:
        """Bytes in a chunk of this stage or of the packs."""
        return self._index[hash_][1] if hash_ in self._index else self._packs.length(hash_)

    def seal(self) -> None:
        """Make the bytes survive a power cut. Nothing may be put afterwards."""
        if self._file is None:
            return
        file, self._file = self._file, None
        with file:
            file.flush()
            if self._index:
                os.fsync(file.fileno())
        if not self._index:
            self._path.unlink()
            return
        # the random part: two packs of the same bytes must not share one file
        self._name = f"{self._digest.hexdigest()}-{self._path.name[-8:]}"
        self._path.rename(self._folder / self._name)
        descriptor = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def record(self, connection: sqlite3.Connection) -> None:
        """Name the sealed chunks in the caller's transaction."""
        if not self._index:
            return
        assert self._name, "record needs a sealed stage"
        pack = connection.execute(
            "INSERT INTO pack (name, size) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET size=size"
            " RETURNING id",
            (self._name, self._size),
        ).fetchone()["id"]
        connection.executemany(
            "INSERT OR IGNORE INTO chunk (hash, pack, offset, length) VALUES (?, ?, ?, ?)",
            ((hash_, pack, offset, length) for hash_, (offset, length) in self._index.items()),
        )

    def drop(self) -> None:
        """Forget a stage that will not be recorded."""
        if self._file is not None:
            self._file.close()
            self._file = None
        for name in (self._path.name, self._name):
            if name:
                (self._folder / name).unlink(missing_ok=True)
