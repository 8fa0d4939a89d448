"""tk.provenance and tk.trace from a script: what they show, and what they answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from gates import Gates, constant, one_a_set, pipeline
from pipeline_driver import Site, wait_for
from python_pachyderm.service import pps_proto

import tycokit as tk
from tycokit.errors import AddressError, TraceError
from tycokit.lineage import backward, forward
from tycokit.repos.addresses import parse

EVIL = "/<img src=x onerror=alert>.json"


def cross(*inputs: Any) -> Any:
    return pps_proto.Input(cross=list(inputs))


def pfs(repo: str, glob: str, name: str) -> Any:
    return pps_proto.Input(pfs=pps_proto.PFSInput(repo=repo, glob=glob, name=name))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """letters × stamp → post (of which one more comes later) → after; `bad` fails on one letter."""
    made = Site(tmp_path_factory.mktemp("site"))
    for repo in ("letters", "stamp"):
        made.client.create_repo(repo)
    made.put("letters", {EVIL: b"{}", "/a.txt": b"a"})
    made.put("stamp", {"/red": b"r"})
    both = cross(pfs("letters", "/*", "in"), pfs("stamp", "/", "stamp"))
    pipeline(made, "post", "letters", 'cp "$in" /pfs/out/', input=both)
    pipeline(made, "after", "post", 'cp "$in" /pfs/out/')
    bad = 'test "$(cat "$in")" != bad; cp "$in" /pfs/out/'
    pipeline(made, "bad", "letters", bad, datum_tries=1)
    made.jobs(made.put("letters", {"/b.txt": b"bad"}))
    yield made
    made.pachd.stop()


def cards(state: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {card["key"]: card for card in state["graph"]["cards"]}


def test_the_project_is_a_graph_with_states(site: Site) -> None:
    view = tk.provenance(client=site.client)
    found = cards(view.state)
    assert found.keys() == {"letters", "stamp", "post", "after", "bad"}
    assert (found["letters"]["kind"], found["letters"]["word"]) == ("repo", "repo")
    assert (found["post"]["kind"], found["post"]["state"]) == ("pipeline", "success")
    assert (found["post"]["note"], found["bad"]["state"]) == ("3 datums", "failure")
    ways = {(way["source"], way["target"]) for way in view.state["graph"]["ways"]}
    assert ways == {
        ("letters", "post"),
        ("stamp", "post"),
        ("post", "after"),
        ("letters", "bad"),
    }
    assert found["post"]["x"] < found["after"]["x"]
    assert view.state["picked"] is None
    view.close()


def test_a_commit_set_shows_what_was_new_skipped_and_failed(site: Site) -> None:
    view = tk.provenance(client=site.client)
    newest = view.sets("", 5)["sets"][0]["id"]
    view.pick(newest)
    found = cards(view.state)
    assert (found["letters"]["word"], found["stamp"]["word"]) == ("new commit", "as before")
    assert (found["post"]["state"], found["post"]["note"]) == ("success", "1 new, 2 skipped")
    assert (found["bad"]["state"], found["bad"]["note"]) == ("failure", "1 of 3 failed")
    assert [row["text"] for row in found["post"]["rows"]] == [newest[:12]]
    assert [row["note"] for row in found["stamp"]["rows"]] == ["earlier"]
    assert view.state["picked"]["id"] == newest
    again = site.put("stamp", {"/red": b"r"})
    site.jobs(again)
    view.pick(again)
    found = cards(view.state)
    assert (found["post"]["state"], found["post"]["note"]) == ("skipped", "all 3")
    assert (found["bad"]["word"], found["bad"]["tone"]) == ("not in this set", "dim")
    with pytest.raises(TraceError, match="no commit set"):
        view.pick("0" * 32)
    assert view.state["picked"]["id"] == again
    view.pick(None)
    assert view.state["picked"] is None
    view.close()


def test_a_set_that_is_dropped_is_shown_no_more(site: Site) -> None:
    view = tk.provenance(client=site.client)
    gone = site.put("stamp", {"/blue": b"b"})
    site.jobs(gone)
    view.pick(gone)
    site.client.drop_commit(gone)
    view.refresh()
    assert view.state["picked"] is None
    view.close()


def test_details_of_repos_and_pipelines(site: Site) -> None:
    view = tk.provenance(client=site.client)
    found = view.details("bad")
    assert (found["kind"], found["job"]["failed"]) == ("pipeline", 1)
    (failed,) = found["failed"]
    assert failed["inputs"] == ("/b.txt",)
    assert found["node"]["pipeline"]["command"] == ("sh",)
    repo = view.details("bad#repo")
    assert (repo["kind"], repo["node"]["key"]) == ("repo", "bad")
    assert repo["commits"][0]["job"] == "failure"
    letters = view.details("letters")
    assert (letters["kind"], len(letters["commits"]), letters["held"]) == ("repo", 2, None)
    assert view.details("nothing") == {"kind": "gone"}
    for each in (found, repo, letters):
        json.dumps(each)
    view.close()


def test_progress_is_live(site: Site) -> None:
    gates = Gates(site.folder / "gates")
    site.client.create_repo("waiting")
    site.put("waiting", {f"/{name}": b"x" for name in "abcd"})
    pipeline(
        site,
        "slow",
        "waiting",
        *gates.lines,
        datum_set_spec=one_a_set(),
        parallelism_spec=constant(4),
    )
    view = tk.provenance(client=site.client)

    def card() -> dict[str, Any]:
        view.refresh()
        return cards(view.state)["slow"]

    assert wait_for(lambda: card()["state"] == "running" and card()["note"] == "0 of 4 datums")
    gates.open("a", "b")
    assert wait_for(lambda: card()["progress"] == 0.5)
    gates.open()
    site.jobs(view.details("slow")["job"]["id"])
    assert wait_for(lambda: (card()["state"], card()["progress"]) == ("success", None))
    site.client.delete_pipeline("slow")
    view.close()


def test_a_trace_is_also_a_plain_dict(site: Site) -> None:
    back = tk.trace("after:/a.txt", client=site.client)
    assert back.as_dict() == backward.trace(site.client, parse("after:/a.txt")).as_dict()
    onward = tk.trace("stamp", forward=True, client=site.client)
    assert onward.as_dict() == forward.trace(site.client, parse("stamp")).as_dict()
    assert onward.state["results"] == len(onward.trace.results) > 0
    for view in (back, onward):
        json.dumps(view.state)
        view.close()


def test_a_trace_goes_elsewhere_and_stays_where_it_cannot(site: Site) -> None:
    view = tk.trace("after:/a.txt", client=site.client)
    assert {card["title"] for card in view.state["graph"]["cards"]} >= {"after", "post", "stamp"}
    view.go("letters:/a.txt", "forward")
    assert (view.state["asked"], view.state["direction"]) == ("letters@master:/a.txt", "forward")
    for address, error in (("letters:/no", TraceError), ("?", AddressError)):
        with pytest.raises(error):
            view.go(address, "back")
        assert view.state["asked"] == "letters@master:/a.txt"
    view.close()


def test_a_trace_follows_its_branch(site: Site) -> None:
    view = tk.trace("after:/a.txt", client=site.client)
    before = view.state["start"]["commit"]
    changed = site.put("letters", {"/a.txt": b"another"})
    site.jobs(changed)
    view.refresh()
    assert view.state["start"]["commit"] == changed != before
    view.close()


def test_details_of_files_and_datums(site: Site) -> None:
    view = tk.trace(f"after:{EVIL}", client=site.client)
    (after, post) = view.trace.attempts
    datum = view.details(post)
    assert (datum["kind"], datum["pipeline"]) == ("datum", "post")
    assert [(each["name"], each["left"]) for each in datum["inputs"]] == [("in", 0), ("stamp", 0)]
    assert ([each["path"] for each in datum["outputs"]], datum["outputs_left"]) == ([EVIL], 0)
    source = view.details(datum["inputs"][0]["files"][0]["key"])
    assert (source["kind"], source["maker"], source["current"]) == ("file", None, None)
    folder = view.details(datum["inputs"][1]["files"][0]["key"])
    assert [each["name"] for each in folder["entries"]] == ["red"]
    assert view.details(view.state["start"]["key"])["maker"]["key"] == after
    shown, blobs = view.preview(view.state["start"]["address"])
    assert (shown["kind"], blobs) == ("text", [])
    assert view.details("nothing") == {"kind": "gone"}
    view.close()


def test_names_are_text_in_every_rendering(site: Site) -> None:
    for view in (
        tk.trace(f"after:{EVIL}", client=site.client),
        tk.trace(f"letters:{EVIL}", forward=True, client=site.client),
        tk.provenance(client=site.client),
    ):
        html = view.static_html()
        assert "<svg" in html
        assert "<img" not in html
        assert "<script" not in html
        view.close()


def test_many_results_stand_in_a_group(site: Site) -> None:
    letters = {f"/many{number:02}.txt": b"%d" % number for number in range(12)}
    site.jobs(site.put("letters", letters))
    view = tk.trace("stamp", forward=True, client=site.client)
    (group,) = (card for card in view.state["graph"]["cards"] if card["key"] == "post#group")
    assert group["kind"] == "group"
    found = view.group("post", 0, 5)
    assert len(found["files"]) == 5
    assert found["total"] == sum(file.at.repo == "post" for file in view.trace.results)
    rest = view.group("post", 5, 1000)
    paths = [file["path"] for file in (*found["files"], *rest["files"])]
    assert set(letters) <= set(paths)
    key = found["files"][0]["key"]
    assert view.details(key)["path"] == paths[0]
    some = tk.trace("stamp", forward=True, client=site.client, most=3)
    assert (some.state["more"], len(some.group("post", 0, 9)["files"])) == (["post"], 3)
    for each in (view, some):
        each.close()


def test_a_datum_of_many_files_is_folded(site: Site) -> None:
    client = site.client
    client.create_repo("pages")
    site.put("pages", {f"/page{number:02}": b"%d" % number for number in range(40)})
    pages = pps_proto.PFSInput(repo="pages", glob="/(page)*", group_by="$1", name="in")
    book = pps_proto.Input(group=[pps_proto.Input(pfs=pages)])
    pipeline(site, "book", "pages", "cp /pfs/in/* /pfs/out/", input=book)
    site.jobs(next(client.list_job("book")).job.id)
    view = tk.trace("pages:/page33", forward=True, client=client)
    (attempt,) = view.trace.attempts
    datum = view.details(attempt)
    (read,) = datum["inputs"]
    assert (read["name"], len(read["files"]), read["left"]) == ("in", 8, 32)
    # what was asked about comes first
    assert [each["path"] for each in read["files"]][:2] == ["/page33", "/page00"]
    assert (len(datum["outputs"]), datum["outputs_left"]) == (24, 16)
    view.close()


def test_what_is_not_there_cannot_be_traced(site: Site) -> None:
    with pytest.raises(TraceError, match="there is no file"):
        tk.trace("after:/no", client=site.client)
