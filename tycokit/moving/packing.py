"""An archive as a sink."""

from __future__ import annotations

import errno
import io
import os
import tarfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from tycokit.errors import ArchiveError
from tycokit.moving.archive import CONTENTS, GONE, HASH, MANIFEST, PUT, Hashing, manifest_line
from tycokit.moving.changes import Change, Gone, Readable, Record
from tycokit.moving.contents import Contents, Step


class ArchiveSink:
    """Writes an archive to `file`, which is there once all of it is. Raises ArchiveError.

    Use it as a context manager: an unfinished one is removed. One that is there is never replaced,
    also none that came while this one was written.
    """

    def __init__(self, file: Path) -> None:
        if file.exists():
            raise _there(file)
        # a name of its own, so that two that write the same archive do not write one file
        self._file, self._part = file, file.with_name(f".{file.name}.{uuid.uuid4().hex}.part")
        self._numbers: dict[Step, int] = {}

    def __enter__(self) -> ArchiveSink:
        self._manifest = Record()  # first: where it finds no room, there is no part to remove
        try:
            with _telling(self._file):
                self._tar = tarfile.open(self._part, "x", format=tarfile.PAX_FORMAT)
        except BaseException:
            self._manifest.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        try:
            assert self._tar.fileobj is not None, "it is written to a file"
            self._tar.fileobj.close()  # as it is: to end the archive would only write more
        finally:
            self._manifest.__exit__(kind, error, at)
            self._part.unlink(missing_ok=True)

    def prepare(self, contents: Contents) -> None:
        self._numbers = {step: number for number, step in enumerate(contents.steps)}
        data = contents.to_json()
        self._add(CONTENTS, len(data), io.BytesIO(data))

    def has(self, _step: Step) -> bool:
        return False

    def take(self, step: Step, changes: Iterator[Change], moved: Callable[[int], None]) -> int:
        """Append a step's files; how many they are."""
        files = 0
        for change in changes:
            if isinstance(change, Gone):
                self._add(f"{GONE}/{self._numbers[step]}{change.path}", 0, io.BytesIO())
                continue
            name = f"{PUT}/{self._numbers[step]}{change.path}"
            self._add(name, change.size, change.open(), **{HASH: change.hash})
            moved(change.size)
            files += 1
        return files

    def finish(self, _contents: Contents) -> tuple[str, ...]:
        self._write(tarfile.TarInfo(MANIFEST), *self._manifest.file())
        with _telling(self._file):
            self._tar.close()
            _fsync(self._part)
            self._place()
            _fsync_folder(self._file.parent)
        return ()

    def _place(self) -> None:
        """Give the part the archive's name, unless another has it by now."""
        try:
            os.link(self._part, self._file)
        except FileExistsError:
            raise _there(self._file) from None
        except OSError:  # a file system without links
            if self._file.exists():
                raise _there(self._file) from None
            self._part.rename(self._file)

    def _add(self, name: str, size: int, file: Readable, **headers: str) -> None:
        hashing = Hashing(file)
        member = tarfile.TarInfo(name)
        member.pax_headers = headers
        self._write(member, size, hashing)
        self._manifest.add(manifest_line(name, size, hashing.sha256))

    def _write(self, member: tarfile.TarInfo, size: int, file: Readable) -> None:
        member.size = size
        with _telling(self._file):
            self._tar.addfile(member, file)  # type: ignore[arg-type]  # it says how much it wants
        self._tar.members.clear()  # type: ignore[attr-defined]  # tarfile would keep them all


def _there(file: Path) -> ArchiveError:
    return ArchiveError(file, "is there already; name another, or remove it")


@contextmanager
def _telling(file: Path) -> Iterator[None]:
    """Name the archive in what the disk says of it."""
    try:
        yield
    except OSError as error:
        raise ArchiveError(file, error.strerror or str(error)) from error


def _fsync(path: Path) -> None:
    """Wait until a file's bytes, or a folder's names, are on the disk."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


# what file systems answer that cannot wait for a folder, as of SMB and VirtualBox
_NO_FOLDERS = {errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EBADF}


def _fsync_folder(path: Path) -> None:
    """Wait until a folder's names are on the disk, where its file system can."""
    try:
        _fsync(path)
    except OSError as error:
        if error.errno not in _NO_FOLDERS:
            raise
