"""What a glob, or any input, would make of the repos as they are."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from gates import pipeline
from pipeline_driver import Site
from python_pachyderm.service import pps_proto

from tycokit.errors import InputUnclear
from tycokit.processing import datumlist, datumpreview
from tycokit.processing.datumpreview import Shape, glob_input, read_input

FILES = {
    "/a/1.jpg": b"x" * 10,
    "/a/2.jpg": b"x" * 20,
    "/b/1.jpg": b"x" * 300,
    "/top.json": b"{}",
}


@pytest.fixture(scope="module")
def there(site: Site) -> Site:
    site.client.create_repo("pictures")
    site.put("pictures", dict(FILES))
    site.client.create_repo("notes")
    site.put("notes", {"/one.ipynb": b"1234", "/two.ipynb": b"12"})
    return site


@pytest.mark.parametrize(
    ("glob", "datums"),
    [
        ("/", {"/": 332}),
        ("/*", {"/a/": 30, "/b/": 300, "/top.json": 2}),
        ("/*/*", {"/a/1.jpg": 10, "/a/2.jpg": 20, "/b/1.jpg": 300}),
        ("*.json", {"/top.json": 2}),
        ("/nothing*", {}),
    ],
)
def test_a_glob_shows_its_datums_and_their_sizes(
    there: Site, glob: str, datums: dict[str, int]
) -> None:
    given = glob_input("pictures", glob)
    page = datumpreview.page(there.client, given)
    assert page.after is None
    assert {row.files[0].path: row.size for row in page.datums} == datums
    assert {row.state for row in page.datums} <= {"unknown"}
    found = datumpreview.survey(there.client, given)
    sizes = sorted(datums.values())
    assert (found.datums, found.complete, found.files) == (len(sizes), True, len(sizes))
    assert found.size == sum(sizes)
    assert (found.smallest, found.largest) == ((sizes[0], sizes[-1]) if sizes else (0, 0))
    assert found.shapes == ((Shape((("pictures", 1),), len(sizes)),) if sizes else ())


def test_the_datums_are_those_that_a_pipeline_would_have(there: Site) -> None:
    given = glob_input("pictures", "/*/*")
    previewed = [row.id for row in datumpreview.page(there.client, given).datums]
    pipeline(there, "looks", "pictures", "true", input=given)
    job = next(there.client.list_job("looks")).job.id
    there.job("looks", job)
    assert [row.id for row in datumlist.page(there.client, "looks", job).datums] == previewed


def test_pages_meet(there: Site) -> None:
    given = glob_input("pictures", "/**")
    ids: list[str] = []
    after: str | None = ""
    while after is not None:
        page = datumpreview.page(there.client, given, after=after, count=2)
        ids += [row.id for row in page.datums]
        after = page.after
    assert len(ids) == len(set(ids)) == 6
    counted = datumpreview.survey(there.client, given, most=4)
    assert (counted.datums, counted.complete) == (4, False)


def test_a_cross_shows_which_files_go_together(there: Site) -> None:
    given = {
        "cross": [
            {"pfs": {"repo": "pictures", "glob": "/*/*"}},
            {"pfs": {"repo": "notes", "glob": "/one.ipynb", "name": "notebook"}},
        ]
    }
    found = read_input(given)
    (shape,) = datumpreview.survey(there.client, found).shapes
    assert str(shape) == "1 of pictures + 1 of notes" or str(shape) == "1 of notes + 1 of pictures"
    assert shape.datums == 3
    for row in datumpreview.page(there.client, found).datums:
        assert sorted(file.repo for file in row.files) == ["notes", "pictures"]
    grouped = {"group": [{"pfs": {"repo": "pictures", "glob": "/(*)/*", "group_by": "$1"}}]}
    survey = datumpreview.survey(there.client, read_input(grouped))
    assert {str(each): each.datums for each in survey.shapes} == {
        "2 of pictures": 1,
        "1 of pictures": 1,
    }


@pytest.mark.parametrize(
    "given",
    [
        "pictures:/*",
        "default/pictures@master:/*",
        {"pfs": {"repo": "pictures", "glob": "/*"}},
        '{"pfs": {"repo": "pictures", "glob": "/*"}}',
        pps_proto.Input(pfs=pps_proto.PFSInput(repo="pictures", glob="/*")),
    ],
)
def test_an_input_is_said_in_any_of_these_forms(given: Any) -> None:
    made = read_input(given)
    assert datumpreview.as_json(made) == {
        "pfs": {
            "project": "default",
            "name": "pictures",
            "repo": "pictures",
            "branch": "master",
            "glob": "/*",
        }
    }


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("pictures", "has no glob"),
        ("", r"repo\[@branch\]:/glob"),
        ("pictures:*", r"repo\[@branch\]:/glob"),
        ("{", "is not JSON"),
        ({"pfs": {"repo": "pictures", "globb": "/"}}, "did you mean 'glob'"),
        ({"pfs": {"glob": "/"}}, "without a repo"),
        ({}, "reads no repo"),
        ({"cron": {"name": "tick", "spec": "@never"}}, "reads no repo"),
        ("pictures:/[a", "the glob"),
        (7, "give repo"),
    ],
)
def test_anything_else_is_refused_in_words(given: Any, says: str) -> None:
    with pytest.raises(InputUnclear, match=says):
        read_input(given)


def test_pachds_own_refusals_come_through(there: Site) -> None:
    with pytest.raises(grpc.RpcError, match=r"not found in repo .*missing"):
        datumpreview.page(there.client, glob_input("missing", "/*"))
    union = {
        "union": [
            {"pfs": {"repo": "pictures", "glob": "/"}},
            {"cron": {"name": "tick", "spec": "@never"}},
        ]
    }
    with pytest.raises(grpc.RpcError, match="can't list datums with a cron input"):
        datumpreview.survey(there.client, read_input(union))
