"""Datums in lists: of a job, page by page as pachd cuts them, and those being worked on now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from python_pachyderm import Client
from python_pachyderm.service import pfs_proto, pps_proto

from tycokit import statenames

STATES = ("success", "failed", "recovered", "skipped")
_BEGINNING = "beginning to run user code"  # what a worker logs at each attempt


@dataclass(frozen=True, slots=True)
class DatumFile:
    """One file or folder of a datum, `size` bytes with all that is in it."""

    project: str
    repo: str
    branch: str
    commit: str
    path: str
    size: int

    @property
    def is_folder(self) -> bool:
        return self.path.endswith("/")


@dataclass(frozen=True, slots=True)
class DatumRow:
    """A datum of a job, or (state `unknown`) one that an input would make.

    `download`, `process` and `upload` are seconds; all 0 for a datum that did not succeed. A
    skipped one has those of the job that processed it.
    """

    id: str
    state: str
    files: tuple[DatumFile, ...]
    download: float = 0.0
    process: float = 0.0
    upload: float = 0.0

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)

    @property
    def seconds(self) -> float:
        return self.download + self.process + self.upload


@dataclass(frozen=True, slots=True)
class DatumPage:
    """Some datums by id. `after` is what to give for the page that follows; None: there is none."""

    datums: tuple[DatumRow, ...]
    after: str | None


@dataclass(frozen=True, slots=True)
class Working:
    """A datum that a worker has just now: since when (epoch seconds), and its files' paths."""

    worker: str
    since: float
    paths: tuple[str, ...]


def page(
    client: Client,
    pipeline: str,
    job: str,
    *,
    states: Sequence[str] = (),
    after: str = "",
    count: int = 50,
    project: str = "default",
) -> DatumPage:
    """A page of a job's datums, those done so far while it runs; pachd reads no more than it.

    `states`: only datums in one of these (of STATES); none = all.
    """
    wanted = pps_proto.ListDatumRequest.Filter(
        state=[pps_proto.DatumState.Value(state.upper()) for state in states]
    )
    found = client.list_datum(
        pipeline,
        job,
        project_name=project,
        datum_filter=wanted,
        pagination_marker=after,
        number=count + 1,
    )
    return paged(found, count)


def paged(found: Iterator[Any], count: int) -> DatumPage:
    """A page from a stream of DatumInfos that has one more where there are any after it."""
    rows = tuple(map(row, islice(found, count + 1)))
    return DatumPage(rows[:count], rows[count - 1].id if len(rows) > count else None)


def working(
    client: Client, pipeline: str, job: str, project: str = "default"
) -> tuple[Working, ...]:
    """What the workers of a job work on just now, the longest running first."""
    (info,) = client.inspect_job(job, pipeline, details=True, project_name=project)
    found = [
        Working(
            status.worker_id,
            status.datum_status.started.ToNanoseconds() / 1e9,
            tuple(data.path for data in status.datum_status.data),
        )
        for status in info.details.worker_status
        if status.datum_status.HasField("started")
    ]
    return tuple(sorted(found, key=lambda each: each.since))


def attempts(client: Client, pipeline: str, job: str, datum: str, project: str = "default") -> int:
    """How often a datum was tried in a job, by the job's log; 0: not in this one."""
    made = pps_proto.Datum(
        id=datum,
        job=pps_proto.Job(
            id=job,
            pipeline=pps_proto.Pipeline(name=pipeline, project=pfs_proto.Project(name=project)),
        ),
    )
    lines = client.get_job_logs(pipeline, job, project_name=project, datum=made)
    return sum(not line.user and line.message.rstrip() == _BEGINNING for line in lines)


def row(info: Any) -> DatumRow:
    """A DatumInfo (protobuf) as a row."""
    stats = info.stats
    times = (stats.download_time, stats.process_time, stats.upload_time)
    return DatumRow(
        info.datum.id,
        statenames.datum(info.state),
        tuple(map(_file, info.data)),
        *(time.ToNanoseconds() / 1e9 for time in times),
    )


def _file(info: Any) -> DatumFile:
    commit = info.file.commit
    repo = commit.repo if commit.repo.name else commit.branch.repo
    return DatumFile(
        repo.project.name or "default",
        repo.name,
        commit.branch.name,
        commit.id,
        info.file.path,
        info.size_bytes,
    )
