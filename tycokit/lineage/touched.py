"""Files that something led to, and which of them a datum read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from tycokit.lineage.narrowing import Target
from tycokit.lineage.records import Records, file_of
from tycokit.lineage.values import Attempt, File
from tycokit.repos.addresses import Address


@dataclass(frozen=True, slots=True)
class Read:
    """What a datum read of one file: `through` is the file itself, or a folder around it."""

    name: str
    file: File
    through: File


class Touched:
    """Some files, by what they are: what a pipeline wrote, by the very attempt; else by its bytes.

    `made_by` names the attempts of those that a pipeline wrote, by the files' keys.
    """

    def __init__(self, records: Records, files: Iterable[File], made_by: Mapping[str, str]) -> None:
        self._records = records
        self._made_by = made_by
        self._files: dict[Target, list[File]] = {}
        for file in files:
            self._files.setdefault(target_of(file), []).append(file)
        self._folders = [target for target in self._files if target.folder]

    @property
    def targets(self) -> list[Target]:
        """Where they lie, each path once."""
        return list(self._files)

    def has_bytes_of(self, at: Address) -> bool:
        """Whether one of them has the bytes that lie at an address now."""
        entry = self._records.entry(at)
        return entry is not None and any(
            file.hash == entry.hash for file in self._files.get(target_of(file_of(at, entry)), ())
        )

    def read(self, attempt: Attempt) -> list[Read]:
        """What an attempt read of them."""
        found = []
        for used in attempt.inputs:
            for target in self._within(used.file):
                file = self._as_in(used.file, target)
                if file is not None:
                    through = used.file if used.file.folder else file
                    through = file if through.at.path == file.at.path else through
                    found.append(Read(used.name, file, through))
        return found

    def same(self, there: File) -> File | None:
        """The one of them that a file of some commit is, or that lies in a folder of them."""
        for file in self._files.get(target_of(there), ()):
            if self._is_same(file, self._made_by.get(file.key), there):
                return file
        for target in self._folders:
            if _is_below(there.at, target):
                for folder in self._files[target]:
                    found = self._in_folder(folder, there)
                    if found is not None:
                        return found
        return None

    def _is_same(self, file: File, made: str | None, there: File) -> bool:
        if file.hash != there.hash:
            return False
        if made is None:
            return True
        # the same bytes: if its datum was last run by the same job, it is the same file
        maker = self._records.attempt(there.at, file.datum) if file.datum else None
        maker = maker or self._records.maker(self._records.whole(there))
        return maker is not None and maker.key == made

    def _in_folder(self, folder: File, there: File) -> File | None:
        """The file of a folder that a file of some commit is."""
        at = replace(folder.at, path=there.at.path)
        entry = self._records.entry(at)
        if entry is None or entry.folder != there.folder:
            return None
        file = file_of(at, entry)
        maker = self._records.maker(file)
        return file if self._is_same(file, maker.key if maker else None, there) else None

    def _within(self, used: File) -> Iterator[Target]:
        """Where to look for them in what a datum read."""
        whole = target_of(used)
        if whole in self._files or any(_is_below(used.at, folder) for folder in self._folders):
            yield whole
        if used.folder:
            for target in self._files:
                if (target.project, target.repo) == (whole.project, whole.repo) and (
                    _is_below_path(target.path, whole)
                ):
                    yield target

    def _as_in(self, used: File, target: Target) -> File | None:
        """The file at a path as it is in the commit of what was read."""
        if target.path == used.at.path:
            return self.same(used)
        at = replace(used.at, path=target.path)
        entry = self._records.entry(at)
        return self.same(file_of(at, entry)) if entry is not None else None


def target_of(file: File) -> Target:
    """Where a file lies, whatever the commit."""
    return Target(file.at.project, file.at.repo, file.at.path, file.folder)


def _is_below(at: Address, folder: Target) -> bool:
    return (at.project, at.repo) == (folder.project, folder.repo) and _is_below_path(
        at.path, folder
    )


def _is_below_path(path: str, folder: Target) -> bool:
    return path != folder.path and path.startswith(f"{folder.path.rstrip('/')}/")
