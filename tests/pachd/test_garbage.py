"""What nothing leads to goes; what anything leads to, or is about to, stays."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from python_pachyderm import Client

from tycokit.errors import FolderInUse, StoreDamaged
from tycokit.pachd.pfs import references, repos, schema
from tycokit.pachd.pfs.commits import start_commit
from tycokit.pachd.pfs.files import Snapshot
from tycokit.pachd.pfs.modify import Modification
from tycokit.pachd.pfs.transaction import Pfs
from tycokit.pachd.pfs.values import Branch, CommitAddress, Repo
from tycokit.pachd.pps import schema as pps_schema
from tycokit.pachd.server import Pachd, reclaim, token
from tycokit.pachd.store import garbage, maps, packs
from tycokit.pachd.store.check import check
from tycokit.pachd.store.database import Database
from tycokit.pachd.upkeep import Upkeep

MIGRATIONS = (
    *packs.MIGRATIONS,
    *maps.MIGRATIONS,
    *schema.MIGRATIONS,
    *pps_schema.MIGRATIONS,
    *references.MIGRATIONS,
)
MIB = 1 << 20


class Folder:
    """pfs on a folder, without a server."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(exist_ok=True)
        self.database = Database(path / "x.sqlite", MIGRATIONS)
        self.packs = packs.Packs(path / "packs", self.database)
        self.maps = maps.Maps()
        self.pfs = Pfs(self.database, self.packs, self.maps)
        with self.pfs.transaction() as transaction:
            repos.ensure_default_project(transaction)
        self.upkeep = Upkeep(self.pfs, self.maps)

    def close(self) -> None:
        self.packs.close()
        self.database.close()

    def repo(self, name: str) -> Repo:
        repo = Repo("default", name)
        with self.pfs.transaction() as transaction:
            repos.create_repo(transaction, repo)
        return repo

    def remove(self, repo: Repo) -> None:
        with self.pfs.transaction() as transaction:
            repos.delete_repo(transaction, repo, force=True)

    def put(self, repo: Repo, files: dict[str, bytes | None]) -> None:
        change = Modification(self.pfs)
        for path, data in files.items():
            change.delete(path)
            if data is not None:
                change.add(path, data)
        change.apply(CommitAddress(repo, "master"))

    def read(self, repo: Repo, path: str) -> bytes:
        return b"".join(Snapshot(self.pfs, CommitAddress(repo, "master")).read(path))

    def faults(self) -> list[str]:
        return list(check(self.database, self.packs, self.upkeep.trace))

    def bytes(self) -> int:
        return sum(file.stat().st_size for file in (self.path / "packs").iterdir())

    def count(self, table: str) -> int:
        with self.database.read() as connection:
            return int(connection.execute(f"SELECT count(*) AS n FROM {table}").fetchone()["n"])


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    made = Folder(tmp_path / "data")
    yield made
    made.close()


def noise(seed: int, size: int = MIB // 4) -> bytes:
    return random.Random(seed).randbytes(size)


def test_what_a_deleted_repo_had_alone_goes_and_the_rest_stays(folder: Folder) -> None:
    kept, gone = folder.repo("kept"), folder.repo("gone")
    folder.put(kept, {f"/d/{at}": noise(at) for at in range(4)})
    folder.put(gone, {f"/d/{at}": noise(at) for at in range(2, 9)})
    before = folder.bytes()
    assert folder.upkeep.collect() == garbage.Collected(0, 0, 0)

    folder.remove(gone)
    done = folder.upkeep.collect()

    assert done.chunks == 5
    assert done.bytes == before - folder.bytes() == 5 * MIB // 4
    assert folder.count("chunk") == 4
    assert [folder.read(kept, f"/d/{at}") for at in range(4)] == [noise(at) for at in range(4)]
    assert folder.faults() == []
    folder.remove(kept)
    folder.upkeep.collect()
    assert folder.bytes() == folder.count("chunk") == folder.count("page") == 0
    assert folder.count("pack") == 0


def test_a_mostly_dead_pack_is_copied_and_a_mostly_live_one_left(folder: Folder) -> None:
    repo, other = folder.repo("a"), folder.repo("b")
    folder.put(other, {f"/{at}": noise(at) for at in range(8)})
    first = set((folder.path / "packs").iterdir())
    folder.put(repo, {"/0": noise(0)})  # shares a chunk of that pack
    folder.remove(other)
    assert folder.upkeep.collect().bytes == 7 * MIB // 4
    assert first.isdisjoint((folder.path / "packs").iterdir())
    assert folder.bytes() == MIB // 4
    assert folder.read(repo, "/0") == noise(0)

    folder.put(repo, {f"/more/{at}": noise(at) for at in range(10, 18)})
    packs_now = set((folder.path / "packs").iterdir())
    with folder.pfs.transaction() as transaction:
        # the newest commit goes, but for what the first has as well
        transaction.connection.execute("UPDATE branch SET head = (SELECT min(id) FROM pfs_commit)")
        transaction.connection.execute("DELETE FROM pfs_commit WHERE parent IS NOT NULL")
    assert folder.upkeep.collect().chunks == 8
    assert len(packs_now) == 2
    assert len(set((folder.path / "packs").iterdir())) == 1
    assert folder.read(repo, "/0") == noise(0)
    assert folder.faults() == []


def test_a_stage_may_count_on_a_chunk_that_is_garbage_when_it_finds_it(folder: Folder) -> None:
    old, new = folder.repo("old"), folder.repo("new")
    folder.put(old, {"/x": noise(1)})
    folder.remove(old)  # from here on the chunk is garbage
    change = Modification(folder.pfs)
    change.add("/x", noise(1))
    change.add("/more", noise(2, 999_999))  # enough for the stage to look up what it was given
    change.delete("/other")
    assert folder.upkeep.collect().chunks == 0
    change.apply(CommitAddress(new, "master"))
    folder.upkeep.collect()
    assert folder.read(new, "/x") == noise(1)
    assert folder.faults() == []

    folder.remove(new)
    change = Modification(folder.pfs)
    change.add("/x", noise(1))
    change.add("/more", noise(2, 999_999))
    change.delete("/other")
    change.drop()
    assert folder.upkeep.collect().chunks == 2


def test_garbage_may_go_while_a_stage_has_the_same_bytes_waiting(folder: Folder) -> None:
    old, new = folder.repo("old"), folder.repo("new")
    folder.put(old, {"/x": noise(1)})
    folder.remove(old)
    change = Modification(folder.pfs)
    change.add("/x", noise(1))
    change.delete("/other")  # ends the file: its bytes go to the stage, which waits for more
    assert folder.upkeep.collect().chunks == 1
    change.apply(CommitAddress(new, "master"))
    assert folder.read(new, "/x") == noise(1)
    assert folder.faults() == []


def test_a_copy_keeps_its_source_and_readers_keep_what_they_read(folder: Folder) -> None:
    old, new = folder.repo("old"), folder.repo("new")
    folder.put(old, {f"/d/{at}": noise(at) for at in range(3)})
    change = Modification(folder.pfs)
    change.copy("/copied", CommitAddress(old, "master"), "/d", False, "")
    reader = Snapshot(folder.pfs, CommitAddress(old, "master"))
    listing = reader.list_dir("/d")
    assert next(listing).path == "/d/0"
    folder.remove(old)
    folder.upkeep.collect()
    assert [info.path for info in listing] == ["/d/1", "/d/2"]
    assert b"".join(reader.read("/d/2")) == noise(2)
    change.apply(CommitAddress(new, "master"))
    del listing, reader, change
    folder.upkeep.collect()
    assert folder.read(new, "/copied/1") == noise(1)
    assert folder.faults() == []


def test_an_open_commits_files_stay_and_its_earlier_trees_go(folder: Folder) -> None:
    repo = folder.repo("open")
    with folder.pfs.transaction() as transaction:
        commit = start_commit(transaction, Branch(repo, "master"))
    for at in range(20):
        change = Modification(folder.pfs)
        change.add(f"/{at}", noise(at, 1000))
        change.apply(CommitAddress(repo, id=commit.id))
    done = folder.upkeep.collect()
    assert done.pages == 19
    assert done.chunks == 0
    assert folder.read(repo, "/7") == noise(7, 1000)


def test_nothing_goes_while_something_is_damaged(folder: Folder) -> None:
    kept, gone = folder.repo("kept"), folder.repo("gone")
    folder.put(kept, {"/x/y": noise(1)})
    folder.put(gone, {"/x": noise(2)})
    folder.remove(gone)
    with folder.database.write() as connection:
        connection.execute(
            "UPDATE page SET data = x'00' WHERE hash = (SELECT root FROM pfs_commit LIMIT 1)"
        )
    with pytest.raises(StoreDamaged):
        folder.upkeep.collect()
    assert folder.count("chunk") == 2
    assert any("page" in fault for fault in folder.faults())


def test_check_finds_a_flipped_byte_a_cut_and_a_lost_pack(folder: Folder) -> None:
    repo = folder.repo("a")
    for at in range(3):
        folder.put(repo, {f"/{at}": noise(at)})
    assert folder.faults() == []
    files = sorted((folder.path / "packs").iterdir())
    data = bytearray(files[0].read_bytes())
    data[1000] ^= 1
    files[0].write_bytes(data)
    os.truncate(files[1], 5)
    files[2].unlink()
    faults = folder.faults()
    assert sum("is damaged" in fault for fault in faults) == 2
    assert any("has 5 bytes" in fault for fault in faults)
    assert any("cannot be read" in fault for fault in faults)
    with folder.database.write() as connection:
        connection.execute("UPDATE chunk SET length = length + 1 WHERE offset = 0")
        connection.execute("DELETE FROM chunk WHERE hash = (SELECT max(hash) FROM chunk)")
    faults = folder.faults()
    assert any("beyond its end" in fault for fault in faults)
    assert any("is needed, but missing" in fault for fault in faults)


def test_check_finds_a_flipped_byte_in_a_page(folder: Folder) -> None:
    folder.put(folder.repo("a"), {"/x": noise(1)})
    with folder.database.write() as connection:
        (page,) = connection.execute("SELECT * FROM page").fetchall()
        data = bytearray(page["data"])
        data[-1] ^= 1
        connection.execute("UPDATE page SET data = ?", (bytes(data),))
    assert folder.faults() == [
        f"page {page['hash'].hex()} is damaged: its bytes do not have this hash",
        f"page {page['hash'].hex()} is needed, but missing or damaged",
    ]


@pytest.mark.parametrize("step", ["copied", "sealed", "recorded", "one removed"])
def test_a_crash_while_packs_are_copied_loses_nothing(
    tmp_path: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Folder(tmp_path / "data")
    kept, gone = folder.repo("kept"), folder.repo("gone")
    for turn in range(3):
        files = {f"/{turn}/{at}": noise(10 * turn + at) for at in range(4)}
        folder.put(gone, files)
        folder.put(kept, dict(list(files.items())[:1]))
    folder.remove(gone)

    class Crash(BaseException):
        """No handler of ours sees it as an error to deal with."""

    forgotten: list[str] = []

    def crash(*args: object) -> None:
        if isinstance(args[0], packs.Stage) and args[0]._file is not None:
            args[0]._file.close()
        raise Crash

    def forget(_packs: packs.Packs, name: str) -> None:
        if forgotten:
            raise Crash
        forgotten.append(name)

    # a process that is killed does not clean up after itself
    monkeypatch.setattr(packs.Stage, "drop", lambda _stage: None)
    if step == "copied":
        monkeypatch.setattr(packs.Stage, "seal", crash)
    elif step == "sealed":
        monkeypatch.setattr(packs.Stage, "record_pack", crash)
    elif step == "recorded":
        monkeypatch.setattr(packs.Packs, "forget", crash)
    else:
        monkeypatch.setattr(packs.Packs, "forget", forget)
    with pytest.raises(Crash):
        folder.upkeep.collect()
    monkeypatch.undo()
    shutil.copytree(folder.path, tmp_path / "after")  # as the kill left it
    folder.close()

    after = Folder(tmp_path / "after")
    assert after.faults() == []
    for turn in range(3):
        assert after.read(kept, f"/{turn}/0") == noise(10 * turn)
    after.upkeep.collect()
    assert after.bytes() == 3 * MIB // 4
    assert after.faults() == []
    after.close()


def test_writers_and_readers_never_notice_a_collector(folder: Folder) -> None:
    """Few contents, so that stages find over and over what has just become garbage."""
    seconds = 6.0
    ended = threading.Event()
    failures: list[BaseException] = []
    contents = [noise(seed, 20_000) for seed in range(12)]

    def guarded(work: object) -> None:
        try:
            work()  # type: ignore[operator]
        except BaseException as error:
            failures.append(error)
            ended.set()

    def writer(name: str, seed: int) -> None:
        chance = random.Random(seed)
        repo = folder.repo(name)
        model: dict[str, bytes] = {}
        while not ended.is_set():
            if chance.random() < 0.2:
                folder.remove(repo)
                folder.repo(name)
                model = {}
            files: dict[str, bytes | None] = {
                f"/{chance.randrange(3)}/{chance.randrange(5)}": chance.choice([None, *contents])
                for _ in range(3)
            }
            folder.put(repo, files)
            model.update({path: data for path, data in files.items() if data is not None})
            model = {path: data for path, data in model.items() if files.get(path, b"") is not None}
            for path in chance.sample(sorted(model), min(2, len(model))):
                assert folder.read(repo, path) == model[path]
        for path, data in model.items():
            assert folder.read(repo, path) == data

    def collector() -> None:
        while not ended.is_set():
            folder.upkeep.collect()
            assert folder.faults() == []

    works = [lambda name=f"r{at}", at=at: writer(name, at) for at in range(4)]
    threads = [
        threading.Thread(target=guarded, args=(work,)) for work in [*works, collector, collector]
    ]
    for thread in threads:
        thread.start()
    ended.wait(seconds)
    ended.set()
    for thread in threads:
        thread.join()
    assert failures == []
    folder.upkeep.collect()
    assert folder.faults() == []
    assert folder.count("chunk") <= len(contents)


def test_those_who_append_at_once_lose_nothing(folder: Folder) -> None:
    repo = folder.repo("log")
    folder.put(repo, {"/log": b""})
    ended = threading.Event()

    def collect() -> None:
        # commits are what keeps the log's earlier states: without them they are garbage
        while not ended.is_set():
            with folder.pfs.transaction() as transaction:
                head = "(SELECT head FROM branch)"
                transaction.connection.execute("UPDATE pfs_commit SET parent = NULL")
                transaction.connection.execute(f"DELETE FROM pfs_commit WHERE id != {head}")
            folder.upkeep.collect()

    collector = threading.Thread(target=collect)
    collector.start()

    def append(word: bytes) -> None:
        for _ in range(15):
            change = Modification(folder.pfs)
            change.add("/log", word + b"\n")
            change.apply(CommitAddress(repo, "master"))

    threads = [threading.Thread(target=append, args=(word,)) for word in (b"one", b"two", b"three")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ended.set()
    collector.join()
    lines = folder.read(repo, "/log").splitlines()
    assert sorted(lines) == sorted([b"one", b"two", b"three"] * 15)
    assert folder.faults() == []


def test_pachd_reclaims_by_itself_when_idle_and_the_folder_when_it_is_down(tmp_path: Path) -> None:
    pachd = Pachd(tmp_path, 0, token(tmp_path), dict(os.environ), idle=0.2)
    port = pachd.start()
    try:
        client = Client("127.0.0.1", port, auth_token=token(tmp_path))
        for name in ("kept", "gone"):
            client.create_repo(name)
            client.put_file_bytes((name, "master"), "/x", noise(len(name), MIB))
        client.put_file_bytes(("kept", "master"), "/y", noise(5, MIB))
        client.delete_repo("gone")
        end = time.monotonic() + 20
        while packed(tmp_path) > 2 * MIB and time.monotonic() < end:
            time.sleep(0.05)
        assert packed(tmp_path) == 2 * MIB
        assert client.get_file(("kept", "master"), "/x").read() == noise(4, MIB)
        with pytest.raises(FolderInUse):
            reclaim(tmp_path)
    finally:
        pachd.stop()
    with sqlite3.connect(tmp_path / "pachd.sqlite") as connection:
        connection.execute("DELETE FROM branch")
        connection.execute("DELETE FROM pfs_commit")
    connection.close()
    done = reclaim(tmp_path)
    assert (done.chunks, done.bytes) == (2, 2 * MIB)
    assert packed(tmp_path) == 0


def packed(data: Path) -> int:
    return sum(file.stat().st_size for file in (data / "packs").iterdir())


def test_every_column_that_may_name_content_is_known_to_the_collector(folder: Folder) -> None:
    """A new one must be traced, or it leads to what is then removed."""
    traced = {"pending_write.chunks", "pfs_commit.root", "job.datums", "datum_result.record"}
    no_content = {"queued_request.request", "queued_request.response"}
    stored = {"page.hash", "page.data", "chunk.hash"}
    with folder.database.read() as connection:
        tables = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
        )
        found = {
            f"{table['name']}.{column['name']}"
            for table in tables.fetchall()
            for column in connection.execute(f"PRAGMA table_info({table['name']})")
            if column["type"].upper() in ("BLOB", "")
        }
    assert found == traced | no_content | stored
