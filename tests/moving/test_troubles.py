"""What goes wrong under way: who ends, what is full, what is there already, odd names."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from moving_driver import Pair, commits, contents, hashes
from pipeline_driver import Site

from tycokit.errors import ArchiveError, CliError, FileCut
from tycokit.moving import flow
from tycokit.moving.asking import entries
from tycokit.moving.changes import Put, Readable
from tycokit.moving.fetching import Files
from tycokit.moving.packing import ArchiveSink
from tycokit.moving.reading import PachdSource
from tycokit.moving.writing import PachdSink
from tycokit.pachd.pfs.files import Snapshot
from tycokit.repos.addresses import Address

MIB = 1 << 20


class Counting(grpc.UnaryStreamClientInterceptor):  # type: ignore[misc]  # it carries no types
    """Counts the streams that a client opens, by the name of the call."""

    def __init__(self, site: Site) -> None:
        self.calls: dict[str, int] = {}
        self.client = site.client
        self.client._channel = grpc.intercept_channel(self.client._channel, self)

    def intercept_unary_stream(self, continuation: Any, details: Any, request: Any) -> Any:
        name = details.method.rpartition("/")[2]
        self.calls[name] = self.calls.get(name, 0) + 1
        return continuation(details, request)


def put(site: Site, repo: str, files: dict[str, bytes]) -> str:
    site.client.create_repo(repo)
    return site.put(repo, files)


def test_many_files_are_read_in_one_stream_and_few_in_as_few_as_it_takes(pair: Pair) -> None:
    files = {f"/{at:03}": b"%03d" % at for at in range(300)}
    files["/150b"] = os.urandom(MIB)
    commit = put(pair.laptop, "many", files)
    counted = Counting(pair.laptop)
    source = PachdSource(counted.client, "laptop")
    flow.move(source.contents(), source, PachdSink(pair.cluster.client, "cluster"))
    assert hashes(pair.cluster, "many") == hashes(pair.laptop, "many")
    assert counted.calls["GetFileTAR"] == 1

    at = Address("many", commit)
    found = {entry.path: entry for entry in entries(pair.laptop.client, at)}
    counted.calls.clear()
    some = Files(counted.client, "laptop", at)
    for path in ("/100", "/101", "/120", "/151", "/299"):  # read past some, not past the large one
        assert some.open(found[path]).read(100) == files[path]
    assert counted.calls == {"GetFileTAR": 2}
    assert (
        some.open(found["/150b"]).read(10) == files["/150b"][:10]
    )  # backwards, and not to its end
    assert some.open(found["/200"]).read(10) == b"200"
    with pytest.raises(FileCut):
        some.open(replace(found["/200"], path="/2000"))
    with pytest.raises(FileCut):
        some.open(replace(found["/201"], size=4))
    some.close()


ODD = [
    *(
        "/ ",
        "/ space/ in /names ",
        "/-",
        "/--help",
        "/~",
        "/#",
        "/a,b",
        "/%2e%2e",
        "/$HOME",
        "/`id`",
    ),
    *("/'", '/"', "/back\\slash", "/a|b", "/a;b&c", "/<x>", "/=", "/.hidden", "/...", "/a..b"),
    *("/put", "/gone", "/manifest.jsonl", "/a", "/a-b", "/a.b", "/a0", "/A", "/:/_"),
    f"/{'long/' * 60}{'n' * 200}",
]


def test_odd_names_empty_files_and_empty_repos_arrive_as_they_are(pair: Pair) -> None:
    put(pair.laptop, "odd", {path: path.encode() * (at % 3) for at, path in enumerate(ODD)})
    put(pair.laptop, "emptied", {"/a": b"a"})
    pair.laptop.put("emptied", {"/a": None})
    pair.laptop.client.create_repo("bare")
    pair.laptop.client.create_repo("blank")
    pair.laptop.client.create_branch("blank", "master")
    pair.run("export", "odd.tar", "--history")
    elsewhere = pair.site("elsewhere")
    pair.run("copy", "laptop", "cluster", "--history")
    pair.run("import", "odd.tar", "--context", "elsewhere")
    for there in (pair.cluster, elsewhere):
        assert hashes(there, "odd") == hashes(pair.laptop, "odd")
        assert hashes(there, "odd").keys() == set(ODD)
        assert contents(there, "emptied") == contents(pair.laptop, "emptied")
        repos = {info.repo.name: info for info in there.client.list_repo()}
        assert repos.keys() == {"odd", "emptied", "bare", "blank"}
        assert [one.name for one in repos["blank"].branches] == ["master"]
        assert list(repos["bare"].branches) == []
    assert "0 commits (3 were there)" in pair.run("copy", "laptop", "cluster", "--history")


def test_a_branch_that_looks_like_a_commits_id_is_copied_as_a_branch(pair: Pair) -> None:
    name = "0123456789abcdef0123456789abcdef"  # no UUID of version 4, which no branch may be
    pair.laptop.client.create_repo("letters")
    with pair.laptop.client.commit("letters", name) as commit:
        pair.laptop.client.put_file_bytes(commit, "/a", b"a")
    pair.run("copy", "laptop", "cluster")
    (made,) = pair.cluster.client.list_branch("letters")
    assert made.branch.name == name
    assert hashes(pair.cluster, "letters", made.head.id) == {
        "/a": hashes(pair.laptop, "letters", commit.id)["/a"]
    }
    assert "0 commits (1 was there)" in pair.run("copy", "laptop", "cluster")


def test_a_repo_of_another_project_is_named_with_it(pair: Pair) -> None:
    client = pair.laptop.client
    client.create_project("night", "shift")
    client.create_repo("letters", project_name="night")
    client.create_repo("letters")
    client.put_file_bytes(Address("letters", project="night").at, "/a", b"a")
    pair.run("copy", "laptop", "cluster", "night/letters")
    (made,) = pair.cluster.client.list_repo()
    assert (made.repo.project.name, made.repo.name) == ("night", "letters")
    assert pair.cluster.client.inspect_project("night").description == "shift"
    at = Address("letters", project="night")
    assert [entry.path for entry in entries(pair.cluster.client, at)] == ["/a"]


def test_what_changes_meanwhile_is_not_what_is_copied(pair: Pair) -> None:
    before = put(pair.laptop, "letters", {"/a": b"before", "/b": b"b"})
    source = PachdSource(pair.laptop.client, "laptop")
    chosen = source.contents()
    pair.laptop.put("letters", {"/a": b"after", "/b": None})
    flow.move(chosen, source, PachdSink(pair.cluster.client, "cluster"))
    assert hashes(pair.cluster, "letters") == hashes(pair.laptop, "letters", before)


def taken(folder: Path) -> int:
    """Bytes of the files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def stalled(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Every stream of files stands still after its first MiB, until this is set."""
    go_on = threading.Event()
    usual = Snapshot.tar

    def tar(self: Snapshot, *which: str) -> Iterator[bytes]:
        for at, piece in enumerate(usual(self, *which)):
            if at:
                go_on.wait(60)
            yield piece

    monkeypatch.setattr(Snapshot, "tar", tar)
    yield go_on
    go_on.set()


def test_a_copy_that_is_killed_within_a_file_goes_on(pair: Pair, stalled: threading.Event) -> None:
    put(pair.laptop, "films", {"/film": os.urandom(8 * MIB), "/small": b"s"})
    pair.cluster.client.create_repo("films")
    pair.stopped_when(lambda: commits(pair.cluster, "films"), "copy", "laptop", "cluster")
    (left,) = commits(pair.cluster, "films")
    assert not left.HasField("finished")
    stalled.set()
    assert "1 commit, 2 files" in pair.run("copy", "laptop", "cluster")
    (whole,) = commits(pair.cluster, "films")
    assert whole.commit.id == left.commit.id
    assert hashes(pair.cluster, "films") == hashes(pair.laptop, "films")


class Leaving:
    """A file whose pachd is gone after its first bytes."""

    def __init__(self, file: Readable, site: Site) -> None:
        self._file, self._site = file, site

    def read(self, size: int, /) -> bytes:
        data = self._file.read(size)
        self._site.pachd.stop()
        return data


def test_a_source_that_goes_away_is_named_and_its_commit_stays_open(pair: Pair) -> None:
    put(pair.laptop, "films", {"/film": os.urandom(32 * MIB)})
    source = PachdSource(pair.laptop.client, "laptop")
    chosen = source.contents()
    (step,) = chosen.steps
    sink = PachdSink(pair.cluster.client, "cluster")
    sink.prepare(chosen)

    def leaving(change: Put) -> Put:
        return replace(change, open=lambda: Leaving(change.open(), pair.laptop))

    changes = (leaving(change) for change in source.changes(step) if isinstance(change, Put))
    with pytest.raises(CliError, match="laptop"):
        sink.take(step, changes, lambda _: None)
    (left,) = commits(pair.cluster, "films")
    assert not left.HasField("finished")


def test_an_archive_for_which_there_is_no_room_is_not_left_behind(pair: Pair) -> None:
    put(pair.laptop, "films", {f"/{at}": os.urandom(MIB) for at in range(4)})
    target = pair.folder / "archives" / "all.tar"
    target.parent.mkdir()
    command = [sys.executable, "-m", "tycokit", "export", str(target)]
    done = subprocess.run(
        command,
        env={**os.environ, "PACH_CONFIG": str(pair.config)},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2 * MIB, 2 * MIB)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == f"tycokit: {target}: File too large\n"
    assert list(target.parent.iterdir()) == []
    said = pair.run("export", str(pair.folder / "none" / "all.tar"), code=1)
    assert "all.tar: No such file or directory" in said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_export_that_is_interrupted_leaves_nothing(
    pair: Pair, stalled: threading.Event, number: int
) -> None:
    put(pair.laptop, "films", {"/film": os.urandom(8 * MIB)})
    folder = pair.folder / "archives"
    folder.mkdir()
    command = ("export", str(folder / "all.tar"))
    code = pair.stopped_when(lambda: taken(folder) > MIB // 2, *command, number=number)
    assert code == 128 + number
    assert list(folder.iterdir()) == []


def test_of_two_exports_to_one_file_the_first_to_end_stays_and_is_whole(
    pair: Pair, tmp_path: Path
) -> None:
    put(pair.laptop, "letters", {"/a": b"a"})
    target = tmp_path / "all.tar"
    source = PachdSource(pair.laptop.client, "laptop")
    with ArchiveSink(target) as one, ArchiveSink(target) as other:
        flow.move(source.contents(), source, one)
        whole = target.read_bytes()
        with pytest.raises(ArchiveError, match="is there already"):
            flow.move(source.contents(), source, other)
    assert target.read_bytes() == whole
    assert list(tmp_path.iterdir()) == [target]
    pair.run("import", str(target), "--context", "cluster")
