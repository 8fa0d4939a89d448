"""Class numbers, names and label map files."""

from __future__ import annotations

import pytest

from tycokit.errors import LabelMapError, UnknownClass
from tycokit.vision import labels
from tycokit.vision.labels import COCO


def test_coco_has_its_80_classes_at_their_90_numbers():
    assert len(COCO.names) == 80
    assert (min(COCO.names), max(COCO.names)) == (1, 90)
    known = {1: "person", 3: "car", 13: "stop sign", 18: "dog", 44: "bottle", 90: "toothbrush"}
    assert {number: COCO.name(number) for number in known} == known
    assert {12, 26, 29, 30, 45, 66, 68, 69, 71, 83} == set(range(1, 91)) - set(COCO.names)


def test_a_class_is_found_by_number_or_name():
    assert COCO.number(18) == COCO.number("dog") == COCO.number(" Dog ") == 18
    assert COCO.name(12) == "class 12"


@pytest.mark.parametrize(
    ("wanted", "near"),
    [("persn", "1 person"), ("moterbike", "2 bicycle"), (12, "11 fire hydrant"), (0, "1 person")],
)
def test_an_unknown_class_is_named_with_those_near_it(wanted, near):
    with pytest.raises(UnknownClass) as error:
        COCO.number(wanted)
    assert repr(wanted) in str(error.value)
    if wanted != "moterbike":
        assert near in error.value.near


@pytest.mark.parametrize("first", ["???\n", "", "background\n"])
def test_one_name_a_line(tmp_path, first):
    path = tmp_path / "labelmap.txt"
    path.write_text(f"{first}cat\n???\ndog\n")
    assert dict(labels.read(path).names) == {1: "cat", 3: "dog"}
    assert labels.beside(tmp_path) == path


def test_a_pbtxt(tmp_path):
    path = tmp_path / "label_map.pbtxt"
    path.write_text(
        """# a comment
item { name: "/m/01g317" id: 1 display_name: "person" }
item {
  id: 2
  name: 'fox'
}
"""
    )
    assert dict(labels.read(path).names) == {1: "person", 2: "fox"}


def test_a_label_map_that_cannot_be_used_is_named(tmp_path):
    for name, data, said in [
        ("labels.txt", b"\xff\xfe\x00", "UTF-8"),
        ("labels.txt", b"\n\n", "names no class"),
        ("labels.pbtxt", b"x\nitem { id: 3 }", "line 2: an item needs"),
    ]:
        (tmp_path / name).write_bytes(data)
        with pytest.raises(LabelMapError, match=said) as error:
            labels.read(tmp_path / name)
        assert name in str(error.value)
    with pytest.raises(LabelMapError, match="several label maps"):
        labels.beside(tmp_path)
    with pytest.raises(LabelMapError, match="cannot be read"):
        labels.read(tmp_path / "missing.txt")
