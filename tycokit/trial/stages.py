"""The pipelines that run a notebook, and the datums and files that it can be tried on."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from python_pachyderm import Client

from tycokit.errors import StageUsage
from tycokit.pipelines.specs import pfs_inputs
from tycokit.processing import datumlist, joblist, pastdatum
from tycokit.repos.addresses import DEFAULT_PROJECT, Address, of
from tycokit.stage import options
from tycokit.stage.datum import NOTEBOOK

_PLAIN = frozenset("*?[]{}()!+@|\\")


@dataclass(frozen=True, slots=True)
class StageInput:
    """An input of a stage but its notebook: the parameter's name, and what Pachyderm hands to it.

    `whole` is the address that every datum gets, None where each gets another one.
    """

    name: str
    repo: str
    glob: str
    whole: Address | None


@dataclass(frozen=True, slots=True)
class Stage:
    """A pipeline that runs a notebook. `notebook` is where its code lies in Pachyderm.

    `values` are the parameters that its command sets, as texts, by name.
    """

    pipeline: str
    project: str
    version: int
    notebook: Address
    inputs: tuple[StageInput, ...]
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Choice:
    """A datum to try a notebook on: its files' paths but the notebook's, and the job it was in."""

    id: str
    job: str
    state: str
    paths: tuple[str, ...]


def stages(client: Client, notebook: str, project: str = DEFAULT_PROJECT) -> tuple[Stage, ...]:
    """The pipelines whose notebook has this file name, by their own name."""
    found = [
        stage
        for info in client.list_pipeline(details=True)
        if (info.pipeline.project.name or DEFAULT_PROJECT) == project
        and (stage := _stage(info)) is not None
        and posixpath.basename(stage.notebook.path) == notebook
    ]
    return tuple(sorted(found, key=lambda stage: stage.pipeline))


def _stage(info: Any) -> Stage | None:
    """The stage that a pipeline (protobuf, with details) is, None where it is none."""
    words = list(info.details.transform.cmd)
    project = info.pipeline.project.name or DEFAULT_PROJECT
    inputs = list(pfs_inputs(info.details.input))
    code = next((one for one in inputs if one.name == NOTEBOOK), None)
    if code is None or "stage" not in words:
        return None
    try:
        given = options.parse(words[words.index("stage") + 1 :]).parameters
    except StageUsage:
        return None
    return Stage(
        pipeline=info.pipeline.name,
        project=project,
        version=info.version,
        notebook=_address(code, project),
        inputs=tuple(_input(one, project) for one in inputs if one.name != NOTEBOOK),
        values={name: text.text for name, text in given.items()},
    )


def _input(one: Any, project: str) -> StageInput:
    whole = None if _PLAIN & set(one.glob) else _address(one, project)
    return StageInput(one.name or one.repo, one.repo, one.glob, whole)


def _address(one: Any, project: str) -> Address:
    path = "/" + one.glob.strip("/")
    return Address(one.repo, one.branch or "master", path, one.project or project)


def datums(
    client: Client, stage: Stage, *, text: str = "", count: int = 50, most: int = 2000
) -> tuple[Choice, ...]:
    """Datums of the pipeline's newest job that has any, those that failed first.

    `text`: the start of a datum's id, or a part of a file's path; the first `most` are looked at.
    """
    project = stage.project
    for one in joblist.page(client, stage.pipeline, count=10, project=project).sets:
        failed = datumlist.page(
            client, stage.pipeline, one.id, states=["failed"], count=count, project=project
        )
        others = datumlist.page(
            client,
            stage.pipeline,
            one.id,
            states=[state for state in datumlist.STATES if state != "failed"],
            count=most if text else count,
            project=project,
        )
        rows = (*failed.datums, *others.datums)
        choices = [Choice(row.id, one.id, row.state, _paths(row, stage)) for row in rows]
        found = [
            each
            for each in choices
            if each.id.startswith(text) or any(text in path for path in each.paths)
        ]
        if failed.datums or others.datums:
            return tuple(found[:count])
    return ()


def _paths(row: datumlist.DatumRow, stage: Stage) -> tuple[str, ...]:
    return tuple(file.path for file in row.files if file.repo != stage.notebook.repo)


def files(client: Client, stage: Stage, chosen: Choice) -> dict[str, Address]:
    """What a datum hands to each input but the notebook. Raises DatumUnknown."""
    found = pastdatum.find(client, chosen.id, stage.pipeline, chosen.job)
    return {one.name: of(one.commit, one.path) for one in found.inputs if one.name != NOTEBOOK}
