"""Persistent sorted maps from bytes to bytes: a change shares all but a few pages with the past.

A prolly tree: the hash of a key alone decides whether a page ends after it, so equal contents have
equal pages and equal roots, whatever the order of the changes that led there. (Dolt and Noms
describe the structure; the level of a key is as in a skip list.)
"""

from __future__ import annotations

import sqlite3
import struct
import threading
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from tycokit.errors import PageMissing
from tycokit.pachd.store.database import Migration

MIGRATIONS = (
    Migration(
        "maps-1", "CREATE TABLE page (hash BLOB PRIMARY KEY, data BLOB NOT NULL) WITHOUT ROWID"
    ),
)
_BITS = 7  # 128 entries a page on average
_CACHED_PAGES = 512
EMPTY = b""
"""The root of the map without entries."""

Edit = tuple[bytes, "bytes | None"]


@dataclass(frozen=True, slots=True)
class _Page:
    level: int  # 0 = entries; n = references to pages of level n - 1, keyed by their last key
    keys: tuple[bytes, ...]
    values: tuple[bytes, ...]


def page_hash(data: bytes) -> bytes:
    """BLAKE2b-256 of a page, 32 bytes."""
    return blake2b(data, digest_size=32).digest()


def _level(key: bytes) -> int:
    number = int.from_bytes(blake2b(key, digest_size=8).digest(), "little") | 1 << 63
    return ((number & -number).bit_length() - 1) // _BITS


def _encode(level: int, keys: Sequence[bytes], values: Sequence[bytes]) -> bytes:
    lengths = [len(item) for pair in (keys, values) for item in pair]
    head = struct.pack(f"<BI{len(lengths)}I", level, len(keys), *lengths)
    return head + b"".join(keys) + b"".join(values)


def _decode(data: bytes) -> _Page:
    level, count = struct.unpack_from("<BI", data)
    lengths = struct.unpack_from(f"<{2 * count}I", data, 5)
    items = []
    at = 5 + 8 * count
    for length in lengths:
        items.append(data[at : at + length])
        at += length
    return _Page(level, tuple(items[:count]), tuple(items[count:]))


class Maps:
    """All maps of one database; a map is named by its root, EMPTY or 32 bytes."""

    def __init__(self) -> None:
        self._cache: OrderedDict[bytes, _Page] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, connection: sqlite3.Connection, root: bytes, key: bytes) -> bytes | None:
        while root:
            page = self._load(connection, root)
            at = bisect_left(page.keys, key)
            if at == len(page.keys):
                return None
            if page.level == 0:
                return page.values[at] if page.keys[at] == key else None
            root = page.values[at]
        return None

    def scan(
        self, connection: sqlite3.Connection, root: bytes, start: bytes = b""
    ) -> Iterator[tuple[bytes, bytes]]:
        """Entries with key >= start, ascending."""
        if not root:
            return
        page = self._load(connection, root)
        at = bisect_left(page.keys, start)
        if page.level == 0:
            yield from zip(page.keys[at:], page.values[at:], strict=True)
            return
        for child in page.values[at:]:
            yield from self.scan(connection, child, start)

    def scan_back(
        self, connection: sqlite3.Connection, root: bytes, before: bytes | None = None
    ) -> Iterator[tuple[bytes, bytes]]:
        """Entries with key < before (all without it), descending."""
        if not root:
            return
        page = self._load(connection, root)
        end = len(page.keys) if before is None else bisect_left(page.keys, before)
        if page.level == 0:
            yield from zip(page.keys[:end][::-1], page.values[:end][::-1], strict=True)
            return
        for child in page.values[: end + 1][::-1]:
            yield from self.scan_back(connection, child, before)

    def apply(self, connection: sqlite3.Connection, root: bytes, edits: Sequence[Edit]) -> bytes:
        """The root after setting (value) or removing (None) keys; edits sorted, keys unique."""
        if not edits:
            return root
        leaves = self._leaves(connection, root)
        lasts = [last for last, _ in leaves]
        out: list[tuple[bytes, bytes]] = []
        carry: list[tuple[bytes, bytes]] = []
        at = done = 0
        while at < len(edits) or carry:
            leaf = done if carry else min(bisect_left(lasts, edits[at][0], done), len(leaves) - 1)
            if leaf < done or not leaves:
                # past the last page
                entries, stop = carry, len(edits)
            else:
                out += leaves[done:leaf]
                page = self._load(connection, leaves[leaf][1])
                entries = carry + list(zip(page.keys, page.values, strict=True))
                done = leaf + 1
                stop = len(edits)
                if done < len(leaves):
                    stop = bisect_left(edits, (lasts[leaf] + b"\0",), at)
            pieces = _split(_merge(entries, edits[at:stop]), 0)
            at = stop
            carry = []
            if pieces and done < len(leaves) and _level(pieces[-1][-1][0]) < 1:
                carry = pieces.pop()
            out += [self._write(connection, 0, piece) for piece in pieces]
        out += leaves[done:]
        level = 1
        while len(out) > 1:
            out = [self._write(connection, level, piece) for piece in _split(out, level)]
            level += 1
        return out[0][1] if out else EMPTY

    def diff(
        self, connection: sqlite3.Connection, old: bytes, new: bytes
    ) -> Iterator[tuple[bytes, bytes | None, bytes | None]]:
        """(key, old value, new value) wherever the two maps differ, ascending."""
        if old == new:
            return
        before = self._leaves(connection, old)
        after = self._leaves(connection, new)
        shared = {hash_ for _, hash_ in before} & {hash_ for _, hash_ in after}
        a = self._entries(connection, before, shared)
        b = self._entries(connection, after, shared)
        for key in sorted(a.keys() | b.keys()):
            if a.get(key) != b.get(key):
                yield key, a.get(key), b.get(key)

    def reach(
        self,
        connection: sqlite3.Connection,
        root: bytes,
        seen: set[bytes],
        broken: Callable[[bytes], None],
    ) -> Iterator[tuple[bytes, bytes]]:
        """The entries of those of a map's pages that are not in `seen`; the pages are added to it.

        Pages are read from the database itself; `broken` is told of those that are not there, or
        do not have their hash.
        """
        wanted = [root] if root else []
        while wanted:
            hash_ = wanted.pop()
            if hash_ in seen:
                continue
            seen.add(hash_)
            row = connection.execute("SELECT data FROM page WHERE hash = ?", (hash_,)).fetchone()
            if row is None or page_hash(row["data"]) != hash_:
                broken(hash_)
                continue
            page = _decode(row["data"])
            if page.level:
                wanted += page.values
            else:
                yield from zip(page.keys, page.values, strict=True)

    def _entries(
        self, connection: sqlite3.Connection, leaves: list[tuple[bytes, bytes]], skip: set[bytes]
    ) -> dict[bytes, bytes]:
        found: dict[bytes, bytes] = {}
        for _, hash_ in leaves:
            if hash_ not in skip:
                page = self._load(connection, hash_)
                found.update(zip(page.keys, page.values, strict=True))
        return found

    def _leaves(self, connection: sqlite3.Connection, root: bytes) -> list[tuple[bytes, bytes]]:
        """(last key, hash) of each page of level 0, in order."""
        if not root:
            return []
        page = self._load(connection, root)
        if page.level == 0:
            return [(page.keys[-1], root)]
        refs = list(zip(page.keys, page.values, strict=True))
        for _ in range(page.level - 1):
            below = (self._load(connection, hash_) for _, hash_ in refs)
            refs = [ref for page in below for ref in zip(page.keys, page.values, strict=True)]
        return refs

    def _load(self, connection: sqlite3.Connection, hash_: bytes) -> _Page:
        with self._lock:
            page = self._cache.get(hash_)
            if page is not None:
                self._cache.move_to_end(hash_)
                return page
        row = connection.execute("SELECT data FROM page WHERE hash = ?", (hash_,)).fetchone()
        if row is None:
            raise PageMissing(hash_)
        page = _decode(row["data"])
        self._remember(hash_, page)
        return page

    def _write(
        self, connection: sqlite3.Connection, level: int, entries: Sequence[tuple[bytes, bytes]]
    ) -> tuple[bytes, bytes]:
        keys = tuple(key for key, _ in entries)
        values = tuple(value for _, value in entries)
        data = _encode(level, keys, values)
        hash_ = page_hash(data)
        connection.execute("INSERT OR IGNORE INTO page VALUES (?, ?)", (hash_, data))
        return keys[-1], hash_

    def _remember(self, hash_: bytes, page: _Page) -> None:
        with self._lock:
            self._cache[hash_] = page
            if len(self._cache) > _CACHED_PAGES:
                self._cache.popitem(last=False)


def _merge(entries: list[tuple[bytes, bytes]], edits: Sequence[Edit]) -> list[tuple[bytes, bytes]]:
    merged = dict(entries)
    for key, value in edits:
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = value
    return sorted(merged.items())


def _split(entries: list[tuple[bytes, bytes]], level: int) -> list[list[tuple[bytes, bytes]]]:
    pieces: list[list[tuple[bytes, bytes]]] = []
    start = 0
    for at, (key, _) in enumerate(entries, 1):
        if _level(key) > level:
            pieces.append(entries[start:at])
            start = at
    if start < len(entries):
        pieces.append(entries[start:])
    return pieces
