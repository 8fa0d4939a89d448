"""Which objects two networks both found in a picture, and which only one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tycokit.vision.detectors.detection import Box, Detection

SAME = 0.5  # from this overlap on, two boxes of one class are the same object, as COCO has it


@dataclass(frozen=True, slots=True)
class Pair:
    """One object that both found."""

    new: Detection
    old: Detection


@dataclass(frozen=True, slots=True)
class Compared:
    """What both found, and what only the new or only the old one did."""

    both: tuple[Pair, ...]
    only_new: tuple[Detection, ...]
    only_old: tuple[Detection, ...]


def overlap(one: Box, other: Box) -> float:
    """Intersection over union of two boxes, 0 to 1; 0 where both are empty."""
    height = min(one.ymax, other.ymax) - max(one.ymin, other.ymin)
    width = min(one.xmax, other.xmax) - max(one.xmin, other.xmin)
    shared = max(height, 0.0) * max(width, 0.0)
    whole = one.area + other.area - shared
    return shared / whole if whole > 0 else 0.0


def compare(new: Sequence[Detection], old: Sequence[Detection], same: float = SAME) -> Compared:
    """Pair the objects of one class whose boxes overlap by at least `same`, the closest first."""
    close = [
        (near, i, j)
        for i, one in enumerate(new)
        for j, other in enumerate(old)
        if one.class_number == other.class_number and (near := overlap(one.box, other.box)) >= same
    ]
    paired: dict[int, int] = {}
    for _, i, j in sorted(close, key=lambda each: (-each[0], each[1], each[2])):
        if i not in paired and j not in paired.values():
            paired[i] = j
    return Compared(
        tuple(Pair(new[i], old[j]) for i, j in sorted(paired.items())),
        tuple(one for i, one in enumerate(new) if i not in paired),
        tuple(other for j, other in enumerate(old) if j not in paired.values()),
    )
