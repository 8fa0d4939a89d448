"""images/stage, built for real by each engine and run as Pachyderm's worker runs it.

buildah takes the whole lock where overlays can be mounted; elsewhere, and for podman, the largest
packages are left out: it is the same Dockerfile, and of the same lock every other line.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
from containers import Container
from datum_layout import Match, run_spec
from image_storage import overlays
from image_workshop import Workshop, copy_context, opened
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tycokit import samples

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a base with debootstrap"),
    # the first test of a session makes the base and the image
    pytest.mark.timeout(1200),
]

LARGE = {"ai-edge-litert", "matplotlib", "mtcnn", "pyarrow", "scikit-image", "tensorflow"}
# What no part of an image may hold; pip takes it from its configuration, and has no use for it.
HOST = "only-the-build.example"


@dataclass(frozen=True, slots=True)
class Built:
    """The image, and the copy of the checkout that it is made of."""

    engine: str
    workshop: Workshop
    context: Path
    is_whole: bool
    image: str = "localhost/tycokit/stage:tried"

    def build(self) -> str:
        """Build the copy as it is now; what was printed."""
        words = ("--builder", self.engine, "--tag", "tried", "stage")
        return self.workshop.make(self.context, *words, PIP_TRUSTED_HOST=HOST)

    def start(self) -> Container:
        return self.workshop.start(self.engine, self.image)


@pytest.fixture(scope="module", params=["buildah", "podman"])
def built(
    request: pytest.FixtureRequest, debian: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Built]:
    context = tmp_path_factory.mktemp("context")
    copy_context(context)
    folder = tmp_path_factory.mktemp("storage")
    # once is enough, and vfs would copy tens of gigabytes
    is_whole = request.param == "buildah" and overlays(folder)
    if not is_whole:
        lock = context / "requirements-stage.lock"
        lock.write_text(without(lock.read_text(), LARGE))
    with opened(folder, debian, BUILDAH_ISOLATION="chroot") as workshop:
        built = Built(request.param, workshop, context, is_whole)
        built.build()
        yield built


@pytest.fixture(scope="module")
def container(built: Built) -> Container:
    return built.start()


def without(lock: str, packages: set[str]) -> str:
    """A lock's text less these packages and what tycokit needs for nothing else."""
    own = dependencies("tycokit")
    gone = closure(packages) - closure((own - packages) | {"hatchling", "editables"})
    entries = re.split(r"^(?=\S)", lock, flags=re.MULTILINE)
    return "".join(
        entry for entry in entries if canonicalize_name(re.split(r"==", entry)[0]) not in gone
    )


def closure(names: set[str]) -> set[str]:
    found: set[str] = set()
    todo = set(names)
    while todo:
        name = todo.pop()
        found.add(name)
        todo |= dependencies(name) - found
    return found


def dependencies(package: str) -> set[str]:
    try:
        wanted = map(Requirement, requires(package) or ())
    except PackageNotFoundError:  # of another Python or platform
        return set()
    return {
        canonicalize_name(each.name)
        for each in wanted
        if each.marker is None or each.marker.evaluate({"extra": ""})
    }


def test_a_stage_runs_in_the_image_without_a_network(container: Container, tmp_path: Path) -> None:
    seen = samples.detections()
    samples.write_json(tmp_path / "model/dev1", "1511891098.json", seen)
    samples.write_json(tmp_path / "rules", "rules.json", samples.rules())
    inputs = {
        "detections": Match(tmp_path / "model", "/dev1/1511891098.json"),
        "rules": Match(tmp_path / "rules"),
    }
    out = run_spec(container, "threat-detect", tmp_path / "pfs", inputs)
    found = out / "dev1" / "1511891098.json"
    assert json.loads(found.read_text())["objects"] == seen["objects"]
    executed = found.with_suffix(".ipynb")
    assert executed.stat().st_uid == 1000
    assert "THREAT in dev1_1511891098.jpg" in executed.read_text()
    interfaces = container.run("cat", "/proc/net/dev").splitlines()[2:]
    assert [line.split(":")[0].strip() for line in interfaces] == ["lo"]


# podman's image is made without the packages of networks
@pytest.mark.parametrize("built", ["buildah"], indirect=True)
def test_a_network_looks_at_a_picture(built: Built, container: Container, tmp_path: Path) -> None:
    if not built.is_whole:
        pytest.skip("without overlays the image is made without the packages of networks")
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights/mtcnn").touch()
    picture = samples.picture(tmp_path / "valid")
    inputs = {
        "picture": Match(tmp_path, f"/valid/{picture.name}"),
        "weights": Match(tmp_path / "weights"),
    }
    out = run_spec(container, "model", tmp_path / "pfs", inputs)
    (seen,) = json.loads((out / "dev1/1511891098.json").read_text())["objects"]
    assert seen["name"] == "person"


def test_it_is_a_user_who_can_change_nothing_of_the_image(container: Container) -> None:
    assert container.run("id", "--user", "--name").strip() == "tycokit"
    assert container.run("pwd").strip() == "/home/tycokit"
    program = "import os, tycokit; print(os.access(tycokit.__path__[0], os.W_OK))"
    assert container.run("python", "-c", program).strip() == "False"


def test_it_has_what_stages_need_and_no_jupyterlab(container: Container) -> None:
    program = (
        "import importlib.util as u; from importlib.metadata import entry_points as e;"
        "print([n for n in ('jupyterlab', 'jupyter_server', 'ipywidgets', 'pytest', 'papermill')"
        " if u.find_spec(n)], [p.name for p in e(group='papermill.engine')])"
    )
    assert "['papermill'] ['tycokit'" in container.run("python", "-c", program)
    # the project is installed, and was not left behind as sources
    assert not list((container.root / "home/tycokit").glob("[!.]*"))
    assert not (container.root / "code").exists()


def test_labels_and_health_command(built: Built, container: Container) -> None:
    config = built.workshop.inspect(built.image)["config"]
    labels = {
        name.removeprefix("org.opencontainers.image."): value
        for name, value in config["Labels"].items()
    }
    assert labels["title"] == "tycokit stage"
    assert (labels["version"], labels["licenses"]) == ("tried", "Apache-2.0")
    assert config["User"] == "1000:1000"
    kind, *health = config["Healthcheck"]["Test"]
    assert kind == "CMD"
    assert "Usage: tycokit stage" in container.run(*health)


def test_nothing_of_the_building_machine_is_left(built: Built, container: Container) -> None:
    assert HOST not in json.dumps(built.workshop.inspect(built.image))
    root = container.root
    assert not [path for path in (root / "run/secrets").glob("*") if path.stat().st_size]
    words = ["grep", "--recursive", "--files-with-matches", "--fixed-strings", HOST, str(root)]
    found = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout) == (1, "")


def test_a_code_change_rebuilds_only_the_last_layer(built: Built) -> None:
    before = built.workshop.layers(built.image)
    with (built.context / "tycokit" / "errors.py").open("a") as file:
        file.write("\nCHANGED = True\n")
    printed = built.build()
    after = built.workshop.layers(built.image)
    assert after[:-1] == before[:-1]
    assert after[-1] != before[-1]
    steps = re.split(r"^(?=\[\d/\d\] STEP )", printed, flags=re.MULTILINE)
    (packages,) = (step for step in steps if "--require-hashes" in step)
    assert "Using cache" in packages
    changed = built.start()
    assert changed.run("python", "-c", "from tycokit import errors; print(errors.CHANGED)") == (
        "True\n"
    )
