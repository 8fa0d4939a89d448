"""What a plan can do to a pachd: each a value that says itself in a line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tycokit.pipelines.specs import Repo, Spec
from tycokit.repos.upload import Item

NOTEBOOKS = "notebooks"
SOURCES = {
    "images": "camera pictures, <user-device>_<unix time>.<ext>",
    "weights": "the network, with its label map",
    "rules": "rules.json",
    NOTEBOOKS: "the stages' code",
}
"""The repos that every project may have as inputs, and what they hold."""


@dataclass(frozen=True, slots=True)
class Notebook:
    """A notebook's file: its name, and its bytes as they are committed."""

    name: str
    data: bytes

    @property
    def path(self) -> str:
        """Where it lies in its repo."""
        return f"/{self.name}"


@dataclass(frozen=True, slots=True)
class CreateProject:
    name: str

    def __str__(self) -> str:
        return f"create project {self.name}"


@dataclass(frozen=True, slots=True)
class CreateRepo:
    repo: Repo
    description: str

    def __str__(self) -> str:
        return f"create repo {self.repo}"


@dataclass(frozen=True, slots=True)
class CommitNotebooks:
    """One commit with the notebooks that are new or differ."""

    repo: Repo
    notebooks: tuple[Notebook, ...]

    def __str__(self) -> str:
        return f"commit notebooks {', '.join(one.name for one in self.notebooks)}"


@dataclass(frozen=True, slots=True)
class Fill:
    """Files for a repo in one commit; `items` makes them in a folder that it is handed."""

    repo: Repo
    what: str
    items: Callable[[Path], list[Item]]

    def __str__(self) -> str:
        return f"put {self.what} into {self.repo}"


@dataclass(frozen=True, slots=True)
class CreatePipeline:
    spec: Spec

    def __str__(self) -> str:
        return f"create pipeline {self.spec.output}"


@dataclass(frozen=True, slots=True)
class UpdatePipeline:
    """`fields` names the top-level fields of the spec that differ, `difference` shows them.

    `difference` is a unified diff of JSON. `reprocess`: it processes everything again, not only
    what is new; then there may be no difference.
    """

    spec: Spec
    fields: tuple[str, ...]
    difference: str
    reprocess: bool

    def __str__(self) -> str:
        if not self.fields:
            return f"reprocess pipeline {self.spec.output}"
        return f"update pipeline {self.spec.output} ({', '.join(self.fields)})"


@dataclass(frozen=True, slots=True)
class DeletePipeline:
    """With its output repo, as Pachyderm deletes pipelines."""

    pipeline: Repo

    def __str__(self) -> str:
        return f"delete pipeline {self.pipeline}, and all that it has made"


Action = (
    CreateProject
    | CreateRepo
    | CommitNotebooks
    | Fill
    | CreatePipeline
    | UpdatePipeline
    | DeletePipeline
)
