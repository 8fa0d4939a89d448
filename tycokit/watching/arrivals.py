"""Files that arrive in a folder, each once it is complete.

The operating system tells of changes where it can; a look at the whole folder now and then finds
what it did not tell. On file systems of other machines, which tell nothing, looking is all.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver
from watchdog.observers.polling import PollingObserver

from tycokit.watching.ledger import Seen

_REMOTE = {"9p", "afs", "ceph", "cifs", "glusterfs", "lustre", "nfs", "nfs4", "smb3", "vboxsf"}
_UNFINISHED = (".part", ".partial", ".tmp", ".crdownload", ".filepart")
LOOK_EVERY = 60.0  # seconds between looks at the whole folder where changes are told
POLL_EVERY = 1.0  # seconds between looks where they are not


class Arrivals(FileSystemEventHandler):
    """The files below `folder` that changed, until they have been still for `settle` seconds.

    `news` is set when there is something to look at. `close` ends the threads.
    """

    def __init__(self, folder: Path, settle: float, *, poll: bool | None = None) -> None:
        self.folder, self.settle = folder, settle
        self.news = threading.Event()
        self._lock = threading.Lock()
        self._changed: set[Path] = set()
        self._looked: dict[Path, tuple[Seen, float]] = {}
        self._next_look = 0.0
        self.polls = told_by_polling(folder) if poll is None else poll
        self._observer = self._start()

    def close(self) -> None:
        self._observer.stop()
        self._observer.join()

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Called in watchdog's thread."""
        if event.event_type in {"opened", "closed_no_write"}:
            return
        with self._lock:
            for path in (event.src_path, event.dest_path):
                if path:
                    self._changed.add(Path(os.fsdecode(path)))
        self.news.set()

    def complete(self, now: float, known: Callable[[Seen], bool]) -> list[Seen]:
        """Files that are complete at `now` (seconds of a clock that never goes back), unknown yet.

        A file is complete once its size and time of change have stayed for `settle` seconds.
        """
        for path in self._to_look_at(now):
            seen = _look(path)
            if seen is None or known(seen):
                self._looked.pop(path, None)
            elif path not in self._looked or self._looked[path][0] != seen:
                self._looked[path] = (seen, now)
        still = [seen for seen, since in self._looked.values() if now - since >= self.settle]
        found = []
        for seen in still:
            again = _look(seen.path)
            if again == seen:
                if not known(seen):
                    found.append(seen)
                del self._looked[seen.path]
            elif again is None:
                del self._looked[seen.path]
            else:
                self._looked[seen.path] = (again, now)
        return sorted(found, key=lambda seen: (seen.modified, seen.path))

    @property
    def waiting(self) -> bool:
        """Whether some file is not complete yet."""
        return bool(self._looked)

    def _to_look_at(self, now: float) -> set[Path]:
        self.news.clear()
        with self._lock:
            changed, self._changed = self._changed, set()
        if now >= self._next_look:
            self._next_look = now + (POLL_EVERY if self.polls else LOOK_EVERY)
            return set(_files(self.folder))
        # a folder that was moved in is told of, its files are not
        return {file for path in changed for file in (_files(path) if path.is_dir() else [path])}

    def _start(self) -> BaseObserver:
        if not self.polls:
            observer: BaseObserver = Observer()
            observer.schedule(self, str(self.folder), recursive=True)
            try:
                observer.start()
            except OSError:  # the kernel's limit of watches
                self.polls = True
            else:
                return observer
        observer = PollingObserver(timeout=POLL_EVERY)
        observer.schedule(self, str(self.folder), recursive=True)
        observer.start()
        return observer


def told_by_polling(folder: Path) -> bool:
    """Whether the folder's file system is one that tells no changes made by other machines."""
    within = [
        disk
        for disk in psutil.disk_partitions(all=True)
        if folder.resolve().is_relative_to(disk.mountpoint)
    ]
    if not within:
        return True
    kind = max(within, key=lambda disk: len(disk.mountpoint)).fstype
    return kind in _REMOTE or kind.startswith("fuse")


def _files(folder: Path) -> Iterator[Path]:
    """Files at any depth, but hidden ones and those whose name says that they are unfinished."""
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _files(Path(entry.path))
        elif not entry.name.lower().endswith(_UNFINISHED):
            yield Path(entry.path)


def _look(path: Path) -> Seen | None:
    """A plain file as it is now; None for what is gone, hidden, unfinished or no plain file."""
    if path.name.startswith(".") or path.name.lower().endswith(_UNFINISHED) or not path.is_file():
        return None
    try:
        status = path.stat()
    except OSError:
        return None
    return Seen(path, status.st_size, status.st_mtime_ns)
