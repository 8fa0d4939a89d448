"""The notebooks for people, executed in real kernels, on a pachd that `tycokit up` has started."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from python_pachyderm import Client

import tycokit as tk
from tycokit.client import connect
from tycokit.contexts import local

ROOT = Path(__file__).parents[2]
STAGES = {"validate", "model", "threat-detect", "annotate", "plot", "alert", "records", "report"}
PICTURE = "dev1_1511891098.jpg"
# zmq's context of a kernel that ended may be collected late
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")


@dataclass(frozen=True, slots=True)
class Ran:
    """An executed notebook; a cell by its id."""

    notebook: nbformat.NotebookNode

    def said(self, id_: str) -> str:
        """What a cell printed, returned or shows as HTML."""
        (cell,) = (cell for cell in self.notebook.cells if cell.id == id_)
        found = []
        for output in cell.outputs:
            data = output.get("data", {})
            found += [output.get("text", ""), *(data.get(f"text/{one}", "") for one in KINDS)]
        return "\n".join(filter(None, found))

    def pictures(self, id_: str) -> int:
        (cell,) = (cell for cell in self.notebook.cells if cell.id == id_)
        return sum("image/png" in output.get("data", {}) for output in cell.outputs)


KINDS = ("html", "plain")


@dataclass(frozen=True, slots=True)
class Home:
    """A home of its own, with a pachd on which nothing is deployed at first."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        own = {
            "PACH_CONFIG": str(self.folder / "config.json"),
            "TMPDIR": str(self.folder / "tmp"),
            "XDG_STATE_HOME": str(self.folder / "state"),
        }
        # a kernel shows plots where nothing names another backend
        return {key: value for key, value in os.environ.items() if key != "MPLBACKEND"} | own

    @property
    def client(self) -> Client:
        return connect(self.folder / "config.json")

    def run(self, name: str, *, to_its_end: bool = True) -> Ran:
        """Execute a notebook from top to bottom, or all but the last cell."""
        notebook = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
        if not to_its_end:
            assert notebook.cells.pop().id == "clean-up"
        place = {"metadata": {"path": str(self.folder)}}
        client = NotebookClient(notebook, timeout=150, kernel_name="python3", resources=place)
        return Ran(client.execute(env=self.environment))

    def has(self) -> tuple[set[str], set[str]]:
        """Repos that no pipeline writes, and pipelines."""
        pipelines = {info.pipeline.name for info in self.client.list_pipeline()}
        return {info.repo.name for info in self.client.list_repo()} - pipelines, pipelines


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    made = Home(tmp_path_factory.mktemp("home"))
    (made.folder / "tmp").mkdir()
    up = [sys.executable, "-m", "tycokit", "up", "--data", str(made.folder / "data"), "--port", "0"]
    subprocess.run(up, env=made.environment, check=True, capture_output=True, timeout=120)
    yield made
    local.stop(made.folder / "data")


def test_set_up_makes_what_is_missing_and_leaves_what_is_there(home: Home) -> None:
    client = home.client
    tk.set_up(client)
    changed = (ROOT / "notebooks" / "report.ipynb").read_bytes() + b"\n"
    client.put_file_bytes(("notebooks", "master"), "/report.ipynb", changed)
    client.delete_pipeline("report")
    assert tk.set_up(client) == ["create pipeline report"]
    assert tk.set_up(client) == []
    assert client.get_file(("notebooks", "master"), "/report.ipynb").read() == changed


def test_the_tour_leads_from_a_picture_to_its_alert_and_back(home: Home) -> None:
    ran = home.run("tour")
    assert sum(cell.cell_type == "code" for cell in ran.notebook.cells) == 10
    assert home.has()[1] >= STAGES
    assert ran.pictures("picture") == ran.pictures("alert") == 1
    jobs = re.findall(r"(\S+) +(\d+) processed +(\d+) skipped +(\d+) failed", ran.said("wait"))
    counts = {name: (int(done) + int(skipped), int(bad)) for name, done, skipped, bad in jobs}
    assert counts.keys() == STAGES
    assert counts["validate"] == (10, 0)
    assert counts["model"] == (7, 0)
    assert counts["alert"] == (3, 0)
    assert ran.said("gallery").count("<figure") == 7
    assert "written, rule plain, to guard@example.com" in ran.said("alert")
    graph = ran.said("trace")
    for name in (PICTURE, "weights", "rules", "alert.ipynb", "model.ipynb", "threshold"):
        assert name in graph
    sources = [tuple(line.split("@")[0].split()) for line in ran.said("sources").splitlines()]
    assert sources.count(("notebook", "notebooks")) == 4  # of validate, model, threat-detect, alert
    assert set(sources) == {
        ("picture", "images"),
        ("weights", "weights"),
        ("rules", "rules"),
        ("notebook", "notebooks"),
    }

    again = home.run("tour")
    assert again.said("set-up") == "[]"
    assert set(re.findall(r"(\d+) processed", again.said("wait"))) == {"0"}


def test_provenance_goes_back_and_forward_and_tells_why_results_differ(home: Home) -> None:
    for to_its_end in (False, True):
        ran = home.run("provenance", to_its_end=to_its_end)
    assert PICTURE in ran.said("back")
    assert ran.pictures("picture") == 1
    assert "'threshold': 0.5" in ran.said("parameters")
    for id_ in ("forward", "weights"):
        assert STAGES - {"validate"} <= set(re.findall(r"[\w-]+", ran.said(id_)))
    assert "commit set" in ran.said("set")
    assert ran.said("real").count("<figure") == 3
    assert ran.said("ours").count("<figure") == 2
    why = [line.split() for line in ran.said("why").splitlines()]
    assert {words[0] for words in why if words[-1] == "ANOTHER"} == {"rules"}
    assert {words[0] for words in why} == {"picture", "weights", "rules", "notebook"}
    repos, pipelines = home.has()
    assert "provenance-rules" not in repos
    assert "provenance-what-if" not in pipelines


def test_debugging_ends_with_the_failed_datum_done_and_no_other_run_again(home: Home) -> None:
    before = home.has()
    for to_its_end in (False, True):
        ran = home.run("debugging", to_its_end=to_its_end)
    assert ran.said("break") == "{'processed': 0, 'skipped': 3, 'failed': 0}"
    assert ran.said("arrives") == "{'processed': 0, 'skipped': 3, 'failed': 1}"
    assert "doorbell_1511891638.png" in ran.said("datums")
    assert "is less than" in ran.said("logs")
    assert "crop = 120" in ran.said("open")
    assert "image.crop(" in ran.said("open")
    assert ran.pictures("try") == 1
    assert ran.said("fix") == "{'processed': 1, 'skipped': 3, 'failed': 0}"
    rows = re.findall("<tr>.*?</tr>", ran.said("fixed"), re.DOTALL)
    assert {"doorbell" in row for row in rows if "success" in row} == {True}
    assert sum("skipped" in row for row in rows) == 3
    assert ran.said("result").count("<figure") == 4
    assert home.has() == before


def test_scaling_changes_the_workers_and_reprocesses_nothing(home: Home) -> None:
    before = home.has()
    ran = home.run("scaling")
    assert ran.pictures("timeline") == ran.pictures("tuesday") == 1
    assert '-    "constant": "1"\n+    "constant": "4"' in ran.said("plan")
    assert "measured: 12 datums with 1 worker" in ran.said("choose")
    assert ran.said("scale").strip() == "0 processed, 12 skipped"
    assert ran.said("undo") == "'1'"
    assert home.has() == before
