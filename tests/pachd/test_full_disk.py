"""A disk that gets full below a whole pachd, and one that may only be read."""

from __future__ import annotations

import random
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pachd_process
import pytest
from pachd_driver import FAILURE, SUCCESS, Driver, Refusal, pfs
from python_pachyderm import Client
from small_disk import SmallDisk
from waiting import until

MIB = 1 << 20
FULL = "the disk that holds the data folder is full: nothing of this call was kept"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    made = SmallDisk(tmp_path / "disk", 24 * MIB)
    yield made
    made.end()


class Served:
    """A pachd on the disk."""

    def __init__(self, disk: SmallDisk, log: Path) -> None:
        self.disk = disk
        self.log = log
        self.data = disk.path / "pachd"
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> Driver:
        script = [sys.executable, pachd_process.__file__, str(self.data)]
        with self.log.open("a") as log:
            self._process = subprocess.Popen(
                self.disk.inside(script),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, self.log.read_text()
        return Driver(Client("127.0.0.1", int(line)))

    def end(self, kill: bool = False) -> None:
        if self._process is not None:
            if kill:
                self._process.kill()
            self._process.communicate(timeout=60)
            self._process = None


@pytest.fixture
def served(disk: SmallDisk, tmp_path: Path) -> Iterator[Served]:
    made = Served(disk, tmp_path / "log")
    yield made
    made.end()


def put_until_full(on: Driver, repo: str) -> dict[str, bytes]:
    """Commits of one file each; what was acknowledged."""
    kept: dict[str, bytes] = {}
    while True:
        data = random.randbytes(MIB)
        try:
            on.client.put_file_bytes((repo, "master"), f"/{len(kept)}", data)
        except grpc.RpcError as error:
            refused: Any = error
            assert refused.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
            assert refused.details() == FULL
            return kept
        kept[f"/{len(kept)}"] = data
        assert len(kept) < 24


def test_put_until_the_disk_is_full(disk: SmallDisk, served: Served) -> None:
    on = served.start()
    on.client.create_repo("repo")
    kept = put_until_full(on, "repo")
    assert len(kept) > 15
    assert on.files("repo") == kept
    disk.fill()
    calls: list[Callable[[], object]] = [
        lambda: on.client.create_repo("other"),
        lambda: on.client.start_commit("repo", "master"),
        lambda: on.client.put_file_bytes(("repo", "master"), "/small", b"1"),
        lambda: on.client.delete_repo("repo"),
        lambda: on.client.create_secret("secret", {"a": "b"}),
        lambda: on.pipeline("true", pfs("repo")),
    ]
    for call in calls * 3:
        with Refusal() as refusal:
            call()
        assert (refusal.code, refusal.text) == (grpc.StatusCode.RESOURCE_EXHAUSTED, FULL)
    assert on.files("repo") == kept
    assert [each.repo.name for each in on.client.list_repo()] == ["repo"]

    for kill in (True, False):  # it starts on a full disk too
        served.end(kill)
        on = served.start()
        assert on.files("repo") == kept
        assert len(list(on.client.list_commit("repo"))) == len(kept)
        assert list(on.client.fsck()) == []

    disk.relieve()
    on.client.put_file_bytes(("repo", "master"), "/small", b"1")
    assert on.files("repo") == {**kept, "/small": b"1"}


def test_a_deleted_repo_makes_room(disk: SmallDisk, served: Served) -> None:
    on = served.start()
    for name in ("kept", "gone", "full"):
        on.client.create_repo(name)
    on.put("kept", {"/a": b"kept"})
    on.put("gone", {f"/{number}": random.randbytes(MIB) for number in range(8)})
    put_until_full(on, "full")
    on.client.delete_repo("gone")
    # what the repo had goes when pachd is idle
    until(lambda: disk.free() >= 7 * MIB, 60)
    assert list(on.client.fsck()) == []
    on.put("kept", {f"/{number}": random.randbytes(MIB) for number in range(6)})
    assert on.read("kept", "/a") == b"kept"


def test_jobs_on_a_full_disk(disk: SmallDisk, served: Served, tmp_path: Path) -> None:
    on = served.start()
    gate, begun = tmp_path / "gate", tmp_path / "begun"
    gate.touch()
    repo = on.repo({"/a": b"1000"})
    script = f"""
        touch {begun}
        until test -e {gate}; do sleep 0.02; done
        out=${{TYCOKIT_PFS:-/pfs}}/out
        cp $in $out/
        head -c $(cat $in) /dev/zero > $out/zeros-$PACH_DATUM_ID
    """
    pipe = on.pipeline(script, pfs(repo, name="in"))
    assert on.done(pipe).state == SUCCESS

    disk.fill(leave=MIB)
    on.put(repo, {"/b": b"5000000"})
    info = on.done(pipe)
    assert info.state == FAILURE
    assert "No space left on device" in "\n".join(on.logs(pipe, info.job.id))
    disk.relieve()

    gate.unlink()
    begun.unlink()
    on.put(repo, {"/c": b"3000"})
    job = on.latest(pipe)
    until(begun.exists, 60)
    disk.fill()
    gate.touch()
    until(lambda: "could not be ended" in served.log.read_text(), 60)
    disk.relieve()
    on.done(pipe, job)  # it does end, whichever way
    on.put(repo, {"/d": b"4000"})
    assert on.done(pipe).state == SUCCESS
    assert {f"/{name}" for name in "abcd"} <= set(on.files(pipe))
    assert list(on.client.fsck()) == []


def test_a_folder_on_a_disk_without_room(disk: SmallDisk, served: Served) -> None:
    disk.fill()
    said = refused(disk, served.data)
    assert "FolderUnusable: the data folder" in said
    assert said.rstrip().endswith("disk is full")


def test_data_that_may_only_be_read(disk: SmallDisk, served: Served) -> None:
    on = served.start()
    repo = on.repo({"/a": b"kept"})
    served.end()
    before = contents(disk.seen)
    said = refused(disk, served.data, "mount -o bind,ro {data} {data}")
    assert "FolderUnusable: the data folder" in said
    assert "Read-only file system" in said
    assert contents(disk.seen) == before
    on = served.start()
    assert on.read(repo, "/a") == b"kept"


def refused(disk: SmallDisk, data: Path, first: str = "true") -> str:
    """What a pachd that does not start says; a shell line comes first, and holds for it alone."""
    code = (
        "import sys, os; from pathlib import Path; from tycokit.pachd.server import Pachd\n"
        "Pachd(Path(sys.argv[1]), 0, None, os.environ).start()"
    )
    line = first.format(data=data) + ' && exec "$@"'
    words = ["unshare", "--mount", "sh", "-c", line, "sh", sys.executable, "-c", code, str(data)]
    done = subprocess.run(disk.inside(words), capture_output=True, text=True, check=False)
    assert done.returncode
    return done.stderr


def contents(folder: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def test_a_stage_goes_on_after_a_disk_was_full(disk: SmallDisk) -> None:
    code = """
        import sys
        from pathlib import Path
        from random import randbytes
        from tycokit.pachd.store import packs
        from tycokit.pachd.store.database import Database

        folder = Path(sys.argv[1])
        database = Database(folder / "x.sqlite", packs.MIGRATIONS)
        store = packs.Packs(folder / "packs", database)
        stage = store.stage()
        kept = [randbytes(700_000) for _ in range(3)]
        hashes = [stage.put(data) for data in kept]
        filler = folder / "filler"
        try:
            filler.write_bytes(bytes(30_000_000))
        except OSError:
            pass
        # room for a part of what is to be written, and that part is not to be taken for a whole
        filler.open("r+").truncate(filler.stat().st_size - 100_000)
        kept += [randbytes(900_000), randbytes(900_000)]
        for data in kept[3:]:
            try:
                hashes.append(stage.put(data))
                print("put")
            except OSError as error:
                print(error.strerror)
        filler.unlink()
        hashes += [stage.put(data) for data in kept[len(hashes):]]
        stage.seal()
        with database.write() as connection:
            stage.record(connection)
        print([store.read(hash_) for hash_ in hashes] == kept)
        print(sum(pack.stat().st_size for pack in (folder / "packs").iterdir()))
    """
    command = [sys.executable, "-c", textwrap.dedent(code), str(disk.path)]
    done = subprocess.run(disk.inside(command), capture_output=True, text=True, check=True)
    said = done.stdout.splitlines()
    assert said[0] == "No space left on device"
    assert said[-2:] == ["True", str(3 * 700_000 + 2 * 900_000)]
