"""pachd killed with SIGKILL at the worst moments: nothing acknowledged is lost, nothing is half."""

from __future__ import annotations

import contextlib
import functools
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import grpc
import psutil
import pytest
from pachd_driver import SUCCESS, Driver, pfs
from python_pachyderm import Client
from python_pachyderm.service import pps_proto
from waiting import until as until_in

from tycokit.contexts import running

until = functools.partial(until_in, seconds=30)


class Machine:
    """The real process on one data folder, killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self._log = folder / "log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Driver:
        command = [sys.executable, "-m", "tycokit", "pachd", "--port", "0"]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "--data", str(self.data)], stdout=log, stderr=log
            )
        until(lambda: self._serving() or self._process.poll() is not None)  # type: ignore[union-attr]
        serving = self._serving()
        assert serving is not None, self._log.read_text()
        return Driver(Client("127.0.0.1", serving.port, auth_token=serving.token))

    def _serving(self) -> running.Running | None:
        found = running.find(self.data)
        return found if found and self._process and found.pid == self._process.pid else None

    def kill(self) -> None:
        """As a power cut would end it; back once all that it had started is gone."""
        assert self._process is not None
        below = psutil.Process(self._process.pid).children(recursive=True)
        self._process.kill()
        self._process.wait()
        _, alive = psutil.wait_procs(below, timeout=10)
        assert alive == [], "processes outlived the server that had started them"

    def end(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(timeout=20)

    @property
    def log(self) -> str:
        return self._log.read_text()


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path)
    yield made
    made.end()
    assert "Traceback" not in made.log


def test_killed_during_a_job_it_goes_on_by_itself_with_what_was_not_done(
    machine: Machine, tmp_path: Path
) -> None:
    """Of six datums four are done and durable when it is killed; the last two hang."""
    on = machine.start()
    gate, runs = tmp_path / "gate", tmp_path / "runs"
    repo = on.repo({f"/{number}": b"%d" % number for number in range(6)})
    name = on.pipeline(
        f"""
        echo ${{in##*/}} >> {runs}
        test ${{in##*/}} -lt 4 && sleep 0.3 || until test -e {gate}; do sleep 0.01; done
        cp $in /pfs/out/
        """,
        pfs(repo, name="in"),
        parallelism_spec=pps_proto.ParallelismSpec(constant=2),
    )
    below = on.pipeline("cat /pfs/in/* > /pfs/out/all", pfs(name, "/", name="in"))
    job = on.latest(name)
    until(lambda: runs.exists() and {"4", "5"} <= set(runs.read_text().split()))
    kept = until(lambda: next(on.client.inspect_job(job, name)).data_processed)
    before = {path: on.read(repo, path) for path in ("/0", "/5")}
    machine.kill()

    on = machine.start()
    gate.touch()
    info = on.done(name, job)
    assert (info.state, on.counts(info), info.restart) == (SUCCESS, (6, 0, 0, 0), 1)
    assert on.done(below, on.latest(below)).state == SUCCESS
    assert on.files(name) == {f"/{number}": b"%d" % number for number in range(6)}
    assert on.read(below, "/all") == b"012345"
    assert {path: on.read(repo, path) for path in ("/0", "/5")} == before
    # what was durable was not run again
    again = len(runs.read_text().split()) - 6
    assert again <= 6 - kept


def test_killed_during_puts_every_acknowledged_one_is_whole_and_no_other_shows(
    machine: Machine,
) -> None:
    on = machine.start()
    repo = on.repo({"/first": b"1"})
    source = random.Random(7)
    acknowledged: dict[str, bytes] = {"/first": b"1"}
    tried: dict[str, bytes] = {}
    stopped = threading.Event()

    def put(writer: int) -> None:
        number = 0
        with contextlib.suppress(grpc.RpcError, ConnectionError):
            while not stopped.is_set():
                data = source.randbytes(300_000)
                paths = {f"/{writer}/{number}/{half}": data + bytes([half]) for half in (0, 1)}
                tried.update(paths)
                with on.client.modify_file_client((repo, "master")) as modify:
                    for path, content in paths.items():
                        modify.put_file_from_bytes(path, content)
                acknowledged.update(paths)
                number += 1

    writers = [threading.Thread(target=put, args=(writer,)) for writer in range(2)]
    for each in writers:
        each.start()
    until(lambda: len(acknowledged) > 20)
    machine.kill()
    stopped.set()
    for each in writers:
        each.join(timeout=20)

    on = machine.start()
    found = on.files(repo)
    assert found.keys() >= acknowledged.keys()
    unsure = found.keys() - acknowledged.keys()
    # a put whose answer the kill swallowed is there as a whole or not at all
    for path in unsure:
        assert {f"{path[:-1]}0", f"{path[:-1]}1"} <= found.keys()
    assert all(found[path] == {**tried, **acknowledged}[path] for path in found)
    assert len(list(on.client.list_commit(repo))) == 1 + (len(found) - 1) // 2
    on.put(repo, {"/after": b"1"})
    assert on.read(repo, "/after") == b"1"


def test_killed_while_a_large_put_streams_nothing_of_it_shows(machine: Machine) -> None:
    on = machine.start()
    repo = on.repo({"/kept": b"1"})
    begun, go_on = threading.Event(), threading.Event()

    class Slow:
        """A file whose end comes only after the kill."""

        sent = 0

        def read(self, size: int) -> bytes:
            self.sent += 1
            if self.sent > 3:
                begun.set()
                go_on.wait(20)
                return b""
            return random.Random(self.sent).randbytes(2_000_000)

    failed: list[BaseException] = []

    def put() -> None:
        try:
            with on.client.modify_file_client((repo, "master")) as modify:
                modify.put_file_from_bytes("/before", b"x" * 1000)
                modify.put_file_from_fileobj("/large", Slow())  # type: ignore[arg-type]
        except (grpc.RpcError, ConnectionError) as error:
            failed.append(error)

    writer = threading.Thread(target=put)
    writer.start()
    assert begun.wait(20)
    until(lambda: any((machine.data / "packs").iterdir()))
    machine.kill()
    go_on.set()
    writer.join(timeout=20)
    assert len(failed) == 1

    on = machine.start()
    assert on.files(repo) == {"/kept": b"1"}
    assert len(list(on.client.list_commit(repo))) == 1
    # nor do its bytes stay on the disk
    assert sum(file.stat().st_size for file in (machine.data / "packs").iterdir()) < 10_000


def test_an_open_commit_stays_open_with_what_was_put(machine: Machine) -> None:
    on = machine.start()
    repo = on.repo({"/old": b"1"})
    name = on.pipeline("cp $in /pfs/out/", pfs(repo, name="in"))
    on.done(name)
    commit = on.client.start_commit(repo, "master")
    on.client.put_file_bytes(commit, "/new", b"2")
    machine.kill()

    on = machine.start()
    (info,) = on.client.inspect_commit((repo, commit.id))
    assert not info.finished.seconds
    assert on.files(repo, commit.id) == {"/old": b"1", "/new": b"2"}
    on.client.finish_commit((repo, commit.id))
    info = on.done(name, commit.id)
    assert (info.state, on.counts(info)) == (SUCCESS, (1, 1, 0, 0))


def test_logs_and_datums_of_what_ended_before_are_still_there(machine: Machine) -> None:
    on = machine.start()
    repo = on.repo({"/f": b"1"})
    name = on.pipeline("echo hello", pfs(repo))
    job = on.done(name).job.id
    (datum,) = on.client.list_datum(name, job)
    machine.kill()

    on = machine.start()
    assert on.said(name, job) == ["hello"]
    (after,) = on.client.list_datum(name, job)
    assert (after.datum.id, after.state) == (datum.datum.id, datum.state)
    id_ = on.put(repo, {"/g": b"1"})
    assert on.counts(on.done(name, id_)) == (1, 1, 0, 0)


def test_killed_again_and_again_it_comes_to_the_end(machine: Machine, tmp_path: Path) -> None:
    on = machine.start()
    gate = tmp_path / "gate"
    repo = on.repo({"/f": b"1"})
    name = on.pipeline(
        f"until test -e {gate}; do sleep 0.01; done; cp $in /pfs/out/", pfs(repo, name="in")
    )
    job = on.latest(name)
    for _ in range(2):
        until(lambda on=on: next(on.client.inspect_job(job, name)).started.seconds)
        machine.kill()
        on = machine.start()
    gate.touch()
    info = on.done(name, job)
    assert (info.state, on.counts(info)) == (SUCCESS, (1, 0, 0, 0))
    assert os.listdir(machine.data / "workers") != []  # one worker waits for more
