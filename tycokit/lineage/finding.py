"""The attempts of one pipeline that read some files.

Of few files, pachd is asked which datums they are in, and each datum is followed back from attempt
to attempt, past all jobs that skipped it. Of many, the jobs are looked through from the newest on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from python_pachyderm.service import pps_proto

from tycokit.lineage import narrowing
from tycokit.lineage.narrowing import Target
from tycokit.lineage.records import Records
from tycokit.lineage.touched import Read, Touched
from tycokit.lineage.values import Attempt
from tycokit.pipelines.specs import pfs_inputs
from tycokit.repos import addresses
from tycokit.repos.addresses import DEFAULT_PROJECT, Address

_FEW = 250  # files, and datums of these, that are followed one by one
_PAGE = 250  # datums of a job that are asked for together
_SLACK = 60.0  # seconds by which clocks may differ
_WELL = pps_proto.JobState.JOB_SUCCESS
_WITH_RESULTS = (_WELL, pps_proto.JobState.JOB_FAILURE)
_GOOD = (pps_proto.SUCCESS, pps_proto.SKIPPED)
_PROCESSED = pps_proto.ListDatumRequest.Filter(state=[pps_proto.SUCCESS])

Found = tuple[Attempt, list[Read]]


class Finder:
    """Looks through one pipeline (PipelineInfo with details) for what read some files.

    `since` is a unix time: no job that is older can have read them.
    """

    def __init__(self, records: Records, info: Any, touched: Touched, since: float) -> None:
        self._records = records
        self._touched = touched
        self._since = since
        self._project = info.pipeline.project.name or DEFAULT_PROJECT
        self._pipeline = info.pipeline.name
        self._input = narrowing.plain(info.details.input)
        self._jobs: list[Any] = []
        self._stream = records.client.list_job(
            self._pipeline, history=-1, project_name=self._project
        )
        self._tried: list[Any] = []

    def attempts(self) -> Iterator[Found]:
        """Each attempt that read one of the files, with what it read of them."""
        self._tried.append(self._input)
        ids = self._ids(self._input)
        if ids is None:
            yield from self._by_jobs()
            return
        for id_ in ids:
            at = self._known(id_)
            if at is not None:
                yield from self._followed(at, id_)

    def is_current(self, attempt: Attempt) -> bool:
        """Whether the pipeline's newest good commit holds what the attempt wrote."""
        newest = next((job for job in self._newest() if job.state == _WELL), None)
        if newest is None or newest.job.id == attempt.job:
            return newest is not None
        record = self._records.datum(self._at(newest), attempt.datum)
        return record is not None and record.datum.job.id == attempt.job

    def close(self) -> None:
        """End the stream of jobs."""
        self._stream.cancel()

    def _newest(self) -> Iterator[Any]:
        """The jobs (JobInfo), newest first, as far as they are asked for."""
        number = 0
        while True:
            if number == len(self._jobs):
                job = next(self._stream, None)
                if job is None:
                    return
                self._jobs.append(job)
            yield self._jobs[number]
            number += 1

    def _at(self, job: Any) -> Address:
        return Address(self._pipeline, job.job.id, project=self._project)

    # few files

    def _ids(self, given: Any) -> dict[str, None] | None:
        """The datums that an input gives of the files; None where jobs have to be looked through:
        they are too many, or pachd no longer sees the files."""
        targets = [
            each for each in self._touched.targets if narrowing.reads(given, self._project, each)
        ]
        if len(targets) > _FEW:
            return None
        inputs: dict[bytes, Any] = {}
        expected: set[Target] = set()
        for target in targets:
            variants = narrowing.narrowed(given, self._project, target)
            if variants is None:
                return None
            expected.update([target] if variants else [])
            inputs.update((each.SerializeToString(deterministic=True), each) for each in variants)
        newest = next(self._newest(), None)
        if newest is not None and newest.data_total > _FEW and given in inputs.values():
            return None  # each of its datums reads the files
        found: dict[str, None] = {}
        for each in inputs.values():
            for info in self._records.client.list_datum(input=each, number=_FEW + 1):
                held = _held(info, targets)
                expected.difference_update(held)
                if held:
                    found[info.datum.id] = None
                if len(found) > _FEW:
                    return None
        return found if all(self._is_there(given, target) for target in expected) else None

    def _is_there(self, given: Any, target: Target) -> bool:
        """Whether the path still is in the branches that the input reads."""
        for branch in narrowing.branches(given, self._project, target):
            head = Address(target.repo, branch, target.path, target.project)
            if self._records.entry(self._records.fixed(head)) is None:
                return False
        return True

    def _known(self, id_: str) -> Address | None:
        """The newest job that knows a datum: the newest, or one that later ones broke off after."""
        for job in self._newest():
            if self._records.datum(self._at(job), id_) is not None:
                return self._at(job)
            if job.state == _WELL:  # it is too new for the jobs, such as in a paused pipeline
                return None
        return None

    def _followed(self, at: Address | None, id_: str) -> Iterator[Found]:
        """A datum from its newest attempt back to its first."""
        while at is not None:
            record = self._records.datum(at, id_)
            if record is None:
                job = self._records.job(at)
                if job is not None and job.state in _WITH_RESULTS:
                    yield from self._under_older_spec(at, job)
                    return
                at = self._records.parent(at)
                continue
            attempt = self._records.attempt_of(at, record)
            if record.state in _GOOD:
                yield from self._checked(attempt)
                at = attempt.output
            at = self._records.parent(at)

    def _under_older_spec(self, at: Address, job: Any) -> Iterator[Found]:
        """Where a job does not know a datum, its spec may have had other inputs, so other ids."""
        older = narrowing.plain(job.details.input)
        if older in self._tried:
            return
        self._tried.append(older)
        ids = self._ids(older)
        if ids is None:
            yield from self._by_jobs(job.created.seconds)
            return
        for id_ in ids:
            yield from self._followed(at, id_)

    # many files

    def _by_jobs(self, until: float = float("inf")) -> Iterator[Found]:
        for job in self._newest():
            if job.created.seconds < self._since - _SLACK:
                return
            at = self._at(job)
            if job.created.seconds > until or not self._may_have_read(job, at):
                continue
            for info in self._processed(at):
                yield from self._checked(self._records.attempt_of(at, info))

    def _processed(self, at: Address) -> Iterator[Any]:
        """The datums (DatumInfo) that a job processed, a page at a time."""
        marker = None
        while True:
            page = list(
                self._records.client.list_datum(
                    at.repo,
                    at.commit,
                    project_name=at.project,
                    datum_filter=_PROCESSED,
                    pagination_marker=marker,
                    number=_PAGE,
                )
            )
            yield from page
            if len(page) < _PAGE:
                return
            marker = page[-1].datum.id

    def _may_have_read(self, job: Any, at: Address) -> bool:
        if job.state not in _WITH_RESULTS or not job.data_processed:
            return False
        targets = self._touched.targets
        if len(targets) > _FEW or any(target.folder for target in targets):
            return True
        return any(
            self._touched.has_bytes_of(replace(commit, path=target.path))
            for target in targets
            for commit in self._inputs(at)
            if (commit.project, commit.repo) == (target.project, target.repo)
        )

    def _inputs(self, at: Address) -> Iterator[Address]:
        """The commits that the job of a commit read."""
        job = self._records.job(at)
        for pfs in pfs_inputs(job.details.input) if job is not None else ():
            yield Address(pfs.repo, pfs.commit, project=pfs.project or self._project)

    def _checked(self, attempt: Attempt) -> Iterator[Found]:
        read = self._touched.read(attempt)
        if read:
            yield attempt, read


def _held(info: Any, targets: list[Target]) -> list[Target]:
    """Those of the files that a datum (DatumInfo) has, itself or in a folder around them."""
    found = []
    for file in info.data:
        at = addresses.of(file.file.commit, file.file.path)
        for target in targets:
            if (at.project, at.repo) == (target.project, target.repo) and (
                at.path.rstrip("/") == target.path.rstrip("/")
                or (at.path.endswith("/") and target.path.startswith(at.path))
            ):
                found.append(target)
    return found
