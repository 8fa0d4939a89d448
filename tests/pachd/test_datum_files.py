"""Who made a file: the datum's files by its tag, and the job that really ran a skipped datum."""

from __future__ import annotations

import grpc
import pytest
from pachd_driver import SUCCESS, Driver, paths, pfs
from python_pachyderm.service import pps_proto

SKIPPED, PROCESSED = pps_proto.DatumState.SKIPPED, pps_proto.DatumState.SUCCESS


def copying(on: Driver, repo: str) -> str:
    """A pipeline that writes two files in different folders for each file that it reads."""
    script = f"""
        for f in /pfs/{repo}/*; do
          n=$(basename "$f"); mkdir -p /pfs/out/a /pfs/out/b; cp "$f" /pfs/out/a/$n
          echo log > /pfs/out/b/$n.txt
        done
        """
    return on.pipeline(script, pfs(repo))


def test_a_skipped_datum_names_the_job_that_processed_it(on: Driver) -> None:
    repo = on.repo({"/one": b"1"})
    pipeline = copying(on, repo)
    first = on.latest(pipeline)
    assert on.done(pipeline).state == SUCCESS
    second = on.put(repo, {"/two": b"2"})
    assert on.counts(on.done(pipeline, second)) == (1, 1, 0, 0)

    tag = on.client.inspect_file((pipeline, "master"), "/a/one").file.datum
    info = on.client.inspect_datum(pipeline, second, tag)
    assert (info.state, info.datum.job.id) == (SKIPPED, first)
    by_job = {each.datum.job.id: each.state for each in on.client.list_datum(pipeline, second)}
    assert by_job == {first: SKIPPED, second: PROCESSED}
    assert info.pfs_state.commit.id == second


def test_the_files_of_one_datum_are_walked_without_those_of_others(on: Driver) -> None:
    repo = on.repo({f"/{name}": name.encode() for name in ("one", "two", "three")})
    pipeline = copying(on, repo)
    job = on.latest(pipeline)
    assert on.done(pipeline).state == SUCCESS
    later = on.put(repo, {"/four": b"4"})
    on.done(pipeline, later)
    tag = on.client.inspect_file((pipeline, "master"), "/a/two").file.datum
    for commit in (job, later, "master"):
        at = (pipeline, commit)
        assert paths(on.client.walk_file(at, "/", datum=tag)) == ["/a/two", "/b/two.txt"]
        assert paths(on.client.walk_file(at, "/b/", datum=tag)) == ["/b/two.txt"]
        assert paths(on.client.walk_file(at, "/a/two", datum=tag)) == ["/a/two"]
        assert paths(on.client.walk_file(at, "/a/tw", datum=tag)) == []
        assert paths(on.client.walk_file(at, "/", datum=tag, number=1)) == ["/a/two"]
        back = on.client.walk_file(at, "/", datum=tag, number=1, reverse=True)
        assert paths(back) == ["/b/two.txt"]
    with pytest.raises(grpc.RpcError, match="number must be > 0"):
        list(on.client.walk_file((pipeline, "master"), "/", datum=tag, reverse=True))


def test_files_that_no_job_knows_of_are_found_by_looking_at_all(on: Driver) -> None:
    repo = on.repo({"/b/two": b"2", "/a": b"1"})
    at = (repo, "master")
    assert paths(on.client.walk_file(at, "/", datum="default")) == ["/a", "/b/two"]
    assert paths(on.client.walk_file(at, "/", datum="f00d")) == []
