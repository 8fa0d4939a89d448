"""Plan and apply: what `tycokit deploy` shows, asks, does and refuses."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest
from deploy_place import Place, pfs

from tycokit.deploying import starters
from tycokit.deploying.versions import Version, require_served
from tycokit.errors import PachdUnfit
from tycokit.pachd.rpc import cluster


def test_a_plan_tells_what_is_processed_and_why_and_that_is_so(place: Place) -> None:
    first = place.run("--yes")
    assert "a processes all that its inputs hold: it is new" in first
    place.pictures("x", "y", "z")
    assert place.ended("b") == (3, 0, 0)

    place.notebook("b", "two")
    said = place.run("--yes")
    assert "commit notebooks b.ipynb\n" in said
    assert "b processes all 3 datums again: its notebook b.ipynb differs" in said
    assert "a processes" not in said
    assert place.ended("b") == (3, 0, 0)

    place.spec("a", "images", datum_timeout="60s")
    said = place.run("--yes")
    assert "update pipeline a (datum_timeout)\n" in said
    assert '  +  "datum_timeout": "60s"' in said
    assert "a processes nothing again, 3 datums keep their results" in said
    assert place.ended("a") == (0, 3, 0)

    said = place.run("--yes", "--again", "a")
    assert "reprocess pipeline a\n" in said
    assert "a processes all 3 datums again: that was asked for" in said
    assert "b processes what differs for it, of 3 datums so far: it reads what a makes" in said
    assert place.ended("a") == (3, 0, 0)
    assert place.ended("b") == (0, 3, 0)

    narrow = {"cross": [pfs("picture", "images", "/x"), pfs("notebook", "notebooks", "/a.ipynb")]}
    place.spec("a", "images", datum_timeout="60s", input=narrow)
    said = place.run("--yes")
    assert "a processes what differs for it" in said
    assert place.ended("a") == (0, 1, 0)


def test_the_pipelines_of_a_plan_are_made_together_or_none(place: Place) -> None:
    place.run("--yes")
    client = place.site.client
    made = {name: next(client.list_job(name)).job.id for name in "ab"}
    assert made["a"] == made["b"]
    assert list(client.list_transaction()) == []

    place.notebook("a", "two")
    place.spec("a", "images", datum_timeout="60s")
    place.spec("b", "a", reprocess_spec="never")
    said = place.run("--yes", code=1)
    assert "ReprocessSpec must be one of" in said
    assert [info.version for info in client.list_pipeline()] == [1, 1]
    assert place.site.read("notebooks", "/a.ipynb") == b"one"
    assert list(client.list_transaction()) == []


def test_what_a_job_has_not_done_well_is_told(place: Place) -> None:
    place.spec("a", "images", transform={"cmd": ["false"]}, datum_tries=1)
    place.run("--yes")
    place.pictures("x", "y")
    assert place.ended("a") == (0, 0, 2)
    place.spec("a", "images")
    said = place.run("--yes")
    assert "a processes what differs for it, of 2 datums so far: its last job did not end" in said
    assert place.ended("a") == (2, 0, 0)


def test_a_notebook_sets_up_what_is_missing_and_changes_nothing(place: Place) -> None:
    client = place.site.client
    done = starters.set_up(client)
    assert "create pipeline validate" in done
    assert done.index("put sample rules into rules") < done.index("create pipeline threat-detect")
    place.site.put("notebooks", {"/validate.ipynb": b"of somebody's own"})
    client.delete_pipeline("plot")
    assert starters.set_up(client) == ["create pipeline plot"]
    assert starters.set_up(client) == []
    assert place.site.read("notebooks", "/validate.ipynb") == b"of somebody's own"


def test_where_nobody_can_be_asked_nothing_is_done(place: Place) -> None:
    said = place.run(code=2)
    assert "create pipeline a\n" in said
    assert "tycokit: nothing was changed: nobody can be asked here; --yes does it" in said
    assert list(place.site.client.list_pipeline()) == []


@pytest.mark.parametrize(("answer", "code", "made"), [("n", 2, 0), ("y", 0, 2)])
def test_at_a_terminal_a_person_is_asked(place: Place, answer: str, code: int, made: int) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "tycokit", "deploy"],
        stdin=theirs,
        stdout=subprocess.PIPE,
        text=True,
        cwd=place.folder,
        env={**os.environ, "PACH_CONFIG": str(place.config)},
    ) as running:
        os.write(ours, f"{answer}\n".encode())
        said, _ = running.communicate(timeout=120)
    os.close(ours)
    os.close(theirs)
    assert running.returncode == code, said
    assert "Do these 5 things?" in said
    assert len(list(place.site.client.list_pipeline())) == made


def test_a_project_of_its_own_is_made_only_when_told(place: Place) -> None:
    assert "--create-project makes it" in place.run("--project", "cellar", "--yes", code=1)
    said = place.run("--project", "cellar", "--create-project", "--yes")
    assert "created project cellar\n" in said
    assert "created repo cellar/images\n" in said
    client = place.site.client
    assert [info.pipeline.project.name for info in client.list_pipeline()] == ["cellar"] * 2
    assert {info.repo.project.name for info in client.list_repo()} == {"cellar"}
    assert place.ended("a", "cellar") == (0, 0, 0)
    assert "as they should be" in place.run("--project", "cellar")
    said = place.run("--dry-run", code=2)
    assert "create pipeline a\n" in said


def test_an_image_tag_goes_to_the_stages_and_to_no_other(place: Place) -> None:
    other = {
        "input": pfs("picture", "images", "/"),
        "transform": {"image": "busybox", "cmd": ["true"]},
    }
    place.spec("other", "images", **other)
    place.run("--yes")
    said = place.run("--image", "V2", "--yes")
    assert '-    "image": "registry.example:5000/lab/stage:V1"' in said
    assert '+    "image": "registry.example:5000/lab/stage:V2"' in said
    images = {
        info.pipeline.name: info.details.transform.image
        for info in place.site.client.list_pipeline(details=True)
    }
    assert images["a"] == images["b"] == "registry.example:5000/lab/stage:V2"
    assert images["other"] == "busybox"
    assert "no tag of an image" in place.run("--image", "V 2", code=1)


def test_pipelines_that_no_spec_is_for_go_only_when_told(place: Place) -> None:
    place.run("--yes")
    (place.folder / "specs" / "b.json").unlink()
    said = place.run()
    assert "no spec here is of b: what is there stays; --prune deletes it\n" in said
    said = place.run("--prune", "--dry-run", code=2)
    assert "delete pipeline b, and all that it has made\n" in said
    client = place.site.client
    assert len(list(client.list_pipeline())) == 2
    place.run("--prune", "--yes")
    assert [info.pipeline.name for info in client.list_pipeline()] == ["a"]
    (place.folder / "specs" / "a.json").unlink()
    place.spec("c", "a")
    assert "pipeline a makes: --prune deletes that" in place.run("--prune", "--yes", code=1)


def test_a_paused_pipeline_is_said_to_process_nothing(place: Place) -> None:
    place.run("--yes")
    place.site.client.stop_pipeline("a")
    place.notebook("a", "two")
    assert "a processes nothing again: it is paused" in place.run("--dry-run", code=2)


@pytest.mark.parametrize("version", [(1, 13, 4), (2, 4, 6), (3, 0, 0)])
def test_a_pachd_of_another_generation_is_refused(
    place: Place, monkeypatch: pytest.MonkeyPatch, version: tuple[int, int, int]
) -> None:
    monkeypatch.setattr(cluster, "_VERSION", version)
    said = place.run("--yes", code=1)
    assert f"this pachd is Pachyderm {'.'.join(map(str, version))}: " in said
    assert "Pachyderm 2.5 and later, below 3.0" in said
    assert list(place.site.client.list_repo()) == []


def test_a_pachd_that_is_too_old_for_a_spec_is_refused(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "_VERSION", (2, 5, 1))
    place.run("--dry-run", code=2)
    place.spec("a", "images", transform={"cmd": ["true"], "datum_batching": True})
    assert "datum_batching, which a set, came with 2.6" in place.run("--dry-run", code=1)


def test_versions_are_served_from_the_one_with_projects_on() -> None:
    require_served(Version(2, 5))
    require_served(Version(2, 12, 2))
    with pytest.raises(PachdUnfit):
        require_served(Version(2, 4, 9))
