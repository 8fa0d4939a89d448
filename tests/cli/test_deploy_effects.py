"""What a plan says of notebooks that change: read by any glob, from any branch, by triggers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from deploy_place import Place, pfs

from tycokit.deploying.actions import Notebook
from tycokit.deploying.wanted import stages
from tycokit.pipelines.specs import parse

PICTURES = 2
DIFFERS = "its notebook plot.ipynb differs"
LATER = ", once the trigger of its input fires"

# By pipeline: its input named notebook, what is told of it, and (processed, skipped) of its job
# after that; None where it has no new one.
READERS: dict[str, tuple[dict[str, Any], tuple[str, str] | None, tuple[int, int] | None]] = {
    "slash": ({"glob": "/plot.ipynb"}, ("all", DIFFERS), (2, 0)),
    "bare": ({"glob": "plot.ipynb"}, ("all", DIFFERS), (2, 0)),
    "whole": ({"glob": "/"}, ("all", DIFFERS), (2, 0)),
    "each": ({"glob": "/*"}, ("some", DIFFERS), (2, 2)),
    "ending": ({"glob": "/*.ipynb"}, ("some", DIFFERS), (2, 2)),
    "deep": ({"glob": "**"}, ("some", DIFFERS), (2, 2)),
    "braces": ({"glob": "/{plot,none}.ipynb"}, ("some", DIFFERS), (2, 0)),
    "other": ({"glob": "/other.ipynb"}, None, (0, 2)),
    "below": ({"glob": "/*/*"}, None, (0, 0)),
    "branch": ({"glob": "/plot.ipynb", "branch": "stable"}, None, None),
    "nightly": ({"glob": "/plot.ipynb", "branch": "nightly"}, ("some", DIFFERS + LATER), (2, 0)),
    "fires": (
        {"glob": "/plot.ipynb", "trigger": {"commits": 1}},
        ("some", DIFFERS + LATER),
        (2, 0),
    ),
    "waits": ({"glob": "/plot.ipynb", "trigger": {"commits": 9}}, ("some", DIFFERS + LATER), None),
}


def pictures_of(name: str) -> str:
    """Pachyderm lets no two branches of one repo meet in what hangs together."""
    given, _, _ = READERS.get(name, ({}, None, None))
    return f"images-{name}" if {"branch", "trigger"} & given.keys() else "images"


def reads(place: Place, name: str, given: dict[str, Any], kind: str = "cross") -> None:
    repo = pictures_of(name)
    inputs = [pfs("picture", repo, "/*"), pfs("notebook", "notebooks", **given)]
    place.spec(name, repo, input={kind: inputs}, transform={"cmd": ["true"]})


def jobs(place: Place) -> dict[str, tuple[str, tuple[int, int]]]:
    """The newest job of each pipeline once all have ended: its id, and (processed, skipped)."""
    client = place.site.client
    found = {}
    for info in client.list_pipeline():
        name = info.pipeline.name
        job = place.site.job(name, next(client.list_job(name)).job.id)
        found[name] = job.job.id, (job.data_processed, job.data_skipped)
    return found


def test_what_is_told_of_a_changed_notebook_is_what_happens(place: Place) -> None:
    client = place.site.client
    for path in (*place.folder.glob("specs/*"), *place.folder.glob("notebooks/*")):
        path.unlink()
    place.notebook("plot", "one")
    place.notebook("other", "one")
    for name, (given, _, _) in READERS.items():
        reads(place, name, given)
    reads(place, "union", {"glob": "/plot.ipynb"}, kind="union")
    place.spec("after", "slash", transform={"cmd": ["true"]}, input=pfs("a", "slash", "/*"))
    repos = sorted({pictures_of(name) for name in READERS})
    place.told(repos=repos).apply()
    head = client.inspect_branch("notebooks", "master").head
    client.create_branch("notebooks", "stable", head)
    trigger = {"branch": "master", "commits": 1}
    client.create_branch("notebooks", "nightly", head, trigger=trigger)
    for repo in repos:
        place.site.put(repo, {"/x": b"x", "/y": b"y"})
    before = jobs(place)
    assert before["nightly"][1] == (2, 0)
    assert place.look.plan.empty  # a branch that pachd has named is no difference

    place.notebook("plot", "two")
    looked = place.look
    told = {name: told for name, (_, told, _) in READERS.items() if told is not None}
    told["union"] = ("some", DIFFERS)
    told["after"] = ("some", "it reads what slash makes")
    assert looked.effects == told

    looked.apply()
    after = jobs(place)
    done = {name: job for name, (id_, job) in after.items() if id_ != before[name][0]}
    expected = {name: job for name, (_, _, job) in READERS.items() if job is not None}
    assert done == expected | {"union": (1, 2), "after": (0, 0)}


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (pfs("notebook", "notebooks", "plot.ipynb"), True),
        (pfs("notebook", "notebooks", "//plot.ipynb/"), True),
        (pfs("notebook", "notebooks", "/*"), False),
        (pfs("notebook", "notebooks", "/"), False),
        (pfs("picture", "images", "/plot.ipynb"), False),
    ],
)
def test_a_notebook_for_people_is_code_where_a_spec_names_it(
    given: dict[str, Any], named: bool
) -> None:
    text = {"pipeline": {"name": "a"}, "transform": {"cmd": ["true"]}, "input": given}
    plot = Notebook("plot.ipynb", b'{"cells": []}')
    assert stages(parse(json.dumps(text), "a.json", 1), [plot]) == ([plot] if named else [])
