"""The files of one commit: a map a directory, each sharing its pages with the past.

Keys are chosen such that the maps' byte order is the order in which Pachyderm lists: a directory
counts with its trailing slash, so `/a.txt` < `/a/` < `/a/b`.
"""

from __future__ import annotations

import sqlite3
import struct
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from tycokit.globs.glob import Glob
from tycokit.pachd.pfs.hashes import dir_hash, file_hash
from tycokit.pachd.store.garbage import Live
from tycokit.pachd.store.maps import EMPTY, Maps

_KEPT = 4096  # hashes, and sizes, of directories
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Content:
    """A file's bytes: its size and the hashes of its chunks, in order."""

    size: int
    chunks: tuple[bytes, ...]

    @property
    def hash(self) -> bytes:
        """Pachyderm's hash of a file, 32 bytes."""
        return file_hash(self.chunks)


@dataclass(frozen=True, slots=True)
class FileNode:
    """A file: absolute path and the datum tag that it was written under."""

    path: str
    tag: str
    content: Content

    @property
    def size(self) -> int:
        return self.content.size


@dataclass(frozen=True, slots=True)
class DirNode:
    """A directory: absolute path with its trailing slash, bytes below it."""

    path: str
    size: int
    root: bytes


Node = FileNode | DirNode
Puts = Mapping[tuple[str, str], "Content | None"]
"""(path, tag) → the file's new content, or None to remove it."""


def _dir_key(name: str) -> bytes:
    return name.encode() + b"/"


def _file_key(name: str, tag: str) -> bytes:
    return name.encode() + b"\0" + tag.encode()


def _node(parent: str, key: bytes, value: bytes) -> Node:
    (size,) = struct.unpack_from("<Q", value)
    if key.endswith(b"/") and b"\0" not in key:
        return DirNode(parent + key.decode(), size, value[8:])
    name, _, tag = key.partition(b"\0")
    chunks = tuple(value[at : at + 32] for at in range(8, len(value), 32))
    return FileNode(parent + name.decode(), tag.decode(), Content(size, chunks))


def _within(directory: DirNode, path: str) -> str | None:
    """`path` relative to a directory; None when it is not at or below it."""
    return path[len(directory.path) :] if path.startswith(directory.path) else None


def _around(rest: str) -> bytes:
    """The least key of the entry that is, or that holds, a path relative to its directory."""
    name, slash, _ = rest.partition("/")
    return _dir_key(name) if slash else _file_key(name, "")


class FileTree:
    """Reads and changes trees; a tree is named by its root, as a map is."""

    def __init__(self, maps: Maps) -> None:
        self._maps = maps
        self._hashes: OrderedDict[bytes, bytes] = OrderedDict()
        self._sizes: OrderedDict[bytes, int] = OrderedDict()
        self._lock = threading.Lock()

    def root(self, connection: sqlite3.Connection, root: bytes) -> DirNode | None:
        """The root directory; None for an empty tree."""
        if not root:
            return None
        with self._lock:
            size = self._sizes.get(root)
        if size is None:
            size = sum(node.size for node in self.children(connection, DirNode("/", 0, root)))
            self._remember(self._sizes, root, size)
        return DirNode("/", size, root)

    def find(
        self, connection: sqlite3.Connection, root: bytes, path: str, sized: bool = True
    ) -> list[Node]:
        """What stands at a path (absolute, with or without trailing slash).

        Empty when nothing does; the file (one a tag) first, then the directory. The size of the
        root directory may have to be added up: `sized` false says that nobody will look at it.
        """
        names = [name for name in path.split("/") if name]
        if not names:
            node = self.root(connection, root) if sized else DirNode("/", 0, root)
            return [node] if node and root else []
        parent = self._descend(connection, root, names[:-1])
        if parent is None:
            return []
        found: list[Node] = []
        start = _file_key(names[-1], "")
        for key, value in self._maps.scan(connection, parent.root, start):
            if not key.startswith(start):
                break
            found.append(_node(parent.path, key, value))
        key = _dir_key(names[-1])
        value_ = self._maps.get(connection, parent.root, key)
        if value_ is not None:
            found.append(_node(parent.path, key, value_))
        return found

    def file(
        self, connection: sqlite3.Connection, root: bytes, path: str, tag: str
    ) -> Content | None:
        """The content of one file under one tag."""
        for node in self.find(connection, root, path):
            if isinstance(node, FileNode) and node.tag == tag:
                return node.content
        return None

    def _descend(
        self, connection: sqlite3.Connection, root: bytes, names: list[str]
    ) -> DirNode | None:
        path = "/"
        for name in names:
            value = self._maps.get(connection, root, _dir_key(name))
            if value is None:
                return None
            root = value[8:]
            path += name + "/"
        return DirNode(path, 0, root) if root else None

    def children(
        self, connection: sqlite3.Connection, directory: DirNode, start: str = ""
    ) -> Iterator[Node]:
        """The entries of a directory in order, from the one at or around the path `start` on."""
        rest = _within(directory, start)
        if rest is None and start > directory.path:
            return
        start_key = _around(rest) if rest else b""
        for key, value in self._maps.scan(connection, directory.root, start_key):
            yield _node(directory.path, key, value)

    def children_back(
        self, connection: sqlite3.Connection, directory: DirNode, before: str = ""
    ) -> Iterator[Node]:
        """The entries of a directory, last first, from the one before or around `before` on."""
        rest = _within(directory, before)
        if before and (rest == "" or (rest is None and before < directory.path)):
            return
        key = None
        if rest:
            key = _around(rest) + (b"\0" if rest.find("/") not in (-1, len(rest) - 1) else b"")
        for found, value in self._maps.scan_back(connection, directory.root, key):
            yield _node(directory.path, found, value)

    def walk(self, connection: sqlite3.Connection, node: Node, after: str = "") -> Iterator[Node]:
        """A node and everything below it with path > after, parents before their children."""
        if node.path > after:
            yield node
        if isinstance(node, DirNode):
            for child in self.children(connection, node, after):
                yield from self.walk(connection, child, after)

    def walk_back(
        self, connection: sqlite3.Connection, node: Node, before: str = ""
    ) -> Iterator[Node]:
        """What `walk` gives, last first; with `before` only what has a lesser path."""
        if isinstance(node, DirNode):
            for child in self.children_back(connection, node, before):
                yield from self.walk_back(connection, child, before)
        if not before or node.path < before:
            yield node

    def glob(self, connection: sqlite3.Connection, root: bytes, pattern: Glob) -> Iterator[Node]:
        """Everything that matches, in order. "/" matches the root of a tree that is not empty."""
        if pattern.literal and pattern.literal_path is not None:
            yield from self.find(connection, root, pattern.literal_path)
            return
        start = self._descend(
            connection, root, [name for name in pattern.literal_prefix.split("/") if name]
        )
        if start is not None:
            yield from self._glob_below(connection, start, pattern)

    def _glob_below(
        self, connection: sqlite3.Connection, directory: DirNode, pattern: Glob
    ) -> Iterator[Node]:
        begin = directory.path + pattern.beginning(directory.path)
        for node in self.children(connection, directory, begin):
            if not node.path.startswith(begin):
                if node.path > begin:
                    return
                continue
            if pattern.match(node.path.rstrip("/")) is not None:
                yield node
            if isinstance(node, DirNode) and pattern.may_descend(node.path):
                yield from self._glob_below(connection, node, pattern)

    def hash(self, connection: sqlite3.Connection, node: Node) -> bytes:
        """Pachyderm's hash: of a directory, over the hashes of its immediate children."""
        if isinstance(node, FileNode):
            return node.content.hash
        with self._lock:
            known = self._hashes.get(node.root)
        if known is not None:
            return known
        made = dir_hash(self.hash(connection, child) for child in self.children(connection, node))
        self._remember(self._hashes, node.root, made)
        return made

    def _remember(self, memory: OrderedDict[bytes, T], root: bytes, value: T) -> None:
        with self._lock:
            memory[root] = value
            if len(memory) > _KEPT:
                memory.popitem(last=False)

    def apply(self, connection: sqlite3.Connection, root: bytes, puts: Puts) -> bytes:
        """The root after putting and removing files; directories come and go with their files."""
        edits = [
            ([name for name in path.split("/") if name], tag, content)
            for (path, tag), content in puts.items()
        ]
        before = self.root(connection, root)
        made, grown = self._apply(connection, root, edits)
        if made:
            self._remember(self._sizes, made, grown + (before.size if before else 0))
        return made

    def _apply(
        self,
        connection: sqlite3.Connection,
        root: bytes,
        edits: list[tuple[list[str], str, Content | None]],
        depth: int = 0,
    ) -> tuple[bytes, int]:
        """(new root, bytes more than before)."""
        grown = 0
        changes: dict[bytes, bytes | None] = {}
        below: dict[str, list[tuple[list[str], str, Content | None]]] = {}
        for edit in edits:
            names, tag, content = edit
            if len(names) > depth + 1:
                below.setdefault(names[depth], []).append(edit)
                continue
            key = _file_key(names[depth], tag)
            old = self._maps.get(connection, root, key)
            grown -= struct.unpack_from("<Q", old)[0] if old else 0
            grown += content.size if content else 0
            changes[key] = (
                struct.pack("<Q", content.size) + b"".join(content.chunks) if content else None
            )
        for name, inner in below.items():
            key = _dir_key(name)
            old = self._maps.get(connection, root, key)
            size = struct.unpack_from("<Q", old)[0] if old else 0
            new_root, more = self._apply(connection, old[8:] if old else EMPTY, inner, depth + 1)
            changes[key] = struct.pack("<Q", size + more) + new_root if new_root else None
            grown += more
        return self._maps.apply(connection, root, sorted(changes.items())), grown

    def diff(
        self, connection: sqlite3.Connection, old: bytes, new: bytes, path: str = "/"
    ) -> Iterator[tuple[Node | None, Node | None]]:
        """(old, new) of each file or directory below `path` that differs, in order.

        What is the same is not looked into, so the cost is that of the change.
        """
        for key, before, after in self._maps.diff(connection, old, new):
            a = _node(path, key, before) if before is not None else None
            b = _node(path, key, after) if after is not None else None
            yield a, b
            if isinstance(a or b, DirNode):
                roots = [node.root if isinstance(node, DirNode) else EMPTY for node in (a, b)]
                yield from self.diff(connection, roots[0], roots[1], (a or b).path)  # type: ignore[union-attr]

    def reach(self, connection: sqlite3.Connection, root: bytes, live: Live) -> None:
        """Mark the pages and chunks of a tree, as far as they are not marked yet."""
        roots = [root]
        while roots:
            tree = roots.pop()
            for key, value in self._maps.reach(connection, tree, live.pages, live.broken.append):
                node = _node("/", key, value)
                if isinstance(node, DirNode):
                    roots.append(node.root)
                else:
                    live.chunks.update(node.content.chunks)

    def changed_files(self, connection: sqlite3.Connection, old: bytes, new: bytes) -> set[str]:
        """Paths of the files that the new tree has and the old one has not, or not so."""
        return {
            after.path
            for _, after in self.diff(connection, old, new)
            if isinstance(after, FileNode)
        }

    def collisions(self, connection: sqlite3.Connection, root: bytes, paths: Iterable[str]) -> str:
        """What Pachyderm's validation says of these paths when a commit finishes, or ""."""
        parents: dict[str, tuple[DirNode | None, str]] = {}
        for path in sorted(paths):
            above, _, name = path.rpartition("/")
            parent, error = parents.get(above) or parents.setdefault(
                above, self._parent(connection, root, above)
            )
            if parent is not None and not error:
                error = self._collision(connection, parent, name)
            if error:
                return error
        return ""

    def _parent(
        self, connection: sqlite3.Connection, root: bytes, path: str
    ) -> tuple[DirNode | None, str]:
        """A directory (path without trailing slash), and what is wrong with those above it."""
        names = path.split("/")[1:]
        for depth in range(1, len(names) + 1):
            directory = "/" + "/".join(names[:depth])
            if any(isinstance(n, FileNode) for n in self.find(connection, root, directory)):
                return None, f"file / directory path collision ({directory})"
        return self._descend(connection, root, names), ""

    def _collision(self, connection: sqlite3.Connection, parent: DirNode, name: str) -> str:
        """What is wrong with the files of one name in a directory, or ""."""
        start = _file_key(name, "")
        path = parent.path + name
        tags: list[str] = []
        for key, _ in self._maps.scan(connection, parent.root, start):
            if not key.startswith(start):
                break
            tags.append(key[len(start) :].decode())
        if len(tags) > 1:
            return (
                f"duplicate path output by different datums ({path} from {tags[0]}"
                f" and {path} from {tags[1]})"
            )
        if tags and self._maps.get(connection, parent.root, _dir_key(name)) is not None:
            return f"file / directory path collision ({path})"
        return ""
