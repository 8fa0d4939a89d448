"""tk.parallelism, tk.jobs and tk.datums from a script: what they know, and what they do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from gates import Gates, constant, one_a_set, pipeline
from pipeline_driver import Site, wait_for

import tycokit as tk
from tycokit.errors import CliError, InputUnclear, PipelineChanged, RerunError, ScaleError
from tycokit.widgets.base import View

EVIL = "/x<b>&y"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """`judge` has one good and one failed job of three datums, `after` waits for it."""
    made = Site(tmp_path_factory.mktemp("site"))
    made.client.create_repo("letters")
    made.put("letters", {EVIL: b"good", "/b": b"good"})
    pipeline(made, "judge", "letters", 'test "$(cat "$in")" != bad', datum_tries=1)
    pipeline(made, "after", "judge", "true")
    made.jobs(next(made.client.list_job("judge")).job.id)
    made.jobs(made.put("letters", {"/c": b"bad"}))
    yield made
    made.pachd.stop()


def test_workers_are_shown_changed_and_taken_back(site: Site) -> None:
    view = tk.parallelism("after", site.client, nodes=3)
    state = view.state
    assert (state["workers"], state["choice"], state["waiting"]) == (1, "1", 0)
    assert state["nodes"] == {
        "count": 3,
        "unit": "node",
        "source": "as declared",
        "text": "3 nodes, as declared",
    }
    assert [one["choice"] for one in state["choices"]] == ["1", "2", "4", "8", "0.5x", "1x", "2x"]
    assert [one["current"] for one in state["choices"]] == [True, *[False] * 3, True, False, False]
    assert state["undo"] is None
    assert view.forecast("3x")["workers"] == 9
    planned = view.plan("2x")
    assert (planned["workers_after"], planned["version"]) == (6, 1)
    with pytest.raises(PipelineChanged):
        view.scale("2x", version=7)
    done = view.scale("2x", version=1)
    assert (done["version"], done["after"]) == (2, 6)
    view.refresh()
    state = view.state
    assert (state["workers"], state["choice"], state["version"]) == (6, "2x", 2)
    assert state["undo"] == {"choice": "1", "workers": 1}
    assert state["done"]["job"] == state["done"]["progress"]["id"]
    html = view.static_html()
    assert "6 (2x)" in html
    assert "x is a multiple of 3 nodes, as declared" in html
    view.undo()
    view.refresh()
    assert view.state["workers"] == 1
    assert view.state["undo"]["choice"] == "2x"
    view.declare(None)
    view.refresh()
    assert view.state["nodes"]["source"] == "as pachd tells"
    with pytest.raises(ScaleError):
        view.forecast("lots")
    view.close()
    with pytest.raises(CliError, match="not found"):
        tk.parallelism("missing", site.client)


def test_logs_are_those_of_a_pipeline_that_names_its_project(site: Site) -> None:
    for name, options in (("default/judge", {"project": "lab"}), ("judge", {})):
        view = tk.logs(name, client=site.client, **options)
        assert (view.source.pipeline, view.source.project) == ("judge", "default")
        assert view.state["source"]["pipeline"] == "judge"
        view.close()
    with pytest.raises(CliError, match="there is no pipeline judge in the project lab"):
        tk.logs("lab/judge", client=site.client)


def test_jobs_are_listed_stopped_and_followed(site: Site, tmp_path: Path) -> None:
    gates = Gates(tmp_path / "gates")
    site.client.create_repo("held")
    pipeline(site, "hold", "held", *gates.lines)
    id_ = site.put("held", {"/a": b"", "/b": b""})
    wait_for(lambda: next(site.client.inspect_job(id_, "hold")).data_total == 2)
    view = tk.jobs(client=site.client)
    first = view.state["sets"][0]
    assert (first["id"], first["state"], first["ended"]) == (id_, "running", False)
    assert [(job["pipeline"], job["total"], job["done"]) for job in first["jobs"]] == [
        ("hold", 2, 0)
    ]
    whole = view.page(count=2)
    rest = view.page(before=whole["older"])
    ids = [each["id"] for each in (*whole["sets"], *rest["sets"])]
    assert len(ids) == len(set(ids))
    assert rest["older"] is None
    # a page that is older than the newest ones, with a job that has not ended: it is followed
    view._open = {id_}
    for number in range(13):
        site.put("letters", {"/c": b"bad%d" % number})
    view.refresh()
    assert [each["id"] for each in view.state["changed"]] == [id_]
    assert view.stop(id_, "hold")["state"] == "killed"
    view.refresh()
    assert [each["state"] for each in view.state["changed"]] == ["killed"]
    view.refresh()
    assert view.state["changed"] == []
    site.jobs(next(site.client.list_job("judge")).job.id)
    html = view.static_html()
    assert "and older ones" in html
    assert "judge" in html
    view.close()

    own = tk.jobs("judge", site.client)
    assert {job["pipeline"] for each in own.state["sets"] for job in each["jobs"]} == {"judge"}
    own.close()


def test_datums_of_a_job_are_paged_filtered_and_run_again(site: Site) -> None:
    site.jobs(site.put("letters", {"/c": b"bad"}))
    view = tk.datums("judge", site.client)
    state = view.state
    assert state["mode"] == "job"
    job = state["job"]
    assert (job["state"], job["total"], job["failed"]) == ("failure", 3, 1)
    assert state["jobs"][0]["id"] == job["id"]
    by_path = {row["files"][0][3]: row for row in state["page"]["datums"]}
    assert set(by_path) == {EVIL, "/b", "/c"}
    assert view.page(states=["failed"])["datums"] == [by_path["/c"]]
    half = view.page(count=2)
    assert len(half["datums"]) == 2
    assert half["after"] == half["datums"][-1]["id"]
    tries = view.attempts(job["id"], [by_path["/c"]["id"]])
    assert tries == {"attempts": {by_path["/c"]["id"]: 1}}
    html = view.static_html()
    assert "x&lt;b&gt;&amp;y" in html
    assert "<b>&y" not in html
    with pytest.raises(RerunError, match="no datum any more"):
        view.restart(job["id"], "nobody")
    done = view.rerun(job["id"], [by_path["/c"]["id"]])
    site.jobs(done["job"])
    view.refresh()
    assert view.state["job"]["id"] == done["job"]
    view.choose(job["id"])
    view.refresh()
    assert view.state["job"]["id"] == job["id"]
    assert view.state["newest"] is False
    view.close()
    one = tk.datums(f"judge@{job['id']}", site.client)
    assert one.state["job"]["id"] == job["id"]
    one.close()


def test_a_datum_in_work_is_restarted_and_its_job_stopped(site: Site, tmp_path: Path) -> None:
    gates = Gates(tmp_path / "gates")
    begun = tmp_path / "begun"
    begun.touch()
    site.client.create_repo("slow")
    site.put("slow", {"/a": b"", "/b": b""})
    pipeline(
        site,
        "crawl",
        "slow",
        f"echo $in >> {begun}",
        *gates.lines,
        parallelism_spec=constant(2),
        datum_set_spec=one_a_set(),
    )
    view = tk.datums("crawl", site.client)

    def both() -> bool:
        view.refresh()
        return len(view.state["working"]) == 2 and len(begun.read_text().split()) == 2

    wait_for(both)
    first = view.state["working"][0]
    assert view.restart(view.state["job"]["id"], first["worker"]) == {"paths": list(first["paths"])}
    wait_for(lambda: len(begun.read_text().split()) == 3)
    assert view.stop(view.state["job"]["id"])["state"] == "killed"
    view.refresh()
    assert view.state["working"] == []
    view.close()


def counted(view: View) -> int:
    """How many datums an input makes, once they are counted."""

    def done() -> bool:
        view.refresh()
        return not view.state["survey"]["counting"]

    wait_for(done)
    assert view.state["survey"]["complete"]
    return int(view.state["survey"]["datums"])


def test_an_input_is_previewed_and_edited(site: Site) -> None:
    view = tk.datums("letters:/*", site.client)
    counted(view)
    state = view.state
    assert (state["mode"], state["survey"]["datums"], state["single"]) == ("preview", 3, True)
    assert state["survey"]["shapes"] == [{"text": "1 of letters", "datums": 3}]
    site.put("letters", {"/d": b"1"})
    assert counted(view) == 4  # the head has moved
    given = {**state["input"]}
    given["pfs"] = {**given["pfs"], "glob": "/"}
    view.preview(given)
    assert counted(view) == 1
    assert [row["files"][0][3] for row in view.state["page"]["datums"]] == ["/"]
    inside = view.folder("default", "letters", view.state["page"]["datums"][0]["files"][0][2], "/")
    assert [entry["name"] for entry in inside["entries"]] == ["b", "c", "d", EVIL[1:]]
    with pytest.raises(grpc.RpcError, match="not found"):
        view.preview("nowhere:/*")
    with pytest.raises(InputUnclear):
        view.preview("letters:/[")
    view.refresh()
    assert view.state["leaves"][0]["glob"] == "/"  # what is wrong was not taken
    assert "1</b> datums" in view.static_html()
    assert "default/letters" in view.repos()["repos"]
    crossed = {
        "cross": [
            {"pfs": {"repo": "letters", "glob": "/*"}},
            {"pfs": {"repo": "judge", "glob": "/"}},
        ]
    }
    view.preview(crossed)
    assert counted(view) == 0  # judge is empty
    view.close()
    with pytest.raises(InputUnclear):
        tk.datums("letters:[", site.client)
    with pytest.raises(CliError, match="not found"):
        tk.datums("missing", site.client)
