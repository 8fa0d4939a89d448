"""A worker's /pfs: a datum's files in, what its user code made out."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tycokit.errors import InvalidPath, UploadRefused
from tycokit.pachd.pfs.filetree import Content
from tycokit.pachd.pfs.hashes import Chunker
from tycokit.pachd.pfs.names import check_path
from tycokit.pachd.pps.pipes import Pipes
from tycokit.pachd.store.packs import Packs, Stage

_READ = 1 << 20


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
    """

    def __init__(self, root: Path, packs: Packs) -> None:
        self.root = root
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
        folders = wanted.folders
        self._sweep(files, folders)
        for folder in folders:
            (self.root / folder).mkdir(parents=True, exist_ok=True)
        for path, content in files.items():
            if path not in self._placed:
                written += self._put(path, content)
        (self.root / "out").mkdir()
        (self.root / ".env").write_text(env)
        self._behind = {**wanted.hollow, **wanted.lazy}
        if wanted.lazy:
            pipes = {self.root / path: content for path, content in wanted.lazy.items()}
            self._pipes = Pipes(self._packs, pipes)
        return written

    def release(self) -> int:
        """End what fills the lazy files; the bytes that this took."""
        pipes, self._pipes = self._pipes, None
        return pipes.close() if pipes is not None else 0

    def _sweep(self, files: Mapping[str, Content], folders: set[str]) -> None:
        """Remove all that the next datum does not want exactly as it lies there."""
        keep = {
            path: placed
            for path, placed in self._placed.items()
            if files.get(path) == placed.content and self._untouched(path, placed)
        }
        wanted = set(folders)
        for path in keep:
            wanted.update(str(parent) for parent in Path(path).parents)
        for parent, names, plain in os.walk(self.root, topdown=True):
            here = os.path.relpath(parent, self.root)
            for name in list(names):
                path = os.path.normpath(os.path.join(here, name))
                full = os.path.join(parent, name)
                if path not in wanted or path == "out" or os.path.islink(full):
                    names.remove(name)
                    _remove(full)
            for name in plain:
                if os.path.normpath(os.path.join(here, name)) not in keep:
                    _remove(os.path.join(parent, name))
        self._placed = keep

    def _untouched(self, path: str, placed: _Placed) -> bool:
        try:
            now = os.lstat(self.root / path)
        except OSError:
            return False
        return (now.st_ino, now.st_ctime_ns, now.st_mtime_ns) == (
            placed.inode,
            placed.changed,
            placed.modified,
        )

    def _put(self, path: str, content: Content) -> int:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as file:
            for chunk in content.chunks:
                file.write(self._packs.read(chunk))
        now = target.stat()
        self._placed[path] = _Placed(content, now.st_ino, now.st_ctime_ns, now.st_mtime_ns)
        return content.size

    def collect(self, stage: Stage) -> dict[str, Content]:
        """What lies in /pfs/out, by path in the output repo; links are followed.

        Raises:
            UploadRefused: a name that PFS cannot have, or a link that leads nowhere.
        """
        found: dict[str, Content] = {}
        for path, file in self._regular_files(self.root / "out", "", ()):
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
        self, folder: Path, path: str, seen: tuple[tuple[int, int], ...]
    ) -> Iterator[tuple[str, Path]]:
        mark = folder.stat()
        here = (mark.st_dev, mark.st_ino)
        if here in seen:
            return  # a link to a folder above itself
        for entry in sorted(folder.iterdir()):
            name = f"{path}/{entry.name}"
            real = self._followed(entry, name)
            mode = real.stat().st_mode
            if stat.S_ISDIR(mode):
                yield from self._regular_files(real, name, (*seen, here))
            elif stat.S_ISREG(mode) or self._behind_link(real) is not None:
                yield name, real

    def _behind_link(self, real: Path) -> Content | None:
        """What a link to a lazy or hollow input stands for; None when it is a file of its own."""
        if self.root not in real.parents:
            return None
        content = self._behind.get(str(real.relative_to(self.root)))
        return content if content is None or real.stat().st_size == 0 else None

    def _followed(self, entry: Path, name: str) -> Path:
        """Where a link leads, as the user code sees it: its /pfs is our root."""
        for _ in range(40):
            if not entry.is_symlink():
                break
            target = os.path.normpath(os.path.join(entry.parent, entry.readlink()))
            if target == "/pfs" or target.startswith("/pfs/"):
                target = str(self.root) + target[len("/pfs") :]
            entry = Path(target)
        if not entry.exists():
            raise UploadRefused(f"because {name} is a link that leads nowhere")
        return entry


def _remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path, onerror=_make_writable)
    else:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


def _make_writable(_function: object, path: str, _error: object) -> None:
    """User code may leave folders that even their owner cannot empty."""
    os.chmod(os.path.dirname(path), stat.S_IRWXU)
    with contextlib.suppress(OSError):
        os.chmod(path, stat.S_IRWXU)
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


def _store(path: Path, stage: Stage) -> Content:
    chunks: list[bytes] = []
    size = 0
    chunker = Chunker()

    def keep(pieces: list[bytes]) -> None:
        nonlocal size
        for piece in pieces:
            chunks.append(stage.put(piece))
            size += len(piece)

    with path.open("rb") as file:
        while data := file.read(_READ):
            keep(chunker.feed(data))
    keep(chunker.finish())
    return Content(size, tuple(chunks))
