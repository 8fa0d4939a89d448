"""Networks for the tests: the published COCO network where it is there, and small real ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tycokit import samples
from tycokit.vision import images
from tycokit.vision.detectors.quiet import tensorflow

MODELS = Path(__file__).parents[3] / "shared" / "models"


@pytest.fixture(scope="session")
def coco_network():
    path = MODELS / "coco_ssd_mobilenet_v1_quant.tflite"
    if not path.is_file():
        pytest.skip(f"the published COCO network is not there: {path}")
    return path


@pytest.fixture(scope="session")
def photographs():
    """The sample photographs: name -> RGB, uint8 [height, width, 3]."""
    return {sample.name: images.load(sample.source) for sample in samples.PHOTOGRAPHS}


@pytest.fixture(scope="session")
def tf():
    return tensorflow()


def look(tf, picture):
    """A network of two rows: the left half as a dog, sure by how red the picture is; a filler."""
    red = tf.reduce_mean(tf.cast(picture, tf.float32)[:, :, :, 0]) / 255.0
    return {
        "detection_boxes": tf.constant([[[0.0, 0.0, 1.0, 0.5], [0.0, 0.0, 0.0, 0.0]]]),
        "detection_scores": tf.stack([red, 0.0])[None],
        "detection_classes": tf.constant([[18.0, 1.0]]),
        "num_detections": tf.constant([2.0]),
    }


@pytest.fixture(scope="session")
def frozen_graph(tf, tmp_path_factory):
    """A frozen graph file made by TensorFlow, as the object-detection exporter lays it out."""
    with tf.Graph().as_default() as graph:
        picture = tf.compat.v1.placeholder(tf.uint8, [1, None, None, 3], name="image_tensor")
        for name, tensor in look(tf, picture).items():
            tf.identity(tensor, name=name)
        path = tmp_path_factory.mktemp("frozen") / "frozen_inference_graph.pb"
        path.write_bytes(graph.as_graph_def().SerializeToString())
    return path


@pytest.fixture(scope="session")
def saved_model(tf, tmp_path_factory):
    """A SavedModel's folder made by TensorFlow, with a variable in it."""

    class Model(tf.Module):
        def __init__(self):
            super().__init__()
            self.scale = tf.Variable(1.0)

        @tf.function(input_signature=[tf.TensorSpec([1, None, None, 3], tf.uint8)])
        def __call__(self, input_tensor):
            out = look(tf, input_tensor)
            return {**out, "detection_scores": out["detection_scores"] * self.scale}

    model, folder = Model(), tmp_path_factory.mktemp("saved") / "saved_model"
    tf.saved_model.save(model, str(folder), signatures={"serving_default": model.__call__})
    return folder


@pytest.fixture(scope="session")
def float_tflite(tf, tmp_path_factory):
    """A TFLite network of floats, whose outputs come in the order of TensorFlow 2's exporter."""

    @tf.function(input_signature=[tf.TensorSpec([1, 32, 48, 3], tf.float32)])
    def call(picture):
        out = look(tf, (picture * 127.5) + 127.5)
        names = ("num_detections", "detection_scores", "detection_classes", "detection_boxes")
        count, scores, numbers, boxes = (out[name] for name in names)
        return count + 0 * scores[0, :1], scores, numbers - 1 + 0 * scores, boxes + 0 * scores[0, 0]

    converter = tf.lite.TFLiteConverter.from_concrete_functions([call.get_concrete_function()])
    path = tmp_path_factory.mktemp("tflite") / "float.tflite"
    path.write_bytes(converter.convert())
    return path


@pytest.fixture(scope="session")
def red():
    """A picture that is red by 204 of 255."""
    picture = np.zeros((40, 60, 3), np.uint8)
    picture[:, :, 0] = 204
    return picture
