"""The files of a datum's inputs, remembered while the next datum has the same input."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tycokit.pachd.pfs.files import Snapshot
from tycokit.pachd.pfs.filetree import FileNode
from tycokit.pachd.pfs.transaction import Pfs
from tycokit.pachd.pfs.values import CommitAddress, Repo
from tycokit.pachd.pps.datums import Datum, DatumInput


@dataclass(frozen=True, slots=True)
class _Origin:
    repo: Repo
    commit: str


class Inputs:
    """One worker's: its datums share weights and notebook, and their pictures' commit."""

    def __init__(self, pfs: Pfs) -> None:
        self._pfs = pfs
        self._snapshots: dict[_Origin, Snapshot] = {}
        self._files: dict[tuple[_Origin, str], list[FileNode]] = {}

    def of(self, datum: Datum) -> Iterator[tuple[DatumInput, list[FileNode]]]:
        """Each input with the files that belong to it. Raises what Snapshot does."""
        snapshots, files = self._snapshots, self._files
        self.forget()
        for each in datum.inputs:
            origin = _Origin(Repo(each.project, each.repo, each.repo_type), each.commit_id)
            snapshot = snapshots.get(origin) or self._snapshots.get(origin)
            if snapshot is None:
                snapshot = Snapshot(self._pfs, CommitAddress(origin.repo, id=origin.commit))
            self._snapshots[origin] = snapshot
            found = files.get((origin, each.path))
            if found is None:
                found = snapshot.files_below(each.path)
            self._files[origin, each.path] = found
            yield each, found

    def forget(self) -> None:
        """Let go of the commits, which nothing can remove while they are remembered."""
        self._snapshots, self._files = {}, {}
