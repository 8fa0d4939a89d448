"""What a first look needs besides the stages: a network and rules, where there are none yet.

`set_up` brings a pachd to where that first look can begin: the stages, a network and rules.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import grpc
from python_pachyderm import Client

from tycokit import deploy, models, packaged, rulesrepo, samples, specs, upload
from tycokit.client import is_missing
from tycokit.deploy import Action, CommitNotebooks, CreatePipeline, UpdatePipeline
from tycokit.upload import Item

WEIGHTS = "weights"


@dataclass(frozen=True, slots=True)
class Starter:
    """What an empty repo gets; `items` makes the files in a folder that it is handed."""

    repo: str
    what: str
    items: Callable[[Path], list[Item]]

    def __str__(self) -> str:
        return f"put {self.what} into {self.repo}"


def _network(folder: Path) -> list[Item]:
    return models.files("mtcnn", folder)


def _rules(folder: Path) -> list[Item]:
    path = folder / "rules.json"
    path.write_text(json.dumps(samples.rules(), indent=2), encoding="utf-8")
    return [Item(path, rulesrepo.FILE)]


ALL = (
    Starter(WEIGHTS, "the network mtcnn, which finds faces,", _network),
    Starter(rulesrepo.REPO, "sample rules", _rules),
)


def missing(client: Client, repos: Collection[str]) -> list[Starter]:
    """Those for one of these repos that holds nothing yet, or is not there."""
    return [one for one in ALL if one.repo in repos and not _paths(client, one.repo)]


def apply(
    client: Client,
    actions: Sequence[Action],
    starters: Iterable[Starter],
    report: Callable[[Action | Starter], None] = lambda _: None,
    *,
    reprocess: bool = False,
) -> None:
    """Do a plan of deploy's with starters in it: before the pipelines, so that none runs without.

    `reprocess` is that of deploy.apply.
    """
    pipelines = [one for one in actions if isinstance(one, (CreatePipeline, UpdatePipeline))]
    deploy.apply(client, [one for one in actions if one not in pipelines], report)
    with tempfile.TemporaryDirectory() as folder:
        for starter in starters:
            upload.put(client, starter.repo, starter.items(Path(folder)))
            report(starter)
    deploy.apply(client, pipelines, report, reprocess=reprocess)


def set_up(client: Client) -> list[str]:
    """Make what is missing of the pipelines that come with tycokit, as `tycokit deploy --samples`.

    What is there stays as it is, so nothing of a project is changed. Answers what was done.
    """
    found = specs.read(packaged.specs(), cores=1)  # they name no coefficient
    there = set(_paths(client, deploy.NOTEBOOKS.name))
    actions: list[Action] = []
    for one in deploy.plan(client, found, packaged.notebooks().glob("*.ipynb")):
        if isinstance(one, CommitNotebooks):
            files = tuple(file for file in one.files if f"/{file.name}" not in there)
            actions += [CommitNotebooks(files)] if files else []
        elif not isinstance(one, UpdatePipeline):
            actions.append(one)
    first = missing(client, {repo.name for spec in found for repo in spec.inputs})
    done: list[str] = []
    apply(client, actions, first, lambda one: done.append(str(one)))
    return done


def _paths(client: Client, repo: str) -> list[str]:
    """What lies at the root of a repo's master; nothing where it has none, or is not there."""
    try:
        return [info.file.path for info in client.glob_file((repo, "master"), "/*")]
    except (grpc.RpcError, ConnectionError) as error:
        if is_missing(error):
            return []
        raise
