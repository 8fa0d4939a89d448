"""Both images with the whole of their locks, run by podman: every stage, and JupyterLab.

    make test ARGS='-m long tests/images'

It needs a quarter of an hour, 25 GB of disk and the package index.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import image_storage
import pyarrow.parquet as pq
import pytest
from containers import OfPodman
from datum_layout import Match, run_spec
from image_workshop import Workshop, copy_context, opened
from PIL import Image
from waiting import until

from tycokit import samples
from tycokit.widgets import VIEWS

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a base with debootstrap"),
    pytest.mark.timeout(3600),
]

GIGABYTES = 25
IMAGES = {"stage": "localhost/tycokit/stage:whole", "lab": "localhost/tycokit/lab:whole"}
# who builds what: buildah in a chroot, and podman as it is where nobody changed its settings
BUILDS = {"stage": ("buildah", "chroot"), "lab": ("podman", "oci")}
MODELS = Path(__file__).parents[3] / "shared" / "models"


@dataclass(frozen=True, slots=True)
class Built:
    """The images, and the copy of the checkout that they are made of."""

    workshop: Workshop
    context: Path

    def build(self, image: str) -> None:
        builder, isolation = BUILDS[image]
        words = ("--builder", builder, "--tag", "whole", image)
        self.workshop.make(self.context, *words, BUILDAH_ISOLATION=isolation)

    def start(self, image: str) -> OfPodman:
        return OfPodman(IMAGES[image], self.workshop.env, is_desk=image == "lab")


@pytest.fixture(scope="module")
def built(debian: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    folder = tmp_path_factory.mktemp("storage")
    free = shutil.disk_usage(folder).free / 1e9
    if free < GIGABYTES:
        pytest.fail(f"{folder}: {free:.0f} GB free, of {GIGABYTES} that both images need")
    if not image_storage.overlays(folder):
        pytest.fail(f"{folder}: no overlay can be mounted, and vfs would copy some 100 GB")
    context = tmp_path_factory.mktemp("context")
    copy_context(context)
    with opened(folder, debian) as workshop:
        yield Built(workshop, context)


@pytest.fixture(scope="module")
def stage(built: Built) -> OfPodman:
    built.build("stage")
    return built.start("stage")


@pytest.fixture(scope="module")
def lab(built: Built) -> OfPodman:
    built.build("lab")
    return built.start("lab")


@dataclass(frozen=True, slots=True)
class House:
    """Repos as folders, which the stages fill one after another."""

    container: OfPodman
    folder: Path

    def repo(self, name: str) -> Path:
        return self.folder / name

    def run(self, stage: str, **inputs: Match) -> None:
        """Run a stage on one datum, and put what it wrote into its repo."""
        pfs = self.folder / "pfs"
        out = run_spec(self.container, stage, pfs, inputs)
        assert {path.stat().st_uid for path in out.rglob("*.ipynb")} == {1000}
        shutil.copytree(out, self.repo(stage), dirs_exist_ok=True)
        shutil.rmtree(pfs)


def test_the_eight_stages_one_after_another(stage: OfPodman, tmp_path: Path) -> None:
    house = House(stage, tmp_path)
    samples.write(house.repo("images"))
    (house.repo("weights") / "mtcnn").parent.mkdir()
    (house.repo("weights") / "mtcnn").write_text("")
    samples.write_json(house.repo("rules"), "rules.json", samples.rules())
    weights, rules = Match(house.repo("weights")), Match(house.repo("rules"))

    person, other = samples.PHOTOGRAPHS[:2]
    for name in (person.name, other.name, samples.BLANK):
        house.run("validate", picture=Match(house.repo("images"), f"/{name}"))
    assert {path.name for path in house.repo("validate/valid").iterdir()} == {
        person.name,
        other.name,
    }
    assert house.repo(f"validate/invalid/{samples.BLANK}").is_file()
    pictures = {
        name: Match(house.repo("validate"), f"/valid/{name}") for name in (person.name, other.name)
    }
    for picture in pictures.values():
        house.run("model", picture=picture, weights=weights)
    found = "/dev1/1511891098.json"
    seen = json.loads(house.repo(f"model{found}").read_text())
    assert (seen["weights"]["kind"], seen["objects"][0]["name"]) == ("mtcnn", "person")
    for path in house.repo("model").rglob("*.json"):
        inside = f"/{path.relative_to(house.repo('model'))}"
        house.run("threat-detect", detections=Match(house.repo("model"), inside), rules=rules)
    (threat,) = house.repo("threat-detect").rglob("*.json")
    assert str(threat).endswith(found)
    both = {"threat": Match(house.repo("threat-detect"), found), "picture": pictures[person.name]}
    house.run("annotate", **both)
    house.run("alert", **both)
    house.run("plot", threats=Match(house.repo("threat-detect")))
    for path in (house.repo("annotate/dev1/1511891098.jpg"), house.repo("plot/threats.png")):
        with Image.open(path) as image:
            assert image.width > 500
    (told,) = json.loads(house.repo(f"alert{found}").read_text())["receipts"]
    assert told["state"] == "written"
    folders = {
        "reports": "validate",
        "detections": "model",
        "model_runs": "model",
        "threats": "threat-detect",
        "threat_runs": "threat-detect",
        "annotated": "annotate",
        "receipts": "alert",
    }
    grouped = {name: Match(house.repo(repo), group="15118") for name, repo in folders.items()}
    house.run("records", **grouped)
    (day,) = house.repo("records").glob("day=*")
    rows = pq.ParquetFile(day / "part-15118.parquet").read().to_pylist()
    assert sorted((row["picture"], row["valid"], row["matched"]) for row in rows) == [
        (person.name, True, True),
        (other.name, True, False),
        (samples.BLANK, False, False),
    ]
    house.run("report", records=Match(house.repo("records"), f"/{day.name}"))
    (page,) = house.repo("report").rglob("index.html")
    assert "dev1" in page.read_text()


@pytest.mark.skipif(not MODELS.is_dir(), reason=f"no COCO network in {MODELS}")
def test_a_tflite_network(stage: OfPodman, tmp_path: Path) -> None:
    house = House(stage, tmp_path)
    picture = samples.picture(house.repo("validate/valid"))
    given = Match(house.repo("validate"), f"/valid/{picture.name}")
    house.run("model", picture=given, weights=Match(MODELS))
    seen = json.loads(house.repo("model/dev1/1511891098.json").read_text())
    assert (seen["weights"]["kind"], seen["objects"][0]["name"]) == ("tflite", "person")


def test_a_stage_has_no_jupyterlab_and_is_healthy(stage: OfPodman) -> None:
    program = (
        "import importlib.util as u; print([n for n in ('jupyterlab', 'pytest') if u.find_spec(n)])"
    )
    assert stage.run("python", "-c", program) == "[]\n"
    with stage.started("sleep", "600") as running:
        assert running.is_healthy()
        assert running.health()["Status"] == "healthy"
        assert "Usage: tycokit stage" in running.health()["Log"][-1]["Output"]


def test_lab_serves_and_can_show_the_widgets(lab: OfPodman) -> None:
    asked = (
        "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8888/api').read().decode())"
    )
    with lab.started() as running:
        until(running.is_healthy, 120)
        assert running.health()["Status"] == "healthy"
        assert "version" in json.loads(running.run("python", "-c", asked))
        assert running.run("id", "--user") == "1000\n"
        shown = f"import tycokit as tk; print([getattr(tk, n).__name__ for n in {sorted(VIEWS)}])"
        classes = [VIEWS[name][1] for name in sorted(VIEWS)]
        assert running.run("python", "-c", shown).splitlines()[-1] == str(classes)
        extensions = running.run("jupyter", "labextension", "list")
        assert "anywidget" in extensions
        assert "disabled" not in extensions
        assert "notebooks" in running.run("ls")
    with lab.started("sleep", "600") as idle:
        assert not idle.is_healthy()


@pytest.mark.parametrize("image", list(IMAGES))
def test_a_code_change_rebuilds_only_the_last_layer(
    built: Built, image: str, request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue(image)
    before = built.workshop.layers(IMAGES[image])
    with (built.context / "tycokit" / "errors.py").open("a") as file:
        file.write(f"\nCHANGED = {image!r}\n")
    built.build(image)
    after = built.workshop.layers(IMAGES[image])
    assert after[:-1] == before[:-1]
    assert after[-1] != before[-1]
    changed = built.start(image).run(
        "python", "-c", "from tycokit import errors; print(errors.CHANGED)"
    )
    assert changed == f"{image}\n"
