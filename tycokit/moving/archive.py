"""How an archive is laid out: one tar file that is written, and can be read, from front to back.

    contents.json         what is in it: repos, commits, branches, pipelines
    put/<n>/<path>        a file that step n brings; Pachyderm's hash of it in a PAX header
    gone/<n>/<path>       a file that step n takes away; empty
    manifest.jsonl        name, size and SHA-256 of all before it, a line each

Steps are counted from 0, and come in their order; the files of a step come by path. No file of an
archive is ever written to a disk: a path is one of a repo.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Callable, Iterator

from tycokit.moving.changes import Readable

CONTENTS, MANIFEST = "contents.json", "manifest.jsonl"
PUT, GONE = "put", "gone"
HASH = "TYCOKIT.hash"  # a PAX header
MOST_CONTENTS = 256 << 20  # bytes, which are read into memory


class Hashing:
    """A file that is hashed as it is read."""

    def __init__(self, file: Readable) -> None:
        self._file, self._hash = file, hashlib.sha256()

    def read(self, size: int, /) -> bytes:
        data = self._file.read(size)
        self._hash.update(data)
        return data

    def skip(self, told: Callable[[int], None]) -> None:
        """Read to the end, and tell how many bytes that are."""
        while data := self.read(1 << 20):
            told(len(data))

    @property
    def sha256(self) -> str:
        """Of what was read so far, in hex."""
        return self._hash.hexdigest()


def manifest_line(name: str, size: int, sha256: str) -> str:
    return json.dumps({"name": name, "size": size, "sha256": sha256})


def members(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """The members of an archive, of which tarfile would keep every one in memory."""
    while (member := archive.next()) is not None:
        yield member
        archive.members.clear()  # type: ignore[attr-defined]
