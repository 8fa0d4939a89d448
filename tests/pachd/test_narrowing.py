"""Inputs narrowed to one file: pachd gives the same datums of that file as it gives in a job."""

from __future__ import annotations

from typing import Any

import pytest
from pachd_driver import Driver, pfs
from python_pachyderm.service import pps_proto

from tycokit.lineage.narrowing import Target, narrowed, reads

FILES = {
    path: path.encode()
    for path in (
        "/dev1_100.jpg",
        "/dev1_200.jpg",
        "/dev2_100.png",
        "/a/b/dev1_100.json",
        "/a/c/x.json",
        "/a,b/pipe|d.json",
        r"/back\slash.json",
        "/odd_name_100.jpg",
    )
}
OTHER = {path: path.encode() for path in ("/dev1/100.json", "/dev2/100.json", "/dev9/900.json")}


def spec(kind: str, *inputs: Any) -> Any:
    return pps_proto.Input(**{kind: list(inputs)})


def inputs_of(one: str, other: str) -> dict[str, Any]:
    first = pfs(one, "/(*)_(*).*", name="one", join_on="$1_$2")
    second = pfs(other, "/(*)/(*).json", name="two", join_on="$1_$2")
    return {
        "pfs": pfs(one, "/*", name="one"),
        "root": pfs(one, "/", name="one"),
        "deep": pfs(one, "/**", name="one"),
        "braces": pfs(one, "/{a,b}/[bc]", name="one"),
        "cross": spec("cross", pfs(one, "/*", name="one"), pfs(other, "/*/*.json", name="two")),
        "twice": spec("cross", pfs(one, "/*.jpg", name="one"), pfs(one, "/a/*", name="again")),
        "union": spec("union", pfs(one, "/a/**", name="one"), pfs(other, "/*", name="two")),
        "join": spec("join", first, second),
        "outer": spec(
            "join",
            pfs(one, "/(*)_(*).*", name="one", join_on="$1_$2", outer_join=True),
            second,
        ),
        "nested": spec("cross", spec("join", first, second), pfs(other, "/", name="all")),
    }


def read_by(infos: Any, repo: str, path: str) -> set[str]:
    """The ids of the datums that read a file, itself or in a folder."""
    return {
        info.datum.id
        for info in infos
        for file in info.data
        if file.file.commit.branch.repo.name == repo
        and (path == file.file.path or file.file.path.endswith("/"))
        and path.startswith(file.file.path)
    }


@pytest.mark.parametrize(
    "kind",
    ["pfs", "root", "deep", "braces", "cross", "twice", "union", "join", "outer", "nested"],
)
def test_narrowed_inputs_give_exactly_the_datums_of_their_file(on: Driver, kind: str) -> None:
    one, other = on.repo(FILES), on.repo(OTHER)
    given = inputs_of(one, other)[kind]
    everything = list(on.client.list_datum(input=given))
    assert everything
    for repo, files in ((one, FILES), (other, OTHER)):
        for path in files:
            target = Target("default", repo, path)
            if not reads(given, "default", target):
                continue
            inputs = narrowed(given, "default", target)
            if inputs is None:  # it could be the picture name_100 of odd, or 100 of odd_name
                assert (path, "join" in str(given)) == ("/odd_name_100.jpg", True)
                continue
            found = [info for each in inputs for info in on.client.list_datum(input=each)]
            ids, all_ids = read_by(found, repo, path), read_by(everything, repo, path)
            # braces are pachd's alone to read: then no datum is missing
            assert ids >= all_ids if kind == "braces" else ids == all_ids, (path, inputs)


def test_few_others_are_given_with_them(on: Driver) -> None:
    one, other = on.repo(FILES), on.repo(OTHER)
    for kind, most in {"pfs": 1, "deep": 3, "cross": 3, "join": 1, "nested": 1, "union": 2}.items():
        path = "/a/b/dev1_100.json" if kind in ("deep", "union") else "/dev1_100.jpg"
        inputs = narrowed(inputs_of(one, other)[kind], "default", Target("default", one, path))
        assert inputs is not None
        found = sum(len(list(on.client.list_datum(input=each))) for each in inputs)
        assert (kind, found) == (kind, most)


def test_groups_and_captures_that_are_not_sure_need_all(on: Driver) -> None:
    file = Target("default", "one", "/dev1_100.jpg")
    grouped = spec("group", pfs("one", "/(*)_*", group_by="$1"), pfs("two", "/(*)", group_by="$1"))
    classes = spec(
        "join", pfs("one", "/([a-z]*)_*", join_on="$1"), pfs("two", "/(*)", join_on="$1")
    )
    for given in (grouped, classes):
        assert narrowed(given, "default", file) is None
    assert not reads(grouped, "default", Target("default", "three", "/x"))
    assert not reads(grouped, "other", file)
