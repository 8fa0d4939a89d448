"""Two texts line by line: what was added, deleted and changed, with the lines around it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

_MOST_LINES = 20_000
_LONGEST_MARKED = 400  # characters of a line in which the change is marked


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a comparison: `kind` is same, added, deleted, or gap (`text` counts its lines).

    `old` and `new` are its numbers, from 1. `marks` are the characters that a changed line does not
    share with its counterpart, as from, to, from, to ...
    """

    kind: str
    old: int | None
    new: int | None
    text: str
    marks: tuple[int, ...] = ()


def lines(old: str, new: str, context: int = 3) -> list[Line]:
    """The comparison of two texts, with `context` lines around each change; empty when equal.

    Of texts with more than 20,000 lines, only those are compared.
    """
    before, after = old.splitlines()[:_MOST_LINES], new.splitlines()[:_MOST_LINES]
    # ends that are alike are most of most texts, and cost nothing this way
    head = _alike(before, after)
    tail = _alike(before[head:][::-1], after[head:][::-1])
    matcher = SequenceMatcher(
        None, before[head : len(before) - tail], after[head : len(after) - tail]
    )
    made: list[Line] = [_same(i, i, before) for i in range(head)]
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        i1, i2, j1, j2 = i1 + head, i2 + head, j1 + head, j2 + head
        if tag == "equal":
            made += [_same(i, i - i1 + j1, before) for i in range(i1, i2)]
        else:
            made += _changed(before, after, range(i1, i2), range(j1, j2))
    shift = len(after) - len(before)
    made += [_same(i, i + shift, before) for i in range(len(before) - tail, len(before))]
    return list(_with_gaps(made, context))


def pretty(text: str) -> str | None:
    """A JSON text with a value a line, so that it can be compared by lines; None if it is none."""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return None


def _alike(one: list[str], other: list[str]) -> int:
    count = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        count += 1
    return count


def _same(old: int, new: int, text: list[str]) -> Line:
    return Line("same", old + 1, new + 1, text[old])


def _changed(before: list[str], after: list[str], gone: range, come: range) -> list[Line]:
    """Deleted lines, then added ones; where they pair off, with what differs marked."""
    deleted = [Line("deleted", i + 1, None, before[i]) for i in gone]
    added = [Line("added", None, j + 1, after[j]) for j in come]
    if len(deleted) == len(added):
        for at, (old, new) in enumerate(zip(list(deleted), list(added), strict=True)):
            old_marks, new_marks = _marks(old.text, new.text)
            deleted[at] = Line("deleted", old.old, None, old.text, old_marks)
            added[at] = Line("added", None, new.new, new.text, new_marks)
    return [*deleted, *added]


def _marks(old: str, new: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    if max(len(old), len(new)) > _LONGEST_MARKED:
        return (), ()
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    if matcher.ratio() < 0.5:  # hardly the same line any more
        return (), ()
    in_old: list[int] = []
    in_new: list[int] = []
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag == "equal":
            continue
        if i2 > i1:
            in_old += [i1, i2]
        if j2 > j1:
            in_new += [j1, j2]
    return tuple(in_old), tuple(in_new)


def _with_gaps(made: list[Line], context: int) -> Iterator[Line]:
    """Without the lines that are the same and far from any change."""
    near = [False] * len(made)
    for at, line in enumerate(made):
        if line.kind != "same":
            for i in range(max(0, at - context), min(len(made), at + context + 1)):
                near[i] = True
    if not any(near):
        return
    left_out: list[Line] = []
    for line, shown in zip(made, near, strict=True):
        if not shown:
            left_out.append(line)
            continue
        if left_out:
            yield _gap(left_out)
            left_out = []
        yield line
    if left_out:
        yield _gap(left_out)


def _gap(left_out: list[Line]) -> Line:
    return Line("gap", left_out[0].old, left_out[0].new, str(len(left_out)))
