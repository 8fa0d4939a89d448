"""Bring a pachd to what specs and notebooks say: look, decide, apply.

`plan` only reads, and refuses what cannot be deployed before anything is made; `apply` does what
the plan says. Where all is as it should be, the plan is empty.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from python_pachyderm import Client
from python_pachyderm.pfs import Commit

from tycokit import targeting
from tycokit.errors import SpecError
from tycokit.specdiff import differences
from tycokit.specs import Repo, Spec, pfs_inputs

NOTEBOOKS = Repo("default", "notebooks")
SOURCES = {
    Repo("default", "images"): "camera pictures, <user-device>_<unix time>.<ext>",
    Repo("default", "weights"): "the network, with its label map",
    Repo("default", "rules"): "rules.json",
    NOTEBOOKS: "the stages' code",
}


@dataclass(frozen=True, slots=True)
class CreateRepo:
    repo: Repo
    description: str

    def __str__(self) -> str:
        return f"create repo {self.repo}"


@dataclass(frozen=True, slots=True)
class CommitNotebooks:
    """One commit with the notebooks that are new or differ."""

    files: tuple[Path, ...]

    def __str__(self) -> str:
        return f"commit notebooks {', '.join(file.name for file in self.files)}"


@dataclass(frozen=True, slots=True)
class CreatePipeline:
    spec: Spec

    def __str__(self) -> str:
        return f"create pipeline {self.spec.output}"


@dataclass(frozen=True, slots=True)
class UpdatePipeline:
    """`fields` names the top-level fields of the spec that differ."""

    spec: Spec
    fields: tuple[str, ...]

    def __str__(self) -> str:
        return f"update pipeline {self.spec.output} ({', '.join(self.fields)})"


Action = CreateRepo | CommitNotebooks | CreatePipeline | UpdatePipeline


def plan(
    client: Client,
    specs: Sequence[Spec],
    notebooks: Iterable[Path],
    create: Collection[str] = (),
) -> list[Action]:
    """What is missing or differs, in the order in which to do it.

    `specs` are in dependency order; `create` names input repos of your own that may be made. Of
    `notebooks`, only stages are committed. Raises SpecError when the specs cannot be deployed as
    they stand.
    """
    present = {
        Repo(info.repo.project.name or "default", info.repo.name) for info in client.list_repo()
    }
    pipelines = {
        Repo(info.pipeline.project.name or "default", info.pipeline.name): info
        for info in client.list_pipeline(details=True)
    }
    targets = targeting.names(client)
    specs = [targeting.mounted(spec, targets) for spec in specs]
    actions: list[Action] = list(_repos(specs, present, pipelines, create))
    changed = tuple(_changed(client, stages(specs, notebooks), NOTEBOOKS in present))
    if changed:
        if NOTEBOOKS not in present and not any(
            isinstance(action, CreateRepo) and action.repo == NOTEBOOKS for action in actions
        ):
            actions.append(CreateRepo(NOTEBOOKS, SOURCES[NOTEBOOKS]))
        actions.append(CommitNotebooks(changed))
    for spec in specs:
        if spec.output not in pipelines:
            actions.append(CreatePipeline(spec))
        elif fields := differences(spec.request, pipelines[spec.output]):
            actions.append(UpdatePipeline(spec, tuple(fields)))
    return actions


def stages(specs: Iterable[Spec], notebooks: Iterable[Path]) -> list[Path]:
    """Of some notebooks those that are code of stages: a spec reads them, or they declare
    parameters, as every stage does. The others are for people.
    """
    named = {pfs.glob for spec in specs for pfs in pfs_inputs(spec.request.input)}
    return [file for file in notebooks if f"/{file.name}" in named or _declares(file)]


def apply(
    client: Client,
    actions: Iterable[Action],
    report: Callable[[Action], None] = lambda _: None,
    *,
    reprocess: bool = False,
) -> None:
    """Do the actions, reporting each once it is done.

    `reprocess`: updated pipelines process everything again, not only what is new.
    """
    for action in actions:
        if isinstance(action, CreateRepo):
            client.create_repo(
                action.repo.name, action.description, project_name=action.repo.project
            )
        elif isinstance(action, CommitNotebooks):
            with client.modify_file_client((NOTEBOOKS.name, "master")) as commit:
                for file in action.files:
                    commit.put_file_from_bytes(f"/{file.name}", file.read_bytes())
        else:
            request = type(action.spec.request)()
            request.CopyFrom(action.spec.request)
            request.update = isinstance(action, UpdatePipeline)
            request.reprocess = request.update and reprocess
            client.create_pipeline_from_request(request)
        report(action)


def _repos(
    specs: Sequence[Spec],
    present: Collection[Repo],
    pipelines: Collection[Repo],
    create: Collection[str],
) -> Iterable[CreateRepo]:
    made = {spec.output for spec in specs}
    wanted: dict[Repo, Spec] = {}
    for spec in specs:
        for repo in spec.inputs:
            wanted.setdefault(repo, spec)
    for spec in specs:
        if spec.output in present and spec.output not in pipelines:
            raise SpecError(
                spec.source, f"a repo {spec.output} exists that is not this pipeline's output"
            )
    for repo, spec in wanted.items():
        if repo in made or repo in present:
            continue
        if repo not in SOURCES and repo.name not in create:
            near = difflib.get_close_matches(
                repo.name, sorted({other.name for other in {*made, *present, *SOURCES}}), n=1
            )
            hint = f"did you mean {near[0]!r}? Else" if near else "if it is a source of your own,"
            raise SpecError(
                spec.source,
                f"reads repo {repo}, which does not exist and which no pipeline here makes;"
                f" {hint} make it with --create-repo {repo.name}",
            )
        yield CreateRepo(repo, SOURCES.get(repo, f"an input of pipeline {spec.output}"))


def _declares(notebook: Path) -> bool:
    """Whether a notebook declares parameters. A file that is none is left to fail as a stage."""
    try:
        cells = json.loads(notebook.read_bytes())["cells"]
        return any("parameters" in cell["metadata"].get("tags", []) for cell in cells)
    except (ValueError, KeyError, TypeError):
        return True


def _changed(client: Client, notebooks: Iterable[Path], present: bool) -> Iterable[Path]:
    for file in sorted(notebooks):
        if not present or _content(client, f"/{file.name}") != file.read_bytes():
            yield file


def _content(client: Client, path: str) -> bytes | None:
    """A file at the head of notebooks@master, None when it is not there."""
    head: Any = Commit(repo=NOTEBOOKS.name, branch="master")
    try:
        if not client.path_exists(head, path):
            return None
    except ValueError:  # python_pachyderm's word for a branch without a commit
        return None
    with client.get_file(head, path) as file:
        return bytes(file.read())
