"""A graph without cycles laid out from left to right: columns, few crossings, short ways.

    placed = layout({"a": Size(180, 50), "b": Size(180, 50)}, [("a", "b")])
    placed.at["b"].x, placed.ways[0].points

Sugiyama's way: a column for each step (what nothing flows into stands just before what it flows
into), all long ways of one node through common waypoints, orders by barycentres, then heights that
are as near to their neighbours' as the order lets them be.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import networkx as nx

GAP_X, GAP_Y = 64.0, 18.0  # between columns, and between the nodes of one
_SWEEPS = 12
_RELAXATIONS = 10
_WAYPOINT = 6.0  # height that a way takes up where it passes a column


@dataclass(frozen=True, slots=True)
class Size:
    """Of a node, in pixels."""

    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Place:
    """A node's upper left corner, and its size."""

    x: float
    y: float
    width: float
    height: float
    column: int


@dataclass(frozen=True, slots=True)
class Way:
    """An edge: from the right of its source, past waypoints, to the left of its target."""

    source: str
    target: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """The whole picture's size, where each node stands, and the way of each edge."""

    width: float
    height: float
    at: Mapping[str, Place]
    ways: tuple[Way, ...]


_Name = tuple[str, int]
"""A node (its key, -1), or the waypoint of a node's outgoing ways in a column (key, column)."""


def layout(sizes: Mapping[str, Size], edges: Iterable[tuple[str, str]]) -> Layout:
    """Place the nodes. Edges must not lead in a circle; those that are doubled are drawn once."""
    graph = nx.DiGraph()
    graph.add_nodes_from(sizes)
    graph.add_edges_from(edges)
    columns = _columns(graph)
    chains = {edge: _chain(edge, columns) for edge in graph.edges}
    rows = _ordered(columns, chains)
    heights = {
        name: sizes[name[0]].height if name[1] < 0 else _WAYPOINT for row in rows for name in row
    }
    middles = _middles(rows, chains, heights)
    return _placed(sizes, columns, chains, rows, middles)


def _columns(graph: nx.DiGraph) -> dict[str, int]:
    columns = {
        key: number for number, keys in enumerate(nx.topological_generations(graph)) for key in keys
    }
    for key in graph:
        after = [columns[other] for other in graph.successors(key)]
        if after and not graph.in_degree(key):
            columns[key] = min(after) - 1
    return columns


def _chain(edge: tuple[str, str], columns: Mapping[str, int]) -> tuple[_Name, ...]:
    """The nodes and waypoints of an edge, one a column."""
    source, target = edge
    between = range(columns[source] + 1, columns[target])
    return ((source, -1), *((source, column) for column in between), (target, -1))


def _ordered(
    columns: Mapping[str, int], chains: Mapping[tuple[str, str], Sequence[_Name]]
) -> list[list[_Name]]:
    """Each column from the top down, so that ways cross little."""
    rows: list[list[_Name]] = [[] for _ in range(max(columns.values(), default=-1) + 1)]
    for key, column in columns.items():
        rows[column].append((key, -1))
    links: dict[tuple[_Name, _Name], None] = {}
    for chain in chains.values():
        for one in chain[1:-1]:
            if one not in rows[one[1]]:
                rows[one[1]].append(one)
        links.update(dict.fromkeys(pairwise(chain)))
    before: dict[_Name, list[_Name]] = {}
    after: dict[_Name, list[_Name]] = {}
    for one, other in links:
        after.setdefault(one, []).append(other)
        before.setdefault(other, []).append(one)
    best, fewest = [list(row) for row in rows], _crossings(rows, after)
    for sweep in range(_SWEEPS):
        if not fewest:
            break
        forward = sweep % 2 == 0
        for number in range(len(rows)) if forward else reversed(range(len(rows))):
            _sort(rows[number], before if forward else after, rows, number + (-1 if forward else 1))
        crossings = _crossings(rows, after)
        if crossings < fewest:
            best, fewest = [list(row) for row in rows], crossings
    return best


def _sort(
    row: list[_Name],
    neighbours: Mapping[_Name, Sequence[_Name]],
    rows: Sequence[Sequence[_Name]],
    other: int,
) -> None:
    """By the mean place of each one's neighbours in another column; others keep their place."""
    if not 0 <= other < len(rows):
        return
    place = {name: number for number, name in enumerate(rows[other])}
    scale = len(rows[other]) / max(len(row), 1)
    wanted = {}
    for number, name in enumerate(row):
        places = [place[each] for each in neighbours.get(name, ())]
        wanted[name] = sum(places) / len(places) if places else number * scale
    row.sort(key=lambda name: wanted[name])


def _crossings(rows: Sequence[Sequence[_Name]], after: Mapping[_Name, Sequence[_Name]]) -> int:
    count = 0
    for row, following in pairwise(rows):
        place = {name: number for number, name in enumerate(following)}
        ends: list[int] = []
        for name in row:
            mine = sorted(place[each] for each in after.get(name, ()))
            count += sum(sum(end > one for end in ends) for one in mine)
            ends += mine
    return count


def _middles(
    rows: Sequence[Sequence[_Name]],
    chains: Mapping[tuple[str, str], Sequence[_Name]],
    heights: Mapping[_Name, float],
) -> dict[_Name, float]:
    """The height of each one's middle, from the top."""
    links = {pair for chain in chains.values() for pair in pairwise(chain)}
    neighbours: dict[_Name, list[_Name]] = {}
    for one, other in sorted(links):
        neighbours.setdefault(one, []).append(other)
        neighbours.setdefault(other, []).append(one)
    middles: dict[_Name, float] = {}
    for row in rows:
        middles.update(zip(row, _apart([0.0] * len(row), row, heights), strict=True))
    for _ in range(_RELAXATIONS):
        for row in (*rows, *reversed(rows)):
            wanted = [
                sum(middles[each] for each in neighbours[name]) / len(neighbours[name])
                if name in neighbours
                else middles[name]
                for name in row
            ]
            middles.update(zip(row, _apart(wanted, row, heights), strict=True))
    top = min((middles[name] - heights[name] / 2 for name in middles), default=0.0)
    return {name: middle - top for name, middle in middles.items()}


def _apart(
    wanted: Sequence[float], row: Sequence[_Name], heights: Mapping[_Name, float]
) -> list[float]:
    """Middles as near to those wanted as they can be, in this order and without overlap.

    Pool adjacent violators: the least squares of what is wanted, once the heights are taken off.
    """
    offsets, total = [], 0.0
    for number, name in enumerate(row):
        if number:
            total += (heights[row[number - 1]] + heights[name]) / 2 + GAP_Y
        offsets.append(total)
    pools: list[tuple[float, int]] = []  # mean, and how many share it
    for want, offset in zip(wanted, offsets, strict=True):
        mean, members = want - offset, 1
        while pools and pools[-1][0] > mean:
            other, many = pools.pop()
            mean = (mean * members + other * many) / (members + many)
            members += many
        pools.append((mean, members))
    means = [mean for mean, members in pools for _ in range(members)]
    return [mean + offset for mean, offset in zip(means, offsets, strict=True)]


def _placed(
    sizes: Mapping[str, Size],
    columns: Mapping[str, int],
    chains: Mapping[tuple[str, str], Sequence[_Name]],
    rows: Sequence[Sequence[_Name]],
    middles: Mapping[_Name, float],
) -> Layout:
    widths = [max((sizes[key].width for key, mark in row if mark < 0), default=0.0) for row in rows]
    lefts = [sum(widths[:number]) + GAP_X * number for number in range(len(rows))]
    at = {
        key: Place(
            x=lefts[columns[key]],
            y=middles[key, -1] - size.height / 2,
            width=size.width,
            height=size.height,
            column=columns[key],
        )
        for key, size in sizes.items()
    }
    ways = []
    for (source, target), chain in chains.items():
        points = [(at[source].x + at[source].width, middles[source, -1])]
        for name in chain[1:-1]:
            left = lefts[name[1]]
            points += [(left, middles[name]), (left + widths[name[1]], middles[name])]
        points.append((at[target].x, middles[target, -1]))
        ways.append(Way(source, target, tuple(points)))
    bottom = max((place.y + place.height for place in at.values()), default=0.0)
    lowest = max((y for way in ways for _, y in way.points), default=0.0)
    width = lefts[-1] + widths[-1] if rows else 0.0
    return Layout(width, max(bottom, lowest), at, tuple(ways))


def path(way: Way) -> str:
    """A way as an SVG path: curves between columns, straight lines past them."""
    (x, y), *rest = way.points
    text = f"M{x:.1f},{y:.1f}"
    for number, (to_x, to_y) in enumerate(rest):
        if number % 2:
            text += f"L{to_x:.1f},{to_y:.1f}"
        else:
            middle = (x + to_x) / 2
            text += f"C{middle:.1f},{y:.1f} {middle:.1f},{to_y:.1f} {to_x:.1f},{to_y:.1f}"
        x, y = to_x, to_y
    return text
