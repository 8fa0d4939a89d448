"""What a pachd has of what a plan is about: looked at once, as values."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from python_pachyderm import Client

from tycokit import heads, targeting
from tycokit.addresses import DEFAULT_PROJECT
from tycokit.deploying import versions
from tycokit.deploying.actions import NOTEBOOKS
from tycokit.deploying.versions import Version
from tycokit.deploying.wanted import Wanted
from tycokit.scaling import standing
from tycokit.specdiff import request_of
from tycokit.specs import Repo, Spec

_RECENT = 5  # jobs among which the one is sought that found datums last


@dataclass(frozen=True, slots=True)
class Past:
    """What a pipeline's jobs have done: how many datums the newest with any had, how many jobs have
    not ended, and how many datums would be worked on again because of jobs that did not end well.
    """

    datums: int
    unended: int
    again: int


@dataclass(frozen=True, slots=True)
class Present:
    """A pachd at a moment.

    `pipelines` are PipelineInfos with details, `past` is known of those that are to be deployed.
    `notebooks` are the bytes by path at the head of the project's notebooks, `filled` its repos
    that hold something, of those that were asked about; `targets` name where alerts go.
    """

    version: Version
    projects: frozenset[str]
    repos: frozenset[Repo]
    pipelines: Mapping[Repo, Any]
    past: Mapping[Repo, Past]
    notebooks: Mapping[str, bytes]
    filled: frozenset[Repo]
    targets: tuple[str, ...]

    def spec(self, pipeline: Repo) -> Spec:
        """The spec that would make a pipeline as it is."""
        return Spec(f"pipeline {pipeline}", request_of(self.pipelines[pipeline]))


def look(client: Client, wanted: Wanted, fillable: Collection[str] = ()) -> Present:
    """Look at a pachd; `fillable` are repos of which is asked whether they hold something.

    Raises PachdUnfit where its version is not one that can be deployed to.
    """
    told = client.get_remote_version()
    version = Version(told.major, told.minor, told.micro)
    versions.require_served(version)
    project = wanted.project
    repos = frozenset(
        Repo(info.repo.project.name or DEFAULT_PROJECT, info.repo.name)
        for info in client.list_repo()
    )
    pipelines = {
        Repo(info.pipeline.project.name or DEFAULT_PROJECT, info.pipeline.name): info
        for info in client.list_pipeline(details=True)
    }
    return Present(
        version=version,
        projects=frozenset(info.project.name for info in client.list_project()),
        repos=repos,
        pipelines=pipelines,
        past={
            spec.output: _past(client, spec.output)
            for spec in wanted.specs
            if spec.output in pipelines
        },
        notebooks=dict(heads.files(client, NOTEBOOKS, "/*.ipynb", project)),
        filled=frozenset(
            Repo(project, name) for name in fillable if not heads.is_empty(client, name, project)
        ),
        targets=tuple(targeting.names(client)),
    )


def _past(client: Client, pipeline: Repo) -> Past:
    jobs = client.list_job(pipeline.name, history=-1, number=_RECENT, project_name=pipeline.project)
    datums = next((info.data_total for info in jobs if info.data_total), 0)
    work = standing.work(client, pipeline.name, pipeline.project)
    return Past(datums, len(work.jobs), work.again)
