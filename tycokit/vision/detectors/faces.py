"""The offline detector: MTCNN, whose weights ship in its wheel. It sees faces, so persons."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tycokit.vision.detectors.detection import Detection, ranked
from tycokit.vision.detectors.quiet import tensorflow
from tycokit.vision.labels import COCO, Labels

PERSON = COCO.number("person")
# MTCNN looks at a picture at every size; above this side length it costs seconds for no face more.
LONGEST_SIDE = 1280
# The sides of what its networks take in: a whole picture, then squares cut out of it.
_SIDES = ((None, None), (24, 24), (48, 48))


class FaceNetwork:
    """MTCNN's three networks. A face is reported as class 1, person; its box is the face's."""

    def __init__(self) -> None:
        tf = tensorflow()
        from mtcnn import MTCNN  # type: ignore[import-untyped,unused-ignore]
        from mtcnn.stages import StageONet, StagePNet, StageRNet  # type: ignore[import-untyped,unused-ignore]  # fmt: skip

        stages = [StagePNet(), StageRNet(), StageONet()]
        for stage, sides in zip(stages, _SIDES, strict=True):
            # as a graph: a Keras model that is called layer by layer takes four times as long
            taken = tf.TensorSpec((None, *sides, 3), tf.float32)
            # autograph would leave a file in the temporary folder; these have no Python to convert
            stage._model = tf.function(stage.model, input_signature=[taken], autograph=False)
        self._mtcnn = MTCNN(stages=[_converting(tf, stages[0]), *stages[1:]])
        self._lock = threading.Lock()

    def detect(self, image: NDArray[np.uint8], labels: Labels) -> list[Detection]:
        """Every face seen in a picture (RGB, uint8 [height, width, 3]), the surest first."""
        picture = Image.fromarray(image)
        picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.BILINEAR)
        with self._lock:
            faces = self._mtcnn.detect_faces(np.asarray(picture), box_format="xyxy")
        width, height = picture.size
        boxes = [
            [ymin / height, xmin / width, ymax / height, xmax / width]
            for xmin, ymin, xmax, ymax in (face["box"] for face in faces)
        ]
        scores = [float(face["confidence"]) for face in faces]
        return ranked(boxes, [PERSON] * len(faces), scores, len(faces), labels)


def _converting(tf: Any, stage: Callable[..., Any]) -> Callable[..., Any]:
    """The stage that looks at a picture in many sizes, each made from one tensor of it."""

    def run(*, images_normalized: NDArray[np.float64], **more: Any) -> Any:
        return stage(images_normalized=tf.constant(images_normalized), **more)

    return run
