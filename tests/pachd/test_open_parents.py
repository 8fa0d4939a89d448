"""Commits above one that is still open: closed and written to now, their content comes later."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from pachd_driver import FINISHED, SUCCESS, Driver, Refusal, paths, pfs, provenance
from python_pachyderm import Client
from python_pachyderm.service import pfs_proto

from tycokit.pachd.server import Pachd, reclaim
from tycokit.pachd.store.durable import make_private


class Line:
    """A repo with two commits, one above the other, both open."""

    def __init__(self, client: Client, source: str, repo: str) -> None:
        client.create_branch(repo, "master", provenance=provenance(source))
        client.put_file_bytes((source, "master"), "/x", b"1")
        self.client, self.repo = client, repo
        self.low, self.high = (repo, "master^"), (repo, "master")

    def info(self, which: tuple[str, str]) -> Any:
        (info,) = self.client.inspect_commit(which)
        return info


def a_line(on: Driver) -> Line:
    return Line(on.client, on.repo(), on.repo())


def test_the_end_of_a_commit_waits_for_its_parents(on: Driver, client: Client) -> None:
    line = a_line(on)
    client.put_file_bytes(line.high, "/a", b"high")
    client.finish_commit(line.high, "why")
    info = line.info(line.high)
    assert info.finishing.seconds
    assert not info.finished.seconds
    assert info.description == "why"
    for again in (
        lambda: client.finish_commit(line.high),
        lambda: client.put_file_bytes((line.repo, info.commit.id), "/b", b"late"),
    ):
        with Refusal() as refusal:
            again()
        assert refusal.text == f"commit default/{line.repo}@{info.commit.id} has already finished"
    (closed,) = client.inspect_commit(line.high, pfs_proto.CommitState.FINISHING)
    assert not closed.finished.seconds
    with Refusal() as refusal:
        client.squash_commit(line.info(line.low).commit.id)
    assert refusal.text.endswith("is finished, consider using WaitCommit")

    client.put_file_bytes(line.low, "/b", b"low")
    client.finish_commit(line.low)
    (ended,) = client.wait_commit(line.high)
    assert ended.finishing == info.finishing
    assert ended.details.size_bytes == 7
    assert on.files(line.repo) == {"/a": b"high", "/b": b"low"}


def test_readers_wait_for_a_commit_that_was_closed(on: Driver, client: Client) -> None:
    line = a_line(on)
    other = on.repo()
    client.put_file_bytes(line.high, "/d/a", b"high")
    with Refusal() as refusal:
        list(client.list_file(line.high, "/"))
    assert "unfinished" in refusal.text
    client.finish_commit(line.high)
    reads: list[Callable[[], Any]] = [
        lambda: paths(client.list_file(line.high, "/")),
        lambda: paths(client.glob_file(line.high, "/*")),
        lambda: client.get_file(line.high, "/d/a").read(),
        lambda: client.copy_file(line.high, "/d", (other, "master"), "/e"),
        lambda: [each.new_file.file.path for each in client.diff_file(line.high, "/d/")],
    ]
    with ThreadPoolExecutor(len(reads)) as threads:
        waiting = [threads.submit(read) for read in reads]
        client.finish_commit(line.low)
        found = [each.result(timeout=60) for each in waiting]
    assert found == [["/d/"], ["/d/"], b"high", None, ["/d/", "/d/a"]]
    assert on.files(other) == {"/e/a": b"high"}


def test_a_reader_that_goes_away_waits_no_longer(tmp_path: Path) -> None:
    server = Pachd(tmp_path / "data", 0, None, os.environ)
    server.start()
    client = Client("127.0.0.1", server.port)
    for name in ("source", "repo"):
        client.create_repo(name)
    line = Line(client, "source", "repo")
    client.finish_commit(line.high)
    commit = line.info(line.high).commit
    call = client._PFSMixin__stub.WalkFile(
        pfs_proto.WalkFileRequest(file=pfs_proto.File(commit=commit, path="/"))
    )
    call.cancel()
    server.stop()  # it would wait for the thread of the call


def test_what_was_written_comes_after_what_the_parent_ends_with(on: Driver, client: Client) -> None:
    line = a_line(on)
    big = random.Random(3).randbytes(5_000_000)
    client.put_file_bytes(line.high, "/grows", b" and more", append=True)
    with client.modify_file_client(line.high) as change:
        change.put_file_from_bytes("/big", big[2_000_000:], append=True)
        change.delete_file("/gone/")
        change.put_file_from_bytes("/gone/but", b"this")
        change.put_file_from_bytes("/over", b"high")
        change.delete_file("/away")
        change.put_file_from_bytes("/empty", b"")
    client.put_file_bytes(line.high, "/grows", b", and the end", append=True)
    client.put_file_bytes(line.high, "/gone/but", b" too", append=True)
    with client.modify_file_client(line.low) as change:
        change.put_file_from_bytes("/grows", b"low")
        change.put_file_from_bytes("/big", big[:2_000_000])
        for path in ("/gone/a", "/gone/b/c", "/over", "/away", "/stays"):
            change.put_file_from_bytes(path, b"low")
    client.finish_commit(line.low)
    assert on.files(line.repo) == {
        "/grows": b"low and more, and the end",
        "/big": big,
        "/gone/but": b"this too",
        "/over": b"high",
        "/empty": b"",
        "/stays": b"low",
    }
    client.put_file_bytes((line.repo, "whole"), "/big", big)
    shown = [client.inspect_file((line.repo, branch), "/big") for branch in ("master", "whole")]
    assert shown[0].hash == shown[1].hash
    client.finish_commit(line.high)
    assert list(client.fsck()) == []


def test_a_one_off_commit_on_one_that_waits(on: Driver, client: Client) -> None:
    repo = on.repo()
    client.create_branch(repo, "master", provenance=provenance(on.repo()))  # an open commit
    client.create_branch(repo, "dev", head_commit=(repo, "master"))
    with Refusal() as refusal:
        client.start_commit(repo, "fork", parent="master")
    assert refusal.text.endswith("has not been finished")
    source = on.repo()
    line = Line(client, source, on.repo())
    client.finish_commit(line.high)
    client.create_branch(line.repo, "dev", head_commit=line.high)
    client.put_file_bytes((line.repo, "dev"), "/a", b"1")
    client.put_file_bytes((line.repo, "dev"), "/a", b"2", append=True)
    assert not line.info((line.repo, "dev")).finished.seconds
    client.put_file_bytes(line.low, "/b", b"low")
    client.finish_commit(line.low)
    assert on.files(line.repo, "dev") == {"/a": b"12", "/b": b"low"}
    assert line.info((line.repo, "dev")).finished.seconds


def test_what_collides_shows_once_the_parent_has_ended(on: Driver, client: Client) -> None:
    line = a_line(on)
    client.put_file_bytes(line.high, "/a/b", b"high")
    client.finish_commit(line.high)
    client.put_file_bytes(line.low, "/a", b"low")
    client.finish_commit(line.low)
    assert line.info(line.high).error == "file / directory path collision (/a)"


def test_an_error_ends_a_commit_at_once(on: Driver, client: Client) -> None:
    line = a_line(on)
    client.put_file_bytes(line.high, "/a", b"high")
    client.finish_commit(line.high, error="broken")
    assert line.info(line.high).finished.seconds
    client.put_file_bytes(line.low, "/b", b"low")
    client.finish_commit(line.low)
    assert on.files(line.repo) == {"/a": b"high", "/b": b"low"}
    assert list(client.fsck()) == []


def test_clearing_and_deleting_what_is_not_worked_in(on: Driver, client: Client) -> None:
    line = a_line(on)
    client.put_file_bytes(line.high, "/a", b"high")
    commit = line.info(line.high).commit
    clear = client._PFSMixin__stub.ClearCommit
    clear(pfs_proto.ClearCommitRequest(commit=commit))
    client.put_file_bytes(line.high, "/b", b"high")
    client.finish_commit(line.low)
    assert on.files(line.repo) == {"/b": b"high"}
    client.finish_commit(line.high)

    gone = a_line(on)
    client.put_file_bytes(gone.high, "/a", b"gone")
    client.delete_repo(gone.repo, force=True)
    assert list(client.fsck()) == []


def test_a_job_waits_for_what_its_output_grows_from(on: Driver, client: Client) -> None:
    repo = on.repo({"/a": b"1"})
    pipeline = on.pipeline(f"cp /pfs/{repo}/* /pfs/out/", pfs(repo))
    on.done(pipeline)
    client.stop_pipeline(pipeline)
    with client.commit(pipeline, "master") as by_hand:
        client.put_file_bytes(by_hand, "/note", b"by hand")
        client.start_pipeline(pipeline)
        job = on.latest(pipeline)
        assert not next(client.inspect_job(job, pipeline)).finished.seconds
    assert on.done(pipeline, job).state == SUCCESS
    assert on.files(pipeline) == {"/a": b"1", "/note": b"by hand"}


def test_a_restart_and_the_garbage_leave_what_waits(tmp_path: Path) -> None:
    make_private(tmp_path / "data")
    server = Pachd(tmp_path / "data", 0, None, os.environ, idle=0.1)
    server.start()
    client = Client("127.0.0.1", server.port)
    for name in ("source", "repo"):
        client.create_repo(name)
    line = Line(client, "source", "repo")
    client.put_file_bytes(line.high, "/a", b"kept" * 1000)
    client.finish_commit(line.high)
    client.create_repo("garbage")
    client.put_file_bytes(("garbage", "master"), "/a", b"garbage")
    client.delete_repo("garbage")
    server.stop()

    assert reclaim(tmp_path / "data").chunks == 1
    server = Pachd(tmp_path / "data", 0, None, os.environ)
    server.start()
    try:
        client = Client("127.0.0.1", server.port)
        assert list(client.fsck()) == []
        client.finish_commit(line.low)
        (ended,) = client.inspect_commit(line.high, FINISHED)
        assert ended.finished.seconds
        assert client.get_file(line.high, "/a").read() == b"kept" * 1000
    finally:
        server.stop()
