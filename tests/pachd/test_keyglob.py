"""Files are found by the key that a join or group gives them as if all had been looked at."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tycokit.globs.glob import compile as compile_glob
from tycokit.globs.glob import expand
from tycokit.pachd.pfs.files import Snapshot
from tycokit.pachd.pfs.keyglob import narrowed
from tycokit.pachd.pfs.modify import Modification
from tycokit.pachd.pfs.transaction import Pfs
from tycokit.pachd.pfs.values import CommitAddress, Repo

GLOBS = (
    *("/(*)", "/(*)/(*)", "/a/(*)_(*).*", "/(*)_(*)", "/(?)*", "/*(a|b)(*)", "/{a,(b)}(*)"),
    *("/(**)", "/(a)(**)/b", "/!(a)(*)", "/(a|(b))(*)", "/[ab](*)/@(a|b)", "/a(*)b", "/(*)/a*"),
)
TEMPLATES = ("$1", "$2", "$1_$2", "$1$2", "$2-$1", "k", "$1$1", "$3", "$$${1}", "$0", "$1$2$3$1$2")
NAMES = st.text("ab_.", min_size=1, max_size=4).filter(lambda name: name.strip("."))
PATHS = st.lists(NAMES, min_size=1, max_size=3).map(lambda names: "/" + "/".join(names))


@given(glob=st.sampled_from(GLOBS), template=st.sampled_from(TEMPLATES), path=PATHS)
@example("/a/(*)_(*).*", "$1_$2", "/a/a_b_a.b")
def test_each_path_is_matched_by_a_glob_of_its_key(glob: str, template: str, path: str) -> None:
    pattern = compile_glob(glob)
    captures = pattern.match(path)
    if captures is None:
        return
    key = expand(template, captures, path)
    found = narrowed(pattern.pattern, template, key)
    assert any(each.match(path) is not None for each in found)


def test_a_key_names_the_file_or_how_its_name_begins() -> None:
    (only,) = narrowed("/(*)/(*).json", "$1_$2", "dev1_17")
    assert only.literal_path == "/dev1/17.json"
    (only,) = narrowed("/valid/(*)_(*).*", "$1_$2", "dev1_17")
    assert only.literal_prefix == "/valid/"
    assert only.beginning("/valid/") == "dev1_17."
    ways = narrowed("/(*)/(*).json", "$1_$2", "my_dev_17")
    assert {each.literal_path for each in ways} == {"/my/dev_17.json", "/my_dev/17.json"}


def test_a_key_that_can_be_cut_in_too_many_ways_is_looked_for_among_all() -> None:
    for key, template in (("x" * 100, "$1$2"), ("x" * 200, "$1$2$3$4$1")):
        (only,) = narrowed("/(*)/(*)/(*)/(*)", template, key)
        assert only == compile_glob("/(*)/(*)/(*)/(*)")


def test_a_key_that_no_file_can_have_gives_no_glob() -> None:
    assert narrowed("/(*)", "k$1", "a") == []


@pytest.mark.parametrize(
    ("glob", "begin"),
    [
        ("/a*", {"/": "a", "/x/": ""}),
        ("/*/ab?", {"/": "", "/x/": "ab"}),
        ("/a/b(*)/c[d]", {"/": "a", "/a/": "b", "/a/bx/": "c"}),
        ("/a**/b", {"/": "a", "/ax/": ""}),
        ("/{a,b}c/d*", {"/": "", "/ac/": "d"}),
        (r"/\*a*", {"/": "*a"}),
    ],
)
def test_what_names_begin_with(glob: str, begin: dict[str, str]) -> None:
    pattern = compile_glob(glob)
    assert {folder: pattern.beginning(folder) for folder in begin} == begin


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    paths=st.sets(PATHS, max_size=12),
    glob=st.sampled_from(
        [*GLOBS, "/a*", "/a*/b*", "/*/a_*", "/a.*", "/ab*/**", "/{a,b}*", "/b_*(a)"]
    ),
)
def test_a_tree_is_globbed_as_its_paths_are(own: Pfs, paths: set[str], glob: str) -> None:
    whole = {path for path in paths if not any(each.startswith(f"{path}/") for each in paths)}
    change = Modification(own)
    change.delete("/")
    for path in whole:
        change.add(path, b"x")
    address = CommitAddress(Repo("default", "r"), "master")
    change.apply(address)
    snapshot = Snapshot(own, address)
    pattern = compile_glob(glob)
    everything = {info.path for info in snapshot.walk("/")} - {"/"} if whole else set()
    wanted = {path for path in everything if pattern.match(path.rstrip("/")) is not None}
    assert {node.path for node, _ in snapshot.matches(pattern)} == wanted
