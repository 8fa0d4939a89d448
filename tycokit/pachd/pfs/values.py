"""What pfs speaks of: plain frozen values, printed as Pachyderm prints them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import IntEnum

DEFAULT_PROJECT = "default"
DEFAULT_TAG = "default"


class Origin(IntEnum):
    """Who made a commit; the numbers are Pachyderm's."""

    USER = 1
    AUTO = 2


class CommitState(IntEnum):
    """How far a commit must be for whoever waits for it; the numbers are Pachyderm's."""

    STARTED = 1
    READY = 2
    FINISHING = 3
    FINISHED = 4


@dataclass(frozen=True, slots=True)
class Repo:
    project: str
    name: str
    type: str = "user"

    def __str__(self) -> str:
        suffix = "" if self.type == "user" else f".{self.type}"
        return f"{self.project}/{self.name}{suffix}"


@dataclass(frozen=True, slots=True)
class Branch:
    repo: Repo
    name: str

    def __str__(self) -> str:
        return f"{self.repo}@{self.name}"


@dataclass(frozen=True, slots=True)
class Commit:
    """A resolved commit: `id` is its commit set's, `branch` the one that it was made on."""

    repo: Repo
    branch: str
    id: str

    def __str__(self) -> str:
        return f"{self.repo}@{self.id}"


@dataclass(frozen=True, slots=True)
class CommitAddress:
    """A commit as a caller names it: an id, a branch, or either with an ancestry suffix."""

    repo: Repo
    branch: str = ""
    id: str = ""

    def __str__(self) -> str:
        return f"{self.repo}@{self.id or self.branch}"


@dataclass(frozen=True, slots=True)
class Trigger:
    """When `branch` has moved far enough: any of the set conditions, or `all` of them."""

    branch: str = ""
    all: bool = False
    rate_limit_spec: str = ""
    size: str = ""
    commits: int = 0
    cron_spec: str = ""

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Trigger:
        return cls(**json.loads(text))


@dataclass(frozen=True, slots=True)
class ProjectInfo:
    name: str
    description: str
    created: int  # ns since the epoch, as every time here


@dataclass(frozen=True, slots=True)
class RepoInfo:
    repo: Repo
    description: str
    created: int
    branches: tuple[Branch, ...]
    size: int  # bytes of the newest finished commit on master


@dataclass(frozen=True, slots=True)
class BranchInfo:
    branch: Branch
    head: Commit
    direct_provenance: tuple[Branch, ...]
    provenance: tuple[Branch, ...]
    subvenance: tuple[Branch, ...]
    trigger: Trigger | None = None


@dataclass(frozen=True, slots=True)
class CommitInfo:
    commit: Commit
    origin: Origin
    description: str
    parent: Commit | None
    children: tuple[Commit, ...]
    started: int
    finishing: int | None
    finished: int | None
    direct_provenance: tuple[Commit, ...]
    error: str
    size: int  # bytes


@dataclass(frozen=True, slots=True)
class FileInfo:
    """A file or, with a path that ends in "/", a directory."""

    commit: Commit
    path: str
    tag: str
    committed: int | None
    size: int
    hash: bytes

    @property
    def is_dir(self) -> bool:
        return self.path.endswith("/")
