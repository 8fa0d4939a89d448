"""Writing to a commit, also to one of which nobody knows yet what it grows from.

Below a commit that is still open there may be others already. What is written to those is kept as
it came, and worked in as soon as what they grow from stands.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field

from tycokit.pachd.pfs import rows
from tycokit.pachd.pfs.filetree import Content, DirNode, FileNode, FileTree
from tycokit.pachd.pfs.hashes import Chunker
from tycokit.pachd.pfs.transaction import Transaction, base_root
from tycokit.pachd.store.packs import Stage

Key = tuple[str, str]  # path, tag
_CLEAR, _REMOVE, _PUT, _APPEND = "clear", "remove", "put", "append"


@dataclass(frozen=True, slots=True)
class Writes:
    """What shall become of a commit's files.

    `cleared` are directories (with a trailing slash) whose files of one tag go first of all. `puts`
    gives the files' new contents, None for those that go; `grown` are those of them whose content
    comes after what is there, which only a commit with an unknown base needs.
    """

    puts: Mapping[Key, Content | None]
    cleared: Set[Key] = frozenset()
    grown: Set[Key] = frozenset()


def root_of(connection: rows.Connection, row: rows.Row) -> bytes | None:
    """The tree that a commit shows; None while an ancestor that it grows from is open."""
    root: bytes | None = row["root"]
    return root if root is not None else base_root(connection, row["parent"])


def write(transaction: Transaction, row: rows.Row, writes: Writes) -> None:
    """Write to an open commit."""
    connection = transaction.connection
    root = root_of(connection, row)
    if root is None:
        _keep(connection, row["id"], writes)
    else:
        root = _applied(connection, transaction.trees, root, writes)
        connection.execute("UPDATE pfs_commit SET root = ? WHERE id = ?", (root, row["id"]))


def settle(transaction: Transaction, row: rows.Row) -> bool:
    """Work in what was written while a commit's base was unknown; false if it still is."""
    connection = transaction.connection
    root = base_root(connection, row["parent"])
    if root is None:
        return False
    pending = connection.execute(
        "SELECT * FROM pending_write WHERE commit_id = ? ORDER BY id", (row["id"],)
    ).fetchall()
    if pending:
        stage = transaction.stage()
        root = _replayed(transaction, stage, root, pending)
        stage.seal()
        stage.record(connection)
        forget(connection, row["id"])
    connection.execute("UPDATE pfs_commit SET root = ? WHERE id = ?", (root, row["id"]))
    return True


def forget(connection: rows.Connection, commit: int) -> None:
    """Drop what was written to a commit whose base is unknown."""
    connection.execute("DELETE FROM pending_write WHERE commit_id = ?", (commit,))


def joined(stage: Stage, base: Content | None, more: Content) -> Content:
    """One content after the other."""
    if base is None or not base.chunks:
        return more
    if not more.chunks:
        return base
    # the chunks of a content depend on it alone, so all but the last of the old ones stay
    chunks = list(base.chunks[:-1])
    chunker = Chunker()
    for old in (base.chunks[-1], *more.chunks):
        chunks += map(stage.put, chunker.feed(stage.read(old)))
    chunks += map(stage.put, chunker.finish())
    return Content(base.size + more.size, tuple(chunks))


def pending_chunks(connection: rows.Connection) -> Iterable[bytes]:
    """Hashes of the chunks that no tree leads to yet."""
    for row in connection.execute("SELECT chunks FROM pending_write WHERE chunks IS NOT NULL"):
        yield from _split(row["chunks"])


def _keep(connection: rows.Connection, commit: int, writes: Writes) -> None:
    def kind(key: Key, content: Content | None) -> str:
        if content is None:
            return _REMOVE
        return _APPEND if key in writes.grown else _PUT

    connection.executemany(
        "INSERT INTO pending_write (commit_id, kind, path, tag, size, chunks)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        [
            *((commit, _CLEAR, path, tag, 0, None) for path, tag in sorted(writes.cleared)),
            *(
                (
                    commit,
                    kind((path, tag), content),
                    path,
                    tag,
                    content.size if content else 0,
                    b"".join(content.chunks) if content else None,
                )
                for (path, tag), content in writes.puts.items()
            ),
        ],
    )


@dataclass(slots=True)
class _Gathered:
    """Writes that can be made at once."""

    puts: dict[Key, Content | None] = field(default_factory=dict)
    cleared: set[Key] = field(default_factory=set)


def _replayed(
    transaction: Transaction, stage: Stage, root: bytes, pending: Iterable[sqlite3.Row]
) -> bytes:
    connection, trees = transaction.connection, transaction.trees
    gathered = _Gathered()

    def make() -> bytes:
        nonlocal gathered
        made = _applied(connection, trees, root, Writes(gathered.puts, gathered.cleared))
        gathered = _Gathered()
        return made

    for each in pending:
        key = (each["path"], each["tag"])
        if each["kind"] == _CLEAR:
            if gathered.puts:  # those of an earlier stream, which this one clears away
                root = make()
            gathered.cleared.add(key)
            continue
        content = None
        if each["kind"] != _REMOVE:
            content = Content(each["size"], tuple(_split(each["chunks"])))
        if content is not None and each["kind"] == _APPEND:
            if gathered.cleared:
                root = make()
            there = gathered.puts.get(key)
            if key not in gathered.puts:
                there = trees.file(connection, root, *key)
            content = joined(stage, there, content)
        gathered.puts[key] = content
    return make()


def _split(chunks: bytes) -> Iterable[bytes]:
    return (chunks[at : at + 32] for at in range(0, len(chunks), 32))


def _applied(connection: rows.Connection, trees: FileTree, root: bytes, writes: Writes) -> bytes:
    removed: dict[Key, Content | None] = {
        (node.path, node.tag): None
        for directory, tag in writes.cleared
        for top in trees.find(connection, root, directory)
        if isinstance(top, DirNode)
        for node in trees.walk(connection, top)
        if isinstance(node, FileNode) and node.tag == tag
    }
    return trees.apply(connection, root, {**removed, **writes.puts})
