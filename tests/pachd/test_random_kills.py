"""pachd and its workers killed at random moments, while pictures come and jobs run.

After each kill: every acknowledged commit is whole, no part of any other shows, fsck finds nothing,
and every job ends. A kill of the process cannot take what the kernel holds back from the disk: for
that, files are fsynced before the row that names them.
"""

from __future__ import annotations

import contextlib
import random
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import psutil
import pytest
from pachd_driver import SUCCESS, Driver, pfs
from pachd_process import PachdProcess
from python_pachyderm import Client

GONE = (grpc.RpcError, ConnectionError)
PICTURE = 3_000  # bytes
SOON = 40.0  # seconds
COPY = """
import os, shutil
from tycokit.stage import batch
def copy(env):
    shutil.copy(env["in"], "/pfs/out/")
    return ""
batch.loop(os.environ, copy, lambda: False)
"""


@dataclass(slots=True)
class Told:
    """What pachd has acknowledged, and what it was only asked for when it died."""

    files: dict[str, bytes] = field(default_factory=dict)
    commits: list[str] = field(default_factory=list)
    perhaps: dict[str, dict[str, bytes]] = field(default_factory=dict)  # by group


class Camera(threading.Thread):
    """Puts groups of pictures until pachd is gone: one commit each, in one call or in several."""

    def __init__(self, client: Client, told: Told, chance: random.Random, name: str) -> None:
        super().__init__(name=name)
        self._client, self._told, self._chance = client, told, chance
        self._count = 0
        self.refused: list[BaseException] = []

    def run(self) -> None:
        try:
            while True:
                self._one()
                time.sleep(self._chance.uniform(0, 0.1))
        except GONE as error:
            if isinstance(error, grpc.RpcError) and error.code() != grpc.StatusCode.UNAVAILABLE:
                self.refused.append(error)

    def _one(self) -> None:
        self._count += 1
        group = f"{self.name}-{self._count}"
        data = self._chance.choice([self._chance.randbytes(PICTURE), b"x" * PICTURE])
        files = {f"/{group}_{at}.jpg": data + b"%d" % at for at in range(3)}
        if self._chance.random() < 0.5:
            self._told.perhaps[group] = files
            with self._client.modify_file_client(("images", "master")) as change:
                for path, content in files.items():
                    change.put_file_from_bytes(path, content)
            del self._told.perhaps[group]
            self._told.files.update(files)
        else:
            branch = f"b{self.name[-1]}"  # one that the other camera has no open commit on
            commit = self._client.start_commit("other", branch)
            for path, content in files.items():
                self._client.put_file_bytes(commit, path, content)
            self._client.finish_commit(commit)
            self._told.commits.append(commit.id)
            if self._chance.random() < 0.3:
                short = f"short{self.name[-1]}"
                self._client.create_repo(short, update=True)
                self._client.put_file_bytes((short, "master"), "/x", data)
                self._client.delete_repo(short)


@pytest.fixture
def pachd(tmp_path: Path) -> Iterator[PachdProcess]:
    made = PachdProcess(tmp_path / "data")
    yield made
    made.end()
    assert "Traceback" not in made.log.read_text()


def campaign(pachd: PachdProcess, kills: int, seed: int) -> None:
    chance = random.Random(seed)
    client = pachd.start()
    driver = Driver(client)
    for repo in ("images", "other"):
        client.create_repo(repo)
    client.put_file_bytes(("images", "master"), "/first.jpg", b"first")
    told = Told({"/first.jpg": b"first"})
    script = "sleep 0.0$((RANDOM % 3)); cp /pfs/in/* /pfs/out/"
    for name, source, what in (
        ("copy", "images", {"cmd": ["bash"], "stdin": [script]}),
        # its processes stay, so that a kill may meet one that waits for a job
        ("again", "copy", {"cmd": [sys.executable, "-c", COPY], "datum_batching": True}),
    ):
        client.create_pipeline(
            name,
            what,
            input=pfs(source, "/*", name="in"),
            parallelism_spec={"constant": 2},
        )
    driver.done("copy")
    for turn in range(kills):
        cameras = [
            Camera(client, told, random.Random(chance.random()), f"cam{turn}x{at}")
            for at in range(2)
        ]
        before = dict(told.files)
        for camera in cameras:
            camera.start()
        time.sleep(chance.uniform(0, 0.4))
        if chance.random() < 0.3 and (some := pachd.workers()):
            killed(chance.choice(some))
            time.sleep(chance.uniform(0, 0.1))
        pachd.kill()
        for camera in cameras:
            camera.join(timeout=SOON)
            assert camera.refused == []
        if chance.random() < 0.2:
            pachd.begin()
            time.sleep(chance.uniform(0, 0.6))
            pachd.kill()
        client = pachd.start()
        check(client, told, before)
    end = Driver(client)
    for pipeline in ("copy", "again"):
        assert end.done(pipeline).state == SUCCESS
        assert end.files(pipeline) == told.files
    assert end.files("images") == told.files


def killed(process: psutil.Process) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):  # it has ended by itself
        process.kill()


def check(client: Client, told: Told, before: dict[str, bytes]) -> None:
    faults = [response.error for response in client.fsck()]
    assert faults == []
    found = {info.file.path: info for info in client.list_file(("images", "master"), "/")}
    assert told.files.keys() <= found.keys()
    for group in told.perhaps.values():
        there = group.keys() & found.keys()
        assert not there or there == group.keys(), "a part of a commit shows"
        if there:
            told.files.update(group)  # done, and only the answer was lost
    told.perhaps.clear()
    assert found.keys() == told.files.keys()
    new = sorted(told.files.keys() - before.keys())
    for path in [*new, *random.Random(len(found)).sample(sorted(before), min(5, len(before)))]:
        assert client.get_file(("images", "master"), path).read() == told.files[path]
    for id_ in told.commits:
        (info,) = [each for each in client.inspect_commit(id_) if each.commit.repo.name == "other"]
        assert info.finished.seconds
        size = sum(each.size_bytes for each in client.list_file(info.commit, "/"))
        assert size == info.details.size_bytes
    told.commits.clear()
    for branch in client.list_branch("other"):
        # what was open when it died still is: it can be finished, and the next be started
        (head,) = client.inspect_commit(branch.head)
        if not head.finished.seconds:
            client.finish_commit(branch.head)
    ended(client)


def ended(client: Client) -> None:
    end = time.monotonic() + SOON
    for pipeline in ("copy", "again"):
        for info in client.list_job(pipeline):
            if not info.finished.seconds:
                info = next(client.inspect_job(info.job.id, pipeline, wait=True))
            assert info.state == SUCCESS, info.reason
            assert time.monotonic() < end, "jobs take too long"


def test_twenty_random_kills(pachd: PachdProcess) -> None:
    campaign(pachd, 20, 1)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(2, 7))
def test_two_hundred_random_kills(pachd: PachdProcess, seed: int) -> None:
    campaign(pachd, 40, seed)
