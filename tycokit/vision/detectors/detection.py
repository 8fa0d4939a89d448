"""What every detector gives back, whatever network runs below."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tycokit.vision.labels import Labels


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in fractions of the picture's height and width, each within 0..1."""

    ymin: float
    xmin: float
    ymax: float
    xmax: float

    @classmethod
    def clipped(cls, ymin: float, xmin: float, ymax: float, xmax: float) -> Box:
        """A box cut down to the picture."""
        return cls(*(min(max(float(edge), 0.0), 1.0) for edge in (ymin, xmin, ymax, xmax)))

    @property
    def area(self) -> float:
        """The part of the picture that it fills, 0 to 1."""
        return max(self.ymax - self.ymin, 0.0) * max(self.xmax - self.xmin, 0.0)


@dataclass(frozen=True, slots=True)
class Detection:
    """One object that a network saw: its class, how sure the network is (0..1), and where."""

    class_number: int
    name: str
    score: float
    box: Box

    def as_json(self) -> dict[str, Any]:
        """`{"class", "name", "score", "box": [ymin, xmin, ymax, xmax]}`, rounded to 6 places."""
        box = [self.box.ymin, self.box.xmin, self.box.ymax, self.box.xmax]
        return {
            "class": self.class_number,
            "name": self.name,
            "score": round(self.score, 6),
            "box": [round(edge, 6) for edge in box],
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Detection:
        """The detection that `as_json` wrote."""
        return cls(
            int(value["class"]),
            str(value["name"]),
            float(value["score"]),
            Box.clipped(*value["box"]),
        )


class Network(Protocol):
    """A network that is loaded: a picture in, every object that it saw out."""

    def detect(self, image: NDArray[np.uint8], labels: Labels) -> list[Detection]: ...


def ranked(
    boxes: ArrayLike, numbers: ArrayLike, scores: ArrayLike, count: int, labels: Labels
) -> list[Detection]:
    """Detections, the surest first, from a network's arrays.

    boxes float [N, 4] (ymin, xmin, ymax, xmax, fractions), numbers [N], scores [N]; of each, the
    first `count` are meant. What is not finite, and rows that only fill up (score 0), are left out.
    """
    rows = zip(
        np.asarray(boxes, float).reshape(-1, 4)[:count],
        np.asarray(numbers, float).ravel()[:count],
        np.asarray(scores, float).ravel()[:count],
        strict=True,
    )
    found = [
        Detection(
            round(float(number)),
            labels.name(round(float(number))),
            min(float(score), 1.0),
            Box.clipped(*box),
        )
        for box, number, score in rows
        if score > 0 and math.isfinite(score) and math.isfinite(number) and np.isfinite(box).all()
    ]
    return sorted(found, key=lambda item: -item.score)
