"""Two commits compared: which files differ, and how."""

from __future__ import annotations

import nbformat
import pytest
from house_driver import jpeg
from pipeline_driver import Site

from tycokit.errors import LookError
from tycokit.repos import difference
from tycokit.repos.addresses import Address
from tycokit.repos.difference import Lines, Notebooks, Sides
from tycokit.repos.previews import PictureView


def notebook(*sources: str) -> bytes:
    made = [nbformat.v4.new_code_cell(source) for source in sources]
    return nbformat.writes(nbformat.v4.new_notebook(cells=made)).encode()


@pytest.fixture(scope="module")
def commits(site: Site) -> tuple[Address, Address]:
    """(new, old)"""
    site.client.create_repo("changing")
    same = {f"/same/{number}": b"x" for number in range(20)}
    old = site.put(
        "changing",
        {
            **same,
            "/rules.json": b'{"a": 1, "b": 2}',
            "/gone.txt": b"gone\n",
            "/p.jpg": jpeg(colour="red"),
            "/n.ipynb": notebook("1", "2"),
            "/t.csv": b"a,b\n1,2\n",
            "/d/x.bin": b"\0\1",
        },
    )
    new = site.put(
        "changing",
        {
            "/rules.json": b'{"a": 1, "b": 3}',
            "/gone.txt": None,
            "/come.txt": b"come\n",
            "/p.jpg": jpeg(colour="blue"),
            "/n.ipynb": notebook("1", "3"),
            "/t.csv": b"a,b\n1,3\n",
            "/d/x.bin": b"\0\2",
        },
    )
    return Address("changing", new), Address("changing", old)


def test_files_that_differ_are_listed(site: Site, commits: tuple[Address, Address]) -> None:
    found = difference.files(site.client, *commits)
    assert [(each.path, each.kind) for each in found.changes] == [
        ("/come.txt", "added"),
        ("/d/x.bin", "changed"),
        ("/gone.txt", "deleted"),
        ("/n.ipynb", "changed"),
        ("/p.jpg", "changed"),
        ("/rules.json", "changed"),
        ("/t.csv", "changed"),
    ]
    assert found.after == ""
    come, gone = found.changes[0], found.changes[2]
    assert come.old is None
    assert come.new is not None
    assert come.new.size == 5
    assert gone.new is None


def test_without_another_commit_it_is_the_parent(
    site: Site, commits: tuple[Address, Address]
) -> None:
    new, old = commits
    assert difference.files(site.client, new, None) == difference.files(site.client, new, old)
    first = difference.files(site.client, old, None, count=100)
    assert len(first.changes) == 26
    assert {each.kind for each in first.changes} == {"added"}


def test_files_that_differ_come_in_pages(site: Site, commits: tuple[Address, Address]) -> None:
    paths: list[str] = []
    after = ""
    while True:
        found = difference.files(site.client, *commits, after=after, count=3)
        paths += [each.path for each in found.changes]
        after = found.after
        if not after:
            break
    whole = difference.files(site.client, *commits)
    assert paths == [each.path for each in whole.changes]


def compared(site: Site, commits: tuple[Address, Address], path: str) -> object:
    new, old = commits
    return difference.file(site.client, new.below(path), old.below(path))


def test_json_line_by_line(site: Site, commits: tuple[Address, Address]) -> None:
    found = compared(site, commits, "/rules.json")
    assert isinstance(found, Lines)
    changed = [(line.kind, line.text) for line in found.lines if line.kind != "same"]
    assert changed == [("deleted", '  "b": 2'), ("added", '  "b": 3')]
    assert found.whole


def test_tables_line_by_line(site: Site, commits: tuple[Address, Address]) -> None:
    found = compared(site, commits, "/t.csv")
    assert isinstance(found, Lines)
    assert [line.text for line in found.lines] == ["a,b", "1,2", "1,3"]


def test_files_that_come_or_go_are_compared_with_nothing(
    site: Site, commits: tuple[Address, Address]
) -> None:
    come, gone = compared(site, commits, "/come.txt"), compared(site, commits, "/gone.txt")
    assert isinstance(come, Lines)
    assert isinstance(gone, Lines)
    assert [(line.kind, line.text) for line in come.lines] == [("added", "come")]
    assert [(line.kind, line.text) for line in gone.lines] == [("deleted", "gone")]


def test_pictures_side_by_side(site: Site, commits: tuple[Address, Address]) -> None:
    found = compared(site, commits, "/p.jpg")
    assert isinstance(found, Sides)
    assert isinstance(found.new, PictureView)
    assert isinstance(found.old, PictureView)
    assert found.new.jpeg != found.old.jpeg


def test_bytes_side_by_side(site: Site, commits: tuple[Address, Address]) -> None:
    found = compared(site, commits, "/d/x.bin")
    assert isinstance(found, Sides)
    assert found.new != found.old


def test_notebooks_by_cell(site: Site, commits: tuple[Address, Address]) -> None:
    found = compared(site, commits, "/n.ipynb")
    assert isinstance(found, Notebooks)
    assert [cell.source for cell in found.old] == ["1", "2"]
    assert [cell.source for cell in found.new] == ["1", "3"]


def test_a_file_that_neither_has(site: Site, commits: tuple[Address, Address]) -> None:
    with pytest.raises(LookError, match=r"neither changing@.* nor changing@.* has /no"):
        compared(site, commits, "/no")


def test_a_long_comparison_is_cut(site: Site) -> None:
    site.client.create_repo("long")
    old = site.put("long", {"/a": b"old\n" * 4000})
    new = site.put("long", {"/a": b"new\n" * 4000})
    found = difference.file(site.client, Address("long", new, "/a"), Address("long", old, "/a"))
    assert isinstance(found, Lines)
    assert len(found.lines) == 3000
    assert not found.whole
