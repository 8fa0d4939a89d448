"""Squash, drop, clear, subscribe, find, triggers and URLs."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import grpc
import pytest
from pachd_driver import FINISHED, SUCCESS, Driver, Refusal, pfs, provenance
from python_pachyderm import Client
from python_pachyderm.service import pfs_proto

from tycokit.pachd.server import Pachd


def test_squash_keeps_what_the_child_shows(on: Driver, client: Client) -> None:
    repo = on.repo()
    first = on.put(repo, {"/a": b"1"})
    middle = on.put(repo, {"/b": b"2"})
    last = on.put(repo, {"/c": b"3"})
    client.squash_commit(middle)
    assert [info.commit.id for info in client.list_commit(repo)] == [last, first]
    assert on.files(repo) == {"/a": b"1", "/b": b"2", "/c": b"3"}
    (info,) = client.inspect_commit((repo, last))
    assert info.parent_commit.id == first
    assert list(client.fsck()) == []


def test_squash_without_a_child_is_refused(on: Driver, client: Client) -> None:
    repo = on.repo()
    id_ = on.put(repo, {"/a": b"1"})
    with Refusal() as refusal:
        client.squash_commit(id_)
    assert refusal.text == (
        "cannot squash a commit that has no children as that would cause data loss, use the drop"
        f" operation instead: default/{repo}@{id_}"
    )


def test_squash_until_the_child_is_finished(on: Driver, client: Client) -> None:
    repo = on.repo()
    id_ = on.put(repo, {"/a": b"1"})
    child = client.start_commit(repo, "master")
    with Refusal() as refusal:
        client.squash_commit(id_)
    assert refusal.text == (
        f"cannot squash until child commit default/{repo}@{child.id} is finished"
    )


def test_drop_takes_the_head_back(on: Driver, client: Client) -> None:
    one, two = on.repo(), on.repo()
    client.create_branch(two, "master", provenance=provenance(one))
    client.finish_commit((two, "master"))
    kept = on.put(one, {"/a": b"1"})
    client.finish_commit((two, "master"))
    dropped = on.put(one, {"/b": b"2"})
    client.finish_commit((two, "master"))
    with Refusal() as refusal:
        client.drop_commit(kept)
    assert refusal.text.startswith("cannot drop a commit that has children: ")
    client.drop_commit(dropped)
    assert [info.commit.id for info in client.list_commit(one)] == [kept]
    assert on.files(one) == {"/a": b"1"}
    assert client.inspect_branch(one, "master").head.id == kept
    assert client.inspect_branch(two, "master").head.id == kept


def test_drop_of_the_only_commit_leaves_an_empty_one(on: Driver, client: Client) -> None:
    repo = on.repo()
    id_ = on.put(repo, {"/a": b"1"})
    client.drop_commit(id_)
    assert list(client.list_commit(repo)) == []
    (left,) = client.list_commit(repo, all=True)
    assert left.commit.id != id_
    assert on.files(repo) == {}


def test_sets_that_others_stand_on_stay(on: Driver, client: Client) -> None:
    one, two = on.repo(), on.repo()
    below = on.repo()
    client.create_branch(below, "master", provenance=provenance(one, two))
    client.finish_commit((below, "master"))
    id_ = on.put(one, {"/a": b"1"})
    client.finish_commit((below, "master"))
    later = on.put(two, {"/b": b"1"})
    with Refusal() as refusal:
        client.drop_commit(id_)
    assert "cannot drop a commit that has children" in refusal.text or later in refusal.text


def test_clear_drops_what_was_written(on: Driver, client: Client) -> None:
    repo = on.repo({"/kept": b"1"})
    commit = client.start_commit(repo, "master")
    client.put_file_bytes(commit, "/gone", b"2")
    stub = client._PFSMixin__stub  # type: ignore[attr-defined]  # the client has no method for it
    stub.ClearCommit(pfs_proto.ClearCommitRequest(commit=commit))
    client.finish_commit(commit)
    assert on.files(repo) == {"/kept": b"1"}


def test_subscribe_gives_what_is_and_what_comes(on: Driver, client: Client) -> None:
    repo = on.repo()
    stream = client.subscribe_commit(repo, "master", state=FINISHED)
    first = on.put(repo, {"/a": b"1"})
    assert next(stream).commit.id == first
    arrived: list[str] = []
    thread = threading.Thread(target=lambda: arrived.append(next(stream).commit.id))
    thread.start()
    on.put(repo, {"/x": b"1"}, branch="elsewhere")
    second = on.put(repo, {"/b": b"2"})
    thread.join(timeout=10)
    stream.cancel()
    assert arrived == [second]


def test_find_commits_of_a_file(on: Driver, client: Client) -> None:
    repo = on.repo()
    first = on.put(repo, {"/a": b"1"})
    on.put(repo, {"/b": b"2"})
    third = on.put(repo, {"/a": b"3"})
    stub = client._PFSMixin__stub  # type: ignore[attr-defined]  # the client's own method is broken
    start = pfs_proto.Commit(
        id=third, branch=pfs_proto.Branch(repo=pfs_proto.Repo(name=repo, type="user"))
    )
    answers = list(stub.FindCommits(pfs_proto.FindCommitsRequest(start=start, file_path="/a")))
    assert [each.found_commit.id for each in answers if each.HasField("found_commit")] == [
        third,
        first,
    ]
    assert answers[-1].commits_searched == 3


def trigger_branch(on: Driver, client: Client, repo: str, **conditions: object) -> None:
    trigger = pfs_proto.Trigger(branch="master", **conditions)
    client.create_branch(repo, "trigger", trigger=trigger)


def test_a_trigger_counts_commits(on: Driver, client: Client) -> None:
    repo = on.repo()
    trigger_branch(on, client, repo, commits=2)
    pipeline = on.pipeline(f"cp /pfs/{repo}/* /pfs/out/", pfs(repo, branch="trigger"))
    on.done(pipeline)
    on.put(repo, {"/a": b"1"})
    assert on.files(repo, "trigger") == {}
    second = on.put(repo, {"/b": b"2"})
    head = client.inspect_branch(repo, "trigger").head
    assert head.id == second
    job = on.done(pipeline)
    assert job.state == SUCCESS, (job.reason, on.logs(pipeline, job.job.id))
    assert job.job.id != second  # what a trigger sets in motion is a set of its own
    assert on.files(pipeline) == {"/a": b"1", "/b": b"2"}


def test_a_trigger_weighs_bytes(on: Driver, client: Client) -> None:
    repo = on.repo()
    trigger_branch(on, client, repo, size="1K")
    on.put(repo, {"/small": bytes(900)})
    assert on.files(repo, "trigger") == {}
    on.put(repo, {"/more": bytes(200)})
    assert set(on.files(repo, "trigger")) == {"/small", "/more"}


@pytest.mark.parametrize(
    ("trigger", "text"),
    [
        (pfs_proto.Trigger(commits=-1, branch="m"), "can't trigger on a negative number"),
        (pfs_proto.Trigger(commits=1), "triggers must specify a branch to trigger on"),
        (pfs_proto.Trigger(size="much", branch="m"), "invalid trigger size"),
        (pfs_proto.Trigger(cron_spec="when?", branch="m"), "invalid trigger cron spec"),
        (pfs_proto.Trigger(commits=1, branch="trigger"), "triggers cannot form a loop"),
    ],
)
def test_triggers_that_cannot_be(
    on: Driver, client: Client, trigger: pfs_proto.Trigger, text: str
) -> None:
    repo = on.repo()
    with Refusal() as refusal:
        client.create_branch(repo, "trigger", trigger=trigger)
    assert refusal.text.startswith(text)


@pytest.fixture
def web() -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = self.path == "/there"
            self.send_response(200 if found or "cut" in self.path else 404)
            if self.path == "/cut":
                self.send_header("Content-Length", "2000004")
            elif self.path == "/cut-in-chunks":
                self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"1E8480\r\n" if self.path == "/cut-in-chunks" else b"")
            self.wfile.write(b"DATA" * 500_000 if found or self.path == "/cut" else b"")

        def log_message(self, *_: object) -> None:
            """Not in the tests' output."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_files_from_urls(on: Driver, client: Client, web: str, tmp_path: Path) -> None:
    repo = on.repo()
    local = tmp_path / "local"
    local.write_bytes(b"here")
    client.put_file_url((repo, "master"), "/web", f"{web}/there")
    client.put_file_url((repo, "master"), "/local", local.as_uri())
    assert on.files(repo) == {"/web": b"DATA" * 500_000, "/local": b"here"}


def test_urls_that_give_nothing(on: Driver, client: Client, web: str) -> None:
    repo = on.repo()
    for url, text in (
        (f"{web}/missing", "HTTP status 404"),
        (f"{web}/cut", "it ended 4 bytes early"),
        (f"{web}/cut-in-chunks", "IncompleteRead"),
        ("http://127.0.0.1:1/", "cannot read"),
        ("s3://bucket/key", "the local pachd reads http, https and file URLs"),
    ):
        with Refusal() as refusal:
            client.put_file_url((repo, "master"), "/f", url)
        assert text in refusal.text
    assert list(client.list_branch(repo)) == []


def test_fsck_finds_a_flipped_byte(tmp_path: Path) -> None:
    server = Pachd(tmp_path, 0, None, os.environ)
    server.start()
    try:
        client = Client("127.0.0.1", server.port)
        client.create_repo("images")
        client.put_file_bytes(("images", "master"), "/a", b"DATA" * 1000)
        assert list(client.fsck()) == []
        (pack,) = (tmp_path / "packs").iterdir()
        data = bytearray(pack.read_bytes())
        data[100] ^= 1
        pack.write_bytes(data)
        (fault,) = client.fsck()
        assert fault.error.endswith(f"in pack {pack.name} is damaged")
        with pytest.raises(ConnectionError) as refused:
            client.get_file(("images", "master"), "/a")
        assert isinstance(refused.value.__cause__, grpc.RpcError)
        assert refused.value.__cause__.code() == grpc.StatusCode.DATA_LOSS
    finally:
        server.stop()


def test_a_subscription_sees_its_branch_among_others_commits(on: Driver, client: Client) -> None:
    repo = on.repo()
    stream = client.subscribe_commit(repo, "wanted")
    ids = []
    for number in range(5):
        for _ in range(3):
            on.put(repo, {"/a": b"1"}, branch="other")
        ids.append(on.put(repo, {"/a": str(number).encode()}, branch="wanted"))
        assert next(stream).commit.id == ids[-1]
    again = client.subscribe_commit(repo, "wanted")
    assert [next(again).commit.id for _ in ids] == ids
    for each in (stream, again):
        each.cancel()
