"""What the notebooks leave: JSON files written whole or not at all, and small previews."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tycokit.vision.boxes import draw
from tycokit.vision.detectors.detection import Detection

# Bytes that a file's name may have, less what `.json` and `.ipynb` add to it.
_LONGEST_STEM = 200


def write_json(path: Path, value: Mapping[str, Any]) -> Path:
    """Write a JSON file, keys sorted, folders made; a reader never sees half of it. Its path."""
    text = json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n"
    return write_bytes(path, text.encode())


def write_bytes(path: Path, data: bytes) -> Path:
    """Write a file whole or not at all, folders made. Its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]}.part")
    part.write_bytes(data)
    part.replace(path)
    return path


def stem(name: str) -> str:
    """The name that results about a file carry: its whole name, cut where a disk would refuse it.

    The extension stays, so that `x.jpg` and `x.png` never share a result.
    """
    raw = os.fsencode(name)
    if len(raw) <= _LONGEST_STEM:
        return name
    return f"{name[:40]}-{hashlib.sha256(raw).hexdigest()[:16]}"


@dataclass(frozen=True, slots=True)
class Preview:
    """A small JPEG that Jupyter shows as a cell's result: a few kB in the executed notebook."""

    jpeg: bytes
    width: int
    height: int

    def __repr__(self) -> str:
        return f"<picture, {self.width} x {self.height}>"

    def _repr_jpeg_(self) -> bytes:
        return self.jpeg


def preview(
    image: NDArray[np.uint8] | Image.Image,
    longest_side: int = 320,
    detections: Sequence[Detection] = (),
) -> Preview:
    """A picture (RGB, uint8 [height, width, 3], or Pillow's) made small for showing, with the box
    and label of each detection."""
    small = image if isinstance(image, Image.Image) else Image.fromarray(image)
    # by a whole number first: ten times as fast, and most cameras' pictures need no more
    whole = max(small.size) // longest_side
    small = small.reduce(whole) if whole > 1 else small.copy()
    small.thumbnail((longest_side, longest_side))
    if detections:
        small = draw(small, detections)
    data = io.BytesIO()
    small.save(data, "JPEG", quality=80)
    return Preview(data.getvalue(), *small.size)
