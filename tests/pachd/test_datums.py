"""Datums: tables for each kind of input, and hypothesis against a naive enumeration."""

from __future__ import annotations

import hashlib
import struct
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from naive_datums import by_key_hash, naive

from tycokit.globs import glob
from tycokit.pachd.pps.datums import (
    Datum,
    MatchedFile,
    Matches,
    datum_hash,
    enumerate_datums,
)
from tycokit.pachd.pps.spec import (
    CronInput,
    CrossInput,
    GroupInput,
    Input,
    JoinInput,
    PfsInput,
    UnionInput,
)

COMMIT = "c" * 32


def pfs(name: str, pattern: str = "/*", **rest: object) -> PfsInput:
    given_input = PfsInput(name, "default", "user", "master", name=name, glob=pattern)
    return replace(given_input, **rest)  # type: ignore[arg-type]


def holding(**repos: list[str]) -> Callable[[PfsInput], Matches]:
    """Repos by name, each with its paths; a glob applies to them as in a commit."""

    def list_files(source: PfsInput) -> Matches:
        pattern = glob.compile(source.glob)
        files = []
        for path in sorted(repos.get(source.repo, [])):
            captures = pattern.match(path.rstrip("/") or "/")
            if captures is not None:
                content = hashlib.blake2b(path.encode(), digest_size=32).digest()
                files.append(MatchedFile(path, content, len(path), captures))
        return Matches(COMMIT, files)

    return list_files


def paths(datums: list[Datum]) -> list[tuple[str, ...]]:
    return [tuple(each.name + each.path for each in datum.inputs) for datum in datums]


def test_pfs() -> None:
    source = pfs("images", lazy=True)
    [first, second] = enumerate_datums(source, holding(images=["/b.png", "/a/"]))
    assert paths([first, second]) == [("images/a/",), ("images/b.png",)]
    [found] = first.inputs
    assert found.source == source
    assert (found.commit_id, found.size, first.size) == (COMMIT, 3, 3)
    assert (found.project, found.repo, found.repo_type) == ("default", "images", "user")
    assert (found.branch, found.lazy, found.empty_files, found.s3) == ("master", True, False, False)
    assert (found.join_on, found.group_by) == ("", "")


def test_no_files_no_datums() -> None:
    nothing = holding(b=["/x"])
    assert enumerate_datums(pfs("a"), nothing) == []
    assert enumerate_datums(CrossInput((pfs("a"), pfs("b"))), nothing) == []
    assert enumerate_datums(JoinInput((pfs("a"), pfs("b"))), nothing) == []
    assert enumerate_datums(GroupInput((pfs("a"),)), nothing) == []
    assert paths(enumerate_datums(UnionInput((pfs("a"), pfs("b"))), nothing)) == [("b/x",)]


def test_cross() -> None:
    files = holding(a=["/1", "/2"], b=["/x", "/y"], n=["/n.ipynb"])
    cross = CrossInput((pfs("a"), pfs("b"), pfs("n", "/n.ipynb")))
    assert paths(enumerate_datums(cross, files)) == [
        ("a/1", "b/x", "n/n.ipynb"),
        ("a/1", "b/y", "n/n.ipynb"),
        ("a/2", "b/x", "n/n.ipynb"),
        ("a/2", "b/y", "n/n.ipynb"),
    ]


def test_union() -> None:
    union = UnionInput((pfs("b"), pfs("a", "/2"), pfs("a")))
    found = enumerate_datums(union, holding(a=["/1", "/2", "/3"], b=["/x"]))
    assert paths(found) == [("b/x",), ("a/2",), ("a/1",), ("a/3",)]


def test_cron() -> None:
    cron = CronInput("tick", "@daily", "p_tick", "default", start=0)
    [datum] = enumerate_datums(cron, holding(p_tick=["/2024-01-31T10:00:00Z"]))
    [found] = datum.inputs
    assert (found.name, found.repo, found.branch) == ("tick", "p_tick", "master")


def test_join_as_annotate_does() -> None:
    join = JoinInput(
        (
            pfs("threat", "/(*)/(*).json", join_on="$1_$2"),
            pfs("valid", "/valid/(*)_(*).*", join_on="$1_$2"),
        )
    )
    files = holding(
        threat=["/al/1.json", "/al/2.json", "/bo/9.json"],
        valid=["/valid/al_1.jpg", "/valid/al_2.png", "/valid/cy_3.jpg"],
    )
    found = enumerate_datums(join, files)
    expected = {
        "al_1": ("threat/al/1.json", "valid/valid/al_1.jpg"),
        "al_2": ("threat/al/2.json", "valid/valid/al_2.png"),
    }
    assert paths(found) == [expected[key] for key in by_key_hash(*expected)]
    assert {each.join_on for datum in found for each in datum.inputs} == {"al_1", "al_2"}


@pytest.mark.parametrize(
    ("outer", "expected"),
    [
        ("", []),
        ("a", [("a/k1",), ("a/k2",)]),
        ("b", [("b/k3",)]),
        ("ab", [("a/k1", "b/k3"), ("a/k2", "b/k3")]),
        ("c", []),
    ],
)
def test_outer_join(outer: str, expected: list[tuple[str, ...]]) -> None:
    join = JoinInput(
        tuple(pfs(name, "/(?)*", join_on="$1", outer_join=name in outer) for name in "abc")
    )
    files = holding(a=["/k1", "/k2"], b=["/k3"], c=[])
    assert paths(enumerate_datums(join, files)) == expected


def test_the_key_of_a_directory_has_no_trailing_slash() -> None:
    join = JoinInput((pfs("a", "/(*)", join_on="$1$0"), pfs("b", "/(*)", join_on="$1$0")))
    found = enumerate_datums(join, holding(a=["/k/"], b=["/k"]))
    assert paths(found) == [("a/k/", "b/k")]
    assert found[0].inputs[0].join_on == "k/k"


def test_group() -> None:
    group = GroupInput(
        (pfs("a", "/(?)*", group_by="$1"), pfs("b", "/*-(*)", group_by="$1", outer_join=True))
    )
    files = holding(a=["/x1", "/x2", "/y1"], b=["/1-x", "/2-z"])
    expected = {"x": ("a/x1", "a/x2", "b/1-x"), "y": ("a/y1",), "z": ("b/2-z",)}
    assert paths(enumerate_datums(group, files)) == [expected[key] for key in by_key_hash(*"xyz")]


def test_nested() -> None:
    files = holding(a=["/1", "/2"], b=["/1"], n=["/n"])
    join = JoinInput((pfs("a", "/(*)", join_on="$1"), pfs("b", "/(*)", join_on="$1")))
    assert paths(enumerate_datums(CrossInput((join, pfs("n"))), files)) == [("a/1", "b/1", "n/n")]
    union = UnionInput((pfs("a", "/(*)", group_by="$1"), pfs("b", "/(*)", group_by="$1")))
    expected = {"1": ("a/1", "b/1"), "2": ("a/2",)}
    assert paths(enumerate_datums(GroupInput((union,)), files)) == [
        expected[key] for key in by_key_hash("1", "2")
    ]


def test_identity() -> None:
    files = holding(images=["/é/", "/b"], w=["/"])
    cross = CrossInput((replace(pfs("images", "/é"), name="picture"), pfs("w", "/")))
    [datum] = enumerate_datums(cross, files)
    wanted = b""
    for text in ("picture", "images", "master", "/é/", "w", "w", "master", "/"):
        wanted += text.encode() + struct.pack(">q", len(text.encode()))
    assert datum.id == hashlib.blake2b(wanted, digest_size=32).hexdigest()
    contents = b"".join(each.hash for each in datum.inputs)
    whole = datum.id.encode() + contents + b"salt"
    assert datum_hash(datum, "salt") == hashlib.blake2b(whole, digest_size=32).hexdigest()
    assert datum_hash(datum, "salt") != datum_hash(datum, "pepper")


def test_the_id_is_not_of_content_or_project() -> None:
    def list_files(source: PfsInput) -> Matches:
        return Matches("other", [MatchedFile("/x", b"other", 9)])

    [one] = enumerate_datums(pfs("a"), holding(a=["/x"]))
    [two] = enumerate_datums(pfs("a", project="other"), list_files)
    assert one.id == two.id
    assert datum_hash(one, "") != datum_hash(two, "")


# --- against a naive enumeration -------------------------------------------------------------


leaves = st.builds(
    lambda repo, template, outer: pfs(
        repo, "/(?)(*)", join_on=template, group_by=template, outer_join=outer
    ),
    st.sampled_from("abc"),
    st.sampled_from(["", "$1", "$2", "$2$1"]),
    st.booleans(),
)
inputs = st.recursive(
    leaves,
    lambda below: st.one_of(
        [
            st.builds(kind, st.lists(below, min_size=1, max_size=2).map(tuple))
            for kind in (CrossInput, UnionInput, JoinInput, GroupInput)
        ]
    ),
    max_leaves=4,
)
names = st.lists(st.sampled_from(["/xy", "/x", "/yx", "/y/"]), max_size=3, unique=True)


@given(inputs, names, names, names)
def test_like_the_naive_enumeration(
    given_input: Input, a: list[str], b: list[str], c: list[str]
) -> None:
    files = holding(a=a, b=b, c=c)
    found = enumerate_datums(given_input, files)
    wanted = [tuple(each.name + each.path for each in datum) for datum in naive(given_input, files)]
    # Which of two ways to a datum comes first is nobody's business but that of the order of ids.
    assert sorted(paths(found)) == sorted(set(wanted))
    if len(wanted) == len(set(wanted)):
        assert paths(found) == wanted
    assert len({datum.id for datum in found}) == len(found)


def test_ten_thousand_are_quick() -> None:
    matched = [
        MatchedFile(f"/valid/cam_{number:06}.jpg", number.to_bytes(32, "big"), 1)
        for number in range(10_000)
    ]
    notebook = [MatchedFile("/model.ipynb", b"n" * 32, 1)]
    cross = CrossInput((pfs("images"), pfs("notebooks")))
    started = time.process_time()
    found = enumerate_datums(
        cross, lambda source: Matches(COMMIT, matched if source.repo == "images" else notebook)
    )
    assert len({datum_hash(datum, "salt") for datum in found}) == 10_000
    assert time.process_time() - started < 1
