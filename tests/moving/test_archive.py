"""Archives: what goes in comes out, and nothing that is damaged or made up gets in."""

from __future__ import annotations

import errno
import io
import json
import os
import stat
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from moving_driver import Pair, commits, contents, hashes, pfs, transform

from tycokit.errors import ArchiveError, SpecError
from tycokit.moving.archive import HASH
from tycokit.moving.changes import Change, Gone, Put
from tycokit.moving.contents import (
    FORMER,
    BranchEntry,
    BranchName,
    Contents,
    Origin,
    PipelineEntry,
    RepoEntry,
    Step,
    from_json,
)
from tycokit.moving.packing import ArchiveSink
from tycokit.moving.unpacking import ArchiveSource
from tycokit.moving.writing import PachdSink
from tycokit.pipelines.specs import Repo

LARGE = os.urandom(3 << 20)
LETTERS = Repo("default", "letters")
FIRST = Step(LETTERS, "master", "a" * 32, None, "first", 6)
SECOND = Step(LETTERS, "master", "b" * 32, "a" * 32, "", 1)
HELD = Contents(
    Origin("laptop", "a-cluster"),
    {},
    (RepoEntry(LETTERS, ""),),
    (FIRST, SECOND),
    (BranchEntry(BranchName(LETTERS, "master"), "b" * 32, (), None),),
    (),
)


def put(path: str, data: bytes) -> Put:
    return Put(path, len(data), "0" * 64, lambda: io.BytesIO(data))


BROUGHT: dict[Step, list[Change]] = {
    FIRST: [put("/a", b"one"), put("/b/c", b"two")],
    SECOND: [Gone("/a"), put("/new", b"3")],
}


def packed(file: Path) -> Path:
    with ArchiveSink(file) as sink:
        sink.prepare(HELD)
        for step, changes in BROUGHT.items():
            sink.take(step, iter(changes), lambda _: None)
        sink.finish(HELD)
    return file


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return packed(tmp_path / "letters.tar")


def refused(file: Path) -> str:
    """Why an archive is."""
    with pytest.raises(ArchiveError) as raised, ArchiveSource(file):
        pass
    assert raised.value.file == file
    return raised.value.reason


Edit = Callable[[tarfile.TarInfo, bytes], Iterator[tuple[tarfile.TarInfo, bytes]]]


def edited(file: Path, edit: Edit) -> Path:
    """The archive with other members in place of each."""
    made = file.with_name("edited.tar")
    with tarfile.open(file) as old, tarfile.open(made, "w", format=tarfile.PAX_FORMAT) as new:
        for member in old:
            inner = old.extractfile(member)
            assert inner is not None
            for other, data in edit(member, inner.read()):
                other.size = len(data)
                new.addfile(other, io.BytesIO(data))
    return made


def member(name: str, **headers: str) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.pax_headers = headers
    return made


def test_what_was_packed_is_unpacked_in_order_also_when_steps_are_left_out(archive: Path) -> None:
    with ArchiveSource(archive) as source:
        assert source.contents() == HELD
        got = [
            (type(change), change.path, getattr(change, "size", None))
            for step in HELD.steps
            for change in source.changes(step)
        ]
    assert got == [(Put, "/a", 3), (Put, "/b/c", 3), (Gone, "/a", None), (Put, "/new", 1)]
    with ArchiveSource(archive) as source:
        _, new = source.changes(SECOND)
        assert isinstance(new, Put)
        assert new.open().read(10) == b"3"


def test_an_archive_is_there_whole_or_not_at_all(tmp_path: Path, archive: Path) -> None:
    other = tmp_path / "other" / "half.tar"
    other.parent.mkdir()
    with ArchiveSink(other) as sink:
        sink.prepare(HELD)
    assert list(other.parent.iterdir()) == []
    with pytest.raises(ArchiveError, match="is there already"):
        ArchiveSink(archive)


def folders_answer(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every wait for a folder fails, and those for files do not."""
    usual = os.fsync

    def fsync(file: int) -> None:
        if stat.S_ISDIR(os.fstat(file).st_mode):
            raise OSError(number, os.strerror(number))
        usual(file)

    monkeypatch.setattr(os, "fsync", fsync)


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EBADF])
def test_an_archive_is_written_where_folders_cannot_be_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    folders_answer(number, monkeypatch)
    with ArchiveSource(packed(tmp_path / "letters.tar")) as source:
        assert source.contents() == HELD


def test_a_folder_that_cannot_be_written_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders_answer(errno.EIO, monkeypatch)
    with pytest.raises(ArchiveError, match="Input/output error"):
        packed(tmp_path / "letters.tar")


def test_an_archive_is_written_where_there_are_no_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def link(_from: Path, to: Path) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM), str(to))

    monkeypatch.setattr(os, "link", link)
    file = tmp_path / "letters.tar"
    with ArchiveSource(packed(file)) as source:
        assert source.contents() == HELD
    whole = file.read_bytes()
    file.unlink()
    with ArchiveSink(file) as sink:
        sink.prepare(HELD)
        file.write_bytes(whole)  # another one comes meanwhile
        with pytest.raises(ArchiveError, match="is there already"):
            sink.finish(HELD)
    assert list(tmp_path.iterdir()) == [file]
    assert file.read_bytes() == whole


def test_an_export_that_finds_no_room_for_its_manifest_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full() -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    with pytest.raises(OSError, match="No space left"), ArchiveSink(tmp_path / "letters.tar"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_an_archive_that_ends_early_says_after_what(archive: Path) -> None:
    whole = archive.read_bytes()
    names = ("contents.json", "put/0/a", "put/0/b/c", "gone/1/a", "put/1/new", "manifest.jsonl")
    with tarfile.open(archive) as tar:
        last = tar.getmembers()[-1]
    for size in range(len(whole) // 512):
        archive.write_bytes(whole[: size * 512])
        if size * 512 >= last.offset_data + last.size:
            break  # only zeros are missing
        reason = refused(archive)
        assert "is no archive" in reason or any(name in reason for name in names), (size, reason)
    assert size > 15
    archive.write_bytes(whole[: last.offset])
    assert refused(archive) == "ends early, or is damaged, after put/1/new"
    for size in (0, 1, 511):
        archive.write_bytes(whole[:size])
        assert refused(archive) == "is no archive of tycokit's"
    archive.write_bytes(os.urandom(4096))
    assert refused(archive) == "is no archive of tycokit's"
    archive.unlink()
    assert refused(archive) == "there is no such file"


def test_another_byte_in_a_file_is_found_and_named(archive: Path) -> None:
    whole = archive.read_bytes()
    archive.write_bytes(whole.replace(b"two", b"twO"))
    assert refused(archive) == "put/0/b/c is not what was exported: its SHA-256 differs"


def test_members_that_are_missing_added_or_moved_are_named(archive: Path) -> None:
    def without(one: tarfile.TarInfo, data: bytes) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
        if one.name != "put/0/a":
            yield one, data

    def with_another(one: tarfile.TarInfo, data: bytes) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
        yield one, data
        if one.name == "put/0/b/c":
            yield member("put/0/d", **{HASH: "0" * 64}), b"new"

    def renamed(one: tarfile.TarInfo, data: bytes) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
        yield (member("put/0/b/d", **{HASH: "0" * 64}) if one.name == "put/0/b/c" else one), data

    def appended(one: tarfile.TarInfo, data: bytes) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
        yield one, data
        if one.name == "manifest.jsonl":
            yield member("put/1/z", **{HASH: "0" * 64}), b""

    assert refused(edited(archive, without)) == "put/0/b/c stands where put/0/a should"
    assert refused(edited(archive, with_another)) == "put/0/d stands where gone/1/a should"
    assert refused(edited(archive, renamed)) == "put/0/b/d stands where put/0/b/c should"
    assert refused(edited(archive, appended)) == "goes on after manifest.jsonl"


@pytest.mark.parametrize(
    "name",
    [
        "put/0/../../../etc/cron.d/x",
        "put/0/b/../c",
        "/etc/passwd",
        "../outside",
        "put/0//double",
        "put/7/no/such/step",
        "put/x/y",
        "put/0/a",  # again
        "put/0/line\nbreak",
        "gone/0/not/in/a/whole/commit",
        "else",
    ],
)
def test_a_name_that_leads_elsewhere_is_refused_before_anything_is_done(
    archive: Path, name: str
) -> None:
    def with_it(one: tarfile.TarInfo, data: bytes) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
        yield one, data
        if one.name == "put/0/b/c":
            yield member(name, **{HASH: "0" * 64}), b""

    assert name in refused(edited(archive, with_it))


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE]
)
def test_links_and_the_like_are_refused(archive: Path, kind: bytes) -> None:
    def linked(one: tarfile.TarInfo, data: bytes) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
        if one.name == "put/0/b/c":
            one.type, one.linkname, data = kind, "/etc/passwd", b""
        yield one, data

    assert refused(edited(archive, linked)) == "put/0/b/c is no plain file"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (b'"format"', b'"formal"', "contents.json: $"),
        (b'"name": "letters"', b'"name": "../lett"', "contents.json: $"),
        (b'"name": "letters"', b'"name": "letters\\n"', "contents.json: $"),
        (b'"cluster": "a-', b'"cluster": "a) ', "contents.json: $.origin"),
        (b"a" * 32, b"c" * 32, ""),
        (b'"head": "b', b'"head": "c', "head that is not in it"),
        (b'"trigger": null', b'"trigger": {"moon": 1}', "the trigger of letters@master"),
        (b"{", b"[", "is not JSON"),
    ],
)
def test_contents_that_make_no_sense_are_refused(
    archive: Path, old: bytes, new: bytes, says: str
) -> None:
    def changed(one: tarfile.TarInfo, data: bytes) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
        yield one, data.replace(old, new, 1) if one.name == "contents.json" else data

    reason = refused(edited(archive, changed))
    assert reason.startswith("contents.json")
    assert says in reason


def test_contents_of_before_archives_named_their_cluster_are_read() -> None:
    older = {**json.loads(HELD.to_json()), "format": FORMER, "origin": "laptop"}
    assert from_json(json.dumps(older).encode()) == replace(HELD, origin=Origin("laptop", ""))


def test_an_export_is_imported_with_its_history_and_pipelines(pair: Pair) -> None:
    client = pair.laptop.client
    client.create_repo("letters")
    pair.laptop.put("letters", {"/a": b"a", "/deep/b": b"b", "/empty": b"", "/large": LARGE})
    pair.laptop.put("letters", {"/a": None, "/c": b"c"})
    client.create_secret("key", {"k": "hidden"})
    client.create_pipeline(
        "through", transform("cp -r /pfs/letters/* /pfs/out/"), input=pfs("letters")
    )
    next(client.inspect_job(next(client.list_job("through")).job.id, "through", wait=True))

    said = pair.run("export", "all.tar", "--history")
    assert "all.tar: 1 repo, 2 commits, 5 files, 1 pipeline" in said
    assert b"hidden" not in (pair.folder / "all.tar").read_bytes()
    assert "is there already" in pair.run("export", "all.tar", code=1)

    said = pair.run("import", "all.tar", "--context", "cluster", "--start")
    assert "cluster: 1 repo, 2 commits, 5 files, 1 pipeline" in said
    assert contents(pair.cluster, "letters") == contents(pair.laptop, "letters")
    there = pair.cluster.client
    next(there.inspect_job(next(there.list_job("through")).job.id, "through", wait=True))
    assert hashes(pair.cluster, "through") == hashes(pair.laptop, "through")
    said = pair.run("import", "all.tar", "--context", "cluster")
    assert "0 commits (2 were there), 0 files" in said

    whole = (pair.folder / "all.tar").read_bytes()
    (pair.folder / "bad.tar").write_bytes(whole.replace(LARGE[-64:], LARGE[:64]))
    said = pair.run("import", "bad.tar", "--context", "cluster", code=1)
    assert "put/0/large is not what was exported" in said


def test_a_file_whose_hash_is_not_the_recorded_one_is_not_committed(
    pair: Pair, archive: Path
) -> None:
    said = pair.run("import", str(archive), "--context", "cluster", code=1)
    assert "/a of letters@master=aaaaaaaaaaaa has another hash in cluster" in said
    (left,) = commits(pair.cluster, "letters")
    assert not left.HasField("finished")


def test_an_import_that_was_killed_goes_on(pair: Pair) -> None:
    pair.laptop.client.create_repo("many")
    files = {f"/{number:04}": f"{number}".encode() * 500 for number in range(3000)}
    pair.laptop.put("many", files)
    pair.run("export", "many.tar")
    pair.kill("many", "import", "many.tar", "--context", "cluster")
    before = len(hashes(pair.cluster, "many"))
    said = pair.run("import", "many.tar", "--context", "cluster")
    assert 0 < before < len(files)
    assert f"1 commit, {len(files) - before:,} files" in said
    assert hashes(pair.cluster, "many") == hashes(pair.laptop, "many")
    assert len(commits(pair.cluster, "many")) == 1


def test_an_archive_with_a_spec_that_is_none_changes_nothing(pair: Pair) -> None:
    bad = PipelineEntry(Repo("default", "bad"), {"pipeline": {"name": "bad"}, "workers": 1}, True)
    held = replace(HELD, projects={"night": ""}, pipelines=(bad,))
    sink = PachdSink(pair.cluster.client, "cluster")
    with pytest.raises(SpecError, match="the spec of bad"):
        sink.prepare(held)
    assert list(pair.cluster.client.list_repo()) == []
    assert [info.project.name for info in pair.cluster.client.list_project()] == ["default"]


def test_a_pipeline_with_the_name_of_a_repo_beside_it_is_told(pair: Pair) -> None:
    spec = {
        "pipeline": {"name": "letters"},
        "transform": {"cmd": ["true"]},
        "input": {"pfs": {"repo": "read", "glob": "/"}},
    }
    held = replace(
        HELD,
        repos=(RepoEntry(LETTERS, ""), RepoEntry(Repo("default", "read"), "")),
        steps=(),
        branches=(),
        pipelines=(PipelineEntry(LETTERS, spec, True),),
    )
    sink = PachdSink(pair.cluster.client, "cluster")
    sink.prepare(held)
    (told,) = sink.finish(held)
    assert told == "pipeline letters has the name of a repo that cluster has"
