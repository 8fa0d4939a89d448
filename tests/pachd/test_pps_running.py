"""What is seen of, and done to, a job while it runs: status, restart, time-outs, lazy inputs."""

from __future__ import annotations

import base64
import threading
import time
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from pachd_driver import FAILURE, KILLED, SUCCESS, Driver, Refusal, pfs, transform
from python_pachyderm.service import pps_proto

WAIT = """
    echo begun
    while ! test -e {gate}; do sleep 0.05; done
    cp -r /pfs/in/* /pfs/out/
"""


def first_line(on: Driver, pipe: str, job: str, text: str = "begun") -> Any:
    """Wait until user code has written a line."""
    for line in on.client.get_job_logs(pipe, job, follow=True):
        if line.message == text:
            return line
    raise AssertionError(f"{text!r} was never written")


def test_workers_tell_what_they_work_on(on: Driver, tmp_path: Any) -> None:
    gate = tmp_path / "gate"
    repo = on.repo({"/a": b"aa"})
    pipe = on.pipeline(WAIT.format(gate=gate), pfs(repo, name="in"))
    job = on.latest(pipe)
    line = first_line(on, pipe, job)
    (status,) = next(on.client.inspect_job(job, pipe, details=True)).details.worker_status
    assert status.job_id == job
    assert status.worker_id == line.worker_id
    assert [each.path for each in status.datum_status.data] == ["/a"]
    assert abs(status.datum_status.started.seconds - time.time()) < 60
    gate.touch()
    done = on.done(pipe)
    assert list(done.details.worker_status) == []


def test_a_restarted_datum_begins_again_and_costs_no_try(on: Driver, tmp_path: Any) -> None:
    gate = tmp_path / "gate"
    repo = on.repo({"/a": b"aa"})
    pipe = on.pipeline(WAIT.format(gate=gate), pfs(repo, name="in"), datum_tries=1)
    job = on.latest(pipe)
    begun = first_line(on, pipe, job)
    hash_ = begun.data[0].hash
    hash_ = bytes.fromhex(hash_) if isinstance(hash_, str) else hash_
    assert refused(on, pipe, job, ["/b"]) == (
        f"datum matching filter [/b] could not be found for job ID {job}"
    )
    assert refused(on, pipe, job, ["/a", "/b"]).startswith("datum matching filter [/a /b]")
    for count, filters in enumerate(
        [["/a"], [hash_.hex()], [base64.b64encode(hash_).decode(), "/a"], []], 2
    ):
        on.client.restart_datum(pipe, job, filters)
        end = time.monotonic() + 20
        while on.said(pipe, job).count("begun") < count and time.monotonic() < end:
            time.sleep(0.05)
        assert on.said(pipe, job).count("begun") == count
    gate.touch()
    done = on.done(pipe)
    assert (done.state, on.counts(done)) == (SUCCESS, (1, 0, 0, 0))
    assert on.files(pipe) == {"/a": b"aa"}
    assert refused(on, pipe, job, []) == (
        f"datum matching filter [] could not be found for job ID {job}"
    )


def refused(on: Driver, pipe: str, job: str, filters: list[str]) -> str:
    with Refusal() as refusal:
        on.client.restart_datum(pipe, job, filters)
    return refusal.text


def test_a_job_that_takes_too_long_is_killed(on: Driver) -> None:
    repo = on.repo({"/a": b"a", "/b": b"b"})
    pipe = on.pipeline("sleep 60", pfs(repo, name="in"), job_timeout=Duration(seconds=1))
    job = on.done(pipe)
    assert job.state == KILLED
    assert job.reason == " jobtimed out"
    assert job.details.job_timeout.seconds == 1
    took = job.finished.ToNanoseconds() - job.started.ToNanoseconds()
    assert 1e9 <= took < 10e9
    info = next(on.client.inspect_commit((pipe, job.job.id)))
    assert info.error == " jobtimed out"


def test_a_job_in_time_is_not_killed(on: Driver) -> None:
    repo = on.repo({"/a": b"a"})
    pipe = on.pipeline("true", pfs(repo), job_timeout=Duration(seconds=60))
    assert on.done(pipe).state == SUCCESS


def test_jobs_are_told_to_a_subscriber_as_they_come(on: Driver, tmp_path: Any) -> None:
    gate = tmp_path / "gate"
    repo = on.repo({"/a": b"a"})
    pipe = on.pipeline(WAIT.format(gate=gate), pfs(repo, name="in"))
    first = on.latest(pipe)
    pipeline = pps_proto.Pipeline(name=pipe)
    stream = on.stub.SubscribeJob(pps_proto.SubscribeJobRequest(pipeline=pipeline, details=True))
    told = next(stream)
    assert told.job.id == first
    assert told.details.input.pfs.repo == repo
    gate.touch()
    on.done(pipe)
    second = on.put(repo, {"/b": b"b"})
    third = on.put(repo, {"/c": b"c"})
    assert [next(stream).job.id, next(stream).job.id] == [second, third]
    on.done(pipe, third)
    stream.cancel()
    late = on.stub.SubscribeJob(pps_proto.SubscribeJobRequest(pipeline=pipeline))
    told_late: list[str] = []
    reader = threading.Thread(target=lambda: told_late.append(next(late).job.id))
    reader.start()
    time.sleep(0.2)
    fourth = on.put(repo, {"/d": b"d"})
    reader.join(20)
    assert told_late == [fourth], "a job that has ended is not told"
    late.cancel()


def test_jobs_of_a_pipeline_that_is_not_there(on: Driver) -> None:
    with Refusal() as refusal:
        next(on.stub.SubscribeJob(pps_proto.SubscribeJobRequest(pipeline={"name": "absent"})))
    assert refusal.text == 'pipeline "default/absent" not found'


def test_lists_of_jobs_are_cut_turned_and_filtered(on: Driver) -> None:
    repo = on.repo()
    other = on.repo()
    both = pps_proto.Input(cross=[pfs(repo), pfs(other)])
    pipe = on.pipeline("true", both)
    commits = [on.put(repo, {f"/{number}": b"x"}) for number in range(3)]
    for commit in commits:
        on.done(pipe, commit)
    ids = [info.job.id for info in on.client.list_job(pipe)]
    assert ids[:3] == commits[::-1]
    turned = [info.job.id for info in on.client.list_job(pipe, reverse=True)]
    assert turned == ids[::-1]
    assert [info.job.id for info in on.client.list_job(pipe, number=2)] == ids[:2]
    request = pps_proto.ListJobRequest(pipeline=pps_proto.Pipeline(name=pipe))
    request.paginationMarker.CopyFrom(next(on.client.inspect_job(ids[1], pipe)).created)
    assert [info.job.id for info in on.stub.ListJob(request)] == ids[2:]
    request.reverse = True
    assert [info.job.id for info in on.stub.ListJob(request)] == [ids[0]]
    found = on.client.list_job(pipe, input_commit=[(repo, commits[1])])
    assert [info.job.id for info in found] == [commits[1]]
    unchanged = on.client.list_job(pipe, input_commit=[(other, "master")])
    assert len(list(unchanged)) == 4
    both_commits = [(repo, commits[0]), (other, "master")]
    assert [i.job.id for i in on.client.list_job(pipe, input_commit=both_commits)] == commits[:1]
    on.client.create_pipeline(pipe, transform("true"), input=both, update=True)
    on.done(pipe)
    assert len(list(on.client.list_job(pipe))) == 1
    assert len(list(on.client.list_job(pipe, history=1))) == 5
    assert len(list(on.client.list_job(pipe, history=-1))) == 5
    sets = [info.job_set.id for info in on.stub.ListJobSet(pps_proto.ListJobSetRequest(number=2))]
    turned = on.stub.ListJobSet(pps_proto.ListJobSetRequest(reverse=True))
    assert [info.job_set.id for info in turned][-2:] == sets[::-1]


@pytest.mark.parametrize("ask", ["list_job", "list_pipeline"])
def test_jq_is_refused(on: Driver, ask: str) -> None:
    repo = on.repo()
    pipe = on.pipeline("true", pfs(repo))
    arguments = {"pipeline_name": pipe} if ask == "list_job" else {}
    with Refusal() as refusal:
        list(getattr(on.client, ask)(jqFilter=".state", **arguments))
    assert refusal.text == "jqFilter is not served by the local pachd"


def test_lazy_files_are_pipes_that_are_filled_when_opened(on: Driver) -> None:
    large = bytes(range(256)) * 20_000  # more than a pipe holds
    repo = on.repo({"/d/large": large, "/d/small": b"small", "/d/unread": b"never", "/d/e": b""})
    script = """
        test -p /pfs/in/d/large
        cat /pfs/in/d/small /pfs/in/d/large > /pfs/out/both
        cat /pfs/in/d/e > /pfs/out/empty
        ln -s /pfs/in/d/unread /pfs/out/copy
    """
    pipe = on.pipeline(script, pfs(repo, name="in", lazy=True))
    job = on.done(pipe)
    assert (job.state, job.reason) == (SUCCESS, "")
    assert on.files(pipe) == {
        "/both": b"small" + large,
        "/empty": b"",
        "/copy": b"never",
    }
    assert job.stats.download_bytes == len(large) + 5


def test_a_lazy_file_may_be_read_in_part_or_not_at_all(on: Driver) -> None:
    repo = on.repo({f"/{number}": b"x" * 1_000_000 for number in range(20)})
    pipe = on.pipeline("head -c 3 /pfs/in/3", pfs(repo, "/", name="in", lazy=True))
    assert on.done(pipe).state == SUCCESS
    assert on.said(pipe) == ["xxx"]
    each = on.pipeline("true", pfs(repo, name="in", lazy=True))
    assert on.counts(on.done(each)) == (20, 0, 0, 0)


def test_links_to_empty_files_are_copies_of_what_is_in_the_repo(on: Driver) -> None:
    repo = on.repo({"/a": b"content"})
    script = """
        test ! -s /pfs/in/a
        ln -s /pfs/in/a /pfs/out/copy
        cp /pfs/in/a /pfs/out/empty
    """
    pipe = on.pipeline(script, pfs(repo, name="in", empty_files=True))
    assert on.done(pipe).reason == ""
    assert on.files(pipe) == {"/copy": b"content", "/empty": b""}


def test_an_output_commit_that_was_forced_to_its_end_changes_no_more(
    on: Driver, tmp_path: Any
) -> None:
    gate = tmp_path / "gate"
    repo = on.repo({"/a": b"1"})
    pipe = on.pipeline(WAIT.format(gate=gate), pfs(repo, name="in"))
    job = on.latest(pipe)
    first_line(on, pipe, job)
    on.client.finish_commit((pipe, job), force=True)
    gate.touch()
    info = on.done(pipe, job)
    assert info.state == FAILURE
    assert info.reason == f"commit default/{pipe}@{job} has already finished"
    assert on.files(pipe, job) == {}
    assert list(on.client.fsck()) == []
    # what that job would have made, the next one makes
    job = on.put(repo, {"/b": b"2"})
    assert on.counts(on.done(pipe, job)) == (2, 0, 0, 0)
    assert on.files(pipe) == {"/a": b"1", "/b": b"2"}
