"""Logs: what the filters keep, and what is refused."""

from __future__ import annotations

import base64
import time
from pathlib import Path

import pytest
from google.protobuf.duration_pb2 import Duration
from pachd_driver import SUCCESS, Driver, Refusal, pfs, transform
from python_pachyderm.service import pps_proto

from tycokit.pachd.pps import logs as pps_logs
from tycokit.pachd.pps.logs import LogFilter, Logs
from tycokit.pachd.pps.values import InputFile, Job, Pipeline
from tycokit.pachd.server import Pachd


def test_an_input_may_be_named_by_its_hash_in_base64(on: Driver) -> None:
    repo = on.repo({"/a": b"1", "/b": b"2"})
    pipe = on.pipeline("echo $in", pfs(repo, name="in"))
    job = on.done(pipe).job.id
    (info,) = [i for i in on.client.list_datum(pipe, job) if i.data[0].file.path == "/b"]
    coded = base64.b64encode(info.data[0].hash).decode()
    assert on.said(pipe, job, data_filters=[coded]) == ["/pfs/in/b"]
    assert on.said(pipe, job, data_filters=[coded, "/b"]) == ["/pfs/in/b"]
    assert on.said(pipe, job, data_filters=[coded, "/a"]) == []


def test_since_keeps_what_is_young_enough(on: Driver) -> None:
    repo = on.repo({"/a": b"1"})
    pipe = on.pipeline("echo old", pfs(repo))
    on.done(pipe)
    time.sleep(1.5)
    on.put(repo, {"/b": b"2"})
    job = on.done(pipe).job.id

    def lines(**more: object) -> list[str]:
        found = on.client.get_pipeline_logs(pipe, **more)
        return [line.job_id for line in found if line.user]

    assert len(lines()) == 2
    assert lines(since=Duration(seconds=1)) == [job]
    assert lines(since=Duration(seconds=1), tail=1) == []  # the last line of all is not user code's


def test_a_pipeline_s_lines_come_in_the_order_of_time_from_all_of_its_jobs(on: Driver) -> None:
    repo = on.repo()
    pipe = on.pipeline("basename /pfs/in/*", pfs(repo, name="in"))
    for name in "abc":
        on.put(repo, {f"/{name}": b"x"})
        on.done(pipe)
    found = [line for line in on.client.get_pipeline_logs(pipe) if line.user]
    assert [line.message for line in found] == ["a", "b", "c"]
    assert len({line.job_id for line in found}) == 3
    masters = list(on.client.get_pipeline_logs(pipe, master=True))
    assert all(line.master and not line.user for line in masters)


def test_a_follower_hears_of_jobs_that_come_later(on: Driver) -> None:
    repo = on.repo()
    pipe = on.pipeline("basename /pfs/in/*", pfs(repo, name="in"))
    on.done(pipe)
    stream = on.client.get_pipeline_logs(pipe, follow=True)
    on.put(repo, {"/a": b"x"})
    assert next(line.message for line in stream if line.user) == "a"
    on.put(repo, {"/b": b"x"})
    assert next(line.message for line in stream if line.user) == "b"
    stream.cancel()


def test_what_is_not_there_has_no_logs(on: Driver) -> None:
    pipe = on.pipeline("true", pfs(on.repo()))
    unknown = "0123456789ab40123456789abcdef012"
    with Refusal() as refusal:
        list(on.client.get_job_logs(pipe, unknown))
    assert refusal.text.startswith(f'could not get job information for "{unknown}": ')
    assert refusal.code.name == "NOT_FOUND"
    with Refusal() as refusal:
        list(on.client.get_pipeline_logs("absent"))
    assert refusal.text.startswith("could not get pipeline information for default/absent: ")
    assert refusal.code.name == "NOT_FOUND"


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (
            pps_proto.GetLogsRequest(job=pps_proto.Job(id="x")),
            "pipeline must be specified for the given job",
        ),
        (
            pps_proto.GetLogsRequest(data_filters=["/a"]),
            "must specify the Job or Pipeline that the datum is from to get logs for it",
        ),
    ],
)
def test_requests_that_say_too_little(on: Driver, request_: object, said: str) -> None:
    with Refusal() as refusal:
        list(on.stub.GetLogs(request_))
    assert refusal.text == said


def test_pachd_s_own_logs_and_kubernetes_are_empty(on: Driver) -> None:
    assert list(on.stub.GetLogs(pps_proto.GetLogsRequest())) == []
    assert list(on.client.get_kube_events(Duration(seconds=60))) == []
    assert list(on.client.query_loki("{}", Duration(seconds=60))) == []


# what a crash or a full disk leaves of a log


@pytest.fixture
def job() -> Job:
    return Job(Pipeline("default", "edges"), "0" * 12 + "4" + "0" * 19)


def messages(logs: Logs, job: Job) -> list[str]:
    return [line.message for line in logs.read([job], LogFilter())]


@pytest.mark.parametrize("left", [b'{"ts": 2, "mess', b"\0\0\0", b"\n"])
def test_half_a_line_costs_no_other_one(tmp_path: Path, job: Job, left: bytes) -> None:
    logs = Logs(tmp_path)
    log = logs.open(job)
    log.write("before")
    log.close()
    (path,) = tmp_path.rglob("*.jsonl")
    with path.open("ab") as file:
        file.write(left)
    log = logs.open(job)
    log.write("after")
    log.close()
    assert messages(logs, job) == ["before", "after"]
    follow = logs.follow(lambda: [job], LogFilter(), 0, lambda: False)
    assert [next(follow).message, next(follow).message] == ["before", "after"]


def test_the_last_lines_are_the_end_of_all_lines(
    tmp_path: Path, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs = Logs(tmp_path)
    log = logs.open(job)
    for number in range(40):
        datum = str(number % 3)
        inputs = (InputFile("in", "default", "r", "user", "master", "", f"/{datum}", 1, "ab"),)
        log.write("x" * number, datum=datum, inputs=inputs, master=number % 5 == 0)
    log.close()
    (path,) = tmp_path.rglob("*.jsonl")
    for left in (b"", b'{"ts": 2, "half'):
        with path.open("ab") as file:
            file.write(left)
        for wanted in (LogFilter(), LogFilter(datum="1"), LogFilter(inputs=("/2",))):
            every = logs.read([job], wanted)
            assert every
            for block in (1, 7, 100, 1 << 18):
                monkeypatch.setattr(pps_logs, "_BLOCK", block)
                for tail in (1, 2, 11, 100):
                    assert logs.read([job], wanted, tail) == every[-tail:]


def test_a_disk_that_takes_no_log_stops_nothing(
    tmp_path: Path, job: Job, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "default" / "edges" / f"{job.id}.jsonl"
    path.parent.mkdir(parents=True)
    path.symlink_to("/dev/full")
    log = Logs(tmp_path).open(job)
    log.write("lost")
    log.write("lost as well")
    log.close()
    (told,) = caplog.messages
    assert told == f"the log of job {job} cannot be written: [Errno 28] No space left on device"


def test_a_job_that_cannot_start_holds_up_no_other_pipeline(on: Driver, pachd: Pachd) -> None:
    repo = on.repo({"/a": b"1"})
    folder = pachd.data / "logs" / "default"
    folder.mkdir(parents=True, exist_ok=True)
    # nothing can be a file below this one
    in_the_way = folder / "stuck"
    in_the_way.touch()
    on.client.create_pipeline("stuck", transform("true"), input=pfs(repo))
    other = on.pipeline("true", pfs(repo))
    assert on.done(other).state == SUCCESS
    on.client.delete_pipeline("stuck")
    in_the_way.unlink()
