"""scale and glob through the command line, on a pachd that a context names."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command import tycokit
from gates import Gates, pipeline
from pipeline_driver import Site, counts, wait_for

from tycokit.contexts import config
from tycokit.scaling import standing
from tycokit.scaling.choices import Coefficient, Constant


class Place:
    def __init__(self, folder: Path) -> None:
        self.site = Site(folder)
        self.folder = folder
        self.config = folder / "config.json"
        port, token = self.site.pachd.port, self.site.client.auth_token
        config.register(self.config, config.Context("here", f"grpc://127.0.0.1:{port}", token))

    def run(self, *words: str, code: int = 0) -> str:
        done = tycokit(self.folder, self.config, *words)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place(tmp_path)
    yield made
    made.site.pachd.stop()


def test_workers_are_told_changed_and_taken_back(place: Place) -> None:
    site = place.site
    site.client.create_repo("letters")
    site.put("letters", {f"/{letter}": b"" for letter in "abc"})
    pipeline(site, "copy", "letters", "cp $in /pfs/out")
    site.job("copy", next(site.client.list_job("copy")).job.id)

    told = place.run("scale", "copy")
    assert "copy: running, 1 worker (1)" in told
    assert "measured: 3 datums with 1 worker" in told
    assert "estimated from 3 datums with 1 worker" in told
    assert "as pachd tells" in told

    said = place.run("scale", "copy", "4", "--dry-run")
    assert '+    "constant": "4"' in said
    assert "no datum is processed again" in said
    assert standing.look(site.client, "copy").version == 1

    said = place.run("scale", "copy", "2x", "--nodes", "3")
    assert "2x of 3 nodes, as declared: 6 workers" in said
    assert "copy is version 2 now, job " in said
    found = standing.look(site.client, "copy")
    assert (found.workers, found.choice) == (6, Coefficient(2))
    job = said.rstrip().rpartition(" ")[2]
    assert counts(site.job("copy", job)) == (0, 3, 0)

    said = place.run("scale", "copy", "--nodes", "3")
    assert "size has changed" not in said
    said = place.run("scale", "copy", "--nodes", "5")
    assert "the cluster's size has changed: 2x was 6 of 3, and is 10 of 5 now" in said

    place.run("scale", "copy", "--undo")
    found = standing.look(site.client, "copy")
    assert (found.workers, found.choice) == (1, Constant(1))
    assert "is as it should be: 1 worker" in place.run("scale", "copy", "1")
    assert "no number of workers" in place.run("scale", "copy", "many", code=1)
    assert "not both" in place.run("scale", "copy", "2", "--undo", code=1)
    assert "not found" in place.run("scale", "missing", "2", code=1)


def test_what_is_done_is_not_done_again_unless_asked(place: Place) -> None:
    site = place.site
    gates = Gates(place.folder / "gates")
    site.client.create_repo("held")
    site.put("held", {f"/{letter}": b"" for letter in "ab"})
    pipeline(site, "hold", "held", "sleep 0.6", *gates.lines)
    gates.open("a", "b")
    wait_for(lambda: not standing.work(site.client, "hold").jobs)
    id_ = site.put("held", {"/c": b"", "/d": b""})
    gates.open("c")
    wait_for(lambda: standing.work(site.client, "hold").again == 1)
    said = place.run("scale", "hold", "2", code=1)
    assert "what is done of it, 1 datum, runs again" in said
    assert "nothing was changed; --now" in said
    assert standing.look(site.client, "hold").version == 1
    place.run("scale", "hold", "2", "--now")
    assert next(site.client.inspect_job(id_, "hold")).state == 6  # killed
    gates.open()
    assert counts(site.job("hold", next(site.client.list_job("hold")).job.id)) == (2, 2, 0)


def test_a_glob_tells_its_datums(place: Place) -> None:
    site = place.site
    site.client.create_repo("pictures")
    many = {f"/d/{number:02}.jpg": b"x" * 1000 for number in range(12)}
    site.put("pictures", {**many, "/<b>.json": b"{}"})
    said = place.run("glob", "pictures", "/d/*")
    assert "12 datums, 12 kB" in said
    assert said.count(".jpg") == 10
    assert "…" in said
    assert "2 datums, 12 kB" in place.run("glob", "pictures", "/*", "--number", "0")
    assert "/<b>.json" in place.run("glob", "pictures", "*.json")
    assert "0 datums, 0 B" in place.run("glob", "pictures", "/none")
    assert "the glob" in place.run("glob", "pictures", "/[", code=1)
    assert "not found" in place.run("glob", "missing", "/", code=1)


def test_deploy_multiplies_the_nodes_of_the_pachd_that_it_deploys_to(place: Place) -> None:
    specs, notebooks = place.folder / "specs", place.folder / "notebooks"
    specs.mkdir()
    notebooks.mkdir()
    document = {
        "pipeline": {"name": "spread"},
        "transform": {"cmd": ["true"]},
        "parallelism_spec": {"coefficient": 1.5},
        "input": {"pfs": {"repo": "letters", "glob": "/"}},
    }
    (specs / "spread.json").write_text(json.dumps(document))
    place.site.client.create_repo("letters")
    place.run("deploy", "--yes", "--nodes", "4")
    found = standing.look(place.site.client, "spread")
    assert (found.workers, found.choice) == (6, Coefficient(1.5))
    assert "as they should be" in place.run("deploy", "--yes", "--nodes", "4")
    assert "update" in place.run("deploy", "--nodes", "6", "--dry-run", code=2)
