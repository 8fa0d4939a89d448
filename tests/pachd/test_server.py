"""Starting, refusing and stopping: the server as a whole, on a socket."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import psutil
import pytest
from google.protobuf.empty_pb2 import Empty
from grpc_health.v1 import health_pb2, health_pb2_grpc
from pachd_driver import FINISHED, SUCCESS, Driver, Refusal, pfs
from python_pachyderm import Client
from python_pachyderm.errors import AuthServiceNotActivated
from python_pachyderm.proto.v2.pfs import pfs_pb2_grpc
from python_pachyderm.proto.v2.pps import pps_pb2_grpc
from python_pachyderm.service import pfs_proto, pps_proto
from waiting import until

from tycokit.errors import CannotListen, FolderInUse, FolderUnusable, NewerData
from tycokit.pachd.server import Pachd, token

HOW = (
    "this pachd asks for its token: connect with python_pachyderm.Client() and the context that"
    " `tycokit up` wrote, or set PACH_PYTHON_AUTH_TOKEN to that context's session_token"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def open_pachd(folder: Path) -> Iterator[Pachd]:
    """One that asks for no token."""
    server = Pachd(folder, 0, None, os.environ)
    server.start()
    yield server
    server.stop()


def files_of(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_size for path in folder.rglob("*") if path.is_file()}


# what it says of itself


def test_it_is_healthy_and_a_pachyderm_2_7(client: Client, pachd: Pachd) -> None:
    assert client.health_check()
    version = client.get_remote_version()
    assert (version.major, version.minor, version.micro) == (2, 7, 8)
    cluster = client.inspect_cluster()
    assert len(cluster.id) == 36
    assert cluster.deployment_id
    assert cluster.version_warnings_ok
    assert client.inspect_cluster() == cluster


def test_the_cluster_keeps_its_name_from_start_to_start(folder: Path) -> None:
    names = set()
    for _ in range(2):
        server = Pachd(folder, 0, None, os.environ)
        server.start()
        names.add(Client("127.0.0.1", server.port).inspect_cluster().id)
        server.stop()
    assert len(names) == 1


def test_it_listens_on_this_machine_alone(pachd: Pachd) -> None:
    listening = {
        each.laddr.ip.removeprefix("::ffff:")
        for each in psutil.Process().net_connections("inet")
        if each.status == psutil.CONN_LISTEN and each.laddr.port == pachd.port
    }
    assert listening == {"127.0.0.1"}


def test_auth_is_off_and_says_so(client: Client) -> None:
    with Refusal() as refusal:
        client.who_am_i()
    assert refusal.code == grpc.StatusCode.UNIMPLEMENTED
    assert refusal.text == "the auth service is not activated"
    for call in (client.deactivate_auth, client.delete_all_identity):
        with pytest.raises(AuthServiceNotActivated):
            call()


# the token


@pytest.mark.parametrize("given", [None, "", "wrong", "ä"])
def test_without_the_token_nothing_is_answered_but_how_to_get_it(
    pachd: Pachd, given: str | None
) -> None:
    metadata = [] if given is None else [("authn-token", given.encode().decode("latin-1"))]
    with grpc.insecure_channel(f"127.0.0.1:{pachd.port}") as channel:
        files = pfs_pb2_grpc.APIStub(channel)
        calls: list[Any] = [
            lambda: files.CreateRepo(
                pfs_proto.CreateRepoRequest(repo=pfs_proto.Repo(name="stolen")), metadata=metadata
            ),
            lambda: list(files.ListRepo(pfs_proto.ListRepoRequest(), metadata=metadata)),
            lambda: files.ModifyFile(iter([pfs_proto.ModifyFileRequest()]), metadata=metadata),
            lambda: files.DeleteAll(Empty(), metadata=metadata),
            lambda: pps_pb2_grpc.APIStub(channel).CreatePipeline(
                pps_proto.CreatePipelineRequest(), metadata=metadata
            ),
            lambda: health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(), metadata=metadata
            ),
        ]
        for call in calls:
            if given == "ä":
                # no header can carry it: the client itself refuses
                with pytest.raises((grpc.RpcError, ValueError)):
                    call()
                continue
            with Refusal() as refusal:
                call()
            assert (refusal.code, refusal.text) == (grpc.StatusCode.UNAUTHENTICATED, HOW)


def test_the_token_is_made_once_and_only_its_owner_may_read_it(folder: Path) -> None:
    made = token(folder)
    assert len(made) >= 32
    assert token(folder) == made
    assert stat.S_IMODE((folder / "token").stat().st_mode) == 0o600
    assert token(folder.parent / "other") != made


def test_a_token_that_a_crash_left_empty_lets_nobody_in(folder: Path) -> None:
    folder.mkdir()
    (folder / "token").touch(0o600)
    made = token(folder)
    assert len(made) > 20
    assert token(folder) == made


def test_all_who_ask_for_the_token_at_once_get_the_same_one(folder: Path) -> None:
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(token(folder))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1


def test_in_a_folder_open_to_all_only_the_owner_reads_what_it_keeps(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o755)
    server = Pachd(folder, 0, token(folder), os.environ)
    server.start()
    server.stop()
    kept = [path for path in folder.iterdir() if path.name != "lock"]  # which is empty
    assert {path.name for path in kept} >= {"pachd.sqlite", "packs", "logs", "workers", "token"}
    assert {path.name: stat.S_IMODE(path.stat().st_mode) & 0o077 for path in kept} == dict.fromkeys(
        (path.name for path in kept), 0
    )


def test_the_client_takes_the_token_from_the_environment(
    pachd: Pachd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PACH_PYTHON_AUTH_TOKEN", token(pachd.data))
    assert Client("127.0.0.1", pachd.port).health_check()
    assert Client("localhost", pachd.port).health_check()


def test_without_a_token_everyone_is_let_in(open_pachd: Pachd) -> None:
    client = Client("127.0.0.1", open_pachd.port)
    client.create_repo("r")
    assert [info.repo.name for info in client.list_repo()] == ["r"]
    # who has a token from elsewhere is let in as well
    assert len(list(Client("127.0.0.1", open_pachd.port, auth_token="x").list_repo())) == 1


# what cannot be started


def test_a_second_server_on_the_same_folder_is_refused(open_pachd: Pachd, folder: Path) -> None:
    with pytest.raises(FolderInUse, match=f"another pachd is running on .* {folder}"):
        Pachd(folder, 0, None, os.environ).start()
    # also from another process, and the first goes on
    code = (
        "import sys, os; from pathlib import Path; from tycokit.pachd.server import Pachd\n"
        "Pachd(Path(sys.argv[1]), 0, None, os.environ).start()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=False
    )
    assert "FolderInUse" in done.stderr
    assert Client("127.0.0.1", open_pachd.port).health_check()


def test_a_busy_port_is_named_and_the_folder_left_free(folder: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(CannotListen, match=f"127.0.0.1:{port}: the port is in use"):
            Pachd(folder, port, None, os.environ).start()
    server = Pachd(folder, 0, None, os.environ)
    server.start()
    server.stop()


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    for data in (file, file / "below"):
        with pytest.raises(FolderUnusable, match=str(data)):
            Pachd(data, 0, None, os.environ).start()
        with pytest.raises(FolderUnusable, match=str(data)):
            token(data)
    assert file.read_text() == "mine"


def test_a_folder_that_may_not_be_written_is_refused(folder: Path) -> None:
    """On a file system that is mounted for reading only, which stops even root."""
    if shutil.which("bwrap") is None:
        pytest.skip("bwrap is not installed")
    folder.mkdir()
    code = (
        "import sys, os; from pathlib import Path; from tycokit.pachd.server import Pachd\n"
        "Pachd(Path(sys.argv[1]), 0, None, os.environ).start()"
    )
    only_read = ["bwrap", "--dev-bind", "/", "/", "--ro-bind", str(folder), str(folder)]
    done = subprocess.run(
        [*only_read, sys.executable, "-c", code, str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    wanted = f"FolderUnusable: the data folder {folder} cannot be used: Read-only file system"
    assert wanted in done.stderr


def test_a_database_that_is_none_is_refused_and_left_as_it_is(folder: Path) -> None:
    folder.mkdir()
    (folder / "pachd.sqlite").write_bytes(b"no database at all, but somebody's" * 100)
    with pytest.raises(FolderUnusable, match=r"pachd\.sqlite: file is not a database"):
        Pachd(folder, 0, None, os.environ).start()
    assert (folder / "pachd.sqlite").read_bytes().startswith(b"no database")


def test_data_of_a_newer_program_is_refused_and_left_as_it_is(folder: Path) -> None:
    server = Pachd(folder, 0, None, os.environ)
    server.start()
    Client("127.0.0.1", server.port).create_repo("kept")
    server.stop()
    with sqlite3.connect(folder / "pachd.sqlite") as connection:
        connection.execute("INSERT INTO migration VALUES ('from-the-future-1', 999)")
    connection.close()
    before = files_of(folder)
    with pytest.raises(NewerData, match=r"newer tycokit \(unknown: from-the-future-1\)"):
        Pachd(folder, 0, None, os.environ).start()
    assert files_of(folder).keys() == before.keys()


# stopping


def test_what_was_committed_is_there_after_a_restart(folder: Path) -> None:
    for number in range(3):
        server = Pachd(folder, 0, None, os.environ)
        server.start()
        on = Driver(Client("127.0.0.1", server.port))
        if number == 0:
            on.client.create_repo("r")
        on.put("r", {f"/{number}": b"%d" % number})
        assert on.files("r") == {f"/{each}": b"%d" % each for each in range(number + 1)}
        server.stop()


def children() -> set[psutil.Process]:
    return {each for each in psutil.Process().children(recursive=True) if each.is_running()}


def test_a_job_that_runs_when_it_stops_goes_on_after_the_next_start(folder: Path) -> None:
    before = children()  # of the tests' own
    server = Pachd(folder, 0, None, os.environ)
    server.start()
    on = Driver(Client("127.0.0.1", server.port))
    gate = folder.parent / "gate"
    repo = on.repo({"/a": b"1", "/b": b"2"})
    name = on.pipeline(
        f"echo run; until test -e {gate}; do sleep 0.02; done; cp $in /pfs/out/",
        pfs(repo, name="in"),
    )
    job = on.latest(name)
    next(line for line in on.client.get_job_logs(name, job, follow=True) if line.user)
    server.stop()
    assert children() <= before
    server = Pachd(folder, 0, None, os.environ)
    server.start()
    on = Driver(Client("127.0.0.1", server.port))
    gate.touch()
    info = on.done(name, job)
    assert (info.state, on.counts(info), info.restart) == (SUCCESS, (2, 0, 0, 0), 1)
    assert on.files(name) == {"/a": b"1", "/b": b"2"}
    server.stop()


def test_those_who_wait_and_follow_do_not_hold_a_stop_up(folder: Path) -> None:
    server = Pachd(folder, 0, None, os.environ)
    server.start()
    on = Driver(Client("127.0.0.1", server.port))
    repo = on.repo({"/f": b"1"})
    name = on.pipeline("echo run; exec sleep 300", pfs(repo))
    job = on.latest(name)
    ended: list[str] = []

    def wait(what: Any) -> None:
        try:
            list(what())
        except grpc.RpcError as error:
            ended.append(error.code().name)  # type: ignore[attr-defined]

    waiting = [
        threading.Thread(target=wait, args=(what,))
        for what in (
            lambda: on.client.inspect_job(job, name, wait=True),
            lambda: on.client.wait_commit(job),
            lambda: on.client.get_job_logs(name, job, follow=True),
        )
    ]
    for thread in waiting:
        thread.start()
    next(line for line in on.client.get_job_logs(name, job, follow=True) if line.user)
    stopping = threading.Thread(target=server.stop)
    stopping.start()
    stopping.join(timeout=10)
    assert not stopping.is_alive()
    for thread in waiting:
        thread.join(timeout=10)
    assert len(ended) == 3


def test_a_client_that_goes_away_is_nothing_to_log(
    on: Driver, caplog: pytest.LogCaptureFixture
) -> None:
    repo = on.repo({"/big": bytes(8_000_000)})
    name = on.pipeline("exec sleep 300", pfs(repo))
    job = on.latest(name)
    wait = on.stub.InspectJob.future(
        pps_proto.InspectJobRequest(
            job=pps_proto.Job(pipeline=pps_proto.Pipeline(name=name), id=job), wait=True
        )
    )
    logs = on.client.get_job_logs(name, job, follow=True)
    commits = on.client.inspect_commit(job, commit_state=FINISHED)
    with on.client.get_file((repo, "master"), "/big"):
        next(logs)
        next(commits)
    for each in (wait, logs, commits):
        each.cancel()
    time.sleep(0.7)  # a handler looks twice a second whether anybody is still there
    assert [each for each in caplog.records if each.name == "grpc._server"] == []


def subscribe(client: Client) -> Any:
    """A subscription to a repo's commits that has shown its first one."""
    stream = client.subscribe_commit("crowd", "master")
    next(stream)
    return stream


def test_three_hundred_that_listen_keep_nobody_else_out(on: Driver, client: Client) -> None:
    client.create_repo("crowd")
    client.put_file_bytes(("crowd", "master"), "/first", b"1")
    listening = [subscribe(client) for _ in range(300)]
    try:
        client.put_file_bytes(("crowd", "master"), "/second", b"2")
        head = client.inspect_branch("crowd", "master").head.id
        assert {next(stream).commit.id for stream in listening} == {head}
    finally:
        for stream in listening:
            stream.cancel()
        client.delete_repo("crowd", force=True)


def test_more_that_listen_than_it_has_room_for_are_refused_and_all_else_is_answered(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tycokit.pachd.server._LASTING", 3)
    server = Pachd(folder, 0, None, os.environ)
    server.start()
    client = Client("127.0.0.1", server.port)
    client.create_repo("crowd")
    client.put_file_bytes(("crowd", "master"), "/first", b"1")
    listening = [subscribe(client) for _ in range(3)]
    with pytest.raises(grpc.RpcError) as refused:
        subscribe(client)
    assert refused.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "3 calls that wait or stream are open already" in refused.value.details()
    assert [info.repo.name for info in client.list_repo()] == ["crowd"]
    listening.pop().cancel()
    until(lambda: listens(client))
    for stream in listening:
        stream.cancel()
    server.stop()


def listens(client: Client) -> bool:
    try:
        subscribe(client).cancel()
    except grpc.RpcError:
        return False
    return True


# what it does not serve


def test_what_is_not_served_says_so_and_nothing_happens(on: Driver) -> None:
    repo = on.repo({"/f": b"1"})
    before = [info.pipeline.name for info in on.client.list_pipeline()]
    calls: list[Any] = [
        lambda: on.client.create_pipeline(
            "s3", pps_proto.Transform(cmd=["true"]), input=pfs(repo, "/", s3=True)
        ),
        lambda: on.client.create_pipeline(
            "egress",
            pps_proto.Transform(cmd=["true"]),
            input=pfs(repo),
            egress=pps_proto.Egress(URL="s3://bucket"),
        ),
        lambda: on.client.create_pipeline(
            "s3", pps_proto.Transform(cmd=["true"]), input=pfs(repo), s3_out=True
        ),
        lambda: on.client.get_file((repo, "master"), "/f", URL="s3://bucket/f"),
    ]
    for call in calls:
        try:
            call()
        except grpc.RpcError as error:
            found: Any = error
        except ConnectionError as error:
            found = error.__cause__
        else:
            pytest.fail("a pretended success")
        assert found.code() == grpc.StatusCode.UNIMPLEMENTED
        assert "served by the local pachd" in found.details()
    assert [info.pipeline.name for info in on.client.list_pipeline()] == before
