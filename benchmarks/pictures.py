"""Camera pictures to measure with, and the network that looks at them."""

from __future__ import annotations

import io
import os
from pathlib import Path

from PIL import Image
from platformdirs import user_cache_path

from tycokit import models, samples

SIZE = (640, 480)
NAME = "coco_ssd_mobilenet_v1_1.0_quant_2018_06_29"
# a folder with a .tflite that is there already, beside the checkout
BESIDE = Path(__file__).parents[2] / "shared" / "models"


def jpegs(count: int) -> dict[str, bytes]:
    """So many different pictures of a camera's size, by name."""
    photographs = [Image.open(sample.source).convert("RGB") for sample in samples.PHOTOGRAPHS]
    found = {}
    for at in range(count):
        photograph = photographs[at % len(photographs)]
        # each is cut out elsewhere, so that no two are the same bytes
        left, top = at % 23, at % 19
        width, height = photograph.size
        part = photograph.resize(SIZE, box=(left, top, width - 23 + left, height - 19 + top))
        data = io.BytesIO()
        part.save(data, "JPEG", quality=90)
        found[f"dev{at % 7}_{1511891098 + 60 * at}.jpg"] = data.getvalue()
    return found


def network() -> Path:
    """The folder of a TFLite COCO network: TYCOKIT_BENCH_WEIGHTS, else it is fetched once."""
    if named := os.environ.get("TYCOKIT_BENCH_WEIGHTS"):
        return Path(named)
    if any(BESIDE.glob("*.tflite")):
        return BESIDE
    folder = user_cache_path("tycokit") / "benchmarks"
    folder.mkdir(parents=True, exist_ok=True)
    return models.fetch(models.find(NAME), folder)
