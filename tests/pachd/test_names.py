"""Names and paths: what Pachyderm refuses, and in which words."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tycokit.errors import InvalidName, InvalidPath
from tycokit.pachd.pfs import names

ID = "0123456789ab4cdef0123456789abcde"
ONLY = "only alphanumeric characters, underscores, and dashes are allowed"


@pytest.mark.parametrize(
    ("check", "name"),
    [
        (names.check_name, "A-b_9"),
        (names.check_repo, "x" * 200),
        (names.check_repo, "_a"),
        (names.check_branch, "master"),
        (names.check_branch, "0123456789ab5cdef0123456789abcde"),
        (names.check_project, "p" * 51),
        (names.check_project, "7"),
    ],
)
def test_good_names(check: Callable[[str], None], name: str) -> None:
    check(name)


@pytest.mark.parametrize(
    ("check", "name", "message"),
    [
        (names.check_name, "", f"name () invalid: {ONLY}"),
        (names.check_name, "a b", f"name (a b) invalid: {ONLY}"),
        (names.check_name, "a\n", f"name (a\n) invalid: {ONLY}"),
        (names.check_repo, "ä", f"name (ä) invalid: {ONLY}"),
        (names.check_repo, "__filesets__", "repo name __filesets__ is reserved"),
        (names.check_branch, ID, "branch name cannot be a UUID V4"),
        (names.check_project, "a.b", f"invalid project name: name (a.b) invalid: {ONLY}"),
        (
            names.check_project,
            "p" * 53,
            (
                f'invalid project name: project name "{"p" * 53}" is 2 characters longer than'
                " the 51 max"
            ),
        ),
        (
            names.check_project,
            "-a",
            "invalid project name: project names must start with an alphanumeric character",
        ),
    ],
)
def test_bad_names(check: Callable[[str], None], name: str, message: str) -> None:
    with pytest.raises(InvalidName) as caught:
        check(name)
    assert (str(caught.value), caught.value.name) == (message, name)


@pytest.mark.parametrize(
    ("project", "name", "message"),
    [
        ("default", "a/b", f"invalid pipeline name: name (a/b) invalid: {ONLY}"),
        (
            "default",
            "p" * 52,
            f'pipeline name "{"p" * 52}" is 1 characters longer than the 51 max',
        ),
        (
            "a-long-project",
            "p" * 50,
            (
                f'Kubernetes name "a-long-project-{"p" * 50}-v99" is 6 characters'
                " longer than the 63 max"
            ),
        ),
        ("default", "_a", "pipeline names must start with an alphanumeric character"),
    ],
)
def test_bad_pipelines(project: str, name: str, message: str) -> None:
    with pytest.raises(InvalidName) as caught:
        names.check_pipeline(project, name)
    assert str(caught.value) == message


def test_a_pipeline_as_long_as_allowed() -> None:
    names.check_pipeline("default", "P_" * 25 + "p")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("", "/"),
        (".", "/"),
        ("/", "/"),
        ("//", "/"),
        ("a", "/a"),
        ("/a//b/", "/a/b"),
        ("//a/./b", "/a/b"),
        ("/a/../b", "/b"),
        ("/..", "/"),
    ],
)
def test_normal_path(path: str, expected: str) -> None:
    assert names.normal_path(path) == expected


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/a/b.c",
        "a b",
        "/.env",
        "/a..b",
        "/dir/",
        "/~#$%&'\"",
        "/" + "b" * 255,
        "/a" * 1750,
    ],
)
def test_good_paths(path: str) -> None:
    names.check_path(path)


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("/ä", "only printable ASCII characters allowed"),
        ("/a\n", "only printable ASCII characters allowed"),
        ("/a*b", "globbing character (*) not allowed in path"),
        ("/a^", "globbing character (^) not allowed in path"),
        ("/T12:00:00+01:00", "globbing character (+) not allowed in path"),
        ("/a/../b", "relative file paths are not allowed"),
        ("./a", "relative file paths are not allowed"),
        # a file that no worker could lay on its disk
        ("/a/" + "b" * 256, "a name in it is 1 characters longer than the 255 max"),
        ("/a" * 1751, "it is 2 characters longer than the 3500 max"),
    ],
)
def test_bad_paths(path: str, rule: str) -> None:
    with pytest.raises(InvalidPath) as caught:
        names.check_path(path)
    assert str(caught.value) == f"path ({path}) invalid: {rule}"


def test_printed_forms() -> None:
    assert names.printed_pipeline("default", "model") == "default/model"
    assert names.printed_job("default", "model", ID) == f"default/model@{ID}"


def test_ids() -> None:
    assert names.is_uuid4(ID)
    assert not names.is_uuid4(ID.upper())
    assert not names.is_uuid4(ID + "0")
