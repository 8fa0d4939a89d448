"""A small house, its stages a few lines each: a test knows what they find, and at once.

The repos and what lies in them are as the toolkit's own stages have it.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image
from pipeline_driver import Site
from python_pachyderm.service import pfs_proto, pps_proto

PYTHON = [sys.executable]
# what a network finds: [class, name, score, box]
PERSON = (1, "person", 0.9, (0.2, 0.1, 0.8, 0.4))
DOG = (18, "dog", 0.7, (0.5, 0.6, 0.9, 0.95))
CAR = (3, "car", 0.55, (0.1, 0.5, 0.45, 0.9))

_LOOK = """
import json, pathlib
objects = json.loads(pathlib.Path("/pfs/weights/finds.json").read_text())
empty = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
for picture in pathlib.Path("/pfs/picture/valid").iterdir():
    device, time = picture.stem.split("_")
    found = {"picture": picture.name, "device": device, "time": time, "objects": objects}
    out = pathlib.Path("/pfs/out", device)
    out.mkdir(exist_ok=True)
    (out / f"{time}.json").write_text(json.dumps(found))
    (out / f"{time}.ipynb").write_text(json.dumps(empty))
"""
_JUDGE = """
import json, pathlib
for file in pathlib.Path("/pfs/detections").glob("*/*.json"):
    found = json.loads(file.read_text())
    threats = [item for item in found["objects"] if item["name"] == "person"]
    if threats:
        out = pathlib.Path("/pfs/out", file.parent.name)
        out.mkdir(exist_ok=True)
        found |= {"objects": threats, "rules": [{"id": "people"}]}
        (out / file.name).write_text(json.dumps(found))
"""
_DRAW = """
import pathlib
from PIL import Image
found = sorted(pathlib.Path("/pfs/threats").glob("*/*.json"))
for name in ["all.jpg", *(f"{file.parent.name}/{file.stem}.jpg" for file in found)]:
    out = pathlib.Path("/pfs/out", name)
    out.parent.mkdir(exist_ok=True)
    Image.new("RGB", (160, 120), "teal").save(out)
"""


def pfs(repo: str, glob: str = "/*", name: str = "") -> Any:
    return pps_proto.Input(pfs=pps_proto.PFSInput(repo=repo, glob=glob, name=name))


def head(repo: str) -> Any:
    """The branch `master` of a repo."""
    return pfs_proto.Branch(repo=pfs_proto.Repo(name=repo, type="user"), name="master")


def pipeline(site: Site, name: str, command: Sequence[str], script: str, *inputs: Any) -> None:
    """A pipeline that runs a script on each datum, once."""
    whole = inputs[0] if len(inputs) == 1 else pps_proto.Input(cross=inputs)
    transform = pps_proto.Transform(cmd=command, stdin=script.strip().splitlines())
    site.client.create_pipeline(name, transform, input=whole, datum_tries=1)


def copying(site: Site, name: str, source: str, line: str) -> None:
    """A pipeline that runs a shell line on each file of a repo."""
    pipeline(site, name, ["sh"], f"set -e\n{line}", pfs(source))


def house(site: Site, pictures: Mapping[str, bytes], finds: Sequence[Any]) -> str:
    """Repos and pipelines, and pictures gone through them; the id of the pictures' commit.

    The network finds the same things in every picture; a person is a threat.
    """
    site.client.create_repo("images")
    site.client.create_repo("weights")
    site.put("weights", {"/finds.json": network(finds)})
    sort = "set -e; mkdir /pfs/out/valid; cp /pfs/images/* /pfs/out/valid"
    pipeline(site, "validate", ["sh"], sort, pfs("images"))
    picture, weights = pfs("validate", "/valid/*", "picture"), pfs("weights", "/", "weights")
    pipeline(site, "model", PYTHON, _LOOK, picture, weights)
    pipeline(site, "threat-detect", PYTHON, _JUDGE, pfs("model", "/*/*.json", "detections"))
    commit = site.put("images", pictures)
    site.jobs(commit)
    return commit


def retrain(site: Site, finds: Sequence[Any]) -> str:
    """Other weights, and all pictures gone through them; the id of their commit set."""
    commit = site.put("weights", {"/finds.json": network(finds)})
    site.jobs(commit)
    return commit


def draw(site: Site, name: str) -> None:
    """A pipeline that makes a picture of each threat, as annotate does, and one of all."""
    pipeline(site, name, PYTHON, _DRAW, pfs("threat-detect", "/", "threats"))
    site.job(name, next(iter(site.client.list_job(name))).job.id)


def network(finds: Sequence[Any]) -> bytes:
    """The weights: what is found in any picture."""
    return json.dumps(
        [
            {"class": number, "name": name, "score": score, "box": list(box)}
            for number, name, score, box in finds
        ]
    ).encode()


def jpeg(width: int = 160, height: int = 120, colour: str = "teal") -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(data, "JPEG")
    return data.getvalue()
