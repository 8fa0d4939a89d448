"""The main job from end to end, through `tycokit demo`, with real pictures and real networks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tycokit import samples
from tycokit.contexts import local, running
from tycokit.vision import detectors, images

COCO = Path(__file__).parents[3] / "shared" / "models" / "coco_ssd_mobilenet_v1_quant.tflite"


@pytest.fixture
def surroundings(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a home of its own; whatever pachd is left in it is stopped."""
    yield {
        **os.environ,
        "PACH_CONFIG": str(tmp_path / "config.json"),
        "XDG_DATA_HOME": str(tmp_path / "share"),
        "TMPDIR": str(tmp_path),
        "COLUMNS": "200",
    }
    for file in tmp_path.rglob("pachd.json"):
        local.stop(file.parent)


def demo(env: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "tycokit", "demo", *words],
        capture_output=True,
        text=True,
        cwd=env["TMPDIR"],
        env=env,
        timeout=150,
        check=False,
    )
    assert "tycokit/cli" not in done.stderr, done.stderr  # no traceback of our own
    return done


def pachds(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("pachd.json") if running.find(file.parent)]


def test_the_samples_go_through_all_five_stages(
    surroundings: dict[str, str], tmp_path: Path
) -> None:
    done = demo(surroundings)

    assert done.returncode == 0, done.stderr
    for sample in samples.PHOTOGRAPHS:
        row = next(line for line in done.stdout.splitlines() if sample.name in line)
        assert ("THREAT" in row, "safe" in row) == (sample.person, not sample.person)
    for name in samples.REFUSED:
        row = next(line for line in done.stdout.splitlines() if name in line)
        assert " no " in row
    out = tmp_path / "demo-output"
    whole = json.loads((out / "demo.json").read_text())
    assert (whole["images"], whole["valid"]) == (10, 7)
    assert whole["invalid"].keys() == set(samples.REFUSED)
    assert len(whole["threats"]) == sum(sample.person for sample in samples.PHOTOGRAPHS)
    assert whole["annotated"].keys() == set(whole["threats"])
    assert all(images.load(path).size for path in whole["annotated"].values())
    assert images.load(whole["plot"]).size
    assert whole["jobs"][0]["pipeline"] == "validate"
    assert {job["state"] for job in whole["jobs"]} == {"success"}
    assert len({job["id"] for job in whole["jobs"]}) == 1  # one global ID through all stages
    assert len(list((out / "notebooks").rglob("*.ipynb"))) == 10 + 7 + 7 + 3 + 1
    assert pachds(tmp_path) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["demo-output"]


def test_pictures_that_cannot_be_used_are_told_and_the_others_go_on(
    surroundings: dict[str, str], tmp_path: Path
) -> None:
    pictures = tmp_path / "pictures"
    good = samples.picture(pictures)
    whole = good.read_bytes()
    bad = {
        "text_1511891098.jpg": b"hello",
        "zero_1511891098.jpg": b"",
        "half_1511891098.jpg": whole[: len(whole) // 2],
        "dev1_12.jpg": whole,
        "dev_1_1511891098.jpg": whole,
        "a*b_1511891098.jpg": whole,
        "tab\t_1511891098.jpg": whole,
        "..._1511891098.jpg": whole,
        "n" * 240 + "_1511891098": whole,
    }
    for name, content in bad.items():
        (pictures / name).write_bytes(content)

    done = demo(surroundings, "--images", str(pictures), "--json", "--out", str(tmp_path / "out"))

    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)  # nothing else is on stdout
    assert result["images"] == len(bad) + 1
    assert result["valid"] == 1 + ("..._1511891098.jpg" not in result["invalid"])
    assert set(bad) - {"..._1511891098.jpg"} <= result["invalid"].keys()
    assert "globbing character" in result["invalid"]["a*b_1511891098.jpg"]
    assert "dev1/1511891098" in result["threats"]
    (found,) = result["detections"]["dev1/1511891098"]
    assert list(found) == ["class", "name", "score", "box"]


def test_a_job_that_fails_shows_why_and_fails_the_demo(
    surroundings: dict[str, str], tmp_path: Path
) -> None:
    pictures = tmp_path / "pictures"
    samples.picture(pictures)
    rules = tmp_path / "rules.json"
    mails = {"from_email": "a@example.com", "to_email": "b@example.com"}
    rules.write_text(json.dumps({**mails, "threat_classes": ["dragon"]}))

    done = demo(surroundings, "--images", str(pictures), "--rules", str(rules), "--json", "--keep")

    assert done.returncode == 1
    states = {job["pipeline"]: job["state"] for job in json.loads(done.stdout)["jobs"]}
    assert states == {
        "validate": "success",
        "model": "success",
        "threat-detect": "failure",
        "annotate": "unrunnable",
        "plot": "unrunnable",
    }
    assert "'dragon'" in done.stderr
    notebook = done.stderr.partition("executed notebook, as far as it got: ")[2].split()[0]
    assert Path(notebook).is_file()

    # it was to be kept: the context names it, and `logs` tells the same
    (kept,) = pachds(tmp_path)
    logs = subprocess.run(
        [sys.executable, "-m", "tycokit", "logs", "threat-detect"],
        capture_output=True,
        text=True,
        env=surroundings,
        timeout=60,
        check=False,
    )
    assert "'dragon'" in logs.stdout
    assert notebook in logs.stderr
    down = subprocess.run(
        [sys.executable, "-m", "tycokit", "down", "--data", str(kept.parent)],
        env=surroundings,
        timeout=60,
        check=False,
    )
    assert down.returncode == 0
    assert not (tmp_path / "config.json").exists()


def test_weights_that_are_no_network_fail_the_model_job_by_name(
    surroundings: dict[str, str], tmp_path: Path
) -> None:
    pictures = tmp_path / "pictures"
    samples.picture(pictures)
    (tmp_path / "broken.tflite").write_bytes(b"this is no network")
    words = ["--images", str(pictures), "--weights", str(tmp_path / "broken.tflite"), "--json"]
    done = demo(surroundings, *words)
    assert done.returncode == 1
    states = {job["pipeline"]: job["state"] for job in json.loads(done.stdout)["jobs"]}
    assert states["model"] == "failure"
    assert "broken.tflite: expected" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_demo_that_is_ended_takes_its_pachd_along(
    surroundings: dict[str, str], tmp_path: Path, number: int
) -> None:
    running_demo = subprocess.Popen(
        [sys.executable, "-m", "tycokit", "demo"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=surroundings,
    )
    assert running_demo.stderr is not None
    for line in running_demo.stderr:
        if line.startswith("put "):
            break
    (serving,) = pachds(tmp_path)
    found = running.find(serving.parent)
    assert found is not None
    running_demo.send_signal(number)
    assert running_demo.wait(timeout=40) in (130, 143, 1)
    running_demo.stderr.close()
    assert not psutil.pid_exists(found.pid)
    assert [path.name for path in tmp_path.glob("tycokit-demo-*")] == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--images", "nowhere"], "no such folder of pictures"),
        (["--rules", "nowhere"], "no such file of rules"),
        (["--weights", "nowhere"], "not a network that can be had by name"),
        (["--out", "."], "holds other files"),
    ],
)
def test_what_is_not_there_is_told_before_anything_starts(
    surroundings: dict[str, str], tmp_path: Path, words: list[str], says: str
) -> None:
    (tmp_path / "mine.txt").write_text("x")
    begin = time.monotonic()
    done = demo(surroundings, *words)
    assert done.returncode == 1
    assert says in done.stderr
    assert time.monotonic() - begin < 20
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.txt"]


@pytest.mark.skipif(not COCO.is_file(), reason=f"{COCO} is not here")
def test_the_coco_network_says_in_the_pipeline_what_it_says_by_itself(
    surroundings: dict[str, str], tmp_path: Path
) -> None:
    done = demo(surroundings, "--weights", str(COCO), "--json")

    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    detector = detectors.load(COCO)
    pictures = samples.write(tmp_path / "pictures")
    compared = 0
    for picture in pictures:
        if picture.name in samples.REFUSED:
            continue
        device, _, when = picture.stem.partition("_")
        direct = [one for one in detector.detect(images.load(picture)) if one.score > 0.5]
        through: list[dict[str, Any]] = result["detections"][f"{device}/{when}"]
        assert [one["class"] for one in through] == [one.class_number for one in direct]
        for one, other in zip(through, direct, strict=True):
            assert one["score"] == pytest.approx(other.score, abs=1e-3)
        compared += len(direct)
    assert compared >= 3
    assert result["valid"] == len(pictures) - len(samples.REFUSED)
