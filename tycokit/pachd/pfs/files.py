"""Reading files of a commit."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from tycokit.errors import FileNotFound, ItemNotFound, NotAllowed
from tycokit.globs.glob import Glob
from tycokit.globs.glob import compile as compile_glob
from tycokit.pachd.pfs import rows
from tycokit.pachd.pfs.address import resolve
from tycokit.pachd.pfs.ending import content_root
from tycokit.pachd.pfs.filetree import Content, DirNode, FileNode, Node
from tycokit.pachd.pfs.names import normal_path
from tycokit.pachd.pfs.transaction import Pfs
from tycokit.pachd.pfs.values import Commit, CommitAddress, FileInfo
from tycokit.pachd.store.maps import EMPTY

_PIECE = 1 << 20  # bytes in one piece of a stream; well below what a gRPC client accepts
_PAGE = 1000
_MOST = 100_000


class Snapshot:
    """One commit's files as they are now.

    Raises (when made): BranchNotFound, CommitNotFound, RepoNotFound, BaseUnfinished.
    """

    def __init__(self, pfs: Pfs, address: CommitAddress) -> None:
        self._pfs = pfs
        # from here on the files can be read, whatever becomes of the commit
        with pfs.packs.gate, pfs.database.read() as connection:
            row = resolve(connection, address)
            self.commit: Commit = rows.commit_value(row)
            self._committed: int | None = row["finishing"]
            self.root = content_root(connection, row)
            self._parent: int | None = row["parent"]
            pfs.snapshots.add(self)

    def inspect(self, path: str) -> FileInfo:
        """Raises FileNotFound."""
        with self._pfs.database.read() as connection:
            return self._info(connection, self._find(connection, path)[0])

    def list_dir(
        self, path: str, after: str = "", number: int = 0, reverse: bool = False
    ) -> Iterator[FileInfo]:
        """A directory's entries, or the file itself; nothing for a missing path."""
        trees = self._pfs.trees
        after = normal_path(after) + "/" * after.endswith("/") if after else ""

        def nodes(connection: rows.Connection, last: str) -> Iterator[Node]:
            tops = trees.find(connection, self.root, normal_path(path), sized=False)
            for top in reversed(tops) if reverse else tops:
                if isinstance(top, FileNode):
                    if _beyond(top.path, last, reverse):
                        yield top
                    continue
                children = trees.children_back if reverse else trees.children
                for node in children(connection, top, last):
                    if _beyond(node.path, last, reverse):
                        yield node

        return self._pages(nodes, after, number, reverse)

    def walk(
        self, path: str, after: str = "", number: int = 0, reverse: bool = False
    ) -> Iterator[FileInfo]:
        """A path's own entry and everything below it. Raises ItemNotFound."""
        trees = self._pfs.trees
        cleaned = normal_path(path)
        after = normal_path(after) + "/" * after.endswith("/") if after else ""
        with self._pfs.database.read() as connection:
            if cleaned != "/" and not trees.find(connection, self.root, cleaned):
                raise ItemNotFound(path, self.commit.id)

        def nodes(connection: rows.Connection, last: str) -> Iterator[Node]:
            tops = trees.find(connection, self.root, cleaned)
            for top in reversed(tops) if reverse else tops:
                yield from (trees.walk_back if reverse else trees.walk)(connection, top, last)

        return self._pages(nodes, after, number, reverse)

    def of_datum(
        self, tag: str, path: str, known: Iterable[str] | None = None
    ) -> Iterator[FileInfo]:
        """The files at and below a path that one datum wrote, in order, without the folders.

        Args:
            known: the paths of all that it can have written; None looks at every file.
        """
        trees, top = self._pfs.trees, normal_path(path)
        below = top.rstrip("/") + "/"
        with self._pfs.database.read() as connection:
            nodes = (
                (node for at in sorted(known) for node in trees.find(connection, self.root, at))
                if known is not None
                else (
                    node
                    for each in trees.find(connection, self.root, top)
                    for node in trees.walk(connection, each)
                )
            )
            found = [
                self._info(connection, node)
                for node in nodes
                if isinstance(node, FileNode)
                and node.tag == tag
                and (node.path == top or node.path.startswith(below))
            ]
        yield from found

    def glob(self, pattern: str, lower: str = "", upper: str = "") -> Iterator[FileInfo]:
        """What matches, in order; only paths in [lower, upper) where given. Raises BadGlob."""
        compiled = compile_glob(pattern)
        with self._pfs.database.read() as connection:
            found = [
                self._info(connection, node)
                for node in self._pfs.trees.glob(connection, self.root, compiled)
                if node.path >= lower and (not upper or node.path < upper)
            ]
        yield from found

    def matches(self, pattern: Glob) -> list[tuple[Node, bytes]]:
        """What matches, each with its hash."""
        trees = self._pfs.trees
        with self._pfs.database.read() as connection:
            return [
                (node, trees.hash(connection, node))
                for node in trees.glob(connection, self.root, pattern)
            ]

    def changed_matches(
        self, old: Snapshot, pattern: Glob
    ) -> tuple[list[tuple[Node, bytes]], list[tuple[Node, bytes]]]:
        """What matches in `old` but not, or not so, here; and what does here but not there."""
        trees = self._pfs.trees
        with self._pfs.database.read() as connection:
            if pattern.literal:
                roots = (old.root, self.root)
                sides = [list(trees.glob(connection, root, pattern)) for root in roots]
            else:
                sides = [[], []]
                for pair in trees.diff(connection, old.root, self.root):
                    for side, node in zip(sides, pair, strict=True):
                        if node is not None and pattern.match(node.path.rstrip("/")) is not None:
                            side.append(node)
            before, after = (
                {node.path: (node, trees.hash(connection, node)) for node in side} for side in sides
            )
        return _unlike(before, after), _unlike(after, before)

    def files_below(self, path: str) -> list[FileNode]:
        """The file at a path, or all files below the directory there."""
        with self._pfs.database.read() as connection:
            return [
                node
                for top in self._pfs.trees.find(connection, self.root, path)
                for node in self._pfs.trees.walk(connection, top)
                if isinstance(node, FileNode)
            ]

    def diff(
        self, path: str, old: Snapshot | None, old_path: str, shallow: bool
    ) -> list[tuple[FileInfo | None, FileInfo | None]]:
        """(new, old) of every path whose hash differs; one-sided entries have a None."""
        if old is not None and not shallow and normal_path(old_path) == normal_path(path):
            before, after = self._unlike_below(old, normal_path(path))
        else:
            before = {info.path: info for info in old._subtree(old_path, shallow)} if old else {}
            after = {info.path: info for info in self._subtree(path, shallow)}
        return [
            (after.get(key), before.get(key))
            for key in sorted(before.keys() | after.keys())
            if key not in before or key not in after or before[key].hash != after[key].hash
        ]

    def _unlike_below(
        self, old: Snapshot, path: str
    ) -> tuple[dict[str, FileInfo], dict[str, FileInfo]]:
        """Of `old` and of this, what may differ at a path and below, at the cost of just that."""
        trees = self._pfs.trees
        with self._pfs.database.read() as connection:
            tops = [trees.find(connection, root, path) for root in (old.root, self.root)]
            sides: list[list[Node]] = [list(top) for top in tops]
            folders = [next((n for n in top if isinstance(n, DirNode)), None) for top in tops]
            roots = [folder.root if folder else EMPTY for folder in folders]
            below = path if path == "/" else f"{path}/"
            for pair in trees.diff(connection, roots[0], roots[1], below):
                for side, node in zip(sides, pair, strict=True):
                    if node is not None:
                        side.append(node)
            before, after = (
                {node.path: snapshot._info(connection, node) for node in side}
                for snapshot, side in zip((old, self), sides, strict=True)
            )
        return before, after

    def parent(self) -> Snapshot | None:
        """The parent commit's files."""
        if self._parent is None:
            return None
        with self._pfs.database.read() as connection:
            commit = rows.commit_value(rows.commit_by_id(connection, self._parent))
        return Snapshot(self._pfs, CommitAddress(commit.repo, id=commit.id))

    def read(self, path: str, offset: int = 0) -> Iterator[bytes]:
        """The bytes of the one file at a path or glob, from `offset` on, in pieces.

        Raises (before the first piece):
            FileNotFound; NotAllowed: a directory, or a glob that matches several files.
        """
        with self._pfs.database.read() as connection:
            found = self._find_glob(connection, path)
        if len(found) > 1:
            raise NotAllowed("matched multiple files. Use GetFileTAR instead")
        if not isinstance(found[0], FileNode):
            raise NotAllowed("cannot get directory or non-regular file. Use GetFileTAR instead")
        return self._stream(found[0].content, offset)

    def tar(self, path: str, lower: str = "", upper: str = "") -> Iterator[bytes]:
        """A tar stream of what matches and everything below it, in pieces.

        Only paths in [lower, upper) where given. Raises FileNotFound.
        """
        with self._pfs.database.read() as connection:
            tops = self._find_glob(connection, path)
        return _gathered(self._tar(tops, lower, upper))

    def _tar(self, tops: list[Node], lower: str, upper: str) -> Iterator[bytes]:
        for node in self._below(tops, lower):
            if upper and node.path >= upper:
                break
            member = tarfile.TarInfo(node.path)
            member.mode = 0
            if isinstance(node, DirNode):
                member.type = tarfile.DIRTYPE
                yield member.tobuf(tarfile.PAX_FORMAT)
                continue
            member.size = node.size
            yield member.tobuf(tarfile.PAX_FORMAT)
            yield from self._stream(node.content, 0)
            yield b"\0" * (-node.size % tarfile.BLOCKSIZE)
        yield b"\0" * (2 * tarfile.BLOCKSIZE)

    def _below(self, tops: list[Node], lower: str) -> Iterator[Node]:
        """Some nodes and all below them from a path on, read a page at a time."""
        trees = self._pfs.trees
        for top in tops:
            last = "" if lower == top.path else lower
            # it begins within: with what stands at just that path
            if isinstance(top, DirNode) and last.startswith(top.path):
                with self._pfs.database.read() as connection:
                    found = trees.find(connection, self.root, last)
                yield from (node for node in found if node.path == last)
            while True:
                with self._pfs.database.read() as connection:
                    page = list(islice(trees.walk(connection, top, last), _PAGE))
                yield from page
                if len(page) < _PAGE:
                    break
                last = page[-1].path

    def _stream(self, content: Content, offset: int) -> Iterator[bytes]:
        packs = self._pfs.packs
        for chunk in content.chunks:
            length = packs.length(chunk)
            if offset >= length:
                offset -= length
                continue
            data = io.BytesIO(packs.read(chunk, offset))
            offset = 0
            while piece := data.read(_PIECE):
                yield piece

    def _find(self, connection: rows.Connection, path: str) -> list[Node]:
        found = self._pfs.trees.find(connection, self.root, normal_path(path))
        if not found:
            raise FileNotFound(path, self.commit.repo, self.commit.id)
        return found

    def _find_glob(self, connection: rows.Connection, path: str) -> list[Node]:
        found = list(self._pfs.trees.glob(connection, self.root, compile_glob(path)))
        if not found:
            raise FileNotFound(path, self.commit.repo, self.commit.id)
        return found

    def _subtree(self, path: str, shallow: bool) -> list[FileInfo]:
        trees = self._pfs.trees
        with self._pfs.database.read() as connection:
            nodes: list[Node] = []
            for top in trees.find(connection, self.root, normal_path(path)):
                if not shallow:
                    nodes += trees.walk(connection, top)
                elif isinstance(top, DirNode):
                    nodes += trees.children(connection, top)
                else:
                    nodes.append(top)
            return [self._info(connection, node) for node in nodes]

    def _pages(
        self,
        nodes: Callable[[rows.Connection, str], Iterator[Node]],
        last: str,
        number: int,
        reverse: bool,
    ) -> Iterator[FileInfo]:
        """Read a page at a time: a slow client must not hold a reader of the database."""
        if reverse and number <= 0:
            raise NotAllowed("number must be > 0 when reverse is true")
        if number > _MOST:
            raise NotAllowed(f"cannot return more than {_MOST} files at a time")
        return self._paged(nodes, last, number or None)

    def _paged(
        self,
        nodes: Callable[[rows.Connection, str], Iterator[Node]],
        last: str,
        left: int | None,
    ) -> Iterator[FileInfo]:
        while True:
            size = _PAGE if left is None else min(_PAGE, left)
            with self._pfs.database.read() as connection:
                page = [
                    self._info(connection, node) for node in islice(nodes(connection, last), size)
                ]
            yield from page
            if len(page) < size or (left is not None and left <= size):
                return
            last = page[-1].path
            left = None if left is None else left - size

    def _info(self, connection: rows.Connection, node: Node) -> FileInfo:
        return FileInfo(
            commit=self.commit,
            path=node.path,
            tag=node.tag if isinstance(node, FileNode) else "",
            committed=self._committed,
            size=node.size,
            hash=self._pfs.trees.hash(connection, node),
        )


def _gathered(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in fewer pieces: a message costs more than the bytes of a small file."""
    held = bytearray()
    for piece in pieces:
        held += piece
        if len(held) >= _PIECE:
            yield bytes(held)
            held.clear()
    if held:
        yield bytes(held)


def _beyond(path: str, last: str, reverse: bool) -> bool:
    return not last or (path < last if reverse else path > last)


def _unlike(
    these: dict[str, tuple[Node, bytes]], those: dict[str, tuple[Node, bytes]]
) -> list[tuple[Node, bytes]]:
    """Those of `these` that have another hash among `those`, or are not there."""
    return [
        (node, hash_)
        for path, (node, hash_) in these.items()
        if path not in those or those[path][1] != hash_
    ]
