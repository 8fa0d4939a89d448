"""tk.run from a script: what it runs, what it refuses, and what it leaves behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pipeline_driver import NOTEBOOKS, SUCCESS, Site, before_result, notebook, photograph, spec

import tycokit as tk
from tycokit.errors import LookError, NotebookError, PipelineChanged, TrialError
from tycokit.widgets.run import RunView

EVIL = "<img src=x onerror=alert(1)>"
PICTURE = "/cam1_1511891000.jpg"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """validate, which has looked at a picture."""
    made = Site(tmp_path_factory.mktemp("site"))
    made.deploy([spec("validate")])
    jobs = made.jobs(made.put("images", {PICTURE: photograph(person=True)}))
    assert jobs["validate"].state == SUCCESS
    yield made
    made.pachd.stop()


@pytest.fixture
def view(site: Site) -> Iterator[RunView]:
    made = tk.run("validate.ipynb", client=site.client)
    yield made
    made.close()


def test_a_notebook_of_pachyderm_runs_on_a_datum(view: RunView, site: Site) -> None:
    assert view.state["origin"] == "notebooks@master:/validate.ipynb"
    assert view.state["run"] is None
    (stage,) = view.state["stages"]
    assert (stage["pipeline"], stage["version"]) == ("validate", 1)
    (datum,) = view.datums("validate", "cam1")["datums"]
    files = view.pick("validate", datum["id"], datum["job"])["files"]
    assert view.begin(files, {"least_width": "5000"}) == {"wrong": {}}
    assert view.wait(60).state == "success"
    view.refresh()
    run = view.state["run"]
    assert run["origins"] == files
    assert run["values"] == {"least_width": "5000"}
    names = [one["path"] for one in run["files"]]
    assert names == ["invalid/cam1_1511891000.jpg", "reports/cam1_1511891000.jpg.json"]
    shown, blobs = view.look_at(names[0])
    assert (shown["kind"], len(blobs)) == ("picture", 1)
    kept, (data,) = view.keep(names[0])
    assert (kept["name"], data) == ("cam1_1511891000.jpg", site.read("images", PICTURE))
    cells, _ = view.outputs()
    assert cells["at"] == -1
    assert "at least 5000 x 64" in str(cells["cells"])


def test_one_run_at_a_time(site: Site, tmp_path: Path) -> None:
    path = tmp_path / "validate.ipynb"
    path.write_bytes(notebook("validate.ipynb", before_result("import time\ntime.sleep(600)")))
    view = tk.run(path, client=site.client)
    view.start({}, {})
    with pytest.raises(TrialError, match="a run goes on; stop it first"):
        view.begin({}, {})
    view.stop()
    assert view.wait(60).state == "stopped"
    view.close()


def test_only_what_the_run_left_can_be_looked_at(view: RunView) -> None:
    with pytest.raises(TrialError, match="it has not run yet"):
        view.wait()
    with pytest.raises(LookError, match="no executed notebook"):
        view.outputs()
    with pytest.raises(TrialError, match="left no file"):
        view.look_at("a.json")
    view.start({}, {})
    view.wait(60)
    assert view.trial.laid is not None
    notebook = view.trial.laid.notebook
    for path in ("../../state", str(notebook), "/etc/hostname", "valid"):
        with pytest.raises(TrialError, match="left no file"):
            view.keep(path)


def test_all_that_is_wrong_is_told_and_nothing_runs(view: RunView) -> None:
    inputs = {"picture": "absent@master:/a.jpg"}
    wrong = view.begin(inputs, {"least_width": "wide", "check_tags": "maybe"})["wrong"]
    assert wrong.keys() == {"picture", "least_width", "check_tags"}
    assert "not found" in wrong["picture"]
    assert view.check({"picture": "images@:/x"}, {})["wrong"].keys() == {"picture"}
    assert view.trial.run is None
    with pytest.raises(TrialError, match="no parameter other"):
        view.begin({}, {"other": "1"})


def test_a_plan_is_applied_once_and_taken_back(view: RunView, site: Site) -> None:
    earlier = view.plan("validate", {"least_width": "6000"})["number"]
    plan = view.plan("validate", {"least_width": "5000"})
    version = plan["version"]
    with pytest.raises(TrialError, match="no longer the newest"):
        view.apply(earlier, reprocess=False)
    with pytest.raises(TrialError, match="nothing was applied"):
        view.undo()
    other = tk.run("validate.ipynb", client=site.client)
    others = other.plan("validate", {"least_width": "7000"})["number"]
    view.apply(plan["number"], reprocess=False)
    with pytest.raises(PipelineChanged, match="nothing was changed"):
        other.apply(others, reprocess=False)
    other.close()
    done = view.state["done"]
    assert (done["version"], done["undo"], done["back"]) == (version + 1, True, False)
    assert view.state["stages"][0]["values"]["least_width"] == "5000"
    view.undo()
    done = view.state["done"]
    assert (done["version"], done["undo"], done["back"]) == (version + 2, False, True)
    assert view.state["stages"][0]["values"]["least_width"] == "64"
    with pytest.raises(TrialError, match="nothing was applied"):
        view.undo()


def test_a_notebook_that_no_pipeline_runs(site: Site, tmp_path: Path) -> None:
    path = tmp_path / "mine.ipynb"
    path.write_bytes((NOTEBOOKS / "validate.ipynb").read_bytes())
    view = tk.run(path, client=site.client)
    (stage,) = view.state["stages"]
    assert stage["pipeline"] is None
    assert [one["name"] for one in stage["inputs"]] == ["picture", "required_tags"]
    with pytest.raises(TrialError, match=r"no pipeline validate runs mine\.ipynb"):
        view.plan("validate", {})
    assert "no pipeline runs it" in view.static_html()
    view.close()
    # nor does one in Pachyderm need a pipeline
    site.put("notebooks", {"/mine.ipynb": path.read_bytes()})
    view = tk.run("mine.ipynb", client=site.client)
    assert view.state["origin"] == "notebooks@master:/mine.ipynb"
    view.close()


def test_what_cannot_be_tried(site: Site, tmp_path: Path) -> None:
    with pytest.raises(TrialError, match=r"nor notebooks@master:/absent\.ipynb in Pachyderm"):
        tk.run("absent.ipynb", client=site.client)
    with pytest.raises(TrialError, match=r"no pipeline other runs validate\.ipynb"):
        tk.run("validate.ipynb", "other", client=site.client)
    bad = tmp_path / "bad.ipynb"
    bad.write_text("{")
    with pytest.raises(NotebookError):
        tk.run(bad, client=site.client)


def test_an_edited_notebook_is_seen_and_its_words_are_escaped(site: Site, tmp_path: Path) -> None:
    path = tmp_path / "validate.ipynb"
    path.write_bytes(notebook("validate.ipynb"))
    view = tk.run(path, client=site.client)
    path.write_bytes(notebook("validate.ipynb", before_result(f"print('{EVIL}')\n1 / 0")))
    view.start({}, {})
    assert view.wait(60).state == "failed"
    view.refresh()
    assert "ZeroDivisionError" in view.state["run"]["error"]
    assert EVIL in view.state["run"]["printed"]
    assert EVIL not in view.static_html()
    folder = view.trial.laid
    assert folder is not None
    view.close()
    assert not folder.root.exists()
    with pytest.raises(TrialError, match="closed"):
        view.start({}, {})
