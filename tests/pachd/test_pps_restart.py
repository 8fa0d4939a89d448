"""A server that stops in the middle of things, and goes on with them at its next start."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pachd_driver import SUCCESS, Driver, pfs, transform
from python_pachyderm import Client
from python_pachyderm.service import pps_proto

from tycokit.pachd.server import Pachd, token

LOOP = """
import os, pathlib, time
import grpc
from python_pachyderm.proto.v2.worker import worker_pb2, worker_pb2_grpc
channel = grpc.insecure_channel("localhost:" + os.environ["PPS_WORKER_GRPC_PORT"])
worker = worker_pb2_grpc.WorkerStub(channel)
while True:
    worker.NextDatum(worker_pb2.NextDatumRequest())
    print("begun", flush=True)
    while not os.path.exists({gate!r}):
        time.sleep(0.05)
    for file in pathlib.Path("/pfs/in").iterdir():
        pathlib.Path("/pfs/out", file.name).write_bytes(file.read_bytes())
"""


def served(folder: Path) -> tuple[Pachd, Driver]:
    server = Pachd(folder, 0, token(folder), os.environ)
    server.start()
    return server, Driver(Client("127.0.0.1", server.port, auth_token=token(folder)))


def batching(gate: str) -> Any:
    cmd = [sys.executable, "-c", LOOP.format(gate=gate)]
    return pps_proto.Transform(cmd=cmd, datum_batching=True)


def plain(gate: str) -> Any:
    return transform(
        f"echo begun; while ! test -e {gate}; do sleep 0.05; done; cp /pfs/in/* /pfs/out/"
    )


@pytest.mark.parametrize("code", [batching, plain])
@pytest.mark.parametrize("lazy", [False, True])
def test_a_job_goes_on_where_it_was(tmp_path: Path, code: Callable[[str], Any], lazy: bool) -> None:
    gate = tmp_path / "gate"
    server, on = served(tmp_path / "data")
    repo = on.repo({"/a": b"a", "/b": b"b"})
    pipe = on.pipeline(code(str(gate)), pfs(repo, name="in", lazy=lazy))
    job = on.latest(pipe)
    stream = on.client.get_job_logs(pipe, job, follow=True)
    assert any(line.message == "begun" for line in stream)
    begun = time.monotonic()
    server.stop()
    assert time.monotonic() - begun < 10
    gate.touch()
    server, on = served(tmp_path / "data")
    try:
        done = on.done(pipe, job)
        assert (done.state, done.restart) == (SUCCESS, 1)
        assert on.counts(done) == (2, 0, 0, 0)
        assert on.files(pipe) == {"/a": b"a", "/b": b"b"}
    finally:
        server.stop()


def test_secrets_and_crons_survive(tmp_path: Path) -> None:
    server, on = served(tmp_path / "data")
    on.client.create_secret("kept", {"a": "1"})
    cron = pps_proto.Input(cron=pps_proto.CronInput(name="tick", spec="@every 1s"))
    pipe = on.pipeline("true", cron)
    server.stop()
    time.sleep(2)
    server, on = served(tmp_path / "data")
    try:
        assert [info.secret.name for info in on.client.list_secret()] == ["kept"]
        end = time.monotonic() + 10
        while time.monotonic() < end:
            ticks = list(on.client.list_file((f"{pipe}_tick", "master"), "/"))
            if len(ticks) >= 3:
                break
            time.sleep(0.1)
        assert len(ticks) >= 3, "the ticks that were missed are made up"
    finally:
        server.stop()
