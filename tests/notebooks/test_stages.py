"""What the notebooks decide: refusals, detections, threats, pictures and bars."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tycokit import samples
from tycokit.errors import RulesError, WeightsError

MODELS = Path(__file__).parents[3] / "shared" / "models"
NETWORKS = [
    "mtcnn",
    pytest.param(
        str(MODELS),
        id="coco",
        marks=pytest.mark.skipif(not MODELS.is_dir(), reason=f"no COCO network in {MODELS}"),
    ),
]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return {path.name: path for path in samples.write(tmp_path_factory.mktemp("pictures"))}


def _report(out):
    (path,) = (out / "reports").iterdir()
    return json.loads(path.read_text())


def _refusal(out):
    report = _report(out)
    assert report["valid"] is False
    assert not (out / "valid").exists()
    assert all(set(item) == {"check", "passed", "figure", "asked"} for item in report["checks"])
    return report["reason"]


def test_samples_are_valid_or_refused_for_their_reason(run, pictures, tmp_path):
    for name, path in pictures.items():
        out = run("validate", tmp_path / name / "out", picture=path)
        kept = out / ("invalid" if name in samples.REFUSED else "valid") / name
        assert kept.read_bytes() == path.read_bytes()
        report = _report(out)
        assert report["name"] == name
        assert report["valid"] is (name not in samples.REFUSED)
        assert bool(report["reason"]) is (name in samples.REFUSED)
    reasons = {name: _report(tmp_path / name / "out")["reason"] for name in samples.REFUSED}
    assert reasons[samples.BAD_NAME].startswith("name: ")
    assert reasons[samples.BLANK].startswith("contrast: 0.0%")
    assert "ends early" in reasons[samples.TRUNCATED]


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"formats": "PNG WEBP"}, "format: JPEG (asked: one of PNG, WEBP)"),
        ({"least_bytes": 100_000}, "size: 61,306 bytes (asked: 100,000 to 30,000,000)"),
        ({"most_bytes": 1000}, "size: 61,306 bytes (asked: 200 to 1,000)"),
        ({"least_width": 800}, "resolution: 512 x 600 pixels (asked: at least 800 x 64)"),
        ({"least_height": 800}, "resolution: 512 x 600 pixels (asked: at least 64 x 800)"),
        ({"least_contrast": 0.99}, "contrast: 96.5% of the range from black to white"),
        ({"longest_name": 10}, "name length: 19 characters (asked: at most 10)"),
        ({"required_tags": "Model"}, "tag Model: missing (asked: present)"),
        ({"most_pixels": 1000}, "512 x 600 pixels are more than 1000"),
    ],
)
def test_each_check_is_a_parameter_and_says_its_figure(run, pictures, parameters, reason):
    out = run("validate", picture=pictures["dev1_1511891098.jpg"], **parameters)
    assert reason in _refusal(out)


def test_checks_can_be_switched_off(run, pictures, tmp_path):
    out = run("validate", picture=pictures[samples.BLANK], least_contrast=0.0)
    assert _report(out)["valid"]
    out = run("validate", tmp_path / "b", picture=pictures[samples.BAD_NAME], name_rule=False)
    assert _report(out)["valid"]


def test_tags_that_make_no_sense(run, pictures, tmp_path):
    exif = Image.Exif()
    exif[0x0112], exif[0x0110] = 77, "Tyco"
    path = tmp_path / "dev1_1511891098.jpg"
    Image.open(pictures[path.name]).save(path, exif=exif)
    out = run("validate", picture=path, required_tags="Model")
    assert _refusal(out) == "tags: 2 tags, orientation 77 (asked: readable, orientation 1 to 8)"
    assert _report(run("validate", out.parent / "b", picture=path, check_tags=False))["valid"]


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("dev1_1511891098.jpg", b"", "it is empty (zero bytes)"),
        ("dev1_1511891098.jpg", b"no picture at all" * 50, "it is no picture"),
        ("dev\x07_1511891098.jpg", b"x", "do not print"),
        (f"{'d' * 230}_1511891098.jpg", b"x", "name length: 245 characters"),
    ],
)
def test_what_is_no_picture_is_refused_and_kept(run, tmp_path, name, data, said):
    path = tmp_path / name
    path.write_bytes(data)
    out = run("validate", picture=path)
    assert said in _refusal(out)
    assert (out / "invalid" / name).read_bytes() == data
    (report,) = (out / "reports").iterdir()
    # the executed notebook beside it must have a name that a disk takes
    assert len(report.with_suffix(".ipynb").name.encode()) < 255


def test_what_is_no_file_is_refused(run, tmp_path):
    assert "folder" in _refusal(run("validate", tmp_path / "a", picture=tmp_path))
    long = tmp_path / ("d" * 300)
    assert "300 characters" in _refusal(run("validate", tmp_path / "b", picture=long))


def test_names_that_differ_only_in_their_extension_share_no_report(run, tmp_path):
    for name in ("x.jpg", "x.png", "x"):
        (tmp_path / name).write_bytes(b"")
        out = run("validate", picture=tmp_path / name)
    assert len(list((out / "reports").iterdir())) == 3


@pytest.mark.parametrize("weights", NETWORKS)
def test_persons_are_found_and_become_threats(run, pictures, tmp_path, weights):
    rules = samples.write_json(tmp_path / "rules", "rules.json", samples.rules()).parent
    for sample in samples.PHOTOGRAPHS:
        run("model", tmp_path / "model", picture=pictures[sample.name], weights=weights)
    found = sorted((tmp_path / "model").rglob("*.json"))
    assert len(found) == len(samples.PHOTOGRAPHS)
    for path in found:
        result = json.loads(path.read_text())
        assert result["device"] == path.parent.name
        assert result["time"] == path.stem
        assert all(0.5 < item["score"] <= 1 for item in result["objects"])
        for item in result["objects"]:
            ymin, xmin, ymax, xmax = item["box"]
            assert 0 <= ymin < ymax <= 1
            assert 0 <= xmin < xmax <= 1
        run("threat_detect", tmp_path / "threats", detections=path, rules=rules)
    threats = {json.loads(p.read_text())["picture"] for p in (tmp_path / "threats").rglob("*.json")}
    assert threats == {sample.name for sample in samples.PHOTOGRAPHS if sample.person}


def test_the_threshold_is_a_parameter(run, pictures):
    picture = pictures["dev1_1511891098.jpg"]
    out = run("model", picture=picture, threshold=0.999)
    assert json.loads((out / "dev1" / "1511891098.json").read_text())["objects"] == []


def test_weights_that_are_no_network_stop_the_model(run, pictures, tmp_path):
    (tmp_path / "network.tflite").write_bytes(b"hello")
    with pytest.raises(WeightsError, match=r"network\.tflite: expected a TFLite detection network"):
        run("model", picture=pictures["dev1_1511891098.jpg"], weights=tmp_path)


def test_a_picture_without_a_threat_leaves_nothing(run, tmp_path):
    safe = samples.write_json(tmp_path, "safe.json", {**samples.detections(), "objects": []})
    rules = samples.write_json(tmp_path, "rules.json", samples.rules())
    out = run("threat_detect", detections=safe, rules=rules)
    assert not out.exists()
    seen = samples.write_json(tmp_path, "seen.json", samples.detections())
    assert not run("threat_detect", detections=seen, rules=rules, least_area=0.5).exists()
    assert not run("threat_detect", detections=seen, rules=rules, least_score=0.995).exists()
    run("threat_detect", detections=seen, rules=rules)
    assert json.loads((out / "dev1" / "1511891098.json").read_text()) == samples.threat()


def test_rules_that_name_an_unknown_class_stop_threat_detect(run, tmp_path):
    seen = samples.write_json(tmp_path, "seen.json", samples.detections())
    rules = samples.write_json(
        tmp_path, "rules.json", {**samples.rules(), "threat_classes": ["burglar"]}
    )
    with pytest.raises(RulesError, match=r"rules\.json: threat_classes: unknown class 'burglar'"):
        run("threat_detect", detections=seen, rules=rules)


def test_annotate_draws_on_the_picture(run, pictures, tmp_path):
    threat = samples.write_json(tmp_path, "1511891098.json", samples.threat())
    picture = pictures["dev1_1511891098.jpg"]
    out = run("annotate", threat=threat, picture=picture)
    with Image.open(out / "dev1" / "1511891098.jpg") as drawn, Image.open(picture) as plain:
        assert drawn.size == plain.size
        differ = np.abs(np.asarray(drawn, int) - np.asarray(plain, int)).max(axis=2) > 100
    assert 500 < differ.sum() < differ.size / 10


@pytest.mark.parametrize("devices", [0, 1, 40])
def test_plot_has_a_bar_a_user_device(run, tmp_path, devices, monkeypatch):
    from matplotlib.axes import Axes

    drawn = []
    monkeypatch.setattr(
        Axes, "barh", lambda *a, _real=Axes.barh, **k: drawn.append(a[2]) or _real(*a, **k)
    )
    threats = tmp_path / "threats"
    threats.mkdir()
    for device in range(devices):
        for time in range(device % 3 + 1):
            folder = threats / f"camera{device}"
            samples.write_json(folder, f"{1511891098 + time}.json", samples.threat())
            shutil.copyfile(folder / "1511891098.json", folder / f"{1511891098 + time}.ipynb")
    out = run("plot", threats=threats)
    with Image.open(out / "threats.png") as image:
        assert image.width == 880
        assert image.height >= 250
    counts = sorted((device % 3 + 1 for device in range(devices)), reverse=True)
    assert drawn == ([counts] if devices else [])
