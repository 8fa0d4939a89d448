"""Another number of workers for a pipeline: planned, shown, applied, and taken back.

Pachyderm changes a pipeline by updating it. That ends its unfinished jobs and makes one new job,
which skips each datum that an ended job has processed. So nothing is processed again, except what
the jobs that an update ends had done so far, datums that failed before, and all datums of a
pipeline whose spec asks for that.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf import json_format
from python_pachyderm import Client
from python_pachyderm.service import pps_proto

from tycokit.errors import PipelineChanged, ScaleError
from tycokit.scaling import choices, standing
from tycokit.scaling.choices import Choice, Coefficient
from tycokit.scaling.nodes import Nodes
from tycokit.specdiff import differences, request_of

_FIELDS = {"parallelism_spec", "metadata"}
_KEYS = (choices.COEFFICIENT, choices.NODES)


@dataclass(frozen=True, slots=True)
class Change:
    """A planned update of `pipeline`, looked at in `version`.

    `difference` is the spec's, as a unified diff of its JSON, empty where nothing differs. `ends`
    are the ids of the jobs that the update would end, `again` the datums that they have worked on
    and that would be worked on again. `warnings` say in words what else would run again.
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
    project: str = "default",
) -> Change:
    """The update that gives a pipeline so many workers; `nodes` are for a coefficient.

    Raises ScaleError for a spout or a service. Nothing is changed.
    """
    info = standing.inspect(client, pipeline, project)
    annotations = _others(info)
    number = choices.workers(choice, nodes.count if nodes is not None else 0)
    if isinstance(choice, Coefficient):
        if nodes is None:
            raise ScaleError(f"{choice} needs the number of nodes")
        annotations[choices.COEFFICIENT] = f"{choice.factor:g}"
        annotations[choices.NODES] = str(nodes)
    return _change(client, info, choice, number, annotations)


def undo(client: Client, pipeline: str, project: str = "default") -> Change:
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
    raise ScaleError(f"there is nothing to undo: {pipeline} always had {_told(now[0])}")


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
    before = _json(request)
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
    open_jobs = standing.unfinished(client, info.pipeline.name, info.pipeline.project.name)
    name, version = info.pipeline.name, info.version
    present = info.details.parallelism_spec.constant or 1
    lines = difflib.unified_diff(
        before,
        _json(request),
        fromfile=f"{name}, version {version}",
        tofile=f"{name}, version {version + 1}",
        n=2,
        lineterm="",
    )
    request.update = True
    return Change(
        pipeline=name,
        project=info.pipeline.project.name or "default",
        version=version,
        before=choices.recorded(present, info.details.metadata.annotations),
        after=choice,
        workers_before=present,
        workers_after=number,
        difference="\n".join(lines),
        ends=tuple(job.id for job in open_jobs),
        again=sum(job.worked for job in open_jobs),
        warnings=tuple(_warnings(info, open_jobs)),
        request=request,
    )


def _warnings(info: Any, open_jobs: tuple[standing.OpenJob, ...]) -> list[str]:
    said = []
    again = sum(job.worked for job in open_jobs)
    if open_jobs:
        which = "a job that has" if len(open_jobs) == 1 else f"{len(open_jobs)} jobs that have"
        redone = f"; what it has done, {_datums(again)}, runs again" if again else ""
        said.append(f"this ends {which} not ended, and a new one takes over{redone}")
    if info.details.reprocess_spec == "every_job":
        said.append("this pipeline runs every datum in every job (reprocess_spec every_job)")
    if info.last_job_state == pps_proto.JOB_FAILURE:
        said.append("datums that failed in the last job run again")
    if info.last_job_state == pps_proto.JOB_KILLED:
        said.append("the last job was stopped: what it had to do runs now")
    return said


def _others(info: Any) -> dict[str, str]:
    """The pipeline's annotations that say nothing of its workers."""
    annotations = info.details.metadata.annotations
    return {key: value for key, value in annotations.items() if key not in _KEYS}


def _parallelism(info: Any) -> tuple[int, dict[str, str]]:
    annotations = info.details.metadata.annotations
    kept = {key: annotations[key] for key in _KEYS if key in annotations}
    return info.details.parallelism_spec.constant or 1, kept


def _json(request: Any) -> list[str]:
    made = json_format.MessageToDict(request, preserving_proto_field_name=True)
    return json.dumps(made, indent=2, sort_keys=True, ensure_ascii=False).splitlines()


def _told(number: int) -> str:
    return f"{number} worker{'s' * (number != 1)}"


def _datums(number: int) -> str:
    return f"{number} datum{'s' * (number != 1)}"
