"""What a deploy makes of a plan: all at once, and no more than was told."""

from __future__ import annotations

import json
from typing import Any

import pytest
from deploy_place import Place, pfs, versions

from tycokit.errors import SpecError
from tycokit.pachd.pps import pipelines as makers


def test_a_notebook_and_the_spec_that_goes_with_it_change_at_once(place: Place) -> None:
    client = place.site.client
    place.look.apply()
    place.pictures("x", "y")
    place.both("two", "60s")
    place.look.apply()
    head = client.inspect_branch("notebooks", "master").head.id
    for name, version in (("a", 1), ("b", 2)):
        newest, *others = client.list_job(name, history=-1)
        assert (newest.job.id, newest.pipeline_version) == (head, version)
        assert len(others) == 2  # the first one, and that of the pictures
    assert place.ended("b") == (2, 0, 0)
    assert place.left() == []


def test_a_stopped_pipeline_is_updated_and_not_started(place: Place) -> None:
    client = place.site.client
    place.look.apply()
    place.pictures("x")
    client.stop_pipeline("b")
    jobs = len(list(client.list_job("b", history=-1)))
    place.both("two", "60s")
    looked = place.look
    assert looked.effects["b"] == ("none", "it is paused")
    looked.apply()
    assert place.state()["pipelines"]["b"] == (2, True)
    assert len(list(client.list_job("b", history=-1))) == jobs
    client.start_pipeline("b")
    assert place.ended("b") == (1, 0, 0)


def test_a_pipeline_is_made_once_however_many_there_are(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    make = makers.create_pipeline

    def counted(transaction: Any, given: Any, **more: Any) -> None:
        made.append(given.name)
        make(transaction, given, **more)

    monkeypatch.setattr(makers, "create_pipeline", counted)
    names = [f"p{number:02}" for number in range(60)]
    for name, upstream in zip(names, ["images", *names], strict=False):
        place.spec(name, upstream if int(name[1:]) % 6 else "images")
        place.notebook(name, "one")
    for text in ("one", "two"):
        for name in names:
            place.notebook(name, text)
            if text == "two":
                path = place.folder / "specs" / f"{name}.json"
                path.write_text(json.dumps(json.loads(path.read_text()) | {"datum_timeout": "9s"}))
        made.clear()
        place.look.apply()
        assert [made.count(name) for name in names] == [1] * 60


def test_new_branches_by_triggers_take_transactions_of_their_own(place: Place) -> None:
    """Pachyderm makes no two commits of a repo in one, and each new branch begins with one."""
    place.spec("b", "a", input=pfs("picture", "a", "/*", trigger={"commits": 1}))
    for name in ("hourly", "daily"):
        given = pfs("picture", "images", "/*", trigger={"commits": 1})
        place.spec(name, "images", input=given)
    place.look.apply()
    assert set(versions(place.site.client)) == {"a", "b", "hourly", "daily"}
    assert place.look.plan.empty
    place.pictures("x")
    for name in ("a", "b", "hourly", "daily"):
        assert place.ended(name)[0] == 1, name


def test_a_trigger_counts_the_commit_that_comes_with_the_pipelines(place: Place) -> None:
    code = pfs("picture", "notebooks", "/b.ipynb", trigger={"commits": 1})
    place.spec("reader", "images", input=code)
    place.look.apply()
    before = next(place.site.client.list_job("reader")).job.id
    place.both("two", "60s")
    place.look.apply()
    assert next(place.site.client.list_job("reader")).job.id != before
    assert place.ended("reader") == (1, 0, 0)
    assert place.site.read("reader", "/b.ipynb") == b"two"


def test_a_file_may_hold_several_specs(place: Place) -> None:
    folder = place.folder / "specs"
    specs = [json.loads(path.read_text()) for path in sorted(folder.iterdir())]
    (folder / "a.json").write_text(json.dumps(specs))
    (folder / "b.json").unlink()
    place.look.apply()
    assert versions(place.site.client) == {"a": 1, "b": 1}
    specs[1]["datum_timeoutt"] = "60s"
    (folder / "a.json").write_text(json.dumps(specs))
    with pytest.raises(SpecError, match=r"a\.json \(spec 2\): .*did you mean 'datum_timeout'"):
        _ = place.look
