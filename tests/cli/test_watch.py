"""`tycokit watch`, as a process: what arrives is committed once, whatever is killed in between."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import waiting
from command import tycokit
from python_pachyderm import Client

from tycokit.client import connect
from tycokit.contexts import running


class Pachd:
    """A local pachd that can be killed and comes back."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.config, self.data = folder, folder / "config.json", folder / "data"
        self.up()

    def up(self) -> None:
        done = tycokit(self.folder, self.config, "up", "--data", str(self.data), "--port", "0")
        assert done.returncode == 0, done.stderr

    def down(self) -> None:
        tycokit(self.folder, self.config, "down", "--data", str(self.data))

    def kill(self) -> None:
        found = running.find(self.data)
        assert found is not None
        process = running.process(found)
        assert process is not None
        process.kill()
        process.wait(10)


class Site:
    """A repo, a folder, and what watches it."""

    def __init__(self, pachd: Pachd, folder: Path) -> None:
        self.pachd, self.repo = pachd, f"images-{folder.name}"
        self.folder = folder / "camera"
        self.folder.mkdir()
        self.log = folder / "watch.log"
        self.environ = {**os.environ, "PACH_CONFIG": str(pachd.config)}
        self._watch: subprocess.Popen[bytes] | None = None
        self.client().create_repo(self.repo)
        self.client().create_branch(self.repo, "master")

    def client(self) -> Client:
        return connect(self.pachd.config)

    def read(self, path: str) -> bytes:
        data: bytes = self.client().get_file((self.repo, "master"), path).read()
        return data

    def watch(self, *words: str) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            self._watch = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "tycokit",
                    "watch",
                    str(self.folder),
                    "--repo",
                    self.repo,
                    *words,
                ],
                env=self.environ,
                stdout=log,
                stderr=log,
            )
        return self._watch

    def arrive(self, name: str, data: bytes) -> None:
        """As an upload does it: under another name until it is whole."""
        part = self.folder / f"{name}.part"
        part.write_bytes(data)
        part.rename(self.folder / name)

    def paths(self) -> set[str]:
        return {info.file.path for info in self.client().list_file((self.repo, "master"), "/")}

    def commits_of_paths(self) -> Counter[str]:
        """How many commits brought each path."""
        client = self.client()
        brought: Counter[str] = Counter()
        for info in client.list_commit(self.repo):
            if info.description.startswith("tycokit watch"):
                for change in client.diff_file(info.commit, "/"):
                    if change.new_file.file.path not in {"", "/"}:
                        brought[change.new_file.file.path] += 1
        return brought

    def until(self, look: Callable[[], bool], seconds: float = 60) -> None:
        try:
            waiting.until(look, seconds)
        except AssertionError:
            pytest.fail(f"waited in vain; the watcher said:\n{self.said()}")

    def said(self) -> str:
        return self.log.read_text() if self.log.exists() else ""

    def close(self) -> None:
        if self._watch is not None and self._watch.poll() is None:
            self._watch.kill()
            self._watch.wait()


@pytest.fixture(scope="module")
def pachd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pachd]:
    made = Pachd(tmp_path_factory.mktemp("watched"))
    try:
        yield made
    finally:
        made.down()


@pytest.fixture
def site(pachd: Pachd, tmp_path: Path) -> Iterator[Site]:
    made = Site(pachd, tmp_path)
    try:
        yield made
    finally:
        made.close()


def test_pictures_are_committed_as_they_arrive_and_at_the_end_of_the_process(site: Site) -> None:
    site.arrive("dev1_1511891098.jpg", b"there before")
    watch = site.watch("--settle", "0.1", "--every", "0.1")
    site.until(lambda: site.paths() == {"/dev1_1511891098.jpg"})
    (site.folder / "gate").mkdir()
    site.arrive("gate/dev2_1511891098.jpg", b"deeper")
    site.until(lambda: "/dev2_1511891098.jpg" in site.paths())
    watch.terminate()
    assert watch.wait(20) == 0, site.said()
    site.arrive("dev3_1511891098.jpg", b"while nobody watched")
    again = site.watch("--settle", "0.1", "--once")
    assert again.wait(60) == 0, site.said()
    assert site.commits_of_paths() == {f"/dev{n}_1511891098.jpg": 1 for n in (1, 2, 3)}


def test_a_file_is_taken_once_it_is_whole(site: Site) -> None:
    site.watch("--settle", "1.5", "--every", "0.1")
    slow = (site.folder / "dev1_1511891098.jpg").open("wb")
    for piece in range(8):
        slow.write(bytes([piece]) * 1000)
        slow.flush()
        time.sleep(0.3)
    slow.close()
    (site.folder / ".hidden").write_bytes(b"x")
    (site.folder / "dev2_1511891098.jpg.part").write_bytes(b"x")
    site.until(lambda: bool(site.paths()))
    whole = b"".join(bytes([piece]) * 1000 for piece in range(8))
    assert site.read("/dev1_1511891098.jpg") == whole
    assert site.commits_of_paths() == {"/dev1_1511891098.jpg": 1}


def test_bad_files_are_named_and_the_others_go_on(site: Site) -> None:
    site.watch("--settle", "0.1", "--every", "0.3")
    (site.folder / "a").mkdir()
    site.arrive("dev1_1511891098.jpg", b"first")
    site.until(lambda: bool(site.paths()))
    site.arrive("a/dev1_1511891098.jpg", b"second of the name")
    os.symlink("nowhere", site.folder / "dev2_1511891098.jpg")
    site.arrive("odd\nname*.jpg", b"odd")
    site.arrive("dev4_1511891098.jpg", b"good")
    site.until(lambda: "/dev4_1511891098.jpg" in site.paths())
    site.until(lambda: "has the same name" in site.said())
    assert site.read("/dev1_1511891098.jpg") == b"first"


def test_a_changed_picture_is_committed_again(site: Site) -> None:
    site.watch("--settle", "0.1", "--every", "0.1")
    site.arrive("dev1_1511891098.jpg", b"old")
    site.until(lambda: bool(site.paths()))
    site.arrive("dev1_1511891098.jpg", b"newer")
    site.until(
        lambda: site.read("/dev1_1511891098.jpg") == b"newer",
    )


def test_two_watchers_of_a_folder_are_one_too_many(site: Site) -> None:
    site.watch("--settle", "0.1")
    site.until(lambda: "watching" in site.said())
    other = subprocess.run(
        [sys.executable, "-m", "tycokit", "watch", str(site.folder), "--repo", site.repo],
        env=site.environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert other.returncode == 1
    assert "another `tycokit watch`" in other.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [(["nowhere"], "there is no such folder"), ([".", "--repo", "none"], "there is no repo none")],
)
def test_what_cannot_be_watched(site: Site, words: list[str], said: str) -> None:
    done = tycokit(site.folder, site.pachd.config, "watch", *words)
    assert done.returncode == 1
    assert said in done.stderr


def test_5000_files_while_pachd_is_killed_twice_and_the_watcher_once(site: Site) -> None:
    names = [f"dev{number % 7}_{1511891098 + number}.jpg" for number in range(5000)]
    watch = site.watch("--settle", "0.1", "--every", "0.2", "--batch", "250", "--poll")
    for number, name in enumerate(names):
        site.arrive(name, f"picture {number}".encode())
        if number in {1500, 3000}:
            site.until(lambda: "commit" in site.said())
            site.pachd.kill()
            site.pachd.up()
        if number == 4000:
            watch.send_signal(signal.SIGKILL)
            watch.wait()
            watch = site.watch("--settle", "0.1", "--every", "0.2", "--batch", "250")
    site.until(lambda: len(site.paths()) == len(names), seconds=150)
    watch.terminate()
    assert watch.wait(30) == 0
    brought = site.commits_of_paths()
    assert brought == {f"/{name}": 1 for name in names}, json.dumps(
        {path: count for path, count in brought.items() if count != 1}
    )
    client = site.client()
    contents = {
        info.file.path: info.size_bytes for info in client.walk_file((site.repo, "master"), "/")
    }
    for number, name in enumerate(names):
        assert contents[f"/{name}"] == len(f"picture {number}")
    assert not [info for info in client.list_commit(site.repo) if not info.HasField("finished")], (
        "a commit stayed open"
    )
