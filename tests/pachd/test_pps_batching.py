"""Datum batching: one user process that asks for one datum after the other."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import grpc
import pytest
from batching_code import COPY, batching
from google.protobuf.duration_pb2 import Duration
from pachd_driver import FAILURE, SUCCESS, Driver, pfs
from python_pachyderm.proto.v2.worker import worker_pb2, worker_pb2_grpc
from python_pachyderm.service import pps_proto

FILES = {f"/{number:02}": b"%d" % number for number in range(10)}


def test_one_process_works_on_all_datum_sets(on: Driver, caplog: pytest.LogCaptureFixture) -> None:
    repo = on.repo(FILES)
    sets = pps_proto.DatumSetSpec(number=5)
    pipe = on.pipeline(batching(COPY), pfs(repo, name="in"), datum_set_spec=sets)
    job = on.done(pipe)
    assert (job.state, job.reason) == (SUCCESS, "")
    assert on.counts(job) == (10, 0, 0, 0)
    made = {path: text.split() for path, text in on.files(pipe).items()}
    assert made.keys() == FILES.keys()
    assert len({pid for pid, _ in made.values()}) == 1
    assert len({datum for _, datum in made.values()}) == 10
    # the end of a set is no error
    assert on.said(pipe) == ["process started", "no config found, proceeding with default behavior"]
    assert [record.getMessage() for record in caplog.records] == []
    for info in on.client.list_datum(pipe, job.job.id):
        assert info.state == pps_proto.DatumState.SUCCESS


def test_an_error_that_err_cmd_deals_with_is_recovered(on: Driver) -> None:
    repo = on.repo({"/a": b"a", "/b": b"b"})
    code = batching('raise ValueError("no")', err_cmd=["true"])
    pipe = on.pipeline(code, pfs(repo, name="in"), datum_tries=2)
    job = on.done(pipe)
    assert job.state == SUCCESS
    assert on.counts(job) == (0, 0, 0, 2)
    assert on.files(pipe) == {}
    # a process for each attempt, as the one that failed is not used again
    assert on.said(pipe).count("process started") == 4


def test_a_failed_datum_is_tried_again_and_the_others_are_not_lost(on: Driver) -> None:
    repo = on.repo({"/a": b"a", "/b": b"b", "/c": b"c"})
    body = (
        COPY
        + """
    if file.name == "b":
        raise ValueError("b is bad")
    """
    )
    pipe = on.pipeline(batching(body), pfs(repo, name="in"), datum_tries=2)
    job = on.done(pipe)
    assert job.state == FAILURE
    assert on.counts(job) == (2, 0, 1, 0)
    (failed,) = [
        info
        for info in on.client.list_datum(pipe, job.job.id)
        if info.state == pps_proto.DatumState.FAILED
    ]
    assert failed.data[0].file.path == "/b"
    log = on.logs(pipe, job.job.id)
    assert sum("ValueError('b is bad')" in line and "errored" in line for line in log) == 2


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("os._exit(0)", "error running user code: user code exited prematurely"),
        ("os._exit(3)", "error running user code: exit status 3"),
        ("os.kill(os.getpid(), 9)", "error running user code: killed by signal 9"),
        ("import time; time.sleep(60)", "timed out after 2 s"),
    ],
)
def test_how_a_process_can_let_its_datum_down(on: Driver, body: str, reason: str) -> None:
    repo = on.repo({"/a": b"a"})
    timeout = {"datum_timeout": Duration(seconds=2)} if "sleep" in body else {}
    pipe = on.pipeline(batching(body), pfs(repo, name="in"), datum_tries=1, **timeout)
    job = on.done(pipe)
    assert on.counts(job) == (0, 0, 1, 0)
    assert any(f": {reason}" in line for line in on.logs(pipe, job.job.id))


def test_a_process_that_cannot_start_fails_its_set(on: Driver) -> None:
    repo = on.repo(FILES)
    code = pps_proto.Transform(cmd=["sh", "-c", "echo here; exit 4"], datum_batching=True)
    sets = pps_proto.DatumSetSpec(number=10)
    pipe = on.pipeline(code, pfs(repo, name="in"), datum_tries=2, datum_set_spec=sets)
    job = on.done(pipe)
    assert on.counts(job) == (0, 0, 10, 0)
    assert on.said(pipe) == ["here", "here"]
    assert any(
        "error running user code: exit status 4" in each for each in on.logs(pipe, job.job.id)
    )


def test_values_of_the_env_file_come_back_unchanged(on: Driver) -> None:
    odd = 'it\'s a $HOME \\ #1 "x".txt'.replace("#", "")
    repo = on.repo({f"/{odd}": b"a"})
    body = """
    pathlib.Path("/pfs/out/name").write_text(os.environ["in"])
    """
    pipe = on.pipeline(batching(body), pfs(repo, name="in"))
    assert on.done(pipe).reason == ""
    assert on.read(pipe, "/name").decode() == f"/pfs/in/{odd}"


def test_next_datum_without_the_flag_says_so(on: Driver) -> None:
    repo = on.repo({"/a": b"a"})
    program = textwrap.dedent(
        """
        import grpc, os
        del os.environ["PACH_CONFIG"]
        from python_pachyderm import Client
        try:
            Client().worker.next_datum()
        except grpc.RpcError as error:
            print(error.details())
        """
    )
    code = pps_proto.Transform(cmd=[sys.executable, "-c", program])
    pipe = on.pipeline(code, pfs(repo))
    on.done(pipe)
    assert on.said(pipe)[-1] == "datum batching not enabled"


def test_a_stopped_job_ends_its_process(on: Driver) -> None:
    repo = on.repo({"/a": b"a"})
    body = """
    print("pid", os.getpid(), flush=True)
    import time; time.sleep(600)
    """
    pipe = on.pipeline(batching(body), pfs(repo, name="in"))
    job = on.latest(pipe)
    line = next(
        line.message
        for line in on.client.get_job_logs(pipe, job, follow=True)
        if line.message.startswith("pid ")
    )
    on.client.stop_job(job, pipe)
    on.client.delete_pipeline(pipe)
    assert not os.path.exists(f"/proc/{line.split()[1]}")


def test_a_restarted_datum_gets_a_process_of_its_own(on: Driver, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    repo = on.repo({"/a": b"a"})
    body = f"""
    import time
    print("begun", flush=True)
    while not os.path.exists("{gate}"):
        time.sleep(0.05)
    """
    code = batching(textwrap.dedent(body) + textwrap.dedent(COPY))
    pipe = on.pipeline(code, pfs(repo, name="in"), datum_tries=1)
    job = on.latest(pipe)
    stream = on.client.get_job_logs(pipe, job, follow=True)
    assert any(line.message == "begun" for line in stream)
    on.client.restart_datum(pipe, job, ["/a"])
    assert any(line.message == "begun" for line in stream)
    gate.touch()
    done = on.done(pipe)
    assert (done.state, on.counts(done)) == (SUCCESS, (1, 0, 0, 0))
    assert on.said(pipe, job).count("process started") == 2


def test_others_than_the_user_code_get_no_datum(on: Driver) -> None:
    """A call when no datum set is in progress, or by another user of the machine, is refused."""
    repo = on.repo({"/a": b"a"})
    body = """
    print("port", os.environ["PPS_WORKER_GRPC_PORT"], flush=True)
    """
    pipe = on.pipeline(batching(body), pfs(repo, name="in"))
    job = on.done(pipe)
    (line,) = [each for each in on.said(pipe, job.job.id) if each.startswith("port ")]
    with grpc.insecure_channel(f"127.0.0.1:{line.split()[1]}") as channel:
        stub = worker_pb2_grpc.WorkerStub(channel)
        with pytest.raises(grpc.RpcError) as info:
            stub.NextDatum(worker_pb2.NextDatumRequest(), timeout=5)
        assert info.value.details() == "no datum set is in progress"
    if os.getuid() == 0:
        assert "pachd's own user" in asked_as_nobody(int(line.split()[1]))


def asked_as_nobody(port: int) -> str:
    """What another user of this machine is told; the wire is spoken by hand."""
    program = textwrap.dedent(
        f"""
        import os, grpc
        from python_pachyderm.proto.v2.worker import worker_pb2, worker_pb2_grpc
        os.setuid(65534)
        with grpc.insecure_channel("127.0.0.1:{port}") as channel:
            try:
                worker_pb2_grpc.WorkerStub(channel).NextDatum(worker_pb2.NextDatumRequest())
            except grpc.RpcError as error:
                print(error.details())
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    return done.stdout


def test_no_port_stays_open(on: Driver) -> None:
    repo = on.repo({"/a": b"a"})
    body = 'print("port", os.environ["PPS_WORKER_GRPC_PORT"], flush=True)'
    pipe = on.pipeline(batching(body), pfs(repo, name="in"))
    on.done(pipe)
    (line,) = [each for each in on.said(pipe) if each.startswith("port ")]
    on.client.delete_pipeline(pipe)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(line.split()[1])), timeout=5)
