"""Every kind of network that can be loaded, and those that cannot."""

from __future__ import annotations

import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from tycokit import samples
from tycokit.errors import LabelMapError, WeightsError
from tycokit.vision import detectors, labels
from tycokit.vision.detectors import Box

PERSONS = {sample.name for sample in samples.PHOTOGRAPHS if sample.person}


def _sure(found, threshold=0.5):
    return [item for item in found if item.score > threshold]


def test_the_offline_detector_finds_the_persons_and_nobody_else(photographs):
    detector = detectors.load("mtcnn")
    assert detector.kind == "mtcnn"
    seen = {name: _sure(detector.detect(image)) for name, image in photographs.items()}
    assert {name for name, found in seen.items() if found} == PERSONS
    assert len(PERSONS) >= 2
    assert len(seen) - len(PERSONS) >= 4
    for name in PERSONS:
        (face,) = seen[name]
        assert (face.class_number, face.name) == (1, "person")
    # what the sample of the model's result says is what the network says
    (recorded,), (real,) = samples.detections()["objects"], seen["dev1_1511891098.jpg"]
    assert recorded["score"] == pytest.approx(real.score, abs=1e-3)
    assert recorded["box"] == pytest.approx(real.as_json()["box"], abs=0.01)
    assert detector.detect(np.zeros((40, 40, 3), np.uint8)) == []
    assert detector.detect(np.zeros((1, 1, 3), np.uint8)) == []


def test_the_offline_detector_says_what_mtcnn_says_when_run_by_hand(photographs):
    detector = detectors.load("mtcnn")
    from mtcnn import MTCNN

    plain = MTCNN()
    for image in photographs.values():
        height, width, _ = image.shape
        faces = plain.detect_faces(image, box_format="xyxy")
        found = detector.detect(image)
        assert [item.score for item in found] == [float(face["confidence"]) for face in faces]
        for item, face in zip(found, faces, strict=True):
            xmin, ymin, xmax, ymax = face["box"]
            assert item.box == Box(ymin / height, xmin / width, ymax / height, xmax / width)


def test_the_coco_network_says_what_it_says_when_run_by_hand(coco_network, photographs):
    from ai_edge_litert.interpreter import Interpreter

    plain = Interpreter(model_path=str(coco_network))
    plain.allocate_tensors()
    names = (coco_network.parent / "labelmap.txt").read_text().splitlines()
    detector = detectors.load(coco_network)
    for image in photographs.values():
        small = Image.fromarray(image).resize((300, 300), Image.Resampling.BILINEAR)
        plain.set_tensor(plain.get_input_details()[0]["index"], np.asarray(small)[None])
        plain.invoke()
        boxes, numbers, scores, _ = (
            plain.get_tensor(output["index"])[0] for output in plain.get_output_details()
        )
        found = detector.detect(image)
        assert [item.name for item in found] == [names[int(number) + 1] for number in numbers]
        assert [item.class_number for item in found] == [int(number) + 1 for number in numbers]
        assert [item.score for item in found] == pytest.approx(scores.tolist(), abs=1e-3)
        assert found[0].box == Box.clipped(*boxes[0])


def test_the_coco_network_knows_the_sample_photographs(coco_network, photographs):
    detector = detectors.load(coco_network.parent)  # the folder, with its label map
    seen = {
        name: [item.name for item in _sure(detector.detect(image))]
        for name, image in photographs.items()
    }
    assert {name for name, found in seen.items() if "person" in found} == PERSONS
    assert "cat" in seen["dev2_1511891278.png"]
    assert "cup" in seen["dev1_1511891158.png"]
    assert seen["dev3_1511891458.png"] == ["motorcycle"]


def test_a_tflite_needs_no_tensorflow(coco_network, photographs):
    code = (
        "import sys, numpy\n"
        "from tycokit.vision import detectors\n"
        f"detectors.load({str(coco_network)!r}).detect(numpy.zeros((9, 9, 3), numpy.uint8))\n"
        "assert 'tensorflow' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("kind", ["frozen_graph", "saved_model", "float_tflite"])
def test_networks_that_tensorflow_made(kind, red, request):
    detector = detectors.load(request.getfixturevalue(kind))
    (dog,) = detector.detect(red)
    assert (dog.class_number, dog.name) == (18, "dog")
    assert dog.score == pytest.approx(0.8, abs=1e-3)
    assert dog.box == Box(0.0, 0.0, 1.0, 0.5)
    assert detector.detect(np.zeros_like(red)) == []


def test_saved_model_is_found_by_its_file_too(saved_model, tmp_path, red):
    root = tmp_path / "weights"
    shutil.copytree(saved_model, root / "network" / "saved_model")
    (root / "labelmap.txt").write_text("\n" * 17 + "fox\n")
    assert detectors.load(saved_model / "saved_model.pb").kind == "SavedModel"
    (seen,) = detectors.load(root).detect(red)
    assert seen.name == "fox"


def test_the_same_bytes_are_loaded_once(frozen_graph, tmp_path, red):
    first = detectors.load(frozen_graph)
    copy = tmp_path / frozen_graph.name
    shutil.copyfile(frozen_graph, copy)
    assert detectors.load(copy) is first
    assert detectors.load(tmp_path) is first
    (tmp_path / "labelmap.txt").write_text("\n" * 17 + "fox\n")
    again = detectors.load(tmp_path)
    assert again is not first
    assert again.digest != first.digest
    (tmp_path / "labelmap.txt").write_text("\n" * 17 + "hen\n")
    assert detectors.load(tmp_path).labels.name(18) == "hen"


def _frozen_with(tf, nodes, path):
    with tf.Graph().as_default() as graph:
        for name, kind in nodes.items():
            tf.compat.v1.placeholder(kind, [1, None, None, 3], name=name)
        path.write_bytes(graph.as_graph_def().SerializeToString())
    return path


def test_a_frozen_graph_with_another_signature(tf, tmp_path):
    path = _frozen_with(tf, {"x": tf.float32}, tmp_path / "classifier.pb")
    with pytest.raises(WeightsError, match="no node called image_tensor, detection_boxes") as error:
        detectors.load(path)
    assert str(path) in str(error.value)
    assert "expected a frozen TensorFlow graph with the object-detection signature" in str(
        error.value
    )
    nodes = ("detection_boxes", "detection_scores", "detection_classes", "num_detections")
    kinds = dict.fromkeys(("image_tensor", *nodes), tf.float32)
    with pytest.raises(WeightsError, match="image_tensor is a Placeholder of float32"):
        detectors.load(_frozen_with(tf, kinds, tmp_path / "floats.pb"))
    kinds["image_tensor"] = tf.uint8
    with pytest.raises(WeightsError, match="does not load"):
        detectors.load(_frozen_with(tf, kinds, tmp_path / "unfed.pb"))


def test_a_saved_model_with_another_signature(tf, tmp_path):
    class Double(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32)])
        def __call__(self, x):
            return {"y": 2 * x}

    model = Double()
    tf.saved_model.save(model, str(tmp_path / "a"), signatures=model.__call__)
    with pytest.raises(WeightsError, match=r"no output called detection_boxes.* among y"):
        detectors.load(tmp_path / "a")
    tf.saved_model.save(model, str(tmp_path / "b"), signatures={"double": model.__call__})
    with pytest.raises(WeightsError, match="found the signatures double"):
        detectors.load(tmp_path / "b")
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "saved_model.pb").write_bytes(b"nothing of the kind")
    with pytest.raises(WeightsError, match="a model that does not load"):
        detectors.load(tmp_path / "c")


def test_a_tflite_with_another_signature(tf, tmp_path):
    @tf.function(input_signature=[tf.TensorSpec([1, 8], tf.float32)])
    def double(x):
        return 2 * x

    converter = tf.lite.TFLiteConverter.from_concrete_functions([double.get_concrete_function()])
    path = tmp_path / "double.tflite"
    path.write_bytes(converter.convert())
    with pytest.raises(WeightsError, match=r"found the inputs .*float32\[1, 8\]") as error:
        detectors.load(path)
    assert str(path) in str(error.value)
    assert "expected a TFLite detection network" in str(error.value)


@pytest.mark.parametrize("name", ["network.tflite", "network.pb"])
@pytest.mark.parametrize(
    "data", [b"", b"hello, this is no network", b"\x1c\0\0\0TFL3" + b"\xff" * 99]
)
def test_a_file_that_is_no_network(tmp_path, name, data):
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(WeightsError) as error:
        detectors.load(tmp_path)
    assert str(path) in str(error.value)
    assert "expected" in str(error.value)


def test_a_truncated_network(coco_network, tmp_path):
    path = tmp_path / coco_network.name
    path.write_bytes(coco_network.read_bytes()[:1_000_000])
    with pytest.raises(WeightsError, match="LiteRT refuses"):
        detectors.load(path)


def test_a_folder_without_one_network_is_refused(tmp_path):
    with pytest.raises(WeightsError, match="found an empty folder"):
        detectors.load(tmp_path)
    (tmp_path / "network.h5").write_bytes(b"x")
    with pytest.raises(WeightsError, match=r"found network\.h5"):
        detectors.load(tmp_path)
    with pytest.raises(WeightsError, match=r"a file called network\.h5"):
        detectors.load(tmp_path / "network.h5")
    with pytest.raises(WeightsError, match="no such file"):
        detectors.load(tmp_path / "missing.tflite")
    (tmp_path / "a.tflite").write_bytes(b"x")
    (tmp_path / "b.pb").write_bytes(b"x")
    with pytest.raises(WeightsError, match=r"found a\.tflite, b\.pb"):
        detectors.load(tmp_path)


def test_a_file_called_mtcnn_asks_for_the_offline_detector(tmp_path):
    (tmp_path / "mtcnn").write_bytes(b"")
    assert detectors.load(tmp_path) is detectors.load("mtcnn")
    (tmp_path / "labels.txt").write_bytes(b"")
    assert labels.beside(tmp_path)  # it has its own names: faces are persons
    assert detectors.load(tmp_path) is detectors.load("mtcnn")


def test_a_label_map_that_cannot_be_read_is_named(frozen_graph, tmp_path):
    shutil.copyfile(frozen_graph, tmp_path / "graph.pb")
    (tmp_path / "labelmap.txt").write_bytes(b"\xff\xff")
    with pytest.raises(LabelMapError, match=r"labelmap\.txt"):
        detectors.load(tmp_path)


def test_only_rgb_bytes_are_looked_at():
    for wrong in (np.zeros((9, 9), np.uint8), np.zeros((9, 9, 3), np.float32)):
        with pytest.raises(ValueError, match="want uint8"):
            detectors.load("mtcnn").detect(wrong)
