"""What a pachd knows of who made a file: looked up piece by piece, each piece once.

A file carries the id of its datum. Which job ran that datum last before the file's commit, the
record of the datum in the commit's own job says, also where that job skipped it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, TypeVar

import grpc
from python_pachyderm import Client
from python_pachyderm.service import pfs_proto, pps_proto

from tycokit import statenames
from tycokit.client import refusal
from tycokit.errors import DatumUnknown, TraceError
from tycokit.lineage.values import Attempt, File, Used
from tycokit.pipelines.specs import pfs_inputs
from tycokit.processing import pastdatum
from tycokit.repos import addresses, browsing
from tycokit.repos.addresses import Address
from tycokit.repos.browsing import Entry

_MANY = 64  # pieces of one commit that are fetched one by one in any case
_MISSING = re.compile(r"not found|no commits found")
_NO_RESULT = (pps_proto.JobState.JOB_KILLED, pps_proto.JobState.JOB_UNRUNNABLE)
_Found = TypeVar("_Found")


class Records:
    """One pachd's records, each asked for once: for one trace, not to be kept."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._jobs: dict[tuple[str, str, str], Any] = {}
        self._datums: dict[tuple[str, str, str, str], Any] = {}
        self._commits: dict[str, Any] = {}
        self._makers: dict[tuple[str, str], Attempt] = {}
        self._entries: dict[str, Entry | None] = {}
        self._misses: dict[Address, int] = {}
        self._whole: dict[Address, dict[str, list[File]]] = {}  # by datum: commits fetched whole

    def file(self, at: Address) -> File:
        """The file or folder at an address. Raises TraceError: there is none."""
        fixed = self.fixed(at)
        entry = self.entry(fixed)
        if entry is None:
            raise TraceError(str(at), f"there is no file {at.path or '/'} in {at.below('')}")
        return file_of(fixed, entry)

    def fixed(self, at: Address) -> Address:
        """The address with the commit's id. Raises TraceError: there is no such commit."""
        if addresses.is_id(at.commit):
            return at
        found = optional(lambda: next(self.client.inspect_commit(at.at)))
        if found is None:
            raise TraceError(str(at), f"there is no commit {at.below('')}")
        return addresses.of(found.commit, at.path)

    def entry(self, at: Address) -> Entry | None:
        """What lies at an address, whose commit is an id."""
        key = str(at)
        if key not in self._entries:
            self._missed(at)
        if key not in self._entries:
            self._entries[key] = browsing.entry(self.client, at)
        return self._entries[key]

    def whole(self, file: File) -> File:
        """The file with the id of its datum, which the record of who read it may not have."""
        if file.folder or file.datum:
            return file
        entry = self.entry(file.at)
        return file if entry is None else replace(file, datum=entry.datum)

    def maker(self, file: File) -> Attempt | None:
        """The attempt that wrote a file; None for a folder, and for what no pipeline wrote."""
        if not file.datum:
            return None
        key = (str(file.at.below("")), file.datum)
        if key not in self._makers:
            self._makers[key] = self._maker(file)
        return self._makers[key]

    def _maker(self, file: File) -> Attempt:
        at = file.at
        while True:
            found = self.attempt(at, file.datum)
            if found is not None:
                return found
            job = self.job(at)
            if job is None:  # deleted: the next one knows what it left
                return self._next_knows(at, file.datum)
            # what did not run to its end, or failed, put nothing: the parent's file is still there
            empty = job.state in _NO_RESULT or self.datum(at, file.datum) is not None
            parent = self.parent(at) if empty else None
            if parent is None:
                return lost(at, file.datum, "its job has no record of it")
            at = parent

    def _next_knows(self, at: Address, datum: str) -> Attempt:
        info = self.commit(at)
        for child in info.child_commits if info is not None else ():
            later = addresses.of(child)
            found = self.attempt(later, datum)
            if found is not None and found.job != later.commit:
                return found
        return lost(at, datum, "its job was deleted")

    def attempt(self, at: Address, datum: str) -> Attempt | None:
        """The attempt whose files of a datum a pipeline's commit holds, by that commit's job.

        None where there is no such job, or where it does not know the datum, or no success of it.
        """
        info = self.datum(at, datum)
        if info is None or info.state not in (pps_proto.SUCCESS, pps_proto.SKIPPED):
            return None
        return self.attempt_of(at, info)

    def attempt_of(self, at: Address, info: Any) -> Attempt:
        """The attempt that a record (DatumInfo) of the job of a commit tells of."""
        made = Address(at.repo, info.datum.job.id or at.commit, project=at.project)
        job = self.job(made)
        asked = job if job is not None else self.job(at)
        details = asked.details if asked is not None else None
        state = pps_proto.SUCCESS if info.state == pps_proto.SKIPPED else info.state
        return Attempt(
            project=at.project,
            pipeline=at.repo,
            job=made.commit,
            datum=info.datum.id,
            state=statenames.datum(state),
            created=_seconds(job.created) if job is not None else 0.0,
            seconds=_seconds(info.stats.process_time),
            version=job.pipeline_version if job is not None else 0,
            command=tuple(job.details.transform.cmd) if job is not None else (),
            inputs=tuple(_used(info.data, details)),
            lost="" if job is not None else "its job was deleted",
        )

    def datum(self, at: Address, datum: str) -> Any | None:
        """A datum's record (DatumInfo) in the job of a pipeline's commit."""
        key = (at.project, at.repo, at.commit, datum)
        if key not in self._datums:
            self._missed(at)
        if key not in self._datums:
            self._datums[key] = optional(
                lambda: self.client.inspect_datum(at.repo, at.commit, datum, at.project)
            )
        return self._datums[key]

    def outputs(self, attempt: Attempt) -> tuple[File, ...]:
        """All files that the attempt wrote, by path; none where its commit is gone."""
        at = attempt.output
        self._missed(at)
        if at in self._whole:
            return tuple(self._whole[at].get(attempt.datum, ()))

        def walk() -> tuple[File, ...]:
            infos = self.client.walk_file(at.at, "/", datum=attempt.datum)
            return tuple(
                file_of(at, browsing.entry_of(info))
                for info in infos
                if info.file_type == pfs_proto.FileType.FILE and info.file.datum == attempt.datum
            )

        return optional(walk) or ()

    def _missed(self, at: Address) -> None:
        """Once a commit has been asked for as many pieces as it has datums, fetch the rest of it:
        that costs no more than what was spent, and bounds what will be."""
        at = at.below("")
        if at in self._whole:
            return
        misses = self._misses[at] = self._misses.get(at, 0) + 1
        if misses >= _MANY:
            job = self.job(at)
            if job is not None and misses >= job.data_total:
                self._fetch(at)

    def _fetch(self, at: Address) -> None:
        files = self._whole[at] = {}
        for info in self.client.list_datum(at.repo, at.commit, project_name=at.project):
            self._datums[(at.project, at.repo, at.commit, info.datum.id)] = info
        for entry in browsing.files(self.client, at):
            self._entries[str(at.below(entry.path))] = entry
            files.setdefault(entry.datum, []).append(file_of(at, entry))

    def job(self, at: Address) -> Any | None:
        """The job (JobInfo with details) that made a pipeline's commit."""
        key = (at.project, at.repo, at.commit)
        if key not in self._jobs:
            self._jobs[key] = optional(
                lambda: next(
                    self.client.inspect_job(
                        at.commit, at.repo, details=True, project_name=at.project
                    )
                )
            )
        return self._jobs[key]

    def commit(self, at: Address) -> Any | None:
        """A commit (CommitInfo)."""
        key = str(at.below(""))
        if key not in self._commits:
            self._commits[key] = optional(lambda: next(self.client.inspect_commit(at.at)))
        return self._commits[key]

    def parent(self, at: Address) -> Address | None:
        info = self.commit(at)
        if info is None or not info.parent_commit.id:
            return None
        return addresses.of(info.parent_commit)


def optional(call: Callable[[], _Found]) -> _Found | None:
    """What a call gives, None where pachd says that there is no such thing."""
    try:
        return call()
    except StopIteration:
        return None
    except (grpc.RpcError, ConnectionError) as error:
        if _MISSING.search(refusal(error) or ""):
            return None
        raise


def file_of(at: Address, entry: Entry) -> File:
    """An entry of a commit, with its address."""
    return File(at.below(entry.path), entry.folder, entry.size, entry.hash, entry.datum)


def lost(at: Address, datum: str, why: str) -> Attempt:
    """An attempt of which nothing more is known than that there was one."""
    return Attempt(at.project, at.repo, at.commit, datum, lost=why)


def _used(data: Any, details: Any) -> Iterator[Used]:
    """The files of a datum with the names of their inputs."""
    try:
        declared = list(pfs_inputs(details.input)) if details is not None else []
        names = [one.name for one in pastdatum.named(data, declared)]
    except DatumUnknown:  # nobody knows the spec any more: then the repo's name, as by default
        names = [info.file.commit.branch.repo.name for info in data]
    for name, info in zip(names, data, strict=True):
        at = addresses.of(info.file.commit, info.file.path)
        yield Used(name, file_of(at, browsing.entry_of(info)))


def _seconds(stamp: Any) -> float:
    return float(stamp.seconds + stamp.nanos / 1e9)
