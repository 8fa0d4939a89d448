"""Another number of workers for a pipeline: planned, shown, applied, and taken back.

Pachyderm changes a pipeline by updating it. That ends its unfinished jobs and makes one new job,
which skips each datum that the last job without an error has processed. So nothing is processed
again, except what jobs have done since: those that the update ends, or one that failed or was
stopped; and all datums of a pipeline whose spec asks for that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from python_pachyderm import Client

from tycokit.errors import PipelineChanged, ScaleError
from tycokit.pipelines.specdiff import differences, request_of, unified
from tycokit.repos.addresses import DEFAULT_PROJECT
from tycokit.scaling import choices, standing
from tycokit.scaling.choices import Choice, Coefficient
from tycokit.scaling.nodes import Nodes
from tycokit.wording import counted

_FIELDS = {"parallelism_spec", "metadata"}
_KEYS = (choices.COEFFICIENT, choices.NODES)


@dataclass(frozen=True, slots=True)
class Change:
    """A planned update of `pipeline`, looked at in `version`.

    `difference` is the spec's, as a unified diff of its JSON, empty where nothing differs. `ends`
    are the ids of the jobs that the update would end, `again` the datums that were worked on, or
    had to be, and would be worked on again. `warnings` say in words what is not as it was before.
    """

    pipeline: str
    project: str
    version: int
    before: Choice
    after: Choice
    workers_before: int
    workers_after: int
    difference: str
    ends: tuple[str, ...]
    again: int
    warnings: tuple[str, ...]
    request: Any

    @property
    def empty(self) -> bool:
        return not self.difference


@dataclass(frozen=True, slots=True)
class Applied:
    """What an update made: the pipeline's version, and its job (None: the pipeline is paused)."""

    version: int
    job: str | None


def plan(
    client: Client,
    pipeline: str,
    choice: Choice,
    nodes: Nodes | None = None,
    project: str = DEFAULT_PROJECT,
) -> Change:
    """The update that gives a pipeline so many workers; `nodes` are for a coefficient.

    Raises ScaleError for a spout or a service. Nothing is changed.
    """
    info = standing.inspect(client, pipeline, project)
    if nodes is None and isinstance(choice, Coefficient):
        raise ScaleError(f"{choice} needs the number of nodes")
    number = choices.workers(choice, nodes.count if nodes is not None else 0)
    annotations = _others(info) | choices.annotated(choice, nodes)
    return _change(client, info, choice, number, annotations)


def resolve(request: Any, find: Callable[[], Nodes]) -> None:
    """Give a spec (protobuf) that has a coefficient the constant that it comes to.

    `find` is called for such a spec only. Raises what it raises.
    """
    annotations = request.metadata.annotations
    choice = choices.recorded(request.parallelism_spec.constant, annotations)
    if isinstance(choice, Coefficient):
        nodes = find()
        request.parallelism_spec.constant = choices.workers(choice, nodes.count)
        annotations.update(choices.annotated(choice, nodes))


def undo(client: Client, pipeline: str, project: str = DEFAULT_PROJECT) -> Change:
    """The update that goes back to the workers which the pipeline had before the present ones.

    Only they go back: what else was updated since stays. An undone change can be undone as well.
    Raises ScaleError where the pipeline never had any others.
    """
    info = standing.inspect(client, pipeline, project)
    now = _parallelism(info)
    versions = client.inspect_pipeline(pipeline, history=-1, details=True, project_name=project)
    for older in versions:
        if older.version < info.version and _parallelism(older) != now:
            number, kept = _parallelism(older)
            choice = choices.recorded(number, kept)
            return _change(client, info, choice, number, {**_others(info), **kept})
    raise ScaleError(f"there is nothing to undo: {pipeline} always had {counted(now[0], 'worker')}")


def apply(client: Client, change: Change) -> Applied:
    """Update the pipeline's workers and nothing else. Raises PipelineChanged, ScaleError."""
    info = standing.inspect(client, change.pipeline, change.project)
    if info.version != change.version:
        raise PipelineChanged(change.pipeline, change.version, info.version)
    if not change.empty:
        client.create_pipeline_from_request(change.request)
        info = standing.inspect(client, change.pipeline, change.project)
    newest = client.list_job(change.pipeline, project_name=change.project, number=1)
    job = next((found.job.id for found in newest if found.pipeline_version == info.version), None)
    return Applied(info.version, job)


def _change(
    client: Client, info: Any, choice: Choice, number: int, annotations: Mapping[str, str]
) -> Change:
    request = request_of(info)
    request.parallelism_spec.constant = number
    request.metadata.ClearField("annotations")
    request.metadata.annotations.update(annotations)
    if not request.metadata.ByteSize():
        request.ClearField("metadata")
    other = set(differences(request, info)) - _FIELDS
    if other:  # a field of a newer Pachyderm, which the update would lose
        raise ScaleError(
            f"{info.pipeline.name} cannot be updated without changing its {', '.join(other)}"
        )
    work = standing.work(client, info.pipeline.name, info.pipeline.project.name)
    present = info.details.parallelism_spec.constant or 1
    difference = unified(request, info)
    request.update = True
    return Change(
        pipeline=info.pipeline.name,
        project=info.pipeline.project.name or DEFAULT_PROJECT,
        version=info.version,
        before=choices.recorded(present, info.details.metadata.annotations),
        after=choice,
        workers_before=present,
        workers_after=number,
        difference=difference,
        ends=tuple(job.id for job in work.jobs),
        again=work.again,
        warnings=tuple(_warnings(info, work)),
        request=request,
    )


def _warnings(info: Any, work: standing.Work) -> list[str]:
    said = []
    again = counted(work.again, "datum")
    if work.jobs:
        which = "a job that has" if len(work.jobs) == 1 else f"{len(work.jobs)} jobs that have"
        redone = f"; what is done of it, {again}, runs again" if work.again else ""
        said.append(f"this ends {which} not ended, and a new one takes over{redone}")
    if work.broken is not None and work.again:
        what = "failed" if work.broken.state == "failure" else "was stopped"
        said.append(
            f"the last job {what}, and Pachyderm builds on the last one without an error: what it"
            f" had to do, {again}, runs now"
        )
    if info.details.reprocess_spec == "every_job":
        said.append("this pipeline runs every datum in every job (reprocess_spec every_job)")
    return said


def _others(info: Any) -> dict[str, str]:
    """The pipeline's annotations that say nothing of its workers."""
    annotations = info.details.metadata.annotations
    return {key: value for key, value in annotations.items() if key not in _KEYS}


def _parallelism(info: Any) -> tuple[int, dict[str, str]]:
    annotations = info.details.metadata.annotations
    kept = {key: annotations[key] for key in _KEYS if key in annotations}
    return info.details.parallelism_spec.constant or 1, kept
