"""A worker's /pfs: a datum's files in, what its user code made out.

This runs once a datum, so it goes by plain strings and asks the disk no more than it must.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tycokit.errors import InvalidPath, UploadRefused
from tycokit.pachd.pfs.filetree import Content
from tycokit.pachd.pfs.hashes import Chunker
from tycokit.pachd.pfs.names import check_path
from tycokit.pachd.pps.pipes import Pipes
from tycokit.pachd.pps.removing import entries, remove
from tycokit.pachd.pps.users import Account
from tycokit.pachd.store.packs import Packs, Stage

_READ = 1 << 20
_OUT = "out"


@dataclass(frozen=True, slots=True)
class _Placed:
    """A file as it was put: any change to it, or its replacement, shows in these."""

    content: Content
    inode: int
    changed: int
    modified: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a datum shall find, by path below /pfs.

    `lazy` files are pipes that are filled when they are opened, `hollow` ones are empty; both come
    with the content that stands behind them in PFS.
    """

    files: dict[str, Content] = field(default_factory=dict)
    lazy: dict[str, Content] = field(default_factory=dict)
    hollow: dict[str, Content] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)


class Place:
    """The folder that a worker sees as /pfs.

    A file that the next datum wants too, and that nobody has touched, stays: the same weights are
    not written once a picture.

    Args:
        account: whom all of it shall belong to; None: whom pachd's own files do.
    """

    def __init__(self, root: Path, packs: Packs, account: Account | None = None) -> None:
        self.root = root
        self._account = account
        self._top = f"{root}/"
        self._packs = packs
        self._placed: dict[str, _Placed] = {}
        self._behind: dict[str, Content] = {}
        self._pipes: Pipes | None = None
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir(parents=True)

    def arrange(self, wanted: Wanted, env: str) -> int:
        """Lay out a datum, and .env; bytes written."""
        written = 0
        self.release()
        files = {**wanted.files, **dict.fromkeys(wanted.hollow, Content(0, ()))}
        self._placed = {
            path: placed
            for path, placed in self._placed.items()
            if files.get(path) == placed.content and self._untouched(path, placed)
        }
        folders = {above for path in (*files, *wanted.lazy) for above in _above(path)}
        folders.update(above for path in wanted.folders for above in _above(f"{path}/"))
        there: set[str] = set()
        self._sweep("", folders, there)
        for folder in sorted(folders - there):
            os.mkdir(self._top + folder)
        for path, content in files.items():
            if path not in self._placed:
                written += self._put(path, content)
        os.mkdir(self._top + _OUT)
        with open(f"{self._top}.env", "w") as file:
            file.write(env)
        self._behind = {**wanted.hollow, **wanted.lazy}
        if wanted.lazy:
            pipes = {self.root / path: content for path, content in wanted.lazy.items()}
            self._pipes = Pipes(self._packs, pipes)
        if self._account is not None:
            new = [*(folders - there), *wanted.lazy, _OUT, ".env"]
            for path in ["", *new]:
                os.chown(self._top + path, self._account.uid, self._account.gid)
        return written

    def clear(self) -> None:
        """Remove what user code made: its disk space may be needed to say what became of it."""
        with contextlib.suppress(OSError):  # that it cannot be removed is said by `arrange`
            remove(self._top + _OUT)

    def release(self) -> int:
        """End what fills the lazy files; the bytes that this took."""
        pipes, self._pipes = self._pipes, None
        return pipes.close() if pipes is not None else 0

    def _sweep(self, folder: str, wanted: set[str], there: set[str]) -> None:
        """Remove all below a folder ("" or with a slash at its end) that the next datum does not
        want exactly as it lies there; `there` gets the folders that stay."""
        for entry in entries(self._top + folder):
            path = folder + entry.name
            if entry.is_dir(follow_symlinks=False):
                if path in wanted:
                    there.add(path)
                    self._sweep(f"{path}/", wanted, there)
                else:
                    remove(entry.path)
            elif path not in self._placed:
                remove(entry.path)

    def _untouched(self, path: str, placed: _Placed) -> bool:
        try:
            now = os.lstat(self._top + path)
        except OSError:
            return False
        return (now.st_ino, now.st_ctime_ns, now.st_mtime_ns) == (
            placed.inode,
            placed.changed,
            placed.modified,
        )

    def _put(self, path: str, content: Content) -> int:
        with open(self._top + path, "wb") as file:
            for chunk in content.chunks:
                file.write(self._packs.read(chunk))
            file.flush()
            if self._account is not None:
                os.fchown(file.fileno(), self._account.uid, self._account.gid)
            now = os.fstat(file.fileno())
        self._placed[path] = _Placed(content, now.st_ino, now.st_ctime_ns, now.st_mtime_ns)
        return content.size

    def collect(self, stage: Stage) -> dict[str, Content]:
        """What lies in /pfs/out, by path in the output repo; links are followed.

        Raises:
            UploadRefused: a name that PFS cannot have, or a link that leads nowhere.
        """
        found: dict[str, Content] = {}
        for path, file in self._regular_files(self._top + _OUT, "", ()):
            try:
                check_path(path)
            except InvalidPath as error:
                raise UploadRefused(
                    f"because its name cannot be represented in PFS: {error}"
                ) from error
            behind = self._behind_link(file)
            found[path] = behind if behind is not None else _store(file, stage)
        return found

    def _regular_files(
        self, folder: str, path: str, seen: tuple[tuple[int, int], ...]
    ) -> Iterator[tuple[str, str]]:
        mark = os.stat(folder)
        here = (mark.st_dev, mark.st_ino)
        if here in seen:
            return  # a link to a folder above itself
        for entry in sorted(entries(folder), key=lambda entry: entry.name):
            name = f"{path}/{entry.name}"
            real = self._followed(entry.path, name) if entry.is_symlink() else entry.path
            mode = os.stat(real).st_mode
            if stat.S_ISDIR(mode):
                yield from self._regular_files(real, name, (*seen, here))
            elif stat.S_ISREG(mode) or self._behind_link(real) is not None:
                yield name, real

    def _behind_link(self, real: str) -> Content | None:
        """What a link to a lazy or hollow input stands for; None when it is a file of its own."""
        content = self._behind.get(real.removeprefix(self._top)) if self._behind else None
        return content if content is None or os.stat(real).st_size == 0 else None

    def _followed(self, link: str, name: str) -> str:
        """Where a link leads, as the user code sees it: its /pfs is our root."""
        for _ in range(40):
            if not os.path.islink(link):
                break
            link = os.path.normpath(os.path.join(os.path.dirname(link), os.readlink(link)))
            if link == "/pfs" or link.startswith("/pfs/"):
                link = f"{self.root}{link[len('/pfs') :]}"
        if not os.path.exists(link):
            raise UploadRefused(f"because {name} is a link that leads nowhere")
        return link


def _above(path: str) -> Iterator[str]:
    """The folders that a path lies in, the nearest last."""
    at = path.find("/")
    while at >= 0:
        yield path[:at]
        at = path.find("/", at + 1)


def _store(path: str, stage: Stage) -> Content:
    chunks: list[bytes] = []
    size = 0
    chunker = Chunker()

    def keep(pieces: list[bytes]) -> None:
        nonlocal size
        for piece in pieces:
            chunks.append(stage.put(piece))
            size += len(piece)

    with open(path, "rb", buffering=0) as file:
        while data := file.read(_READ):
            keep(chunker.feed(data))
    keep(chunker.finish())
    return Content(size, tuple(chunks))
