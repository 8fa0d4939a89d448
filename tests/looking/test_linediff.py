"""Texts compared by lines."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tycokit.repos import linediff
from tycokit.repos.linediff import Line

texts = st.lists(st.sampled_from(["a", "b", "c", "", "a longer line"]), max_size=12).map("\n".join)


@given(texts, texts)
def test_both_texts_can_be_read_from_it(old: str, new: str) -> None:
    found = linediff.lines(old, new, context=100)
    if not found:
        assert old.splitlines() == new.splitlines()
        return
    sides = {"old": ("same", "deleted"), "new": ("same", "added")}
    for side, text in (("old", old), ("new", new)):
        mine = [line for line in found if line.kind in sides[side]]
        assert [line.text for line in mine] == text.splitlines()
        assert [getattr(line, side) for line in mine] == list(range(1, len(mine) + 1))


def test_only_the_lines_around_a_change_are_shown() -> None:
    old = [str(number) for number in range(100)]
    new = [*old[:50], "new", *old[51:]]
    found = linediff.lines("\n".join(old), "\n".join(new), context=1)
    assert found == [
        Line("gap", 1, 1, "49"),
        Line("same", 50, 50, "49"),
        Line("deleted", 51, None, "50"),
        Line("added", None, 51, "new"),
        Line("same", 52, 52, "51"),
        Line("gap", 53, 53, "48"),
    ]


def test_what_changed_in_a_line_is_marked() -> None:
    deleted, added = linediff.lines('  "score": 0.981,', '  "score": 0.979,')
    assert deleted.text[deleted.marks[0] : deleted.marks[1]] == "81"
    assert added.text[added.marks[0] : added.marks[1]] == "79"


def test_ends_that_are_alike_cost_nothing() -> None:
    long = "\n".join(["the same"] * 15_000)
    assert linediff.lines(long, long) == []
    found = linediff.lines(f"{long}\nold\n{long}", f"{long}\nnew\n{long}")
    assert [line.kind for line in found if line.kind != "same"][:2] == ["gap", "deleted"]


def test_json_is_compared_by_its_values() -> None:
    assert linediff.pretty('{"b":1,"a":[]}') == '{\n  "b": 1,\n  "a": []\n}'
    assert linediff.pretty("{") is None
