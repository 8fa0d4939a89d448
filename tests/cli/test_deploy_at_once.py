"""Notebooks and pipelines that change at once, with triggers, and with commits in between."""

from __future__ import annotations

from typing import Any

import pytest
from deploy_place import Place, pfs, versions

from tycokit.deploying import apply as applying
from tycokit.deploying.actions import CreateRepo
from tycokit.errors import PlanOutdated
from tycokit.repos import difference
from tycokit.repos.addresses import Address


def by_trigger(repo: str) -> dict[str, Any]:
    return pfs("picture", repo, "/*", trigger={"commits": 1})


def test_a_commit_that_comes_after_the_last_look_is_not_lost(place: Place) -> None:
    place.look.apply()
    place.both("two", "60s")
    place.spec("c", "doorbells")

    def commit(done: object) -> None:
        if isinstance(done, CreateRepo):
            place.site.put("notebooks", {"/b.ipynb": b"somebody's", "/mine.ipynb": b"mine"})

    with pytest.raises(PlanOutdated, match=r"repo notebooks got commit [0-9a-f]{12}"):
        place.told(repos=["doorbells"]).apply(report=commit)
    assert versions(place.site.client) == {"a": 1, "b": 1}
    assert place.site.read("notebooks", "/b.ipynb") == b"somebody's"
    assert place.left() == []
    place.told(repos=["doorbells"]).apply()
    assert place.site.read("notebooks", "/b.ipynb") == b"two"
    assert place.site.read("notebooks", "/mine.ipynb") == b"mine"


def test_it_is_one_commit_that_tells_what_differs(place: Place) -> None:
    client = place.site.client
    place.look.apply()
    before = [one.commit.id for one in client.list_commit("notebooks")]
    place.both("two", "60s")
    place.look.apply()
    new, *others = (one.commit.id for one in client.list_commit("notebooks"))
    assert others == before
    found = difference.files(client, Address("notebooks", new), None)
    assert [one.path for one in found.changes] == ["/b.ipynb"]
    assert place.left() == []


def test_ctrl_c_while_files_are_put_leaves_none(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.look.apply()
    before = place.state()
    place.both("two", "60s")
    put = applying._put

    def stopped(*words: Any) -> None:
        put(*words)
        raise KeyboardInterrupt

    monkeypatch.setattr(applying, "_put", stopped)
    with pytest.raises(KeyboardInterrupt):
        place.look.apply()
    assert (place.state(), place.left()) == (before, [])


@pytest.mark.parametrize("changed", ["notebook", "spec"])
def test_a_new_pipeline_may_read_by_a_trigger_what_changes_with_it(
    place: Place, changed: str
) -> None:
    place.look.apply()
    if changed == "notebook":
        place.notebook("a", "two")
        place.spec("c", "a", input=by_trigger("a"))
    else:
        place.spec("a", "images", datum_timeout="60s")
        place.spec("c", "b", input=by_trigger("b"))
    place.look.apply()
    assert place.look.plan.empty
    assert versions(place.site.client) == {"a": 1 + (changed == "spec"), "b": 1, "c": 1}


def test_no_job_has_the_new_notebook_and_the_old_spec_beside_a_new_trigger(place: Place) -> None:
    client = place.site.client
    place.look.apply()
    place.both("two", "60s")
    place.spec("aa", "images", input=by_trigger("notebooks"))
    place.look.apply()
    new = client.inspect_branch("notebooks", "master").head.id
    jobs = client.list_job("b", history=-1)
    assert [one.pipeline_version for one in jobs if one.job.id == new] == [2]
