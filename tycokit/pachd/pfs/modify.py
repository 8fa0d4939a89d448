"""One stream of file changes, gathered first and applied as one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from tycokit.errors import CommitFinished, CommitNotFound, StreamCut
from tycokit.pachd.pfs import rows
from tycokit.pachd.pfs.address import resolve
from tycokit.pachd.pfs.commits import start_commit
from tycokit.pachd.pfs.ending import close, content_root, once_ended
from tycokit.pachd.pfs.filetree import Content, FileNode
from tycokit.pachd.pfs.hashes import Chunker
from tycokit.pachd.pfs.names import check_file, check_path, normal_path
from tycokit.pachd.pfs.transaction import Pfs, Transaction, base_root
from tycokit.pachd.pfs.values import DEFAULT_TAG, Branch, CommitAddress
from tycokit.pachd.pfs.writes import Key, Writes, joined, root_of, write


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
        self,
        path: str,
        source: CommitAddress,
        source_path: str,
        append: bool,
        tag: str,
        wanted: Callable[[], bool] = lambda: True,
    ) -> None:
        """Copy a file or directory of any commit; a missing source path copies nothing.

        A source that was closed, but cannot end yet, is waited for while it is `wanted`.

        Raises, besides what an address and a path can be refused for:
            BaseUnfinished: the source does not know its own content yet.
        """
        check_path(path)
        self._close_file()
        target, tag = normal_path(path), tag or DEFAULT_TAG
        contents = once_ended(
            self._pfs.database,
            source,
            lambda: self._found(source, normal_path(source_path)),
            lambda: not wanted(),
        )
        for below, content in contents:
            new_path = target.rstrip("/") + below
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

    def _found(self, source: CommitAddress, top: str) -> list[tuple[str, Content]]:
        """The files at and below a path of a commit: paths from there on, and contents."""
        trees = self._pfs.trees
        found: list[tuple[str, Content]] = []
        with self._pfs.database.read() as connection:
            root = content_root(connection, resolve(connection, source))
            for each in trees.find(connection, root, top):
                for node in trees.walk(connection, each):
                    if not isinstance(node, FileNode):
                        continue
                    found.append((node.path[len(each.path.rstrip("/")) :], node.content))
                    if not self._stage.rely_on(node.content.chunks):
                        raise CommitNotFound(source)  # deleted since, and reclaimed
        return found

    def apply(self, address: CommitAddress, whole: Callable[[], bool] = lambda: True) -> None:
        """Make the changes, durably, in an open commit or in one of their own.

        Args:
            whole: asked last of all; false when the stream turns out to have been cut short.

        Raises:
            StreamCut: it was, and nothing has changed;
            CommitFinished: the commit named by its id has ended; RepoNotFound, …
        """
        self._close_file()
        while True:
            # appending needs the bytes that stand there now: read, then see that they still do
            with self._pfs.database.read() as connection:
                seen = self._base(connection, address)
            # what is replaced meanwhile may be reclaimed too: then it is found to have changed
            there = (seen or {}).values()
            grown = [content.chunks[-1] for content in there if content.chunks]
            if not self._stage.rely_on(grown):
                with self._pfs.database.read() as connection:
                    if self._base(connection, address) != seen:
                        continue
            puts = {key: self._final(key, (seen or {}).get(key)) for key in self._files}
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

    def _base(
        self, connection: rows.Connection, address: CommitAddress
    ) -> dict[Key, Content] | None:
        """Present contents of the files that the stream appends to; None if nobody knows yet."""
        grown = [key for key, file in self._files.items() if file.kept]
        if not grown:
            return {}
        if (
            not address.id
            and rows.branch_row(connection, Branch(address.repo, address.branch)) is None
        ):
            return {}
        row = resolve(connection, address)
        if row["finishing"] is None:
            root = root_of(connection, row)
        else:  # what a new child starts from: not the files of a commit with an error
            root = base_root(connection, row["id"])
        if root is None:
            return None
        found = {key: self._pfs.trees.file(connection, root, *key) for key in grown}
        return {key: content for key, content in found.items() if content is not None}

    def _final(self, key: Key, base: Content | None) -> Content | None:
        file = self._files[key]
        if not file.written:
            return None
        return joined(self._stage, base, Content(file.size, tuple(file.chunks)))

    def _apply(
        self, transaction: Transaction, address: CommitAddress, puts: dict[Key, Content | None]
    ) -> None:
        connection = transaction.connection
        row = _target(transaction, address)
        one_off = row is None
        if row is None:
            made = start_commit(transaction, Branch(address.repo, address.branch))
            row = resolve(connection, CommitAddress(made.repo, id=made.id))
        grown = {key for key, file in self._files.items() if file.kept}
        write(transaction, row, Writes(puts, self._cleared, grown))
        if one_off:
            close(transaction, resolve(connection, CommitAddress(made.repo, id=made.id)))

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
        return head if head["finishing"] is None else None
    row = resolve(connection, address)
    if row["finishing"] is not None:
        raise CommitFinished(rows.commit_value(row))
    return row
