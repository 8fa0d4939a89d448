"""TFLite detection networks, through LiteRT (which imports without TensorFlow)."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tycokit.errors import WeightsError
from tycokit.vision.detectors import threads
from tycokit.vision.detectors.detection import Detection, ranked
from tycokit.vision.detectors.quiet import without_greeting
from tycokit.vision.labels import Labels

EXPECTED = (
    "a TFLite detection network: one input [1, height, width, 3] of uint8 or float32, and the "
    "detection post-process outputs boxes [1, N, 4], classes [1, N], scores [1, N], count [1]"
)


@dataclass(frozen=True, slots=True)
class _Outputs:
    """The tensor index of each output."""

    boxes: int
    classes: int
    scores: int
    count: int


class TFLiteNetwork:
    """A `.tflite` file with the detection post-process outputs.

    Such networks count classes from 0 without the background; class numbers here are one more.
    """

    def __init__(self, path: Path) -> None:
        from ai_edge_litert.interpreter import Interpreter  # type: ignore[import-untyped,unused-ignore]  # fmt: skip

        try:
            with without_greeting():
                self._interpreter = Interpreter(model_path=str(path), num_threads=threads.count())
                self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise WeightsError(path, EXPECTED, f"what LiteRT refuses ({error})") from error
        inputs = self._interpreter.get_input_details()
        outputs = self._interpreter.get_output_details()
        self._input = _check_input(path, inputs)
        self._outputs = _find_outputs(path, outputs)
        self._lock = threading.Lock()  # an interpreter holds one picture at a time

    def detect(self, image: NDArray[np.uint8], labels: Labels) -> list[Detection]:
        """Every object seen in a picture (RGB, uint8 [height, width, 3]), the surest first."""
        _, height, width, _ = (int(side) for side in self._input["shape"])
        # Bilinear, as the published networks were trained.
        small = Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR)
        data = np.asarray(small)[None]
        if self._input["dtype"] != np.uint8:
            data = ((data.astype(np.float32) - 127.5) / 127.5).astype(np.float32)
        with self._lock:
            self._interpreter.set_tensor(self._input["index"], data)
            self._interpreter.invoke()
            get = self._interpreter.get_tensor
            where = self._outputs
            boxes, numbers, scores = get(where.boxes), get(where.classes), get(where.scores)
            count = int(np.ravel(get(where.count))[0])
        return ranked(boxes, numbers + 1, scores, max(count, 0), labels)


def _check_input(path: Path, inputs: list[dict[str, Any]]) -> dict[str, Any]:
    if len(inputs) == 1:
        shape, dtype = [int(side) for side in inputs[0]["shape"]], inputs[0]["dtype"]
        pictures = len(shape) == 4 and shape[0] == 1 and shape[3] == 3 and min(shape) > 0
        if pictures and dtype in (np.uint8, np.float32):
            return inputs[0]
    raise WeightsError(path, EXPECTED, f"the inputs {_described(inputs)}")


def _find_outputs(path: Path, outputs: list[dict[str, Any]]) -> _Outputs:
    """Boxes and count by their shape; classes and scores by their names or their order.

    The post-process operator gives boxes, classes, scores, count; TensorFlow 2's export numbers
    them the other way about: count, scores, classes, boxes.
    """
    outputs = _in_order(outputs)
    shapes = [tuple(int(side) for side in output["shape"]) for output in outputs]
    boxes = [i for i, shape in enumerate(shapes) if len(shape) == 3 and shape[::2] == (1, 4)]
    lists = [i for i, shape in enumerate(shapes) if len(shape) == 2 and shape[0] == 1]
    counts = [i for i, shape in enumerate(shapes) if shape in {(1,), ()}]
    same_length = len(boxes) == 1 and all(shapes[i][1] == shapes[boxes[0]][1] for i in lists)
    if not (len(boxes) == len(counts) == 1 and len(lists) == 2 and same_length):
        raise WeightsError(path, EXPECTED, f"the outputs {_described(outputs)}")
    names = [str(outputs[i]["name"]).lower() for i in lists]
    if any("score" in name or "class" in name for name in names):
        scores_first = "score" in names[0] or "class" in names[1]
    else:
        scores_first = counts[0] < boxes[0]
    scores, classes = lists if scores_first else lists[::-1]
    return _Outputs(*(int(outputs[i]["index"]) for i in (boxes[0], classes, scores, counts[0])))


def _in_order(outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Outputs by the number in their name, where all are called alike; the file may list them so
    or otherwise (`Call:1, Call:3, Call:0, Call:2`)."""
    parts = [re.fullmatch(r"(.*?)(?:[:_](\d+))?", str(output["name"])) for output in outputs]
    if len({part[1] for part in parts if part}) != 1:
        return outputs
    numbers = [int(part[2] or 0) for part in parts if part]
    return [outputs[i] for i in sorted(range(len(outputs)), key=lambda i: numbers[i])]


def _described(tensors: list[dict[str, Any]]) -> str:
    shapes = [[int(side) for side in tensor["shape"]] for tensor in tensors]
    kinds = [np.dtype(tensor["dtype"]).name for tensor in tensors]
    names = [tensor["name"] for tensor in tensors]
    return ", ".join(
        f"{name} {kind}{shape}" for name, kind, shape in zip(names, kinds, shapes, strict=True)
    )
