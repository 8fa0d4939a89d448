"""TensorFlow's own forms of a detection network: frozen graph (1.x) and SavedModel (2.x)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tycokit.errors import WeightsError
from tycokit.vision.detectors.detection import Detection, ranked
from tycokit.vision.detectors.quiet import tensorflow
from tycokit.vision.labels import Labels

OUTPUTS = ("detection_boxes", "detection_scores", "detection_classes", "num_detections")
FROZEN = (
    "a frozen TensorFlow graph with the object-detection signature: image_tensor "
    f"(uint8 [1, height, width, 3]) and {', '.join(OUTPUTS)}"
)
SAVED = (
    "a TensorFlow SavedModel whose serving_default signature takes one picture tensor "
    f"[1, height, width, 3] (uint8 or float32) and gives {', '.join(OUTPUTS)}"
)
_Run = Callable[[NDArray[np.uint8]], Mapping[str, Any]]


class GraphNetwork:
    """A network of TensorFlow's Object Detection API; its classes are numbered from 1."""

    def __init__(self, path: Path, expected: str, run: _Run) -> None:
        self._path, self._expected, self._run = path, expected, run

    def detect(self, image: NDArray[np.uint8], labels: Labels) -> list[Detection]:
        """Every object seen in a picture (RGB, uint8 [height, width, 3]), the surest first."""
        out = {name: np.asarray(value) for name, value in self._run(image[None]).items()}
        boxes, scores, numbers, count = (out[name] for name in OUTPUTS)
        rows = boxes.size // 4
        if (
            boxes.shape[-1:] != (4,)
            or scores.size != rows
            or numbers.size != rows
            or not count.size
        ):
            shapes = ", ".join(f"{name} {list(out[name].shape)}" for name in OUTPUTS)
            raise WeightsError(
                self._path, self._expected, f"outputs that do not fit together: {shapes}"
            )
        return ranked(boxes, numbers, scores, max(int(count.ravel()[0]), 0), labels)


def frozen(path: Path) -> GraphNetwork:
    """Load a frozen graph (`.pb`). Raises WeightsError."""
    tf = tensorflow()
    graph = tf.compat.v1.GraphDef()
    try:
        graph.ParseFromString(path.read_bytes())
    except Exception as error:  # protobuf's DecodeError, whose class moves between its versions
        raise WeightsError(path, FROZEN, "bytes that are no TensorFlow graph") from error
    nodes = {node.name: node for node in graph.node}
    missing = [name for name in ("image_tensor", *OUTPUTS) if name not in nodes]
    if missing:
        raise WeightsError(
            path, FROZEN, f"no node called {', '.join(missing)} among {_some(list(nodes))}"
        )
    kind = tf.as_dtype(nodes["image_tensor"].attr["dtype"].type)
    if nodes["image_tensor"].op != "Placeholder" or kind != tf.uint8:
        found = f"image_tensor is a {nodes['image_tensor'].op} of {kind.name}"
        raise WeightsError(path, FROZEN, found)
    try:
        wrapped = tf.compat.v1.wrap_function(
            lambda: tf.compat.v1.import_graph_def(graph, name=""), []
        )
        call = wrapped.prune("image_tensor:0", {name: f"{name}:0" for name in OUTPUTS})
    except Exception as error:  # TensorFlow raises many kinds here, private ones too
        raise WeightsError(path, FROZEN, f"a graph that does not load ({_short(error)})") from error
    return GraphNetwork(path, FROZEN, lambda batch: dict(call(tf.constant(batch))))


def saved_model(folder: Path) -> GraphNetwork:
    """Load a SavedModel, given its folder. Raises WeightsError."""
    tf = tensorflow()
    try:
        model = tf.saved_model.load(str(folder))
    except Exception as error:  # TensorFlow raises many kinds here, down to AttributeError
        raise WeightsError(
            folder, SAVED, f"a model that does not load ({_short(error)})"
        ) from error
    signatures = dict(model.signatures)
    if "serving_default" not in signatures:
        raise WeightsError(folder, SAVED, f"the signatures {_some(sorted(signatures))}")
    call = signatures["serving_default"]
    takes: dict[str, Any] = call.structured_input_signature[1]
    gives: dict[str, Any] = call.structured_outputs
    missing = [name for name in OUTPUTS if name not in gives]
    if missing:
        raise WeightsError(
            folder, SAVED, f"no output called {', '.join(missing)} among {_some(sorted(gives))}"
        )
    pictures = {
        key: spec
        for key, spec in takes.items()
        if spec.shape.is_compatible_with([1, None, None, 3])
        and spec.dtype in (tf.uint8, tf.float32)
    }
    if len(takes) != 1 or not pictures:
        described = ", ".join(f"{key} {s.dtype.name}{s.shape}" for key, s in takes.items())
        raise WeightsError(folder, SAVED, f"the inputs {described or '(none)'}")

    ((name, spec),) = pictures.items()

    def run(batch: NDArray[np.uint8]) -> dict[str, Any]:
        # The model object must live as long as its signature: it owns the variables.
        out = model.signatures["serving_default"](**{name: tf.constant(batch, spec.dtype)})
        return {key: out[key] for key in OUTPUTS}

    return GraphNetwork(folder, SAVED, run)


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:8]) or "(none)"
    return f"{shown} and {len(names) - 8} more" if len(names) > 8 else shown


def _short(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200] if lines else ''}"
