"""Globs: a table of patterns, and hypothesis against a matcher that only backtracks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tycokit.errors import BadGlob
from tycokit.globs import glob
from tycokit.globs.globsyntax import Node, parse

YES = [
    ("/", "/"),
    ("", "/"),
    ("*", "/a"),
    ("/*", "/a.txt"),
    ("/*", "/.hidden"),
    ("*.dat", "/a.dat"),
    ("/**", "/a"),
    ("/**", "/a/b/c"),
    ("/*/*", "/a/b"),
    ("/a/", "/a"),
    ("//a//b/./c", "/a/b/c"),
    ("/a**", "/a/b/c"),
    ("/**/*.json", "/a/b/c.json"),
    ("/**.json", "/a/b/c.json"),
    ("/?b", "/ab"),
    ("/[abc]", "/b"),
    ("/[a-cx-z]", "/y"),
    ("/[!a]", "/b"),
    ("/[^a]", "/b"),
    ("/a[!b]c", "/a/c"),
    ("/[[:alpha:]][[:digit:]]", "/x7"),
    ("/[![:alpha:]_]", "/7"),
    ("/[a-]", "/-"),
    (r"/[\]]", "/]"),
    ("/{a,bc,}.txt", "/bc.txt"),
    ("/{a,b/c}/d", "/b/c/d"),
    ("/{a,{b,c}d}", "/cd"),
    (r"/\*", "/*"),
    (r"/\a\(b\)", "/a(b)"),
    ("/!(*.js|*.json)", "/a.js.gz"),
    ("/!(x)", "/foo"),
    ("/!(!(foo))", "/foo"),
    ("/*.!(js|css)", "/bar.min.js"),
    ("/a|b", "/a|b"),
    ("/a,b)}]", "/a,b)}]"),
]
NO = [
    ("/", "/a"),
    ("/*", "/"),
    ("/**", "/"),
    ("/*", "/a/b"),
    ("/*/*", "/a"),
    ("/*.dat", "/a.DAT"),
    ("/?", "/"),
    ("/?b", "//b"),
    ("/a/**", "/a"),
    ("/[a-c]", "/d"),
    ("/[!a]", "/a"),
    ("/[[:upper:]]", "/a"),
    ("/{a,b}", "/c"),
    ("/a.c", "/abc"),
    ("/!(*.js|*.json)", "/a.js"),
    ("/!(foo)", "/foo"),
    ("/!(foo)*", "/foobar"),
    ("/!(x)", "/foo/bar"),
    ("/+(a)", "/"),
    ("/a", "/a/b"),
]


@pytest.mark.parametrize(("pattern", "path"), YES)
def test_matches(pattern: str, path: str) -> None:
    assert glob.compile(pattern).match(path) is not None


@pytest.mark.parametrize(("pattern", "path"), NO)
def test_does_not_match(pattern: str, path: str) -> None:
    assert glob.compile(pattern).match(path) is None


@pytest.mark.parametrize(
    ("pattern", "path", "captures"),
    [
        ("/*", "/a", ()),
        ("/a", "/a", ()),
        ("/(*)/(*).json", "/alice/17.json", ("alice", "17")),
        ("/valid/(*)_(*).*", "/valid/porch_cam_17.jpg", ("porch_cam", "17")),
        ("/test/(a|b)/x.go", "/test/b/x.go", ("b",)),
        ("/a*(a|b)/x", "/a/x", ("",)),
        ("/a*(a|b)/x", "/aba/x", ("ba",)),
        ("/+(a|b)", "/aba", ("aba",)),
        ("/a?(b)", "/a", ("",)),
        ("/@(a|b)(*)", "/ax", ("a", "x")),
        ("/!(x)", "/foo", ("foo",)),
        ("/test*(/?(+(a|b)/*.go))", "/test/a/x.go", ("/a/x.go", "a/x.go", "a")),
        ("/{(a),b}", "/b", (None,)),
        ("/a**(e|f)", "/axf", ("",)),
    ],
)
def test_captures(pattern: str, path: str, captures: tuple[str | None, ...]) -> None:
    assert glob.compile(pattern).match(path) == captures


@pytest.mark.parametrize(
    ("template", "captures", "expected"),
    [
        ("$1_$2", ("a", "b"), "a_b"),
        ("${1}2", ("a",), "a2"),
        ("$12", ("a",), ""),
        ("$$1", ("a",), "$1"),
        ("$", (), "$"),
        ("${1", ("a",), "${1"),
        ("x$x", (), "x$x"),
        ("$1", (None,), ""),
        ("$0", (), "/p"),
        ("plain", ("a",), "plain"),
    ],
)
def test_expand(template: str, captures: tuple[str | None, ...], expected: str) -> None:
    assert glob.expand(template, captures, "/p") == expected


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("/a(b", "the ( at character 3 is not closed"),
        ("/a{b", "the { at character 3 is not closed"),
        ("/a[b", "the [ at character 3 is not closed"),
        ("/a[", "the [ at character 3 is not closed"),
        ("/a[]", "the [] at character 3 is empty"),
        ("/a[z-a]", "z-a runs backwards"),
        ("/a[[:alfa:]]", "[:alfa:] is no character class"),
        ("/a[[:", "[::] is no character class"),
        ("/a\\", "nothing follows"),
        ("(" * 60, "nested more than 50 deep"),
    ],
)
def test_a_malformed_pattern_says_what_is_wrong(pattern: str, said: str) -> None:
    with pytest.raises(BadGlob) as caught:
        glob.compile(pattern)
    assert said in str(caught.value)
    assert caught.value.pattern == "/" + pattern.lstrip("/")


@pytest.mark.parametrize(
    ("pattern", "prefix", "literal"),
    [
        ("/", "/", True),
        ("/a/b", "/a/", True),
        (r"/a\*", "/", True),
        ("/a/b/*.dat", "/a/b/", False),
        ("/a/b*/c", "/a/", False),
        ("/(a|b)", "/", False),
        ("/**", "/", False),
    ],
)
def test_literal_prefix(pattern: str, prefix: str, literal: bool) -> None:
    compiled = glob.compile(pattern)
    assert (compiled.literal_prefix, compiled.literal) == (prefix, literal)


@pytest.mark.parametrize(
    ("pattern", "directory", "expected"),
    [
        ("/*", "/", True),
        ("/*", "/a", False),
        ("/*/*.json", "/a/", True),
        ("/*/*.json", "/a/b/", False),
        ("/a/b/*", "/a", True),
        ("/a/b/*", "/b", False),
        ("/a/b/*", "/a/c", False),
        ("/**", "/a/b/c", True),
        ("/a/**", "/b", False),
        ("/a*/**x", "/ab/c", True),
        ("/!(x)/y", "/x", True),
        ("/(a|b/c)/d", "/b/c", True),
    ],
)
def test_may_descend(pattern: str, directory: str, expected: bool) -> None:
    assert glob.compile(pattern).may_descend(directory) is expected


def test_compiled_once() -> None:
    assert glob.compile("/x*") is glob.compile("/x*")


# --- against a naive matcher -----------------------------------------------------------------


def ends(nodes: tuple[Node, ...], path: str, start: int) -> Iterator[int]:
    """Every position where a match of `nodes` that begins at `start` can end."""
    if not nodes:
        yield start
        return
    for middle in node_ends(nodes[0], path, start):
        yield from ends(nodes[1:], path, middle)


def node_ends(node: Node, path: str, start: int) -> Iterator[int]:
    if node.kind == "text":
        if path.startswith(node.text, start):
            yield start + len(node.text)
    elif node.kind in ("star", "deep"):
        yield start
        for at in range(start, len(path)):
            if node.kind == "star" and path[at] == "/":
                return
            yield at + 1
    elif node.kind == "one":
        if path[start : start + 1] not in ("", "/"):
            yield start + 1
    elif node.kind == "class":
        negated, members = node.text[1] == "^", node.text.strip("[^]")
        if start < len(path) and (path[start] in members) != negated:
            yield start + 1
    else:
        yield from group_ends(node, path, start)


def group_ends(node: Node, path: str, start: int) -> Iterator[int]:
    once = {end for branch in node.branches for end in ends(branch, path, start)}
    if node.kind == "any_of" or node.text == "@":
        yield from once
        return
    if node.text in "?*":
        yield start
    if node.text == "?":
        yield from once
        return
    reached: set[int] = set()
    new = once
    while new:
        reached |= new
        new = {
            end for begin in new for branch in node.branches for end in ends(branch, path, begin)
        } - reached
    yield from reached


leaf = st.sampled_from(["a", "b", ".", "/", "*", "**", "?", "[ab]", "[!a]", r"\a"])


def sequences(piece: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(piece, min_size=1, max_size=3).map("".join)


def grouped(piece: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    branches = st.lists(sequences(piece), min_size=1, max_size=2)
    groups = st.builds(
        lambda opening, inner: opening + "|".join(inner) + ")",
        st.sampled_from(["(", "@(", "?(", "*(", "+("]),
        branches,
    )
    return groups | branches.map(lambda inner: "{" + ",".join(inner) + "}")


patterns = sequences(st.recursive(leaf, grouped, max_leaves=6))
names = st.text(alphabet="ab.", min_size=1, max_size=3).filter(lambda name: name.strip("."))
paths = st.lists(names, min_size=1, max_size=3).map(lambda parts: "/" + "/".join(parts))


@settings(max_examples=400, deadline=None)
@given(patterns, paths)
def test_like_a_naive_matcher(pattern: str, path: str) -> None:
    compiled = glob.compile(pattern)
    expected = compiled.pattern != "/" and len(path) in ends(parse(compiled.pattern), path, 0)
    assert (compiled.match(path) is not None) is expected
    if expected:
        assert path.startswith(compiled.literal_prefix)
        parent = path.rpartition("/")[0]
        while parent:
            assert compiled.may_descend(parent)
            parent = parent.rpartition("/")[0]
