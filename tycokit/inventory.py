"""What a project has that one can look at: repos, pipelines, the stages' notebooks."""

from __future__ import annotations

from dataclasses import dataclass

from python_pachyderm import Client
from python_pachyderm.service import pfs_proto

from tycokit import statenames
from tycokit.deploying.actions import NOTEBOOKS
from tycokit.repos.addresses import DEFAULT_BRANCH, DEFAULT_PROJECT, Address


@dataclass(frozen=True, slots=True)
class Pipeline:
    """`state` is the pipeline's, `last` its last job's ("" before the first), in lower case."""

    name: str
    state: str
    last: str


@dataclass(frozen=True, slots=True)
class Inventory:
    """Names in their order; `repos` also holds those that pipelines write."""

    repos: tuple[str, ...]
    pipelines: tuple[Pipeline, ...]
    notebooks: tuple[str, ...]


def read(client: Client, project: str = DEFAULT_PROJECT) -> Inventory:
    """What there is now."""
    repos = sorted(
        info.repo.name for info in client.list_repo() if _project(info.repo.project) == project
    )
    pipelines = [
        Pipeline(
            info.pipeline.name,
            statenames.pipeline(info.state),
            statenames.job(info.last_job_state),
        )
        for info in client.list_pipeline()
        if _project(info.pipeline.project) == project
    ]
    notebooks = _notebooks(client, project) if NOTEBOOKS in repos else []
    return Inventory(
        tuple(repos),
        tuple(sorted(pipelines, key=lambda one: one.name)),
        tuple(notebooks),
    )


def _notebooks(client: Client, project: str) -> list[str]:
    """The names of the notebooks at the head of their repo, which may have no commit yet."""
    branches = client.list_branch(NOTEBOOKS, project_name=project)
    if not any(info.branch.name == DEFAULT_BRANCH for info in branches):
        return []
    found = client.glob_file(Address(NOTEBOOKS, project=project).at, "/*.ipynb")
    return [info.file.path.lstrip("/") for info in found if info.file_type == pfs_proto.FILE]


def _project(project: object) -> str:
    return getattr(project, "name", "") or DEFAULT_PROJECT
