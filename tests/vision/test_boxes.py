"""Drawing boxes and labels."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tycokit.vision import boxes
from tycokit.vision.detectors import Box, Detection
from tycokit.vision.detectors.detection import ranked
from tycokit.vision.labels import COCO

_FRACTION = st.floats(-2, 3, allow_nan=False)
_BOX = st.builds(Box.clipped, _FRACTION, _FRACTION, _FRACTION, _FRACTION)


@given(_BOX, st.integers(1, 5000), st.integers(1, 5000))
def test_a_box_lies_in_its_picture(box, width, height):
    at = boxes.pixels(box, width, height)
    assert 0 <= at.left <= at.right < width
    assert 0 <= at.top <= at.bottom < height


@settings(max_examples=40, deadline=None)
@given(st.lists(_BOX, max_size=5), st.integers(1, 300), st.integers(1, 300))
def test_any_boxes_can_be_drawn_on_any_picture(some, width, height):
    image = np.zeros((height, width, 3), np.uint8)
    seen = [Detection(i + 1, "dining table", 0.5, box) for i, box in enumerate(some)]
    drawn = boxes.draw(image, seen)
    assert drawn.size == (width, height)
    assert not image.any()  # the picture itself stays


def test_a_label_is_written_whole_even_at_the_frame_s_edge():
    image = np.full((300, 400, 3), 127, np.uint8)
    person = boxes.colour(1)
    fill = np.array([int(person[i : i + 2], 16) for i in (1, 3, 5)], np.uint8)
    for box in (
        Box(0, 0, 1, 1),
        Box(0, 0.95, 0.3, 1),
        Box(0.97, 0.9, 1, 1),
        Box(0.4, 0.4, 0.6, 0.6),
    ):
        drawn = np.asarray(boxes.draw(image, [Detection(1, "person", 0.87, box)]))
        rows, columns = np.nonzero((drawn == fill).all(axis=2))
        assert len(rows) > 600  # the label's ground
        assert columns.max() - columns.min() >= 60


def test_labels_of_boxes_that_lie_on_each_other_are_both_readable():
    image = np.full((300, 400, 3), 127, np.uint8)
    box = Box(0.2, 0.2, 0.8, 0.8)
    both = [Detection(1, "person", 0.9, box), Detection(2, "bicycle", 0.8, box)]
    drawn = np.asarray(boxes.draw(image, both))
    for item in both:
        colour = boxes.colour(item.class_number)
        fill = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)], np.uint8)
        assert (drawn == fill).all(axis=2).sum() > 600


def test_a_detection_survives_json():
    seen = Detection(18, "dog", 0.75, Box(0.125, 0.25, 0.5, 1.0))
    assert seen.as_json() == {
        "class": 18,
        "name": "dog",
        "score": 0.75,
        "box": [0.125, 0.25, 0.5, 1.0],
    }
    assert Detection.from_json(seen.as_json()) == seen


def test_arrays_become_detections_the_surest_first():
    nan = float("nan")
    rows = [[0, 0, 1, 1], [-1, 0.2, 0.5, 7], [nan, 0, 1, 1], [0, 0, 0, 0], [0, 0, 1, 1]]
    found = ranked([rows], [[3, 1, 1, 1, 2]], [[0.25, 0.75, 0.9, 0.0, 0.8]], 4, COCO)
    assert [(item.name, item.score) for item in found] == [("person", 0.75), ("car", 0.25)]
    assert found[0].box == Box(0.0, 0.2, 0.5, 1.0)
