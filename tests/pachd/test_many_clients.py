"""Sixteen clients at once: twelve put, two list, two subscribe; nothing is lost, memory is flat."""

from __future__ import annotations

import random
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest
from pachd_process import PachdProcess
from python_pachyderm import Client

PUTTING, LISTING, SUBSCRIBING = 12, 2, 2
MIB = 1 << 20
PAUSE = 0.05  # seconds between two puts of a client


@pytest.fixture
def pachd(tmp_path: Path) -> Iterator[PachdProcess]:
    made = PachdProcess(tmp_path / "data")
    yield made
    made.end()
    assert "Traceback" not in made.log.read_text()


class Crowd:
    """The clients, each with a connection of its own."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._ended = threading.Event()
        self.failed: list[BaseException] = []
        self.put: dict[str, bytes] = {}
        self.commits = 1  # the first, which was there
        self._lock = threading.Lock()
        self.seen: list[list[str]] = [[] for _ in range(SUBSCRIBING)]
        self._subscriptions: list[grpc.Future] = []
        self._works: list[Callable[[Client], None]] = [
            *(lambda client, number=number: self._put(client, number) for number in range(PUTTING)),
            *(self._list for _ in range(LISTING)),
        ]

    def run(self, seconds: float, meanwhile: Callable[[], None]) -> None:
        threads = [threading.Thread(target=self._guarded, args=(work,)) for work in self._works]
        listeners = [
            threading.Thread(target=self._subscribe, args=(Client("127.0.0.1", self._port), seen))
            for seen in self.seen
        ]
        for thread in (*listeners, *threads):
            thread.start()
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self.failed:
            meanwhile()
            self._ended.wait(0.25)
        self._ended.set()
        for thread in threads:
            thread.join()
        wait = time.monotonic() + 30
        while any(len(seen) < self.commits for seen in self.seen) and time.monotonic() < wait:
            time.sleep(0.05)
        for subscription in self._subscriptions:
            subscription.cancel()
        for thread in listeners:
            thread.join()

    def _guarded(self, work: Callable[[Client], None]) -> None:
        client = Client("127.0.0.1", self._port)
        try:
            while not self._ended.is_set():
                work(client)
        except BaseException as error:
            self.failed.append(error)

    def _put(self, client: Client, number: int) -> None:
        chance = random.Random(time.time_ns() ^ number)
        path = f"/{number}/{chance.randrange(30)}.jpg"
        data = chance.randbytes(5_000)
        client.put_file_bytes(("images", "master"), path, data)
        self.put[path] = data  # each path is one client's alone
        with self._lock:
            self.commits += 1
        assert client.get_file(("images", "master"), path).read() == data
        self._ended.wait(PAUSE)

    def _list(self, client: Client) -> None:
        known = set(self.put)
        found = {info.file.path for info in client.walk_file(("images", "master"), "/")}
        assert known <= found
        assert len(list(client.list_commit("images", number=10))) <= 10
        self._ended.wait(PAUSE)

    def _subscribe(self, client: Client, seen: list[str]) -> None:
        stream = client.subscribe_commit("images", "master", state=4)
        self._subscriptions.append(stream)
        try:
            for info in stream:
                seen.append(info.commit.id)
        except grpc.RpcError as error:
            if error.code() != grpc.StatusCode.CANCELLED:
                self.failed.append(error)


def run(pachd: PachdProcess, seconds: float) -> None:
    client = pachd.start()
    client.create_repo("images")
    client.put_file_bytes(("images", "master"), "/first", b"")
    port = int(client.address.rpartition(":")[2])
    crowd = Crowd(port)
    sizes: list[int] = []
    crowd.run(seconds, lambda: sizes.append(pachd.process.memory_info().rss))
    assert crowd.failed == []
    assert len(crowd.put) > PUTTING
    for path, data in crowd.put.items():
        assert client.get_file(("images", "master"), path).read() == data
    commits = [info.commit.id for info in client.list_commit("images", origin_kind=0)]
    for seen in crowd.seen:
        assert sorted(seen) == sorted(commits)  # each once, and none missed
    assert [response.error for response in client.fsck()] == []
    early, late = sizes[len(sizes) // 3 : len(sizes) // 2], sizes[-len(sizes) // 6 :]
    grown = statistics.median(late) - statistics.median(early)
    assert grown < 24 * MIB, f"memory grew by {grown / MIB:.0f} MiB in {seconds / 2:.0f} s"


def test_sixteen_clients_for_some_seconds(pachd: PachdProcess) -> None:
    run(pachd, 8)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_sixteen_clients_for_a_minute(pachd: PachdProcess) -> None:
    run(pachd, 60)
