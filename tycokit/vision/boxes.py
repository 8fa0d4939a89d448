"""Drawing what a network saw: boxes, names and scores on the picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from tycokit.vision.detectors.detection import Box, Detection

# Okabe and Ito's colours, which colour-blind people can tell apart; black is left out.
COLOURS = ("#D55E00", "#56B4E9", "#009E73", "#F0E442", "#CC79A7", "#0072B2", "#E69F00")
_DARK_TEXT_ABOVE = 0.179  # of relative luminance: from there on black has the better contrast


@dataclass(frozen=True, slots=True)
class Rectangle:
    """A rectangle in whole pixels of one picture; all four edges lie within it."""

    left: int
    top: int
    right: int
    bottom: int

    def overlaps(self, other: Rectangle) -> bool:
        beside = self.right < other.left or other.right < self.left
        return not (beside or self.bottom < other.top or other.bottom < self.top)


def pixels(box: Box, width: int, height: int) -> Rectangle:
    """Where a box lies in a picture of that size; at least one pixel, whatever the box."""
    left, right = sorted((round(box.xmin * (width - 1)), round(box.xmax * (width - 1))))
    top, bottom = sorted((round(box.ymin * (height - 1)), round(box.ymax * (height - 1))))
    return Rectangle(left, top, right, bottom)


def colour(class_number: int) -> str:
    """The colour of a class, the same in every picture."""
    return COLOURS[(class_number - 1) % len(COLOURS)]


def draw(image: NDArray[np.uint8] | Image.Image, detections: Sequence[Detection]) -> Image.Image:
    """A copy of a picture (RGB, uint8 [height, width, 3], or Pillow's) with each detection's box
    and label.

    The surest is drawn last, on top. Labels stay in the frame and, where there is room, apart.
    """
    picture = image.convert("RGB") if isinstance(image, Image.Image) else Image.fromarray(image)
    width, height = picture.size
    short = min(width, height)
    line = max(2, round(short / 150))
    font = _font(max(11, round(short / 26)))
    pen = ImageDraw.Draw(picture)
    by_score = sorted(detections, key=lambda item: item.score)
    for item in by_score:
        _outline(pen, pixels(item.box, width, height), colour(item.class_number), line)
    taken: list[Rectangle] = []
    placed: list[tuple[Detection, Rectangle]] = []
    for item in reversed(by_score):  # the surest chooses its place first
        spot = _place(_label(item), font, pixels(item.box, width, height), picture.size, taken)
        taken.append(spot)
        placed.append((item, spot))
    for item, spot in reversed(placed):
        _write(pen, spot, _label(item), font, colour(item.class_number))
    return picture


@lru_cache(maxsize=16)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size=size)  # which unpacks and reads it each time


def _label(item: Detection) -> str:
    return f"{item.name} {item.score:.0%}"


def _outline(pen: ImageDraw.ImageDraw, at: Rectangle, fill: str, line: int) -> None:
    # A dark rim keeps the box visible on a ground of its own colour.
    pen.rectangle((at.left, at.top, at.right, at.bottom), outline="black", width=line + 2)
    inner = (at.left + 1, at.top + 1, at.right - 1, at.bottom - 1)
    if inner[2] > inner[0] and inner[3] > inner[1]:
        pen.rectangle(inner, outline=fill, width=line)


def _place(
    text: str,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    at: Rectangle,
    size: tuple[int, int],
    taken: Sequence[Rectangle],
) -> Rectangle:
    """A free spot for a label: above the box, inside its top, below it, or further down."""
    left, top, right, bottom = font.getbbox(text)
    pad = max(2, round((bottom - top) / 4))
    label_width, label_height = round(right - left) + 2 * pad, round(bottom - top) + 2 * pad
    x = max(0, min(at.left, size[0] - 1 - label_width))
    lowest = max(0, size[1] - 1 - label_height)
    wished = [at.top - label_height, at.top, at.bottom]
    further = range(at.top + label_height, lowest, label_height + 1)
    spots = [
        Rectangle(x, y, x + label_width, y + label_height)
        for y in [*wished, *further]
        if 0 <= y <= lowest
    ]
    free = [spot for spot in spots if not any(spot.overlaps(other) for other in taken)]
    fallback = min(max(at.top, 0), lowest)
    return (free or [Rectangle(x, fallback, x + label_width, fallback + label_height)])[0]


def _write(
    pen: ImageDraw.ImageDraw,
    at: Rectangle,
    text: str,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    fill: str,
) -> None:
    pen.rectangle((at.left, at.top, at.right, at.bottom), fill=fill)
    left, top, right, bottom = font.getbbox(text)
    x = at.left + (at.right - at.left - (right - left)) / 2 - left
    y = at.top + (at.bottom - at.top - (bottom - top)) / 2 - top
    pen.text(
        (x, y), text, font=font, fill="black" if _luminance(fill) > _DARK_TEXT_ABOVE else "white"
    )


def _luminance(hex_colour: str) -> float:
    red, green, blue = (int(hex_colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return float(0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2)
