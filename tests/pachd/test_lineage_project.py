"""The project as a graph, and what a commit set holds of it."""

from __future__ import annotations

import pytest
from pachd_driver import Driver, pfs
from python_pachyderm.service import pps_proto

from tycokit.errors import TraceError
from tycokit.lineage import commitsets, project


def cross(*inputs: object) -> object:
    return pps_proto.Input(cross=list(inputs))


def copies(name: str) -> str:
    return f"cp -r /pfs/{name}/* /pfs/out/"


def test_repos_and_pipelines_with_what_reads_what(on: Driver) -> None:
    pictures, weights = on.repo({"/a": b"aa"}), on.repo({"/net": b"n"})
    model = on.pipeline(
        copies("picture"),
        cross(pfs(pictures, name="picture"), pfs(weights, "/", name="weights")),
        description="finds objects",
        parallelism_spec=pps_proto.ParallelismSpec(constant=2),
    )
    tick = on.pipeline("true", pps_proto.Input(cron=pps_proto.CronInput(name="t", spec="@never")))
    job = str(on.done(model).job.id)
    found = project.read(on.client)
    assert {pictures, weights, model, tick, f"{tick}_t"} <= found.nodes.keys()
    edges = {(edge.source, edge.target, edge.name, edge.glob) for edge in found.edges}
    assert {
        (pictures, model, "picture", "/*"),
        (weights, model, "weights", "/"),
        (f"{tick}_t", tick, "t", "/*"),
    } <= edges
    node = found.nodes[pictures]
    assert (node.pipeline, node.size, node.branches) == (None, 2, ("master",))
    made = found.nodes[model].pipeline
    assert made is not None
    assert made.job is not None
    assert (made.state, made.last, made.workers) == ("running", "success", 2)
    assert (made.description, made.command, made.version) == ("finds objects", ("sh",), 1)
    assert (made.job.id, made.job.state, made.job.datums) == (job, "success", 1)
    assert (made.job.processed, made.job.done, made.job.ended) == (1, 1, True)


def test_other_projects_show_where_they_are_read(on: Driver) -> None:
    name = on.name("project")
    on.client.create_project(name)
    try:
        on.client.create_repo("theirs", project_name=name)
        mine = on.pipeline(copies("theirs"), pfs("theirs", project=name), "mine")
        found = project.read(on.client)
        assert (f"{name}/theirs", mine) in {(edge.source, edge.target) for edge in found.edges}
        assert found.nodes[f"{name}/theirs"].project == name
        theirs = project.read(on.client, name)
        assert list(theirs.nodes) == ["theirs"]
        on.clean()
        on._pipelines.clear()
    finally:
        on.client.delete_repo("theirs", force=True, project_name=name)
        on.client.delete_project(name)


def test_a_project_that_is_not_there_is_refused_and_an_empty_one_shown(on: Driver) -> None:
    name = on.name("project")
    with pytest.raises(TraceError, match="no such project"):
        project.read(on.client, name)
    on.client.create_project(name)
    found = project.read(on.client, name)
    assert (found.nodes, found.edges) == ({}, ())
    on.client.delete_project(name)


def test_a_commit_set_holds_its_own_commits_and_those_it_builds_on(on: Driver) -> None:
    pictures, weights = on.repo({"/a": b"a", "/b": b"b"}), on.repo({"/net": b"1"})
    model = on.pipeline(
        copies("picture"),
        cross(pfs(pictures, name="picture"), pfs(weights, "/", name="weights")),
    )
    after = on.pipeline(copies("in"), pfs(model, name="in"))
    apart = on.pipeline(copies("in"), pfs(weights, name="in"))
    on.done(after)
    old_weights = str(on.client.inspect_branch(weights, "master").head.id)
    put = on.put(pictures, {"/c": b"c"})
    on.done(after, put)
    found = commitsets.holding(on.client, put)
    held = found.held
    assert (held[pictures].commit, held[pictures].own, held[pictures].job) == (put, True, None)
    assert (held[weights].commit, held[weights].own) == (old_weights, False)
    job = held[model].job
    assert job is not None
    assert (job.id, job.state, job.processed, job.skipped) == (put, "success", 1, 2)
    assert held[after].own
    assert apart not in held
    assert (found.set.state, found.set.commits) == ("finished", 3)
    assert [(began.repo, began.pipeline) for began in found.set.began] == [(pictures, False)]


def test_what_failed_in_a_commit_set_says_why(on: Driver) -> None:
    pictures = on.repo({"/a": b"a"})
    model = on.pipeline("exit 3", pfs(pictures, name="in"), datum_tries=1)
    after = on.pipeline(copies("in"), pfs(model, name="in"))
    on.done(after)
    put = on.put(pictures, {"/b": b"b"})
    on.done(after, put)
    found = commitsets.holding(on.client, put)
    job, later = found.held[model].job, found.held[after].job
    assert job is not None
    assert later is not None
    assert (job.state, job.failed, found.set.state) == ("failure", 2, "failed")
    assert job.reason.endswith("failed")
    assert (later.state, model in later.reason) == ("unrunnable", True)


def test_commit_sets_come_newest_first_in_pages(on: Driver) -> None:
    repo = on.repo()
    ids = [on.put(repo, {f"/{number}": b"x"}) for number in range(5)][::-1]
    newest = commitsets.page(on.client, count=2)
    assert [one.id for one in newest.sets] == ids[:2]
    assert newest.more
    older = commitsets.page(on.client, after=ids[1], count=3)
    assert [one.id for one in older.sets] == ids[2:]
    assert {began.repo for one in older.sets for began in one.began} == {repo}
    open_commit = on.client.start_commit(repo, "master")
    assert commitsets.page(on.client, count=1).sets[0].state == "open"
    on.client.finish_commit(open_commit)


@pytest.mark.parametrize("id_", ["0" * 12 + "4" + "0" * 19, "no id", "", "master"])
def test_an_unknown_commit_set_is_refused(on: Driver, id_: str) -> None:
    with pytest.raises(TraceError, match="no commit set"):
        commitsets.holding(on.client, id_)


def test_states_are_those_of_now(on: Driver) -> None:
    repo = on.repo({"/a": b"a"})
    slow = on.pipeline("sleep 600", pfs(repo, name="in"))
    node = project.read(on.client).nodes[slow].pipeline
    assert node is not None
    assert node.job is not None
    assert node.job.state in ("created", "starting", "running")
    assert not node.job.ended
    on.client.stop_pipeline(slow)
    paused = project.read(on.client).nodes[slow].pipeline
    assert paused is not None
    assert (paused.state, paused.last) == ("paused", "killed")
