"""Graphs laid out from left to right."""

from __future__ import annotations

import itertools
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from tycokit.widgets import layered
from tycokit.widgets.layered import GAP_Y, Layout, Size

Edges = list[tuple[str, str]]


def sizes(*keys: str, width: float = 100, height: float = 40) -> dict[str, Size]:
    return {key: Size(width, height) for key in keys}


@st.composite
def graphs(draw: st.DrawFn) -> tuple[dict[str, Size], Edges]:
    """Nodes of different sizes, and edges that lead in no circle."""
    count = draw(st.integers(0, 14))
    keys = [f"n{number}" for number in range(count)]
    pairs = list(itertools.combinations(keys, 2))
    edges = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=30)) if pairs else []
    side = st.integers(20, 200)
    found = {key: Size(draw(side), draw(side)) for key in keys}
    shuffled = draw(st.permutations(keys))
    return {key: found[key] for key in shuffled}, edges


@settings(max_examples=150, deadline=None)
@given(graphs())
def test_nothing_overlaps_and_all_leads_to_the_right(graph: tuple[dict[str, Size], Edges]) -> None:
    nodes, edges = graph
    found = layered.layout(nodes, edges)
    assert found.at.keys() == nodes.keys()
    for one, other in itertools.combinations(found.at.values(), 2):
        apart = one.x + one.width <= other.x or other.x + other.width <= one.x
        below = one.y + one.height <= other.y or other.y + other.height <= one.y
        assert apart or below
    for key, place in found.at.items():
        assert (place.width, place.height) == (nodes[key].width, nodes[key].height)
        assert place.x >= 0
        assert place.y >= -1e-6
        assert place.x + place.width <= found.width
        assert place.y + place.height <= found.height + 1e-6
    assert {(way.source, way.target) for way in found.ways} == set(edges)
    for way in found.ways:
        xs = [x for x, _ in way.points]
        assert xs == sorted(xs)
        source, target = found.at[way.source], found.at[way.target]
        assert way.points[0][0] == source.x + source.width
        assert way.points[-1][0] == target.x
        assert layered.path(way).startswith("M")


def crossings(found: Layout) -> int:
    """Pairs of ways that cross, as straight lines from waypoint to waypoint."""
    lines = [
        (*one, *other)
        for way in found.ways
        for one, other in itertools.pairwise(way.points)
        if one[0] != other[0]
    ]
    return sum(
        (a[0], a[2]) == (b[0], b[2]) and (a[1] - b[1]) * (a[3] - b[3]) < -1e-6
        for a, b in itertools.combinations(lines, 2)
    )


def test_a_chain_is_a_line() -> None:
    edges = [("a", "b"), ("b", "c"), ("c", "d")]
    found = layered.layout(sizes("d", "b", "a", "c"), edges)
    assert [found.at[key].column for key in "abcd"] == [0, 1, 2, 3]
    assert {place.y for place in found.at.values()} == {0}


def test_what_nothing_flows_into_stands_just_before_its_first_reader() -> None:
    edges = [("a", "b"), ("b", "c"), ("c", "d"), ("weights", "c"), ("rules", "d")]
    found = layered.layout(sizes("weights", "rules", "a", "b", "c", "d"), edges)
    assert found.at["weights"].column == found.at["b"].column
    assert found.at["rules"].column == found.at["c"].column


def test_ways_that_need_not_cross_do_not() -> None:
    tops = [f"top{number}" for number in range(6)]
    lows = [f"low{number}" for number in range(6)]
    edges = list(zip(tops, lows, strict=True))
    random.Random(3).shuffle(lows)
    found = layered.layout(sizes(*tops, *lows), edges)
    assert crossings(found) == 0


def test_the_stages_do_not_cross_more_than_they_must() -> None:
    stages = ["validate", "model", "threat-detect", "annotate", "plot"]
    edges = [
        ("images", "validate"),
        ("validate", "model"),
        ("weights", "model"),
        ("model", "threat-detect"),
        ("rules", "threat-detect"),
        ("threat-detect", "annotate"),
        ("validate", "annotate"),
        ("threat-detect", "plot"),
        *(("notebooks", stage) for stage in stages),
    ]
    found = layered.layout(sizes("images", "weights", "rules", "notebooks", *stages), edges)
    assert crossings(found) <= 2
    assert found.height < 6 * (40 + GAP_Y)


def test_the_same_graph_is_laid_out_the_same_way() -> None:
    edges = [("a", "c"), ("b", "c"), ("a", "d"), ("c", "e"), ("d", "e"), ("a", "e")]
    assert layered.layout(sizes(*"abcde"), edges) == layered.layout(sizes(*"abcde"), edges)
