"""Random inputs over random repos: the preview of datums, against a naive enumeration."""

from __future__ import annotations

import hashlib
import itertools
import struct
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from naive_datums import naive
from pfs_model import entries, matches
from python_pachyderm import Client
from python_pachyderm.pfs import Commit

from tycokit.pachd.pps.datums import MatchedFile, Matches
from tycokit.pachd.pps.spec import (
    CrossInput,
    GroupInput,
    Input,
    JoinInput,
    PfsInput,
    UnionInput,
)
from tycokit.pachd.rpc.specs import input_message

PATHS = ("/a1", "/b1", "/b2", "/d/a1", "/d/b2", "/e/a1", "/e/f/b1", "/a-b1")
GLOBS = (
    *("/", "/*", "/**", "/(*)", "/(?)(*)", "/*/(*)", "/(*)/(*)", "/{a,b}(*)", "/(a|b)*"),
    *("/d", "/d/", "*1", "/[ab]*", "/*/?1", "/(d|e)/(?)(*)", "/e/**", "/nope", "/(**)1"),
)
TEMPLATES = ("$1", "$2", "${1}", "$2$1", "$1-x", "x", "$$1")
_runs = itertools.count()

leaves = st.builds(
    PfsInput,
    repo=st.sampled_from("abc"),
    branch=st.sampled_from(["", "master", "master", "dev"]),
    glob=st.sampled_from(GLOBS),
    join_on=st.sampled_from(TEMPLATES),
    group_by=st.sampled_from(TEMPLATES),
    outer_join=st.booleans(),
)
inputs = st.recursive(
    leaves,
    lambda below: st.one_of(
        [
            st.builds(kind, st.lists(below, min_size=1, max_size=3).map(tuple))
            for kind in (CrossInput, UnionInput, JoinInput, GroupInput)
        ]
    ),
    max_leaves=4,
)
repos = st.dictionaries(st.sampled_from(PATHS), st.binary(max_size=3), max_size=5)


def changed(given_input: Input, leaf: Callable[[PfsInput], PfsInput]) -> Input:
    if isinstance(given_input, PfsInput):
        return leaf(given_input)
    below = tuple(changed(each, leaf) for each in given_input.inputs)  # type: ignore[union-attr]
    return type(given_input)(below)  # type: ignore[call-arg, arg-type]


def sort_name(given_input: Any) -> str:
    """An input without a name, and one that its list begins with, counts as ""."""
    if isinstance(given_input, PfsInput):
        return given_input.name
    return sort_name(given_input.inputs[0])


def in_order(given_input: Any) -> Input:
    """The inputs of each list by the names that were given."""
    if isinstance(given_input, PfsInput):
        return given_input
    below = sorted((in_order(each) for each in given_input.inputs), key=sort_name)
    return type(given_input)(tuple(below))  # type: ignore[no-any-return]


def datum_id(datum: Any) -> str:
    whole = b""
    for each in datum:
        for text in (each.source.name, each.source.repo, each.source.branch, each.path):
            whole += text.encode() + struct.pack(">q", len(text))
    return hashlib.blake2b(whole, digest_size=32).hexdigest()


@settings(
    deadline=None,
    max_examples=settings().max_examples // 2,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data(), drawn=inputs, reverse=st.booleans(), number=st.integers(1, 5))
def test_the_preview_is_the_naive_enumeration(
    client: Client, data: st.DataObject, drawn: Input, reverse: bool, number: int
) -> None:
    project = f"datums{next(_runs)}"
    client.create_project(project)
    held = {name: data.draw(repos, name) for name in "abc"}
    for name, files in held.items():
        client.create_repo(name, project_name=project)
        master = Commit(name, "master", project=project)
        with client.modify_file_client(master) as modify:
            for path, content in files.items():
                modify.put_file_from_bytes(path, content)
        client.create_branch(name, "dev", project_name=project)

    # a name that no other input has, or none for one input of each repo at most
    names = iter(data.draw(st.permutations(["m", "n", "o", "p", "q", "r", "s", "t"])))
    unnamed: set[str] = set()

    def named(leaf: PfsInput) -> PfsInput:
        name = next(names)
        if leaf.repo not in unnamed and data.draw(st.booleans()):
            unnamed.add(leaf.repo)
            name = ""
        return PfsInput(
            repo=leaf.repo,
            project=project,
            branch=leaf.branch,
            name=name,
            glob=leaf.glob,
            join_on=leaf.join_on,
            outer_join=leaf.outer_join,
            group_by=leaf.group_by,
        )

    def filled(leaf: PfsInput) -> PfsInput:
        return PfsInput(
            repo=leaf.repo,
            project=project,
            branch=leaf.branch or "master",
            name=leaf.name or leaf.repo,
            glob=leaf.glob,
            join_on=leaf.join_on,
            outer_join=leaf.outer_join,
            group_by=leaf.group_by,
        )

    def list_files(source: PfsInput) -> Matches:
        shown = entries(held[source.repo] if source.branch == "master" else {})
        found = []
        for path, entry in shown.items():
            captures = matches(source.glob, path)
            if captures is not None:
                found.append(MatchedFile(path, entry.hash, entry.size, captures))
        return Matches("", found)

    asked = changed(drawn, named)
    enumerated = naive(changed(in_order(asked), filled), list_files)
    wanted = {
        datum_id(datum): [(each.repo, each.path, each.hash, each.size) for each in datum]
        for datum in enumerated
    }
    message = input_message(asked)
    found = list(client.list_datum(input=message))
    assert [info.datum.id for info in found] == sorted(wanted)
    for info in found:
        assert info.state == 0
        assert wanted[info.datum.id] == [
            (each.file.commit.branch.repo.name, each.file.path, each.hash, each.size_bytes)
            for each in info.data
        ]
    some = client.list_datum(input=message, number=number, reverse=reverse)
    in_turn = sorted(wanted, reverse=reverse)
    assert [info.datum.id for info in some] == in_turn[:number]
    for name in held:
        client.delete_repo(name, force=True, project_name=project)
