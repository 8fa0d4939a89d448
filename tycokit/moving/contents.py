"""What is moved, but for the bytes: repos, the commits to make, branches, pipelines. Pure values.

As JSON it stands at the beginning of an archive, which may come from anybody: `from_json` takes
nothing on trust.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

import jsonschema
from google.protobuf import json_format
from python_pachyderm.service import pfs_proto

from tycokit.pipelines.specs import Repo


@dataclass(frozen=True, slots=True)
class Origin:
    """Where things come from: a name for people, and the cluster's deployment id.

    `cluster` is "" for an archive that was made before archives said it.
    """

    name: str
    cluster: str

    def __str__(self) -> str:
        return f"{self.name} ({self.cluster})" if self.cluster else self.name


@dataclass(frozen=True, slots=True)
class RepoEntry:
    repo: Repo
    description: str


@dataclass(frozen=True, slots=True)
class BranchName:
    repo: Repo
    name: str

    def __str__(self) -> str:
        return f"{self.repo}@{self.name}"


@dataclass(frozen=True, slots=True)
class Step:
    """A commit to make: as `id` of the source is, on a branch.

    `parent` is the id of the commit, moved before, that the changes are against; None where they
    are all that the commit holds. `size` is how many bytes they have at most.
    """

    repo: Repo
    branch: str
    id: str
    parent: str | None
    message: str
    size: int

    @property
    def whole(self) -> bool:
        """Whether the changes are the commit's whole content."""
        return self.parent is None

    @property
    def on(self) -> BranchName:
        return BranchName(self.repo, self.branch)

    def __str__(self) -> str:
        return f"{self.repo}@{self.branch}={self.id[:12]}"


@dataclass(frozen=True, slots=True)
class BranchEntry:
    """A branch: `head` is the step that it ends with, None for an empty one.

    `trigger` is Pachyderm's message as JSON, None where there is none.
    """

    branch: BranchName
    head: str | None
    provenance: tuple[BranchName, ...]
    trigger: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class PipelineEntry:
    """A pipeline: its spec as JSON, and whether it is not stopped at the source."""

    pipeline: Repo
    spec: dict[str, Any]
    running: bool


@dataclass(frozen=True, slots=True)
class Contents:
    """All that is moved; `steps` are in the order to make."""

    origin: Origin
    projects: dict[str, str]
    repos: tuple[RepoEntry, ...]
    steps: tuple[Step, ...]
    branches: tuple[BranchEntry, ...]
    pipelines: tuple[PipelineEntry, ...]

    @property
    def size(self) -> int:
        """Bytes, at most."""
        return sum(step.size for step in self.steps)

    def to_json(self) -> bytes:
        return json.dumps({"format": FORMAT, **asdict(self)}).encode()


FORMAT, FORMER = "tycokit archive 2", "tycokit archive 1"  # which names no cluster


def from_json(data: bytes) -> Contents:
    """Read what `to_json` made. Raises ValueError, whose text says what is wrong with it."""
    try:
        found = json.loads(data)
        jsonschema.validate(found, _SCHEMA)
    except jsonschema.ValidationError as error:
        raise ValueError(f"{error.json_path}: {error.message[:200]}") from error
    except (ValueError, RecursionError) as error:
        raise ValueError(f"is not JSON: {error}") from error
    origin = found["origin"]
    made = Contents(
        Origin(origin, "") if isinstance(origin, str) else Origin(**origin),
        found["projects"],
        tuple(RepoEntry(Repo(**one["repo"]), one["description"]) for one in found["repos"]),
        tuple(Step(**{**one, "repo": Repo(**one["repo"])}) for one in found["steps"]),
        tuple(
            BranchEntry(
                _branch(one["branch"]),
                one["head"],
                tuple(map(_branch, one["provenance"])),
                one["trigger"],
            )
            for one in found["branches"]
        ),
        tuple(
            PipelineEntry(Repo(**one["pipeline"]), one["spec"], one["running"])
            for one in found["pipelines"]
        ),
    )
    _check(made)
    return made


def _check(contents: Contents) -> None:
    """Raise ValueError where a part names another that is not there."""
    repos = {entry.repo for entry in contents.repos}
    made: set[tuple[Repo, str]] = set()
    for step in contents.steps:
        if step.repo not in repos:
            raise ValueError(f"{step} is of no repo in it")
        if step.parent is not None and (step.repo, step.parent) not in made:
            raise ValueError(f"{step} comes before its parent")
        made.add((step.repo, step.id))
    for entry in contents.branches:
        at = entry.branch.repo
        if at not in repos or (entry.head is not None and (at, entry.head) not in made):
            raise ValueError(f"the branch {entry.branch} has a head that is not in it")
        try:
            json_format.ParseDict(entry.trigger or {}, pfs_proto.Trigger())
        except json_format.ParseError as error:
            raise ValueError(f"the trigger of {entry.branch}: {error}") from error


def _branch(found: dict[str, Any]) -> BranchName:
    return BranchName(Repo(**found["repo"]), found["name"])


def _object(**fields: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": fields,
        "required": list(fields),
        "additionalProperties": False,
    }


def _list(of: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": of}


_TEXT = {"type": "string"}
# \Z: a $ would also do before a last line break
_NAME = {"type": "string", "pattern": r"^[a-zA-Z0-9_-]+\Z"}
_ID = {"type": "string", "pattern": r"^[0-9a-f]{32}\Z"}
_CLUSTER = {"type": "string", "pattern": r"^\S{0,100}\Z"}
_REPO = _object(project=_NAME, name=_NAME)
_BRANCH = _object(repo=_REPO, name=_NAME)
_NO_ID = {"anyOf": [_ID, {"type": "null"}]}
_SCHEMA = _object(
    format={"enum": [FORMAT, FORMER]},
    origin={"anyOf": [_object(name=_TEXT, cluster=_CLUSTER), _TEXT]},
    projects={"type": "object", "propertyNames": _NAME, "additionalProperties": _TEXT},
    repos=_list(_object(repo=_REPO, description=_TEXT)),
    steps=_list(
        _object(
            repo=_REPO,
            branch=_NAME,
            id=_ID,
            parent=_NO_ID,
            message=_TEXT,
            size={"type": "integer", "minimum": 0},
        )
    ),
    branches=_list(
        _object(
            branch=_BRANCH,
            head=_NO_ID,
            provenance=_list(_BRANCH),
            trigger={"type": ["object", "null"]},
        )
    ),
    pipelines=_list(_object(pipeline=_REPO, spec={"type": "object"}, running={"type": "boolean"})),
)
