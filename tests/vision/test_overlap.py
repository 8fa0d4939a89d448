"""Which objects two networks both found."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tycokit.vision import overlap
from tycokit.vision.detectors.detection import Box, Detection

WHOLE, LEFT, CORNER = Box(0, 0, 1, 1), Box(0, 0, 1, 0.5), Box(0.5, 0.5, 1, 1)
edges = st.tuples(*[st.floats(0, 1)] * 4).map(lambda e: Box(*e))
detections = st.lists(
    st.builds(Detection, st.integers(1, 2), st.just("x"), st.floats(0, 1), edges), max_size=5
)


@pytest.mark.parametrize(
    ("one", "other", "part"),
    [
        (WHOLE, WHOLE, 1.0),
        (WHOLE, LEFT, 0.5),
        (WHOLE, CORNER, 0.25),
        (LEFT, CORNER, 0.0),
        (Box(0, 0, 0, 0), Box(0, 0, 0, 0), 0.0),
    ],
)
def test_overlap_is_intersection_over_union(one: Box, other: Box, part: float) -> None:
    assert overlap.overlap(one, other) == overlap.overlap(other, one) == part


def found(number: int, box: Box, score: float = 0.9) -> Detection:
    return Detection(number, "x", score, box)


def test_objects_of_one_class_in_one_place_are_one() -> None:
    near = Box(0, 0, 1, 0.45)
    result = overlap.compare(
        [found(1, WHOLE), found(1, LEFT), found(2, CORNER)], [found(1, near), found(3, CORNER)]
    )
    assert [(pair.new.box, pair.old.box) for pair in result.both] == [(LEFT, near)]
    assert [one.box for one in result.only_new] == [WHOLE, CORNER]
    assert [one.class_number for one in result.only_old] == [3]


@given(detections, detections)
def test_each_object_is_somewhere_once(new: list[Detection], old: list[Detection]) -> None:
    result = overlap.compare(new, old)
    key = repr
    ours = [*(pair.new for pair in result.both), *result.only_new]
    theirs = [*(pair.old for pair in result.both), *result.only_old]
    assert sorted(ours, key=key) == sorted(new, key=key)
    assert sorted(theirs, key=key) == sorted(old, key=key)
