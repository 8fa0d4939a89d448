"""One stream of file changes, gathered first and applied as one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from tycokit.errors import CommitFinished, CommitNotFound, StreamCut
from tycokit.pachd.pfs import rows
from tycokit.pachd.pfs.address import resolve
from tycokit.pachd.pfs.commits import close, content_root, start_commit
from tycokit.pachd.pfs.filetree import Content, DirNode, FileNode
from tycokit.pachd.pfs.hashes import Chunker
from tycokit.pachd.pfs.names import check_file, check_path, normal_path
from tycokit.pachd.pfs.transaction import Pfs, Transaction, base_root
from tycokit.pachd.pfs.values import DEFAULT_TAG, Branch, CommitAddress
from tycokit.pachd.store.maps import EMPTY

Key = tuple[str, str]  # path, tag


@dataclass(slots=True)
class _File:
    """What the stream makes of one file; `kept` = it grows from what the commit has."""

    kept: bool
    chunks: list[bytes] = field(default_factory=list)
    size: int = 0
    written: bool = False


class Modification:
    """Changes to one commit: later ones win; nothing happens before `apply`.

    Bytes go to a staged pack as they come; only the file being written is in memory, up to a
    chunk of it.
    """

    def __init__(self, pfs: Pfs) -> None:
        self._pfs = pfs
        self._stage = pfs.packs.stage()
        self._files: dict[Key, _File] = {}
        self._cleared: set[Key] = set()  # directories emptied, with their tag, before the files
        self._holding: set[str] = set()  # directories that the stream has put files below
        self._open: tuple[Key, Chunker] | None = None
        self._checked: str | None = None  # the last path that bytes came for
        self._deleted: Key | None = None  # by the last change, and without a slash

    def delete(self, path: str, tag: str = "") -> None:
        """Remove a file or a directory; with a trailing slash only what is below a directory.

        When bytes for the same path come next, the two are a client's way to overwrite a file, and
        a directory of that name stays (to collide with the file when the commit ends).
        """
        tag = tag or DEFAULT_TAG
        cleaned = normal_path(path)
        self._close_file()
        if path.endswith("/") or cleaned == "/":
            self._clear(cleaned.rstrip("/") + "/", tag)
        else:
            self._deleted = cleaned, tag
            self._files[cleaned, tag] = _File(kept=False)

    def add(self, path: str, data: bytes, tag: str = "") -> None:
        """Append bytes (none make an empty file) to what stands at a path."""
        if path != self._checked:
            check_file(path)
            self._checked = path
        key = (normal_path(path), tag or DEFAULT_TAG)
        if self._open is None or self._open[0] != key:
            if self._deleted == key:
                self._deleted = None
            self._close_file()
            self._resume(key)
        assert self._open is not None
        file = self._files[key]
        file.written = True
        self._keep(file, self._open[1].feed(data))

    def copy(
        self, path: str, source: CommitAddress, source_path: str, append: bool, tag: str
    ) -> None:
        """Copy a file or directory of any commit; a missing source path copies nothing."""
        check_path(path)
        self._close_file()
        target, tag = normal_path(path), tag or DEFAULT_TAG
        trees = self._pfs.trees
        with self._pfs.database.read() as connection:
            root = content_root(connection, resolve(connection, source))
            found = trees.find(connection, root, normal_path(source_path))
            contents: list[tuple[str, Content]] = []
            for top in found:
                for node in trees.walk(connection, top):
                    if isinstance(node, FileNode):
                        below = node.path[len(top.path.rstrip("/")) :]
                        contents.append((target.rstrip("/") + below, node.content))
                        if not self._stage.rely_on(node.content.chunks):
                            raise CommitNotFound(source)  # deleted since, and reclaimed
        for new_path, content in contents:
            check_file(new_path)  # a folder's files may lie too deep at their new place
            file = self._file((new_path, tag))
            if not append:
                file.kept, file.chunks, file.size = False, [], 0
            if file.chunks or file.kept:
                for chunk in content.chunks:
                    self.add(new_path, self._stage.read(chunk), tag)
                self._close_file()
            else:
                file.chunks, file.size = list(content.chunks), content.size
            file.written = True

    def apply(self, address: CommitAddress, whole: Callable[[], bool] = lambda: True) -> None:
        """Make the changes, durably, in an open commit or in one of their own.

        Args:
            whole: asked last of all; false when the stream turns out to have been cut short.

        Raises:
            StreamCut: it was, and nothing has changed;
            CommitFinished: the commit named by its id has ended; BaseUnfinished, RepoNotFound, …
        """
        self._close_file()
        while True:
            # appending needs the bytes that stand there now: read, then see that they still do
            with self._pfs.database.read() as connection:
                seen = self._base(connection, address)
            # what is replaced meanwhile may be reclaimed too: then it is found to have changed
            grown = [content.chunks[-1] for content in seen.values() if content.chunks]
            if not self._stage.rely_on(grown):
                with self._pfs.database.read() as connection:
                    if self._base(connection, address) != seen:
                        continue
            puts = {key: self._final(key, seen.get(key)) for key in self._files}
            self._stage.seal()
            with self._pfs.transaction() as transaction:
                if self._base(transaction.connection, address) == seen:
                    self._stage.record(transaction.connection)
                    self._apply(transaction, address, puts)
                    if not whole():
                        raise StreamCut
                    return
            self._stage = self._pfs.packs.stage(after=self._stage)

    def drop(self) -> None:
        """Forget everything."""
        self._stage.drop()

    def _base(self, connection: rows.Connection, address: CommitAddress) -> dict[Key, Content]:
        """Present contents of the files that the stream appends to."""
        grown = [key for key, file in self._files.items() if file.kept]
        if not grown:
            return {}
        if (
            not address.id
            and rows.branch_row(connection, Branch(address.repo, address.branch)) is None
        ):
            return {}
        row = resolve(connection, address)
        if row["finished"] is None:
            root = content_root(connection, row)
        else:  # what a new child starts from: not the files of a commit with an error
            root = base_root(connection, row["id"]) or EMPTY
        found = {key: self._pfs.trees.file(connection, root, *key) for key in grown}
        return {key: content for key, content in found.items() if content is not None}

    def _final(self, key: Key, base: Content | None) -> Content | None:
        file = self._files[key]
        if not file.written:
            return None
        if base is None or not base.chunks:
            return Content(file.size, tuple(file.chunks))
        if not file.chunks:
            return base
        # the chunks of a content depend on it alone, so all but the last of the old ones stay
        grown = _File(kept=False, chunks=list(base.chunks[:-1]))
        last = self._stage.read(base.chunks[-1])
        grown.size = base.size - len(last)
        chunker = Chunker()
        self._keep(grown, chunker.feed(last))
        for chunk in file.chunks:
            self._keep(grown, chunker.feed(self._stage.read(chunk)))
        self._keep(grown, chunker.finish())
        return Content(grown.size, tuple(grown.chunks))

    def _apply(
        self, transaction: Transaction, address: CommitAddress, puts: dict[Key, Content | None]
    ) -> None:
        connection = transaction.connection
        row = _target(transaction, address)
        one_off = row is None
        if row is None:
            made = start_commit(transaction, Branch(address.repo, address.branch))
            row = resolve(connection, CommitAddress(made.repo, id=made.id))
        root = content_root(connection, row)
        removed: dict[Key, Content | None] = {}
        for directory, tag in self._cleared:
            removed.update(self._below(connection, root, directory, tag))
        root = self._pfs.trees.apply(connection, root, {**removed, **puts})
        connection.execute("UPDATE pfs_commit SET root = ? WHERE id = ?", (root, row["id"]))
        if one_off:
            close(transaction, resolve(connection, CommitAddress(made.repo, id=made.id)))

    def _below(
        self, connection: rows.Connection, root: bytes, directory: str, tag: str
    ) -> dict[Key, Content | None]:
        trees = self._pfs.trees
        return {
            (node.path, node.tag): None
            for top in trees.find(connection, root, directory)
            if isinstance(top, DirNode)
            for node in trees.walk(connection, top)
            if isinstance(node, FileNode) and node.tag == tag
        }

    def _clear(self, directory: str, tag: str) -> None:
        self._cleared.add((directory, tag))
        if directory in self._holding:
            for key in [k for k in self._files if k[1] == tag and k[0].startswith(directory)]:
                del self._files[key]

    def _file(self, key: Key) -> _File:
        path, tag = key
        above = {path[: slash.end()] for slash in re.finditer("/", path)}
        self._holding |= above
        gone = any((folder, tag) in self._cleared for folder in above)
        return self._files.setdefault(key, _File(kept=not gone))

    def _resume(self, key: Key) -> None:
        """Go on with a file: its last chunk is taken back, since it may grow."""
        file = self._file(key)
        chunker = Chunker()
        if file.chunks:
            last = self._stage.read(file.chunks.pop())
            file.size -= len(last)
            self._keep(file, chunker.feed(last))
        self._open = (key, chunker)

    def _close_file(self) -> None:
        """End what the last change began."""
        if self._open is not None:
            key, chunker = self._open
            self._open = None
            self._keep(self._files[key], chunker.finish())
        if self._deleted is not None:
            path, tag = self._deleted
            self._deleted = None
            self._clear(path + "/", tag)

    def _keep(self, file: _File, chunks: Iterable[bytes]) -> None:
        for chunk in chunks:
            file.chunks.append(self._stage.put(chunk))
            file.size += len(chunk)


def _target(transaction: Transaction, address: CommitAddress) -> rows.Row | None:
    """The open commit that an address means; None when it asks for one of its own."""
    connection = transaction.connection
    rows.need_repo(connection, address.repo)
    if not address.id:
        row = rows.branch_row(connection, Branch(address.repo, address.branch))
        if row is None:
            return None
        head = rows.commit_by_id(connection, row["head"])
        return head if head["finished"] is None else None
    row = resolve(connection, address)
    if row["finished"] is not None:
        raise CommitFinished(rows.commit_value(row))
    return row
