"""What pps speaks of besides specs and datums."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields
from enum import IntEnum

from tycokit.pachd.pfs.filetree import Content
from tycokit.pachd.pfs.names import printed_job, printed_pipeline
from tycokit.pachd.pps.spec import PipelineSpec


class JobState(IntEnum):
    """The numbers are Pachyderm's."""

    CREATED = 1
    STARTING = 2
    RUNNING = 3
    FAILURE = 4
    SUCCESS = 5
    KILLED = 6
    EGRESSING = 7
    FINISHING = 8
    UNRUNNABLE = 9


class PipelineState(IntEnum):
    """The numbers are Pachyderm's."""

    STARTING = 1
    RUNNING = 2
    RESTARTING = 3
    FAILURE = 4
    PAUSED = 5
    STANDBY = 6
    CRASHING = 7


class DatumState(IntEnum):
    """The numbers are Pachyderm's."""

    UNKNOWN = 0
    FAILED = 1
    SUCCESS = 2
    SKIPPED = 3
    STARTING = 4
    RECOVERED = 5


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The name of a pipeline."""

    project: str
    name: str

    def __str__(self) -> str:
        return printed_pipeline(self.project, self.name)


@dataclass(frozen=True, slots=True)
class Job:
    """The name of a job: its pipeline, and the id of the commit set that it belongs to."""

    pipeline: Pipeline
    id: str

    def __str__(self) -> str:
        return printed_job(self.pipeline.project, self.pipeline.name, self.id)


@dataclass(frozen=True, slots=True)
class Stats:
    """Seconds and bytes of one datum, or summed over a job's."""

    download_seconds: float = 0.0
    process_seconds: float = 0.0
    upload_seconds: float = 0.0
    download_bytes: int = 0
    upload_bytes: int = 0

    def __add__(self, other: Stats) -> Stats:
        return Stats(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Stats:
        return cls(**json.loads(text))


@dataclass(frozen=True, slots=True)
class PipelineInfo:
    pipeline: Pipeline
    version: int
    spec: PipelineSpec
    spec_commit: str  # id of the commit on the spec repo's master
    stopped: bool
    created: int
    last_job_state: JobState | None
    state: PipelineState
    reason: str


@dataclass(frozen=True, slots=True)
class JobInfo:
    job: Job
    version: int
    branch: str
    state: JobState
    reason: str
    created: int
    started: int | None
    finished: int | None
    restarts: int
    total: int
    processed: int
    skipped: int
    failed: int
    recovered: int
    stats: Stats
    spec: PipelineSpec  # its inputs name the commits that the job reads


@dataclass(frozen=True, slots=True)
class InputFile:
    """One of a datum's files or directories, as its record keeps it."""

    name: str
    project: str
    repo: str
    repo_type: str
    branch: str
    commit_id: str
    path: str
    size: int
    hash: str  # hex


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """What a worker does at a moment."""

    worker: str
    job: Job
    started: int
    inputs: tuple[InputFile, ...]


def selects(filters: Iterable[str], inputs: Iterable[tuple[str, str]]) -> bool:
    """Whether each filter is the path or the hash (hex or base64) of one of the inputs.

    The inputs are (path, hash in hex).
    """
    wanted = set(filters)
    if not wanted:
        return True
    known: set[str] = set()
    for path, hash_ in inputs:
        known |= {path, hash_, base64.b64encode(bytes.fromhex(hash_)).decode()}
    return wanted <= known


@dataclass(frozen=True, slots=True)
class DatumRecord:
    """What a job leaves of one datum; `outputs` are the files it put, by path."""

    id: str
    hash: str  # hex
    state: DatumState
    job_id: str  # of the job that processed it
    inputs: tuple[InputFile, ...]
    outputs: dict[str, Content] = field(default_factory=dict)
    stats: Stats = Stats()
    reason: str = ""

    def pack(self) -> bytes:
        """State and hash first, so that skipping need not read the rest."""
        data = {
            "job": self.job_id,
            "inputs": [_as_dict(each, _OF_INPUT) for each in self.inputs],
            "outputs": {
                path: [content.size, *(chunk.hex() for chunk in content.chunks)]
                for path, content in self.outputs.items()
            },
            "stats": _as_dict(self.stats, _OF_STATS),
            "reason": self.reason,
        }
        return bytes([self.state]) + bytes.fromhex(self.hash) + json.dumps(data).encode()

    @classmethod
    def unpack(cls, id_: str, data: bytes) -> DatumRecord:
        rest = json.loads(data[33:])
        return cls(
            id=id_,
            hash=data[1:33].hex(),
            state=DatumState(data[0]),
            job_id=rest["job"],
            inputs=tuple(InputFile(**each) for each in rest["inputs"]),
            outputs={
                path: Content(size, tuple(bytes.fromhex(chunk) for chunk in chunks))
                for path, (size, *chunks) in rest["outputs"].items()
            },
            stats=Stats(**rest["stats"]),
            reason=rest["reason"],
        )


_OF_INPUT = tuple(each.name for each in fields(InputFile))
_OF_STATS = tuple(each.name for each in fields(Stats))


def _as_dict(value: object, names: tuple[str, ...]) -> dict[str, object]:
    # as asdict, which copies each value deeply
    return {name: getattr(value, name) for name in names}


@dataclass(frozen=True, slots=True)
class DatumInfo:
    """A datum of a job, or (job None) one that an input would give.

    `processed_by` is the job that ran it: another one than `job` where that skipped it.
    """

    id: str
    job: Job | None
    state: DatumState
    inputs: tuple[InputFile, ...]
    stats: Stats = Stats()
    reason: str = ""
    processed_by: Job | None = None
