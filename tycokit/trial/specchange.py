"""Values that were tried, put into the spec of the pipeline: planned, shown, applied, taken back.

They stand in the command, as `-p name value`. What Pachyderm has processed already keeps its result
unless it is told to process everything again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from python_pachyderm import Client

from tycokit.errors import PipelineChanged, TrialError
from tycokit.pipelines.specdiff import differences, request_of, unified
from tycokit.pipelines.specs import pfs_inputs
from tycokit.processing import joblist
from tycokit.repos import browsing
from tycokit.repos.addresses import DEFAULT_PROJECT
from tycokit.scaling import speed, standing
from tycokit.stage import source
from tycokit.trial import form
from tycokit.trial.stages import Stage

_MOST = 20_000_000  # bytes of a notebook
_OPTIONS = {"-p", "--parameter", "-r", "--raw"}


@dataclass(frozen=True, slots=True)
class Change:
    """A planned update of a pipeline's command, looked at in `version`.

    `difference` is the spec's as a unified diff of its JSON, empty where nothing differs.
    `datums` are those of its newest job, which run again if everything is processed again;
    `seconds` is how long they took then, all together, None where that is not known. `downstream`
    are the pipelines that may have to follow. `ends` are the jobs that the update would end.
    `same_code`: whether the pipeline's notebook is the one that was tried.
    """

    pipeline: str
    project: str
    version: int
    before: tuple[str, ...]
    after: tuple[str, ...]
    difference: str
    datums: int
    seconds: float | None
    downstream: tuple[str, ...]
    ends: tuple[str, ...]
    same_code: bool
    request: Any

    @property
    def empty(self) -> bool:
        return not self.difference


@dataclass(frozen=True, slots=True)
class Applied:
    """What an update made: the pipeline's version, and its job (None: there is none).

    `reprocess`: everything is processed again. `undo` is the request of what was before.
    """

    pipeline: str
    project: str
    version: int
    job: str | None
    reprocess: bool
    undo: Any


def plan(client: Client, stage: Stage, texts: Mapping[str, str], tried: bytes) -> Change:
    """The update that gives a stage these values, by their texts, and keeps all its others.

    `tried` is the notebook file that they were tried with. A value that is the default of the
    pipeline's notebook is taken out of the command. Raises TrialError when that notebook has no
    such parameter, or it does not admit the value; NotebookError. Nothing is changed.
    """
    info = standing.inspect(client, stage.pipeline, stage.project)
    code = browsing.read(client, stage.notebook, _MOST).data
    known = {one.name: one for one in source.parse(Path(str(stage.notebook)), code).parameters}
    missing = [name for name in texts if name not in known]
    if missing:
        raise TrialError(
            f"{stage.notebook} has no parameter {', '.join(missing)}: commit the notebook that"
            " you tried first (`tycokit deploy` does)"
        )
    before = tuple(info.details.transform.cmd)
    wanted = {
        name: text if form.differs(known[name], text) else None for name, text in texts.items()
    }
    form.read(known.values(), {name: text for name, text in wanted.items() if text is not None})
    request = request_of(info)
    request.transform.cmd[:] = after = command(before, wanted)
    _need_nothing_else(request, info)
    difference = unified(request, info)
    request.update = True
    name = info.pipeline.name
    datums, seconds = _last(client, stage)
    return Change(
        pipeline=name,
        project=stage.project,
        version=info.version,
        before=before,
        after=tuple(after),
        difference=difference,
        datums=datums,
        seconds=seconds,
        downstream=tuple(_downstream(client, stage)),
        ends=tuple(job.id for job in standing.work(client, name, stage.project).jobs),
        same_code=code == tried,
        request=request,
    )


def apply(client: Client, change: Change, *, reprocess: bool) -> Applied:
    """Update the command and nothing else. Raises PipelineChanged when somebody else was quicker.

    `reprocess`: process everything again with it, not only what comes from now on.
    """
    undo = _present(client, change.pipeline, change.project, change.version)
    return _update(client, change.request, undo, reprocess=reprocess)


def take_back(client: Client, applied: Applied) -> Applied:
    """Bring back what was before, and its results where all were made again.

    Raises PipelineChanged when it was updated since.
    """
    undo = _present(client, applied.pipeline, applied.project, applied.version)
    return _update(client, applied.undo, undo, reprocess=applied.reprocess)


def _present(client: Client, pipeline: str, project: str, version: int) -> Any:
    """The request that brings back what a pipeline is now, if that is its version."""
    info = standing.inspect(client, pipeline, project)
    if info.version != version:
        raise PipelineChanged(pipeline, version, info.version)
    request = request_of(info)
    request.update = True
    return request


def _update(client: Client, request: Any, undo: Any, *, reprocess: bool) -> Applied:
    made = type(request)()
    made.CopyFrom(request)
    made.reprocess = reprocess
    if reprocess:
        made.salt = ""  # what is known under the old one would be skipped
    client.create_pipeline_from_request(made)
    name, project = made.pipeline.name, made.pipeline.project.name or DEFAULT_PROJECT
    info = standing.inspect(client, name, project)
    newest = client.list_job(name, project_name=project, number=1)
    job = next((one.job.id for one in newest if one.pipeline_version == info.version), None)
    return Applied(name, project, info.version, job, reprocess, undo)


def command(words: Sequence[str], wanted: Mapping[str, str | None]) -> list[str]:
    """A stage's command with other values: None takes a parameter out."""
    start = list(words).index("stage") + 1
    made, rest, left = list(words[:start]), list(words[start:]), dict(wanted)
    while rest:
        word = rest.pop(0)
        if word not in _OPTIONS:
            made.append(word)
            continue
        name, text = rest.pop(0), rest.pop(0)
        if name not in wanted:
            made += [word, name, text]
        elif (new := left.pop(name, None)) is not None:
            # what has not changed stays as it was written
            made += [word, name, text] if new == text else ["-p", name, new]
    for name, new in left.items():
        if new is not None:
            made += ["-p", name, new]
    return made


def _need_nothing_else(request: Any, info: Any) -> None:
    other = set(differences(request, info)) - {"transform"}
    if other:  # a field of a newer Pachyderm, which the update would lose
        raise TrialError(
            f"{info.pipeline.name} cannot be updated without changing its {', '.join(other)}"
        )


def _last(client: Client, stage: Stage) -> tuple[int, float | None]:
    """How many datums the newest job with any had, and how long all of them would take again."""
    for one in joblist.page(client, stage.pipeline, count=20, project=stage.project).sets:
        (job,) = one.jobs
        if job.total:
            speeds = speed.measure(client, stage.pipeline, stage.project)
            best = max(speeds, key=lambda each: each.datums, default=None)
            return job.total, None if best is None else job.total / best.per_second
    return 0, None


def _downstream(client: Client, stage: Stage) -> Iterable[str]:
    """The pipelines that read what this one makes, and those that read theirs."""
    infos = list(client.list_pipeline(details=True))
    found = {(stage.project, stage.pipeline)}
    order: list[str] = []
    grown = True
    while grown:
        grown = False
        for info in infos:
            project = info.pipeline.project.name or DEFAULT_PROJECT
            own = project, info.pipeline.name
            read = {(one.project or project, one.repo) for one in pfs_inputs(info.details.input)}
            if own not in found and read & found:
                found.add(own)
                order.append(own[1])
                grown = True
    return order
