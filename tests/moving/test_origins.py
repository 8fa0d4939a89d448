"""Two pachds that are copied into a third: neither undoes what the other one brought."""

from __future__ import annotations

import json
import tarfile
from dataclasses import replace

import pytest
from moving_driver import Pair, commits, contents, hashes
from pipeline_driver import Site

from tycokit.errors import Occupied
from tycokit.moving import flow, marks
from tycokit.moving.contents import FORMER, Origin, Step
from tycokit.moving.reading import PachdSource
from tycokit.moving.writing import PachdSink
from tycokit.pipelines.specs import Repo

STEP = Step(Repo("default", "letters"), "master", "a" * 32, None, "hello", 0)


def cluster_id(site: Site) -> str:
    return str(site.client.inspect_cluster().deployment_id)


def letters(site: Site, path: str) -> str:
    if "letters" not in {info.repo.name for info in site.client.list_repo()}:
        site.client.create_repo("letters")
    return site.put("letters", {path: path.encode()})


def test_a_mark_says_where_a_copy_is_from_and_old_ones_are_read() -> None:
    message = marks.marked(STEP, Origin("lap top", "7f3a"))
    assert message == f"hello\n\ncopied from letters@{'a' * 32} of lap_top (7f3a)"
    mark = marks.read(message)
    assert mark == marks.Mark("a" * 32, Origin("lap_top", "7f3a"))
    assert mark.is_of(Origin("renamed", "7f3a"))
    assert not mark.is_of(Origin("lap_top", "8888"))
    assert not mark.is_of(Origin("an old archive", ""))
    old = marks.read(f"hello\n\ncopied from letters@{'a' * 32}")
    assert old == marks.Mark("a" * 32, None)
    assert old.is_of(Origin("laptop", "7f3a"))
    assert old.is_of(Origin("an old archive", ""))
    assert marks.read(f"copied from letters@{'a' * 32} of me (1)\nand more") is None
    assert marks.read("copied from my notes") is None


def test_a_source_does_not_undo_what_another_one_brought(pair: Pair) -> None:
    desktop = pair.site("desktop")
    letters(pair.laptop, "/laptop")
    letters(desktop, "/desktop")
    pair.run("copy", "laptop", "cluster")

    said = pair.run("copy", "desktop", "cluster", code=1)
    assert (
        "letters@master of cluster takes no copy: it holds a copy from laptop"
        f" ({cluster_id(pair.laptop)}), while this one is from desktop ({cluster_id(desktop)});"
        " --replace puts a commit on top, which undoes it"
    ) in said
    assert contents(pair.cluster, "letters") == contents(pair.laptop, "letters")

    pair.run("copy", "desktop", "cluster", "--replace")
    assert hashes(pair.cluster, "letters") == hashes(desktop, "letters")

    said = pair.run("copy", "laptop", "cluster", code=1)  # its commit is there, below the other's
    assert "0 commits (1 was there)" in said
    assert "branch letters@master of cluster holds a copy from desktop" in said
    assert "and keeps it; --replace moves it to the copy" in said
    assert hashes(pair.cluster, "letters") == hashes(desktop, "letters")

    letters(pair.laptop, "/more")
    assert "holds a copy from desktop" in pair.run("copy", "laptop", "cluster", code=1)
    pair.run("copy", "laptop", "cluster", "--replace")
    assert hashes(pair.cluster, "letters") == hashes(pair.laptop, "letters")
    assert "0 commits (1 was there)" in pair.run("copy", "laptop", "cluster")


def test_what_two_sources_have_alike_is_no_quarrel(pair: Pair) -> None:
    desktop = pair.site("desktop")
    for site in (pair.laptop, desktop):
        letters(site, "/same")
    pair.run("copy", "laptop", "cluster")
    assert "0 commits (1 was there), 0 files" in pair.run("copy", "desktop", "cluster")
    assert len(commits(pair.cluster, "letters")) == 1


def test_a_copy_of_another_source_that_was_cut_short_is_not_gone_on_with(pair: Pair) -> None:
    letters(pair.laptop, "/laptop")
    there = pair.cluster.client
    there.create_repo("letters")
    begun = there.start_commit(
        "letters", "master", description=marks.marked(STEP, Origin("desktop", "d"))
    )
    there.put_file_bytes(begun, "/theirs", b"theirs")

    said = pair.run("copy", "laptop", "cluster", code=1)
    assert "a copy from desktop (d), while this one is from laptop" in said
    assert "was cut short; run that copy again, as it was" in said
    assert list(hashes(pair.cluster, "letters")) == ["/theirs"]

    pair.run("copy", "laptop", "cluster", "--replace")
    assert contents(pair.cluster, "letters") == contents(pair.laptop, "letters")


def test_copies_of_before_that_name_no_source_are_known(pair: Pair) -> None:
    commit = letters(pair.laptop, "/a")
    there = pair.cluster.client
    there.create_repo("letters")
    with there.commit("letters", "master", description=f"copied from letters@{commit}") as made:
        there.put_file_bytes(made, "/a", b"/a")
    assert "0 commits (1 was there)" in pair.run("copy", "laptop", "cluster")
    letters(pair.laptop, "/b")
    assert "1 commit, 1 file" in pair.run("copy", "laptop", "cluster")
    assert hashes(pair.cluster, "letters") == hashes(pair.laptop, "letters")


def test_a_source_that_nobody_knows_undoes_what_no_other_brought(pair: Pair) -> None:
    desktop = pair.site("desktop")
    letters(pair.laptop, "/laptop")
    letters(desktop, "/desktop")
    pair.run("copy", "desktop", "cluster")
    source = PachdSource(pair.laptop.client, "laptop")
    older = replace(source.contents(), origin=Origin("laptop", ""))  # as older archives say it
    with pytest.raises(Occupied, match="holds a copy from desktop"):
        flow.move(older, source, PachdSink(pair.cluster.client, "cluster"))
    assert hashes(pair.cluster, "letters") == hashes(desktop, "letters")


def test_an_archive_is_of_the_pachd_that_it_was_made_of(pair: Pair) -> None:
    desktop = pair.site("desktop")
    letters(pair.laptop, "/laptop")
    letters(desktop, "/desktop")
    pair.run("export", "laptop.tar", "--context", "laptop")
    pair.run("export", "desktop.tar", "--context", "desktop")
    pair.run("import", "laptop.tar", "--context", "cluster")
    assert "0 commits (1 was there)" in pair.run("copy", "laptop", "cluster")
    said = pair.run("import", "desktop.tar", "--context", "cluster", code=1)
    assert f"while this one is from desktop ({cluster_id(desktop)})" in said

    with tarfile.open(pair.folder / "laptop.tar") as archive:
        file = archive.extractfile("contents.json")
        assert file is not None
        held = json.load(file)
    assert held["origin"] == {"name": "laptop", "cluster": cluster_id(pair.laptop)}
    assert held["format"] != FORMER
