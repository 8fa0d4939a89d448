"""tycokit copy between two pachds: what arrives, what does not, and that nothing does twice."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from typing import Any

import grpc
import pytest
from moving_driver import Pair, branch, commits, contents, hashes, pfs, transform
from python_pachyderm.service import pfs_proto, pps_proto

from tycokit.errors import FileCut
from tycokit.moving.asking import entries
from tycokit.moving.pipelines import COPIED
from tycokit.moving.reading import PachdSource
from tycokit.moving.writing import PachdSink
from tycokit.pipelines.specdiff import request_of
from tycokit.repos.addresses import Address

SUCCESS = pps_proto.JobState.JOB_SUCCESS
LARGE = os.urandom(3 << 20)


def shout(pair: Pair, **more: Any) -> None:
    """A repo `letters` and a pipeline that reads it, on the laptop."""
    client = pair.laptop.client
    client.create_repo("letters", "what people wrote")
    pair.laptop.put("letters", {"/a": b"a", "/deep/b": b"b", "/empty": b"", "/large": LARGE})
    client.create_pipeline(
        "shout",
        transform('for f in /pfs/letters/*; do cat "$f" > "/pfs/out/$(basename $f)"; done', **more),
        input=pfs("letters"),
    )
    next(client.inspect_job(next(client.list_job("shout")).job.id, "shout", wait=True))


def test_heads_arrive_with_their_hashes_and_pipelines_make_the_same_results(pair: Pair) -> None:
    shout(pair)
    pair.laptop.client.create_branch("letters", "stable", head_commit=("letters", "master"))

    said = pair.run("copy", "laptop", "cluster")

    assert "cluster: 1 repo, 1 commit, 4 files, 1 pipeline" in said
    assert "stopped there: 1 pipeline;" in said
    assert hashes(pair.cluster, "letters") == hashes(pair.laptop, "letters")
    there = pair.cluster.client
    assert there.inspect_repo("letters").description == "what people wrote"
    heads = {info.branch.name: info.head.id for info in there.list_branch("letters")}
    assert heads["stable"] == heads["master"]
    info = next(there.inspect_pipeline("shout", details=True))
    assert info.stopped
    assert list(there.glob_file(("shout", "master"), "/**")) == []

    said = pair.run("copy", "laptop", "cluster", "--start")

    assert "0 commits (1 was there), 0 files" in said
    job = next(there.inspect_job(next(there.list_job("shout")).job.id, "shout", wait=True))
    assert job.state == SUCCESS
    assert hashes(pair.cluster, "shout") == hashes(pair.laptop, "shout")
    assert len(commits(pair.cluster, "letters")) == 1

    pair.laptop.put("letters", {"/a": None, "/c": b"c"})
    said = pair.run("copy", "laptop", "cluster")
    assert "1 commit (1 was there), 1 file" in said  # the other is that of `stable`
    assert "stopped" not in said
    assert hashes(pair.cluster, "letters") == hashes(pair.laptop, "letters")


def test_the_history_arrives_commit_by_commit_with_forks_and_messages(pair: Pair) -> None:
    client = pair.laptop.client
    client.create_repo("letters")
    first = pair.laptop.put("letters", {"/a": b"a", "/b": b"b", "/d/x": b"x"})
    with client.commit("letters", "patch", parent=first, description="a fork") as commit:
        client.put_file_bytes(commit, "/patch", b"p")
    pair.laptop.put("letters", {"/a": b"other", "/b": None})
    pair.laptop.put("letters", {"/d/x": None, "/d": b"a file by now"})
    pair.laptop.put("letters", {})  # changes nothing

    said = pair.run("copy", "laptop", "cluster", "--history")

    assert "1 repo, 5 commits" in said
    assert len(commits(pair.cluster, "letters")) == 5
    for name in ("master", "patch"):
        here, there = (
            list(site.client.list_commit("letters", to_commit=("letters", name)))
            for site in (pair.laptop, pair.cluster)
        )
        assert [hashes(pair.cluster, "letters", info.commit.id) for info in there] == [
            hashes(pair.laptop, "letters", info.commit.id) for info in here
        ]
    fork = next(pair.cluster.client.list_commit("letters", to_commit=("letters", "patch")))
    assert fork.description.startswith("a fork\n")

    assert "0 commits (5 were there)" in pair.run("copy", "laptop", "cluster", "--history")
    pair.laptop.put("letters", {"/new": b"new"})
    assert "1 commit (5 were there), 1 file" in pair.run("copy", "laptop", "cluster", "--history")
    assert len(commits(pair.cluster, "letters")) == 6


def test_a_history_is_not_put_on_top_of_a_copy_of_its_head(pair: Pair) -> None:
    pair.laptop.client.create_repo("letters")
    for letter in "ab":
        pair.laptop.put("letters", {f"/{letter}": b""})
    pair.run("copy", "laptop", "cluster")
    said = pair.run("copy", "laptop", "cluster", "--history", code=1)
    assert "letters@master of cluster takes no copy: its head was copied without its" in said
    assert len(commits(pair.cluster, "letters")) == 1


def test_a_copy_that_was_killed_goes_on_and_copies_nothing_twice(pair: Pair) -> None:
    pair.laptop.client.create_repo("many")
    files = {f"/{number:04}": f"{number}".encode() * 500 for number in range(3000)}
    pair.laptop.put("many", files)
    pair.kill("many", "copy", "laptop", "cluster")
    (half,) = commits(pair.cluster, "many")
    assert not half.HasField("finished")

    before = len(hashes(pair.cluster, "many"))
    said = pair.run("copy", "laptop", "cluster")

    assert 0 < before < len(files)
    assert f"1 commit, {len(files) - before:,} files" in said
    (whole,) = commits(pair.cluster, "many")
    assert whole.commit.id == half.commit.id
    assert whole.HasField("finished")
    assert hashes(pair.cluster, "many") == hashes(pair.laptop, "many")


class Broken:
    """A file of which the second half does not come."""

    def __init__(self) -> None:
        self._parts = [b"ha"]

    def read(self, _size: int) -> bytes:
        if not self._parts:
            raise FileCut("/a", 2, 4)
        return self._parts.pop()


def test_a_file_that_is_cut_is_told_and_its_commit_stays_open_until_it_is_whole(
    pair: Pair,
) -> None:
    pair.laptop.client.create_repo("letters")
    commit = pair.laptop.put("letters", {"/a": b"half", "/b": b"b"})
    source = PachdSource(pair.laptop.client, "laptop")
    contents = source.contents()
    (step,) = contents.steps
    assert step.id == commit
    broken = [replace(change, open=Broken) for change in source.changes(step)]
    sink = PachdSink(pair.cluster.client, "cluster")
    sink.prepare(contents)
    with pytest.raises(FileCut):
        sink.take(step, iter(broken), lambda _: None)
    (left,) = commits(pair.cluster, "letters")
    assert not left.HasField("finished")

    assert "1 commit, 2 files" in pair.run("copy", "laptop", "cluster")
    assert hashes(pair.cluster, "letters") == hashes(pair.laptop, "letters")
    assert len(commits(pair.cluster, "letters")) == 1


def test_what_the_destination_has_of_its_own_is_left_alone_unless_told(pair: Pair) -> None:
    shout(pair)
    there = pair.cluster.client
    there.create_repo("letters")
    pair.cluster.put("letters", {"/own": b"own"})

    said = pair.run("copy", "laptop", "cluster", code=1)
    assert "letters@master of cluster takes no copy: it holds other files; --replace" in said
    assert list(hashes(pair.cluster, "letters")) == ["/own"]

    there.create_repo("notes")
    pair.laptop.client.create_repo("notes")
    for site in (pair.laptop, pair.cluster):  # the same on both: nothing to do
        site.put("notes", {"/note": b"note"})
    said = pair.run("copy", "laptop", "cluster", "notes")
    assert "0 commits (1 was there), 0 files" in said
    assert len(commits(pair.cluster, "notes")) == 1

    there.create_pipeline("other", transform("true"), input=pfs("letters"))
    pair.laptop.client.create_repo("other")
    said = pair.run("copy", "laptop", "cluster", "other", code=1)
    assert "other of cluster takes no copy: a pipeline writes it" in said

    pair.run("copy", "laptop", "cluster", "letters", "--replace")
    assert hashes(pair.cluster, "letters") == hashes(pair.laptop, "letters")
    assert "/own" in contents(pair.cluster, "letters")[0]


def test_commits_of_the_destinations_own_stay_on_their_branches(pair: Pair) -> None:
    client, there = pair.laptop.client, pair.cluster.client
    for site in (pair.laptop, pair.cluster):
        site.client.create_repo("letters")
    pair.laptop.put("letters", {"/a": b"a"})
    client.create_branch("letters", "dev", head_commit=("letters", "master"))
    there.put_file_bytes(("letters", "dev"), "/mine", b"mine")

    said = pair.run("copy", "laptop", "cluster", code=1)  # dev's head there is master's copy here
    assert "branch letters@dev of cluster holds commits of its own, and keeps them" in said
    assert there.path_exists(("letters", "dev"), "/mine")

    pair.cluster.put("letters", {"/own": b"own"})
    said = pair.run("copy", "laptop", "cluster", code=1)  # nothing new, and on top of the copy
    assert "branch letters@master of cluster holds commits of its own, and keeps them" in said
    assert set(hashes(pair.cluster, "letters")) == {"/a", "/own"}

    pair.run("copy", "laptop", "cluster", "--replace")
    assert hashes(pair.cluster, "letters") == hashes(pair.laptop, "letters")


def test_a_commit_that_is_gone_by_now_is_no_empty_one(pair: Pair) -> None:
    client = pair.laptop.client
    client.create_repo("letters")
    empty = pair.laptop.put("letters", {})
    assert list(entries(client, Address("letters", empty))) == []
    with pytest.raises(grpc.RpcError):
        list(entries(client, Address("letters", "0" * 12 + "4" + "0" * 19)))


def test_pipelines_of_the_destinations_own_are_not_started(pair: Pair) -> None:
    shout(pair)
    there = pair.cluster.client
    there.create_repo("letters")
    there.create_pipeline("shout", transform("true"), input=pfs("letters"))
    there.stop_pipeline("shout")
    said = pair.run("copy", "laptop", "cluster", "--start", code=1)
    assert "stays as it is" in said
    assert next(there.inspect_pipeline("shout")).stopped

    there.start_pipeline("shout")
    said = pair.run("copy", "laptop", "cluster", "--replace")
    assert "stopped there: 1 pipeline;" in said
    assert next(there.inspect_pipeline("shout")).stopped
    pair.run("copy", "laptop", "cluster", "--start")
    assert not next(there.inspect_pipeline("shout")).stopped


def test_secrets_are_named_and_never_copied(pair: Pair) -> None:
    pair.laptop.client.create_secret("key", {"k": "hidden"})
    shout(pair, secrets=[pps_proto.SecretMount(name="key", key="k", env_var="K")])

    said = pair.run("copy", "laptop", "cluster", code=1)

    assert "pipeline shout needs the secret key, which is never copied: make it in cluster" in said
    assert list(pair.cluster.client.list_secret()) == []
    assert hashes(pair.cluster, "letters") == hashes(pair.laptop, "letters")
    pair.cluster.client.create_secret("key", {"k": "another"})
    pair.run("copy", "laptop", "cluster")
    assert next(pair.cluster.client.inspect_pipeline("shout")).stopped


def test_a_pipeline_that_differs_stays_unless_told(pair: Pair) -> None:
    shout(pair)
    there = pair.cluster.client
    there.create_repo("letters")
    there.create_pipeline("shout", transform("true"), input=pfs("letters"))

    said = pair.run("copy", "laptop", "cluster", code=1)
    assert "pipeline shout is in cluster with another spec (transform) and stays" in said
    assert not next(there.inspect_pipeline("shout")).stopped

    pair.run("copy", "laptop", "cluster", "--replace")
    info = next(there.inspect_pipeline("shout", details=True))
    assert "cat" in info.details.transform.stdin[-1]
    assert "0 commits" in pair.run("copy", "laptop", "cluster")


def test_a_pipeline_that_was_made_and_not_yet_stopped_is_stopped(pair: Pair) -> None:
    shout(pair)
    there = pair.cluster.client
    there.create_repo("letters")
    request = request_of(next(pair.laptop.client.inspect_pipeline("shout", details=True)))
    request.ClearField("spec_commit")
    request.metadata.annotations[COPIED] = "laptop"
    there.create_pipeline_from_request(request)

    pair.run("copy", "laptop", "cluster")

    assert next(there.inspect_pipeline("shout")).stopped
    assert hashes(pair.cluster, "letters") == hashes(pair.laptop, "letters")
    there.start_pipeline("shout")
    pair.run("copy", "laptop", "cluster")
    assert not next(there.inspect_pipeline("shout")).stopped


def test_branches_keep_their_provenance_and_triggers(pair: Pair) -> None:
    client = pair.laptop.client
    client.create_project("other")
    client.create_repo("letters")
    client.create_repo("derived", project_name="other")
    pair.laptop.put("letters", {"/a": b"a"})
    client.create_branch("letters", "rare", trigger=pfs_proto.Trigger(branch="master", commits=3))
    client.create_branch("derived", "master", provenance=[branch("letters")], project_name="other")
    head = client.inspect_branch("derived", "master", project_name="other").head
    client.put_file_bytes(head, "/d", b"d")
    client.finish_commit(head)

    said = pair.run("copy", "laptop", "cluster")

    assert "2 repos, 2 commits" in said
    there = pair.cluster.client
    assert there.inspect_branch("letters", "rare").trigger.commits == 3
    made = there.inspect_branch("derived", "master", project_name="other")
    assert [one.repo.name for one in made.direct_provenance] == ["letters"]
    file = there.get_file(made.head, "/d")
    assert file.read() == b"d"
    assert "0 commits (2 were there), 0 files" in pair.run("copy", "laptop", "cluster")


def test_a_name_that_is_none_or_a_pipelines_is_told(pair: Pair) -> None:
    shout(pair)
    said = pair.run("copy", "laptop", "cluster", "lettres", code=1)
    assert "laptop has no repo or pipeline lettres; it has letters, shout" in said
    assert "are the same pachd" in pair.run("copy", "laptop", "laptop", code=1)
    assert "has no context 'moon'" in pair.run("copy", "laptop", "moon", code=1)
    said = pair.run("copy", "laptop", "cluster", "shout", code=1)
    assert "pipeline shout reads letters, which cluster does not have" in said


def test_a_destination_that_goes_away_is_named(pair: Pair) -> None:
    pair.cluster.pachd.stop()
    pair.laptop.client.create_repo("letters")
    said = pair.run("copy", "laptop", "cluster", code=1)
    assert "context 'cluster': no pachd answers" in said
    known = json.loads(pair.config.read_text())
    assert known["v2"]["active_context"] == "laptop"


def test_what_comes_after_a_commit_that_is_not_taken_is_told_and_not_taken(pair: Pair) -> None:
    client, there = pair.laptop.client, pair.cluster.client
    client.create_repo("letters")
    first = pair.laptop.put("letters", {"/a": b"a"})
    with client.commit("letters", "patch", parent=first) as commit:
        client.put_file_bytes(commit, "/p", b"p")
    client.create_repo("zoo")
    pair.laptop.put("zoo", {"/lion": b"l"})
    for repo in ("drafts", "letters"):
        there.create_repo(repo)
    there.create_branch("letters", "master", provenance=[branch("drafts")])

    untaken = "cluster has no copy of letters="
    said = pair.run("copy", "laptop", "cluster", "--history", "--dry-run", code=2)
    assert untaken in said
    said = pair.run("copy", "laptop", "cluster", "--history", code=1)
    assert untaken + f"{first[:12]}, which letters@patch={commit.id[:12]} comes after" in said
    assert "letters@master of cluster gets its commits from drafts@master" in said
    assert "2 repos, 1 commit, 1 file" in said  # none of the others was there
    assert [info.branch.name for info in there.list_branch("letters")] == ["master"]
    assert list(hashes(pair.cluster, "zoo")) == ["/lion"]
