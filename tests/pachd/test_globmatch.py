"""The matcher that never tries twice what failed: as `re` answers, and in linear time."""

from __future__ import annotations

import math
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tycokit.globs import glob, globmatch
from tycokit.globs.globsyntax import parse

leaf = st.sampled_from(["a", "b", ".", "/", "ab", "*", "**", "?", "[ab]", "[!a]"])


def sequences(piece: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(piece, min_size=0, max_size=3).map("".join)


def grouped(piece: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    branches = st.lists(sequences(piece), min_size=1, max_size=3)
    groups = st.builds(
        lambda opening, inner: opening + "|".join(inner) + ")",
        st.sampled_from(["(", "@(", "?(", "*(", "+(", "!("]),
        branches,
    )
    return groups | branches.map(lambda inner: "{" + ",".join(inner) + "}")


patterns = sequences(st.recursive(leaf, grouped, max_leaves=8)).map("/".__add__)
texts = st.text(alphabet="ab./", max_size=7).map("/".__add__)


def machine(pattern: str) -> globmatch.Matcher:
    made = globmatch.compile(parse(pattern))
    made._choices = math.inf  # `re` could do it as well
    return made


@settings(max_examples=600, deadline=None)
@given(patterns, texts)
def test_it_answers_as_re(pattern: str, text: str) -> None:
    made = machine(pattern)
    found = made.regex.fullmatch(text)
    if "!(" in pattern and sys.version_info < (3, 11):
        # that `re` lets captures out of what must not match
        assert (made.match(text) is None) == (found is None)
    else:
        assert made.match(text) == (found.groups() if found else None)


@pytest.mark.parametrize(
    ("pattern", "matches", "captures"),
    [
        ("/*(*(a))b", "{}b", ("{}", "")),
        ("/+(+(a|aa)|b)c", "{}c", ("{}", "{}")),
        ("/*(a|a|aa)*(a|*(a))!(b)c", "{}c", ("{}", "", "", "")),
        ("/" + "?(a)" * 30 + "a" * 30, "", None),
        ("/" + "{a,a}" * 30, "", None),
        ("/" + "*a" * 30, "{}", ()),
        ("/**a**a**a**a**/*a*a*a*a", "{}/{}", ()),
        ("/!(*a*a*a*a*a*a*b|*a*a*a*a*a*a*c)", "{}", ("{}",)),
        ("/*(!(!(a*a*a*a*ab)))b", "{}b", ("{}", "{}", None)),
    ],
)
def test_no_pattern_is_slow(
    pattern: str, matches: str, captures: tuple[str | None, ...] | None
) -> None:
    """Each of these would keep `re` busy for longer than anybody lives."""
    compiled = glob.compile(pattern)
    name = "a" * 200
    assert compiled.match("/" + "a" * 200 + "d") is None or "!" in pattern
    assert compiled.match("/" + "a/" * 100 + "d") is None
    compiled.may_descend("/" + "a" * 250)
    if captures is not None:
        found = compiled.match("/" + matches.format(name, name))
        assert found == tuple(each and each.format(name) for each in captures)


def test_usual_patterns_are_for_re() -> None:
    for pattern in (
        "/*",
        "/**",
        "/*/*.json",
        "/(*)_(*).*",
        "/{a,b}/+([0-9])",
        "/**/*.jpg",
        "/!(a)",
    ):
        made = globmatch.compile(parse(pattern))
        made.match("/cameras/front-door/alice_1700000000.jpg")
        assert made._program == (), pattern
