"""Detectors: one call loads any network that the weights repo may hold.

`load` keeps what it loaded for the life of the process, so that a stage which sees a thousand
pictures loads its network once.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tycokit.vision import labels as label_maps
from tycokit.vision.detectors.detection import Box, Detection, Network
from tycokit.vision.detectors.weights import Kind, Weights, find
from tycokit.vision.labels import COCO, Labels

__all__ = ["Box", "Detection", "Detector", "load"]

MOST_KEPT = 2  # networks; a worker needs one, and one more while the weights change
_lock = threading.Lock()
_digests: dict[tuple[object, ...], str] = {}
_kept: OrderedDict[str, Detector] = OrderedDict()


class Detector:
    """A network with its labels, ready to look at pictures."""

    def __init__(self, weights: Weights, digest: str, labels: Labels, network: Network) -> None:
        self.name, self.kind = weights.path.name, weights.kind
        self.digest, self.labels = digest, labels
        self._network = network

    def detect(self, image: NDArray[np.uint8]) -> list[Detection]:
        """Every object that the network sees in a picture, the surest first, unsure ones too.

        `image` is RGB, uint8 [height, width, 3]; boxes are fractions of it.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
            raise ValueError(f"want uint8 [height, width, 3], got {image.dtype}{image.shape}")
        return self._network.detect(np.ascontiguousarray(image), self.labels)


def load(path: Path | str) -> Detector:
    """The detector for a weights file or folder, or `"mtcnn"` for the one that needs no file.

    Takes a `.tflite` with the detection post-process outputs, a TensorFlow 1 frozen graph, a
    TensorFlow 2 SavedModel with the object-detection signature, or a file called `mtcnn`; in a
    folder, the one network in it, with the label map beside it (COCO's where there is none).
    Raises WeightsError, which names the file, what was expected and what was found, or
    LabelMapError. Loading the same bytes again gives the same detector.
    """
    weights = find(Path(path))
    with _lock:
        stamp = weights.stamp()
        digest = _digests.get(stamp)
        if digest is None:
            digest = _digests[stamp] = weights.digest()
        if digest not in _kept:
            _kept[digest] = _build(weights, digest)
        _kept.move_to_end(digest)
        while len(_kept) > MOST_KEPT:
            _kept.popitem(last=False)
        return _kept[digest]


def _build(weights: Weights, digest: str) -> Detector:
    labels = label_maps.read(weights.label_map) if weights.label_map else COCO
    return Detector(weights, digest, labels, _network(weights.kind, weights.path))


def _network(kind: Kind, path: Path) -> Network:
    # Imported here: a worker with a .tflite should never pay for TensorFlow.
    if kind == "tflite":
        from tycokit.vision.detectors.tflite import TFLiteNetwork

        return TFLiteNetwork(path)
    from tycokit.vision.detectors import faces, graphs

    if kind == "mtcnn":
        return faces.FaceNetwork()
    return graphs.saved_model(path) if kind == "SavedModel" else graphs.frozen(path)
