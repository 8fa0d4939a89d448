"""Which pachd a command works with, and which of its projects: two options, and what they come to.

Names are the context's project's, as pachctl has it, or those of `--project`; `project/name` names
what lies in another. Ids (of a job, a commit, a datum) are one in all projects.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

import typer
from python_pachyderm import Client

from tycokit import client
from tycokit.cli import surroundings
from tycokit.contexts import config
from tycokit.pipelines.specs import Repo
from tycokit.repos import addresses
from tycokit.repos.addresses import DEFAULT_PROJECT, Address

Context = Annotated[
    str | None, typer.Option("--context", help="Pachyderm context, instead of the active one.")
]
Project = Annotated[
    str | None, typer.Option("--project", help="Project, instead of the context's.")
]


@dataclass(frozen=True, slots=True)
class Place:
    """A client, the project that names without one mean, and the one that they mean without
    `--project`, which is what is shown goes by: so each name can be copied into a command.
    """

    client: Client
    project: str
    home: str

    def named(self, text: str) -> Address:
        """The repo or pipeline that somebody named. Raises AddressError."""
        return addresses.named(text, self.project)

    def called(self, project: str, name: str) -> str:
        """How to name a repo or pipeline to a command."""
        return addresses.called(project, name, self.home)


def find(context: str | None, project: str | None = None) -> Place:
    """Connect to a context's pachd. Raises what client.connect does."""
    usual = home(context)
    return Place(connect(context), project or usual, usual)


def repos(names: Iterable[str] | None, project: str) -> list[Repo]:
    """The repos or pipelines that somebody named, where `project` is meant. Raises AddressError."""
    found = [addresses.named(name, project) for name in names or ()]
    return [Repo(one.project, one.repo) for one in found]


def connect(context: str | None) -> Client:
    """A client for the context. Raises what client.connect does."""
    return client.connect(surroundings.config_path(), context)


def home(context: str | None) -> str:
    """The project of a context. Raises ConfigError."""
    found = config.context(surroundings.config_path(), context)
    return found.project if found is not None and found.project else DEFAULT_PROJECT
