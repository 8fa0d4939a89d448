"""Globs for the files to which a join_on or group_by gives one key, so that no others are read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tycokit.globs.glob import Glob, of_nodes, references
from tycokit.globs.glob import compile as compile_glob
from tycokit.globs.globsyntax import Node, Sequence, parse

_MOST_WAYS = 32  # to cut a key into what the groups may have captured
_MOST_STEPS = 10_000


def narrowed(pattern: str, template: str, key: str) -> list[Glob]:
    """Globs that together match every path to which a cleaned pattern gives this key.

    They match few others where the key says what its groups have captured: these are replaced by
    just that.
    """
    nodes = parse(pattern)
    groups = _groups(nodes)
    # what `!()` refuses depends on what follows it, so nothing may be replaced there
    if any(node.has_negation() for node in nodes):
        return [compile_glob(pattern)]
    captured: list[dict[int, str]] = []
    budget = iter(range(_MOST_STEPS))
    for values in _ways(references(template), key, {}, budget):
        known = {groups[number]: text for number, text in values.items() if number in groups}
        if known not in captured:
            captured.append(known)
        if len(captured) > _MOST_WAYS:
            break
    if len(captured) > _MOST_WAYS or next(budget, None) is None:
        return [compile_glob(pattern)]
    return [of_nodes(pattern, _replaced(nodes, known)) for known in captured]


def _groups(nodes: Sequence) -> dict[int, int]:
    """Number → place of each group that stands by itself and matches exactly once."""
    found: dict[int, int] = {}
    number = 0
    for place, node in enumerate(nodes):
        if node.kind == "group":
            number += 1
            if node.text == "@":
                found[number] = place
        number += sum(map(_count, node.branches))
    return found


def _count(nodes: Sequence) -> int:
    return sum((node.kind == "group") + sum(map(_count, node.branches)) for node in nodes)


def _ways(
    pieces: tuple[str | int, ...], rest: str, values: Mapping[int, str], budget: Iterator[int]
) -> Iterator[Mapping[int, str]]:
    """What each group may have captured, such that the template (text and numbers) gives `rest`."""
    if next(budget, None) is None:
        return
    if not pieces:
        if not rest:
            yield values
        return
    piece, *further = pieces
    known = values.get(piece) if isinstance(piece, int) else piece
    if known is not None:
        if rest.startswith(known):
            yield from _ways(tuple(further), rest[len(known) :], values, budget)
        return
    assert isinstance(piece, int)
    for end in range(len(rest) + 1):
        chosen = {**values, piece: rest[:end]}
        yield from _ways(tuple(further), rest[end:], chosen, budget)


def _replaced(nodes: Sequence, known: Mapping[int, str]) -> Sequence:
    """The nodes with text in place of some; adjacent text is one node."""
    made: list[Node] = []
    for place, node in enumerate(nodes):
        each = Node("text", known[place]) if place in known else node
        if each.kind == "text" and made and made[-1].kind == "text":
            made[-1] = Node("text", made[-1].text + each.text)
        else:
            made.append(each)
    return tuple(made)
