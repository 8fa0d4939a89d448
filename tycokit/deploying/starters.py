"""What a first look needs besides the stages: a network and rules, where there are none yet.

`set_up` brings a pachd to where that first look can begin: the stages, a network and rules.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from python_pachyderm import Client

from tycokit import models, packaged, rulesrepo, samples
from tycokit.deploying import present, wanted
from tycokit.deploying.actions import Action, CommitNotebooks, Fill, UpdatePipeline
from tycokit.deploying.apply import apply
from tycokit.deploying.plan import Told, plan
from tycokit.deploying.wanted import Wanted
from tycokit.pipelines.specs import Repo
from tycokit.repos.upload import Item

WEIGHTS = "weights"
REPOS = (WEIGHTS, rulesrepo.REPO)


def fills(what: Wanted) -> list[Fill]:
    """A first network and rules for those of these repos that are inputs of a project's stages."""
    read = {repo for spec in what.specs for repo in spec.inputs}
    made = [
        Fill(Repo(what.project, WEIGHTS), "the network mtcnn, which finds faces,", _network),
        Fill(Repo(what.project, rulesrepo.REPO), "sample rules", _rules),
    ]
    return [one for one in made if one.repo in read]


def set_up(client: Client) -> list[str]:
    """Make what is missing of the pipelines that come with tycokit, as `tycokit deploy --samples`.

    What is there stays as it is, so nothing of a project is changed. Answers what was done.
    """
    what = wanted.read(packaged.specs(), packaged.notebooks(), cores=1)  # they name no coefficient
    there = present.look(client, what, REPOS)
    missing: list[Action] = []
    for one in plan(what, there, Told(fills=fills(what))).actions:
        if isinstance(one, CommitNotebooks):
            new = tuple(each for each in one.notebooks if each.path not in there.notebooks)
            missing += [replace(one, notebooks=new)] if new else []
        elif not isinstance(one, UpdatePipeline):
            missing.append(one)
    apply(client, missing)
    return [str(one) for one in missing]


def _network(folder: Path) -> list[Item]:
    return models.files("mtcnn", folder)


def _rules(folder: Path) -> list[Item]:
    path = folder / "rules.json"
    path.write_text(json.dumps(samples.rules(), indent=2), encoding="utf-8")
    return [Item(path, rulesrepo.FILE)]
