"""What a first look needs besides the stages: a network and rules, where there are none yet."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import grpc
from python_pachyderm import Client

from tycokit import models, rulesrepo, samples, upload
from tycokit.client import is_missing
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
    return [one for one in ALL if one.repo in repos and not _holds(client, one.repo)]


def put(client: Client, starter: Starter, folder: Path) -> None:
    """Commit one; its files are made in `folder`."""
    upload.put(client, starter.repo, starter.items(folder))


def _holds(client: Client, repo: str) -> bool:
    try:
        return any(client.glob_file((repo, "master"), "/*"))
    except (grpc.RpcError, ConnectionError) as error:
        if is_missing(error):
            return False
        raise
