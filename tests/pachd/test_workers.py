"""What user code sees and may do: its /pfs, its environment, its end, and what becomes of it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from google.protobuf.duration_pb2 import Duration
from pachd_driver import FAILURE, KILLED, SUCCESS, Driver, pfs, transform
from python_pachyderm import Client
from python_pachyderm.service import pps_proto
from waiting import until

from tycokit.contexts import running
from tycokit.pachd.pps import init, namespace
from tycokit.pachd.server import Pachd, token

FAILED, RECOVERED = pps_proto.DatumState.FAILED, pps_proto.DatumState.RECOVERED
TWO = pps_proto.ParallelismSpec(constant=2)


def processes(*words: str) -> list[psutil.Process]:
    """Processes whose command line is exactly these words, ended ones left out."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.cmdline() == list(words):
                found.append(process)
        except psutil.Error:
            continue
    return found


@pytest.fixture
def rest() -> str:
    """A time to sleep that no other process sleeps, so that its process can be found."""
    return f"300.{time.monotonic_ns()}"


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder outside /pfs that all workers see, as they see all of the machine."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


# what it sees


def test_only_the_datums_files_lie_below_pfs(on: Driver) -> None:
    repo = on.repo({"/a/x": b"1", "/b": b"2"})
    name = on.pipeline(
        "cd /pfs; find . | sort | tr '\\n' ' '; echo; cat in/a/x; echo 1 > out/made; pwd",
        pfs(repo, "/a", name="in"),
    )
    assert on.done(name).state == SUCCESS
    assert on.said(name) == [". ./.env ./in ./in/a ./in/a/x ./out ", "1/pfs"]
    assert on.files(name) == {"/made": b"1\n"}
    assert not Path("/pfs").exists()  # the machine itself gets none


def test_the_environment_is_pachyderms(on: Driver, pachd: Pachd) -> None:
    repo = on.repo({"/d/f": b"1"})
    name = on.pipeline(
        transform("env; cat /pfs/.env | sed 's/^/.env /'", env={"MINE": "a b=c", "HOME": "/x"}),
        pfs(repo, "/d/*", name="in"),
    )
    job = on.done(name).job.id
    said = on.said(name)
    env = dict(line.split("=", 1) for line in said if "=" in line and not line.startswith("."))
    (datum,) = on.client.list_datum(name, job)
    spec = next(on.client.inspect_pipeline(name)).spec_commit.id
    wanted = {
        "in": "/pfs/in/d/f",
        "in_COMMIT": on.client.inspect_branch(repo, "master").head.id,
        "PACH_DATUM_ID": datum.datum.id,
        "PACH_JOB_ID": job,
        "PACH_OUTPUT_COMMIT_ID": job,
        "PPS_PIPELINE_NAME": name,
        "PPS_PROJECT_NAME": "default",
        "PPS_SPEC_COMMIT": spec,
        "PACH_IN_WORKER": "true",
        "PEER_PORT": str(pachd.port),
        "PACHD_PEER_SERVICE_HOST": "127.0.0.1",
        "PACHD_PEER_SERVICE_PORT": str(pachd.port),
        "PACH_PYTHON_AUTH_TOKEN": token(pachd.data),
        "MINE": "a b=c",
        "HOME": "/x",
    }
    assert {key: env.get(key) for key in wanted} == wanted
    assert env["PATH"].split(":")[0] == str(Path(sys.executable).parent)
    assert {"PPS_POD_NAME", "PPS_WORKER_IP", "PACH_NAMESPACE"} <= env.keys()
    assert "PACH_DATUM_in_JOIN_ON" not in env
    lines = [line.removeprefix(".env ") for line in said if line.startswith(".env ")]
    assert f"PACH_DATUM_ID={datum.datum.id}" in lines
    assert "in=/pfs/in/d/f" in lines


def test_user_code_reaches_pachd_through_the_client(on: Driver) -> None:
    repo = on.repo({"/f": b"1"})
    script = (
        "import python_pachyderm, os\n"
        "print([i.repo.name for i in python_pachyderm.Client.new_in_cluster("
        "auth_token=os.environ['PACH_PYTHON_AUTH_TOKEN']).list_repo()])"
    )
    made = pps_proto.Transform(cmd=["python3", "-W", "ignore", "-c", script])
    name = on.pipeline(made, pfs(repo))
    assert on.done(name).state == SUCCESS, on.logs(name, on.latest(name))
    assert repo in on.said(name)[-1]


def test_commands_run_in_a_folder_of_their_own_or_in_the_one_that_is_named(on: Driver) -> None:
    repo = on.repo({"/f": b"1"})
    name = on.pipeline("echo x > here; pwd", pfs(repo))
    assert on.done(name).state == SUCCESS
    (private,) = on.said(name)
    assert private not in ("/", "/pfs", str(Path.cwd()))
    name = on.pipeline(transform("pwd", working_dir="/usr/bin"), pfs(repo))
    on.done(name)
    assert on.said(name) == ["/usr/bin"]
    name = on.pipeline(transform("pwd", working_dir="/nowhere"), pfs(repo), datum_tries=1)
    assert on.done(name).state == FAILURE
    assert any("/nowhere" in line for line in on.logs(name, on.latest(name)))


def test_stdin_is_the_lines_each_with_its_end(on: Driver) -> None:
    lines = ["a b", "", 'c "d" $e', "x" * 200_000]
    made = pps_proto.Transform(cmd=["cp", "/dev/stdin", "/pfs/out/stdin"], stdin=lines)
    name = on.pipeline(made, pfs(on.repo({"/f": b"1"})))
    on.done(name)
    assert on.read(name, "/stdin") == "".join(f"{line}\n" for line in lines).encode()
    # who does not read it is not disturbed
    made = pps_proto.Transform(cmd=["true"], stdin=lines)
    name = on.pipeline(made, pfs(on.repo({"/f": b"1"})))
    assert on.done(name).state == SUCCESS


def test_empty_files_have_paths_but_no_bytes(on: Driver) -> None:
    repo = on.repo({"/d/a": b"123", "/d/b": b"4567"})
    name = on.pipeline("wc -c /pfs/in/d/* | sed 's/^ *//'", pfs(repo, name="in", empty_files=True))
    on.done(name)
    assert on.said(name) == ["0 /pfs/in/d/a", "0 /pfs/in/d/b", "0 total"]


def test_what_user_code_does_to_its_inputs_is_not_seen_by_the_next_datum(on: Driver) -> None:
    repo = on.repo({"/a": b"1", "/b": b"2", "/c": b"3"})
    weights = on.repo({"/w/net": b"weights"})
    name = on.pipeline(
        """
        cat /pfs/weights/w/net /pfs/in/*
        test "$(ls /pfs/in | wc -l)$(ls /pfs/out | wc -l)$(ls -A /pfs/weights/w)" = 10net
        echo spoilt > /pfs/weights/w/net
        echo more > /pfs/weights/w/other
        mkdir /pfs/in/deep /pfs/out/locked
        chmod 0 /pfs/in/deep
        rm -r /pfs/in/*
        ln -s /etc /pfs/in/etc
        """,
        pps_proto.Input(cross=[pfs(repo, name="in"), pfs(weights, "/", name="weights")]),
        datum_tries=1,
    )
    info = on.done(name)
    assert (info.state, info.data_processed) == (SUCCESS, 3), on.logs(name, info.job.id)
    assert sorted(on.said(name)) == ["weights1", "weights2", "weights3"]
    assert Path("/etc/passwd").exists()


# two at once


def test_two_workers_run_at_once_each_with_a_pfs_of_its_own(on: Driver, shared: Path) -> None:
    repo = on.repo({"/a": b"1", "/b": b"2"})
    name = on.pipeline(
        f"""
        echo ${{in##*/}} > /pfs/out/mine; echo ${{in##*/}} > /pfs/note
        touch {shared}/${{in##*/}}
        for i in $(seq 1000); do
          test $(ls {shared} | grep -v done | wc -l) = 2 && break; sleep 0.01
        done
        echo $(ls /pfs/in) $(cat /pfs/note) $(ls /pfs/out) $(ls {shared} | grep -v done)
        mv /pfs/out/mine /pfs/out/${{in##*/}}
        """,
        pfs(repo, name="in"),
        parallelism_spec=TWO,
    )
    info = on.done(name)
    assert info.state == SUCCESS
    assert sorted(on.said(name)) == ["a a mine a b", "b b mine a b"]
    workers = {line.worker_id for line in on.client.get_job_logs(name, info.job.id) if line.user}
    assert len(workers) == 2
    assert on.files(name) == {"/a": b"a\n", "/b": b"b\n"}


def test_without_parallelism_one_worker_does_all(on: Driver) -> None:
    name = on.pipeline("echo $PPS_POD_NAME", pfs(on.repo({f"/{n}": b"%d" % n for n in range(4)})))
    on.done(name)
    assert len(on.said(name)) == 4
    assert len(set(on.said(name))) == 1


# how it ends


def test_other_return_codes_may_be_accepted(on: Driver) -> None:
    repo = on.repo({"/f": b"1"})
    made = transform("echo kept > /pfs/out/f; exit 7", accept_return_code=[3, 7])
    name = on.pipeline(made, pfs(repo))
    assert on.done(name).state == SUCCESS
    assert on.files(name) == {"/f": b"kept\n"}
    name = on.pipeline("exit 7", pfs(repo), datum_tries=1)
    assert on.done(name).state == FAILURE
    assert any("exit status 7" in line for line in on.logs(name, on.latest(name)))


@pytest.mark.parametrize("tries", [1, 3])
def test_a_datum_is_tried_as_often_as_said_each_time_afresh(on: Driver, tries: int) -> None:
    name = on.pipeline(
        "ls /pfs/out | wc -l; echo x > /pfs/out/half; rm $in; exit 1",
        pfs(on.repo({"/f": b"1"}), name="in"),
        datum_tries=tries,
    )
    info = on.done(name)
    assert (info.state, info.data_failed) == (FAILURE, 1)
    assert on.said(name) == ["0"] * tries


def test_a_later_try_that_succeeds_is_a_success(on: Driver, shared: Path) -> None:
    name = on.pipeline(
        f"if mkdir {shared}/once; then exit 1; fi; echo ok > /pfs/out/f",
        pfs(on.repo({"/f": b"1"})),
    )
    info = on.done(name)
    assert (info.state, on.counts(info)) == (SUCCESS, (1, 0, 0, 0))
    assert on.files(name) == {"/f": b"ok\n"}


def test_an_error_handler_that_succeeds_recovers_the_datum(on: Driver) -> None:
    repo = on.repo({"/bad": b"1", "/good": b"1"})
    made = transform(
        "echo half > /pfs/out/${in##*/}; test ${in##*/} = good",
        err_cmd=["sh"],
        err_stdin=["echo handled $in $(cat /pfs/out/bad)"],
    )
    name = on.pipeline(made, pfs(repo, name="in"), datum_tries=2)
    info = on.done(name)
    assert (info.state, on.counts(info)) == (SUCCESS, (1, 0, 0, 1))
    assert on.said(name) == ["handled /pfs/in/bad half"] * 2  # after each failed try
    assert on.files(name) == {"/good": b"half\n"}
    states = {
        each.data[0].file.path: each.state for each in on.client.list_datum(name, info.job.id)
    }
    assert states["/bad"] == RECOVERED
    # a recovered datum is not done: it is tried again by the next job
    id_ = on.put(repo, {"/more": b"1"})
    assert on.counts(on.done(name, id_)) == (0, 1, 0, 2)


def test_an_error_handler_that_fails_leaves_a_failure(on: Driver) -> None:
    made = transform("exit 1", err_cmd=["false"])
    name = on.pipeline(made, pfs(on.repo({"/f": b"1"})), datum_tries=1)
    info = on.done(name)
    assert (info.state, on.counts(info)) == (FAILURE, (0, 0, 1, 0))


def test_a_datum_that_never_ends_is_killed_with_its_children(on: Driver, rest: str) -> None:
    repo = on.repo({"/slow": b"1", "/quick": b"1"})
    name = on.pipeline(
        f"test ${{in##*/}} = quick || (sleep {rest} & sleep {rest}; true)",
        pfs(repo, name="in"),
        datum_timeout=Duration(nanos=300_000_000),
        datum_tries=1,
    )
    info = on.done(name)
    assert (info.state, on.counts(info)) == (FAILURE, (1, 0, 1, 0))
    assert any("timed out" in line for line in on.logs(name, info.job.id))
    until(lambda: not processes("sleep", rest))


def test_children_that_outlive_their_command_are_ended(on: Driver, rest: str) -> None:
    repo = on.repo({"/f": b"1"})
    name = on.pipeline(f"sleep {rest} & true", pfs(repo))
    assert on.done(name).state == SUCCESS  # soon, though the child still holds the pipes
    until(lambda: not processes("sleep", rest))


def test_what_left_its_group_ends_with_the_worker(on: Driver, rest: str) -> None:
    name = on.pipeline(
        f"""
        setsid sh -c 'touch /pfs/out/up; exec sleep {rest}' > /dev/null 2>&1 &
        until test -e /pfs/out/up; do sleep 0.01; done
        """,
        pfs(on.repo({"/f": b"1"})),
    )
    assert on.done(name).state == SUCCESS
    until(lambda: processes("sleep", rest))  # it lives from datum to datum
    on.client.delete_pipeline(name)
    assert processes("sleep", rest) == []


@pytest.mark.parametrize("how", ["stop_job", "delete_job", "stop_pipeline", "delete_pipeline"])
def test_ending_a_job_ends_its_processes(on: Driver, rest: str, how: str) -> None:
    repo = on.repo({"/f": b"1"})
    name = on.pipeline(f"sleep {rest}", pfs(repo))
    job = on.latest(name)
    until(lambda: processes("sleep", rest))
    call = getattr(on.client, how)
    call(*((job, name) if how.endswith("job") else (name,)))
    until(lambda: not processes("sleep", rest))
    if how == "stop_job":
        assert on.done(name, job).state == KILLED


def test_delete_all_ends_everything_and_can_be_done_twice(tmp_path: Path, rest: str) -> None:
    server = Pachd(tmp_path, 0, None, os.environ)
    server.start()
    on = Driver(Client("127.0.0.1", server.port))
    for _ in range(2):
        repo = on.repo({"/f": b"1"})
        first = on.pipeline(f"sleep {rest}", pfs(repo))
        on.pipeline("true", pfs(first))
        until(lambda: processes("sleep", rest))
        on.client.delete_all()
        assert processes("sleep", rest) == []
        assert list(on.client.list_repo(type="")) == []
        assert list(on.client.list_pipeline()) == []
        assert list(on.client.list_job()) == []
        assert [info.project.name for info in on.client.list_project()] == ["default"]
        on.client.delete_all()
    server.stop()


# killed from outside


def test_user_code_that_is_killed_is_tried_again(on: Driver, shared: Path, rest: str) -> None:
    name = on.pipeline(
        f"if mkdir {shared}/once; then exec sleep {rest}; fi; echo ok > /pfs/out/f",
        pfs(on.repo({"/f": b"1"})),
    )
    (process,) = until(lambda: processes("sleep", rest))
    process.kill()
    info = on.done(name)
    assert (info.state, on.counts(info)) == (SUCCESS, (1, 0, 0, 0))
    assert any("killed by signal 9" in line for line in on.logs(name, info.job.id))


def test_a_worker_that_is_killed_is_replaced_and_its_datum_tried_again(
    on: Driver, shared: Path, rest: str
) -> None:
    name = on.pipeline(
        f"""
        if mkdir {shared}/once; then
          setsid sleep {rest}1 > /dev/null 2>&1 &
          sleep {rest}
        fi
        echo ok > /pfs/out/f
        """,
        pfs(on.repo({"/f": b"1"})),
    )
    (process,) = until(lambda: processes("sleep", rest))
    until(lambda: processes("sleep", f"{rest}1"))
    first = next(each for each in process.parents() if init.__file__ in each.cmdline())
    first.kill()
    info = on.done(name)
    assert (info.state, on.counts(info)) == (SUCCESS, (1, 0, 0, 0))
    assert any("the worker was lost" in line for line in on.logs(name, info.job.id))
    # nor may what it had started go on writing into the new worker's /pfs
    until(lambda: not processes("sleep", rest) and not processes("sleep", f"{rest}1"))


# what it leaves in /pfs/out


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("a*b", "globbing character (*) not allowed in path"),
        ("a[b", "globbing character ([) not allowed in path"),
        ("ä", "only printable ASCII characters allowed"),
        ("a\tb", "only printable ASCII characters allowed"),
    ],
)
def test_names_that_pfs_cannot_have_fail_the_datum(on: Driver, name: str, rule: str) -> None:
    repo = on.repo({"/f": b"1", "/good": b"1"})
    pipe = on.pipeline(
        f"if test ${{in##*/}} = f; then touch '/pfs/out/{name}'; else cp $in /pfs/out; fi",
        pfs(repo, name="in"),
        datum_tries=1,
    )
    info = on.done(pipe)
    assert (info.state, on.counts(info)) == (FAILURE, (1, 0, 1, 0))
    text = (
        "cannot upload file produced by the user code because its name cannot be represented in"
        f" PFS: path (/{name}) invalid: {rule}"
    )
    assert text in on.logs(pipe, info.job.id)


def test_links_are_followed_and_what_is_no_file_is_left_out(on: Driver, shared: Path) -> None:
    (shared / "outside").write_text("outside")
    repo = on.repo({"/d/a": b"1", "/d/b": b"2"})
    name = on.pipeline(
        f"""
        cd /pfs/out
        ln -s /pfs/in/d/a file
        ln -s /pfs/in/d folder
        ln -s ../in/d/b relative
        ln -s file chain
        ln -s {shared}/outside outside
        mkdir -p empty/below full
        ln -s .. full/up
        echo 3 > full/c
        mkfifo pipe
        """,
        pfs(repo, name="in"),
    )
    info = on.done(name)
    assert info.state == SUCCESS, on.logs(name, info.job.id)
    found = on.files(name)
    assert {path: data for path, data in found.items() if "/up/" not in path} == {
        "/chain": b"1",
        "/file": b"1",
        "/folder/a": b"1",
        "/folder/b": b"2",
        "/full/c": b"3\n",
        "/outside": b"outside",
        "/relative": b"2",
    }


def test_a_link_that_leads_nowhere_fails_the_datum(on: Driver) -> None:
    name = on.pipeline("ln -s /nowhere /pfs/out/x", pfs(on.repo({"/f": b"1"})), datum_tries=1)
    assert on.done(name).state == FAILURE
    assert any("/x" in line and "nowhere" in line for line in on.logs(name, on.latest(name)))


def test_one_path_from_two_datums_fails_the_job(on: Driver) -> None:
    repo = on.repo({"/a": b"1", "/b": b"2"})
    name = on.pipeline("cp $in /pfs/out/same", pfs(repo, name="in"))
    info = on.done(name)
    ids = sorted(each.datum.id for each in on.client.list_datum(name, info.job.id))
    assert info.state == FAILURE
    assert info.reason == (
        f"duplicate path output by different datums (/same from {ids[0]} and /same from {ids[1]})"
    )
    id_ = on.put(repo, {"/b": None})
    assert on.done(name, id_).state == SUCCESS
    assert on.files(name) == {"/same": b"1"}


def test_a_file_where_another_datum_has_a_folder_fails_the_job(on: Driver) -> None:
    name = on.pipeline(
        "if test ${in##*/} = a; then touch /pfs/out/x; else mkdir /pfs/out/x; touch /pfs/out/x/y;"
        " fi",
        pfs(on.repo({"/a": b"1", "/b": b"2"}), name="in"),
    )
    info = on.done(name)
    assert info.state == FAILURE
    assert info.reason == "file / directory path collision (/x)"


def test_large_and_many_outputs_arrive_whole(on: Driver) -> None:
    name = on.pipeline(
        """
        head -c 12000000 /dev/zero | tr '\\0' z > /pfs/out/big
        mkdir /pfs/out/many
        for i in $(seq 300); do echo $i > /pfs/out/many/$i; done
        """,
        pfs(on.repo({"/f": b"1"})),
    )
    on.done(name)
    assert on.read(name, "/big") == b"z" * 12_000_000
    assert len(list(on.client.list_file((name, "master"), "/many"))) == 300
    assert on.read(name, "/many/77") == b"77\n"


# the ways to a private /pfs

TOOLS = {"bubblewrap": "bwrap", "unshare": "unshare"}
WAYS = {"bubblewrap": namespace.bubblewrap, "unshare": namespace.unshare}


def need(way: str) -> None:
    if way in TOOLS and shutil.which(TOOLS[way]) is None:
        pytest.skip(f"{TOOLS[way]} is not installed")


@pytest.mark.parametrize("way", ["bubblewrap", "unshare", "folder"])
def test_every_way_runs_a_pipeline(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    need(way)
    tried = {"bubblewrap": ["bubblewrap"], "unshare": ["unshare"], "folder": []}[way]
    works = namespace._works
    monkeypatch.setattr(
        namespace, "_works", lambda name, *more: name in tried and works(name, *more)
    )
    server = Pachd(tmp_path, 0, None, os.environ)
    server.start()
    on = Driver(Client("127.0.0.1", server.port))
    repo = on.repo({"/a": b"1", "/b": b"2"})
    name = on.pipeline(
        "root=${TYCOKIT_PFS-/pfs}; cat $in > $root/out/${in##*/}; cat $root/.env; echo $in $root",
        pfs(repo, name="in"),
        parallelism_spec=TWO,
    )
    info = on.done(name)
    said = on.said(name)
    files = on.files(name) if info.state == SUCCESS else {}
    on.client.delete_all()
    server.stop()
    assert info.state == SUCCESS, said
    assert files == {"/a": b"1", "/b": b"2"}
    warned = "no private /pfs for workers" in caplog.text
    assert warned == (way == "folder")
    roots = [line.split()[1] for line in said if line.startswith("/")]
    if way == "folder":
        assert len(set(roots)) == 2  # one a worker
        assert all(line.split()[0].startswith(line.split()[1]) for line in said if line[0] == "/")
    else:
        assert roots == ["/pfs", "/pfs"]


@pytest.mark.skipif(os.geteuid() != 0, reason="as an ordinary user, every other test shows this")
@pytest.mark.parametrize("way", ["bubblewrap", "unshare"])
def test_an_ordinary_user_gets_a_private_pfs(way: str, shared: Path) -> None:
    need(way)
    inside = shared / "pfs"
    inside.mkdir()
    shared.chmod(0o755)
    (inside / "seen").write_text("seen")
    shutil.chown(inside, "nobody")
    done = subprocess.run(
        [*WAYS[way]({"/pfs": inside}), "sh", "-c", "cat /pfs/seen; echo 1 > /pfs/made; ls /usr"],
        user="nobody",
        extra_groups=[],
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("seen")
    assert "bin" in done.stdout
    assert (inside / "made").read_text() == "1\n"
    assert not Path("/pfs").exists()


def test_a_pachd_of_an_ordinary_user_runs_pipelines(tmp_path: Path) -> None:
    """In a user namespace without rights, which is what such a user has to begin with."""
    need("bubblewrap")
    plain = ["bwrap", "--unshare-user", "--uid", "1000", "--gid", "1000", "--dev-bind", "/", "/"]
    command = [
        sys.executable,
        "-m",
        "tycokit",
        "pachd",
        "--data",
        str(tmp_path / "d"),
        "--port",
        "0",
    ]
    log = (tmp_path / "log").open("wb")
    with log, subprocess.Popen([*plain, *command], stderr=log, stdout=log) as process:
        try:
            serving = until(lambda: running.find(tmp_path / "d"), 30)
            on = Driver(Client("127.0.0.1", serving.port, auth_token=serving.token))
            name = on.pipeline("cp $in /pfs/out/; id -u", pfs(on.repo({"/a": b"1"}), name="in"))
            info = on.done(name)
            assert info.state == SUCCESS, on.logs(name, info.job.id)
            assert on.files(name) == {"/a": b"1"}
            assert on.said(name) == ["1000"]
        finally:
            for inner in psutil.Process(process.pid).children():
                inner.send_signal(signal.SIGTERM)
            process.wait(timeout=20)
    assert (tmp_path / "log").read_text() == ""  # no trace of trouble, and /pfs was private
