"""A pipeline as its author wrote it: everything that a CreatePipelineRequest says, as values.

What this server acts on has its own field. What it only keeps, so that InspectPipeline gives back
what was given, stays as plain JSON under the proto's names; None there means "not set".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from tycokit.errors import InvalidSpec
from tycokit.pachd.pfs.names import printed_pipeline
from tycokit.pachd.pfs.values import Branch, Repo, Trigger

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"
JsonObject: TypeAlias = Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class PfsInput:
    """One datum for each path in a branch's head that matches `glob`."""

    repo: str = ""
    project: str = ""
    repo_type: str = ""
    branch: str = ""
    commit: str = ""
    """In a spec always empty; in a job's input the id of the commit that the job reads."""
    name: str = ""
    glob: str = ""
    join_on: str = ""
    outer_join: bool = False
    group_by: str = ""
    lazy: bool = False
    empty_files: bool = False
    s3: bool = False
    trigger: Trigger | None = None


@dataclass(frozen=True, slots=True)
class CronInput:
    """A repo that this pipeline owns and that gets a file at each tick of `spec`."""

    name: str = ""
    spec: str = ""
    repo: str = ""
    project: str = ""
    commit: str = ""
    overwrite: bool = False
    start: int | None = None  # ns since the epoch


@dataclass(frozen=True, slots=True)
class CrossInput:
    inputs: tuple[Input, ...] = ()


@dataclass(frozen=True, slots=True)
class UnionInput:
    inputs: tuple[Input, ...] = ()


@dataclass(frozen=True, slots=True)
class JoinInput:
    inputs: tuple[Input, ...] = ()


@dataclass(frozen=True, slots=True)
class GroupInput:
    inputs: tuple[Input, ...] = ()


LeafInput: TypeAlias = "PfsInput | CronInput"
NestedInput: TypeAlias = "CrossInput | UnionInput | JoinInput | GroupInput"
Input: TypeAlias = "LeafInput | NestedInput"


@dataclass(frozen=True, slots=True)
class SecretMount:
    """A key of a secret as an environment variable, or the secret as files in a folder."""

    name: str = ""
    key: str = ""
    mount_path: str = ""
    env_var: str = ""


@dataclass(frozen=True, slots=True)
class Transform:
    """The user code: a command, and what surrounds it."""

    image: str = ""
    cmd: tuple[str, ...] = ()
    stdin: tuple[str, ...] = ()
    err_cmd: tuple[str, ...] = ()
    err_stdin: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[SecretMount, ...] = ()
    image_pull_secrets: tuple[str, ...] = ()
    accept_return_code: tuple[int, ...] = ()
    debug: bool = False
    user: str = ""
    working_dir: str = ""
    dockerfile: str = ""
    memory_volume: bool = False
    datum_batching: bool = False


@dataclass(frozen=True, slots=True)
class Service:
    internal_port: int = 0
    external_port: int = 0
    ip: str = ""
    type: str = ""


@dataclass(frozen=True, slots=True)
class Spout:
    service: Service | None = None


@dataclass(frozen=True, slots=True)
class DatumSetSpec:
    """How many datums a worker takes at a time: a number, a size in bytes, or sets per worker."""

    number: int = 0
    size_bytes: int = 0
    per_worker: int = 0


@dataclass(frozen=True, slots=True)
class PipelineSpec:
    """One version of a pipeline. Timeouts are in seconds."""

    name: str = ""
    project: str = ""
    description: str = ""
    transform: Transform | None = None
    input: Input | None = None
    parallelism: int | None = None
    """Workers as the spec has them; None when it does not say. See `workers`."""
    output_branch: str = ""
    datum_tries: int = 0
    datum_timeout: float | None = None
    job_timeout: float | None = None
    datum_set_spec: DatumSetSpec | None = None
    reprocess_spec: str = ""
    salt: str = ""
    autoscaling: bool = False
    s3_out: bool = False
    service: Service | None = None
    spout: Spout | None = None
    egress: JsonObject | None = None
    tf_job: JsonObject | None = None
    metadata: JsonObject | None = None
    resource_requests: JsonObject | None = None
    resource_limits: JsonObject | None = None
    sidecar_resource_requests: JsonObject | None = None
    sidecar_resource_limits: JsonObject | None = None
    scheduling_spec: JsonObject | None = None
    tolerations: tuple[JsonObject, ...] = ()
    pod_spec: str = ""
    pod_patch: str = ""
    spec_commit: JsonObject | None = None
    determined: JsonObject | None = None
    details_json: str = ""

    @property
    def workers(self) -> int:
        """How many datums run at once, at least 1."""
        return self.parallelism or 1

    @property
    def has_jobs(self) -> bool:
        """False for spouts and services, whose process would run for ever."""
        return self.spout is None and self.service is None

    @property
    def every_job(self) -> bool:
        """True when no datum is ever skipped."""
        return self.reprocess_spec == "every_job"

    @property
    def printed(self) -> str:
        return printed_pipeline(self.project, self.name)


def one_input(given: Sequence[Input]) -> Input:
    """The one input that an Input message may hold. Raises InvalidSpec for none or several."""
    if not given:
        raise InvalidSpec("no input set")
    if len(given) > 1:
        raise InvalidSpec("multiple input types set")
    return given[0]


def leaves(given: Input | None) -> Iterator[LeafInput]:
    """The pfs and cron inputs, in order."""
    if given is None:
        return
    if isinstance(given, (PfsInput, CronInput)):
        yield given
        return
    for below in given.inputs:
        yield from leaves(below)


def input_branches(given: Input | None) -> list[Branch]:
    """The branches that an input with its defaults filled reads, in order, each once."""
    branches = []
    for leaf in leaves(given):
        if isinstance(leaf, CronInput):
            branches.append(Branch(Repo(leaf.project, leaf.repo), "master"))
        else:
            branches.append(Branch(Repo(leaf.project, leaf.repo, leaf.repo_type), leaf.branch))
    return list(dict.fromkeys(branches))


def cron_inputs(given: Input | None) -> list[CronInput]:
    return [leaf for leaf in leaves(given) if isinstance(leaf, CronInput)]
