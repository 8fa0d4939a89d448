"""What is missing or differs between what is wanted and what a pachd has; pure."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from tycokit import targeting
from tycokit.deploying import versions
from tycokit.deploying.actions import (
    NOTEBOOKS,
    SOURCES,
    Action,
    CommitNotebooks,
    CreatePipeline,
    CreateProject,
    CreateRepo,
    DeletePipeline,
    Fill,
    UpdatePipeline,
)
from tycokit.deploying.effects import Effect, effects
from tycokit.deploying.present import Present
from tycokit.deploying.wanted import Wanted
from tycokit.errors import SpecError
from tycokit.pipelines.specdiff import differences, unified
from tycokit.pipelines.specs import Repo, Spec, order
from tycokit.repos.addresses import DEFAULT_PROJECT, called


@dataclass(frozen=True, slots=True)
class Told:
    """What may be done only if somebody says so.

    `repos` are input repos of one's own that may be made, `project` whether the project may;
    `fills` the files that empty repos get; `reprocess` whether updated pipelines process everything
    again, `again` the pipelines that do so even where nothing differs; `prune` whether pipelines
    that no spec is for are deleted.
    """

    repos: Collection[Repo] = ()
    project: bool = False
    fills: Sequence[Fill] = ()
    reprocess: bool = False
    again: Collection[Repo] = ()
    prune: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """`actions` in the order in which to do them, what they have as `effects`, and `strangers`: the
    pipelines of the same projects that no spec is for, and that stay."""

    actions: tuple[Action, ...]
    effects: tuple[Effect, ...]
    strangers: tuple[Repo, ...]

    @property
    def empty(self) -> bool:
        return not self.actions


def plan(wanted: Wanted, present: Present, told: Told | None = None) -> Plan:
    """What is to be done. Raises SpecError, PachdUnfit when it cannot be deployed as it stands."""
    told = told or Told()
    versions.require_fit(present.version, wanted.specs)
    specs = [targeting.mounted(spec, present.targets) for spec in wanted.specs]
    unnamed = _unnamed(specs, present)
    pruned = unnamed if told.prune else []
    _require_unread(pruned, specs, present)
    for pipeline in sorted(set(told.again) - {spec.output for spec in specs}):
        named = called(pipeline.project, pipeline.name, wanted.project)
        raise SpecError("--again", f"no spec here is of a pipeline {named}")
    actions: list[Action] = list(_projects(wanted, specs, present, told))
    actions += _repos(wanted, specs, present, told)
    actions += _files(wanted, present, told)
    actions += _pipelines(specs, present, told)
    actions += [DeletePipeline(pipeline) for pipeline in pruned]
    return Plan(
        tuple(actions),
        tuple(effects(actions, specs, present)),
        () if told.prune else tuple(unnamed),
    )


def _require_unread(pruned: Collection[Repo], specs: Sequence[Spec], present: Present) -> None:
    """Refuse to delete what is read by pipelines that stay, of whatever project. Raises SpecError.

    What a pipeline reads that has a spec here is told by the spec.
    """
    lost = set(pruned)
    for spec in specs:
        if read := next((repo for repo in spec.inputs if repo in lost), None):
            raise SpecError(spec.source, f"reads what pipeline {read} makes: --prune deletes that")
    going = lost | {spec.output for spec in specs}
    for pipeline, readers in present.readers(pruned).items():
        if stay := sorted(readers - going):
            raise SpecError(
                "--prune",
                f"pipeline {pipeline}, which no spec here is for, is read by"
                f" {', '.join(map(str, stay))}: delete those first",
            )


def _files(wanted: Wanted, present: Present, told: Told) -> list[CommitNotebooks | Fill]:
    """Notebooks and first files for the repos that take them; each is one commit."""
    made: list[CommitNotebooks | Fill] = []
    changed = [one for one in wanted.notebooks if present.notebooks.get(one.path) != one.data]
    if changed:
        made.append(CommitNotebooks(Repo(wanted.project, NOTEBOOKS), tuple(changed)))
    made += [one for one in told.fills if one.repo not in present.filled]
    for one in made:
        head = present.heads.get(one.repo)
        if head is not None and head.open:
            raise SpecError(
                f"repo {one.repo}",
                f"somebody is writing to it: commit {head.commit} is open; finish that one first",
            )
    return made


def _projects(
    wanted: Wanted, specs: Iterable[Spec], present: Present, told: Told
) -> Iterator[CreateProject]:
    needed = dict.fromkeys([wanted.project, *(spec.output.project for spec in specs)])
    for project in needed:
        if project in present.projects or project == DEFAULT_PROJECT:
            continue
        if not told.project:
            raise SpecError(
                f"project {project}", "there is none of that name; --create-project makes it"
            )
        yield CreateProject(project)


def _repos(
    wanted: Wanted,
    specs: Sequence[Spec],
    present: Present,
    told: Told,
) -> Iterator[CreateRepo]:
    made = {spec.output for spec in specs}
    needed: dict[Repo, Spec | None] = {}
    for spec in specs:
        if spec.output in present.repos and spec.output not in present.pipelines:
            raise SpecError(
                spec.source, f"a repo {spec.output} exists that is not this pipeline's output"
            )
        for repo in spec.inputs:
            needed.setdefault(repo, spec)
    if wanted.notebooks:
        needed.setdefault(Repo(wanted.project, NOTEBOOKS), None)
    for repo, reader in needed.items():
        if repo in made or repo in present.repos:
            continue
        if reader is None or (repo.name in SOURCES and repo.project == reader.output.project):
            yield CreateRepo(repo, SOURCES[repo.name])
        elif repo in told.repos:
            yield CreateRepo(repo, f"an input of pipeline {reader.output}")
        else:
            known = {other.name for other in {*made, *present.repos}} | SOURCES.keys()
            near = difflib.get_close_matches(repo.name, sorted(known), n=1)
            hint = f"did you mean {near[0]!r}? Else" if near else "if it is a source of your own,"
            raise SpecError(
                reader.source,
                f"reads repo {repo}, which does not exist and which no pipeline here makes;"
                f" {hint} make it with --create-repo"
                f" {called(repo.project, repo.name, wanted.project)}",
            )


def _pipelines(
    specs: Iterable[Spec], present: Present, told: Told
) -> Iterator[CreatePipeline | UpdatePipeline]:
    for spec in specs:
        info = present.pipelines.get(spec.output)
        if info is None:
            yield CreatePipeline(spec)
            continue
        fields = tuple(differences(spec.request, info))
        again = spec.output in told.again
        if fields or again:
            yield UpdatePipeline(
                spec,
                fields,
                unified(spec.request, info) if fields else "",
                reprocess=again or told.reprocess,
            )


def _unnamed(specs: Sequence[Spec], present: Present) -> list[Repo]:
    """The pipelines of the specs' projects that none of them is for, downstream first."""
    named = {spec.output for spec in specs}
    projects = {repo.project for repo in named}
    found = [
        present.spec(repo)
        for repo in present.pipelines
        if repo.project in projects and repo not in named
    ]
    return [spec.output for spec in reversed(order(found))]
