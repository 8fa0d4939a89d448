"""A notebook tried on a datum or a file, and its values put into the pipeline's spec."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import nbformat
import psutil
import pytest
from pipeline_driver import (
    NOTEBOOKS,
    SUCCESS,
    Site,
    before_result,
    counts,
    notebook,
    photograph,
    spec,
    variant,
    wait_for,
)

from tycokit.errors import PipelineChanged, TrialError
from tycokit.repos.addresses import Address
from tycokit.trial import specchange, stages
from tycokit.trial.folder import Folder
from tycokit.trial.process import Keeper, Run, results
from tycokit.trial.stages import Stage

PICTURES = {
    "/cam1_1511891000.jpg": photograph(person=True),
    "/cam2_1511891000.jpg": photograph(person=False),
}


@pytest.fixture(scope="module")
def stage(site: Site) -> Stage:
    """validate, which has looked at two pictures."""
    site.deploy([spec("validate")])
    jobs = site.jobs(site.put("images", PICTURES))
    assert jobs["validate"].state == SUCCESS
    (found,) = stages.stages(site.client, "validate.ipynb")
    return found


@pytest.fixture
def folder() -> Iterator[Folder]:
    made = Folder()
    yield made
    made.close()


@pytest.fixture(scope="module")
def keeper() -> Iterator[Keeper]:
    made = Keeper()
    yield made
    made.close()


def tried(
    site: Site, folder: Folder, keeper: Keeper, path: Path, inputs: dict[str, str], *words: str
) -> Run:
    laid = folder.lay(site.client, path, inputs)
    return Run(laid, words, keeper, folder.path / "state")


def out(folder: Folder) -> Path:
    return (folder.root / "out").resolve()


def test_the_stages_of_a_notebook(site: Site, stage: Stage) -> None:
    assert stage.pipeline == "validate"
    assert stage.notebook == Address("notebooks", "master", "/validate.ipynb")
    (picture,) = stage.inputs
    assert (picture.name, picture.repo, picture.whole) == ("picture", "images", None)
    assert stage.values == {"least_width": "64", "least_height": "64", "least_contrast": "0.05"}
    assert stages.stages(site.client, "other.ipynb") == ()


def test_datums_to_choose_from(site: Site, stage: Stage) -> None:
    found = stages.datums(site.client, stage)
    assert {each.paths[0] for each in found} == set(PICTURES)
    (one,) = stages.datums(site.client, stage, text="cam2_")
    assert stages.datums(site.client, stage, text=one.id[:8]) == (one,)
    files = stages.files(site.client, stage, one)
    assert files.keys() == {"picture"}
    assert (files["picture"].repo, files["picture"].path) == ("images", "/cam2_1511891000.jpg")


def test_a_run_on_a_datum_does_what_the_pipeline_did(
    site: Site, stage: Stage, folder: Folder, keeper: Keeper
) -> None:
    (one,) = stages.datums(site.client, stage, text="cam1_")
    address = stages.files(site.client, stage, one)["picture"]
    run = tried(site, folder, keeper, NOTEBOOKS / "validate.ipynb", {"picture": str(address)})
    status = run.wait(60)
    assert status.state == "success", status.error
    assert "'cam1_1511891000.jpg' is valid" in status.printed
    assert status.executed is not None
    executed = nbformat.read(status.executed, as_version=4)
    assert executed.metadata.papermill.parameters.picture.endswith("/picture/cam1_1511891000.jpg")
    assert executed.metadata.tycokit.commits.picture == address.commit
    cells = nbformat.read(NOTEBOOKS / "validate.ipynb", as_version=4).cells
    assert 0 < status.cell <= len(cells)
    found = results(out(folder), status.executed)
    assert found.keys() == {"valid/cam1_1511891000.jpg", "reports/cam1_1511891000.jpg.json"}
    assert (out(folder) / "valid/cam1_1511891000.jpg").read_bytes() == PICTURES[address.path]
    ours = json.loads((out(folder) / "reports/cam1_1511891000.jpg.json").read_text())
    assert ours == site.json("validate", "/reports/cam1_1511891000.jpg.json")


def test_values_count_and_what_was_set_up_stays_warm(
    site: Site, stage: Stage, folder: Folder, keeper: Keeper
) -> None:
    inputs = {"picture": "images@master:/cam1_1511891000.jpg"}
    path = NOTEBOOKS / "validate.ipynb"
    first = tried(site, folder, keeper, path, inputs).wait(60)
    (executor,) = executors(folder)
    again = tried(site, folder, keeper, path, inputs, "-p", "least_width", "5000").wait(60)
    assert (first.state, again.state) == ("success", "success")
    assert results(out(folder), again.executed).keys() >= {"invalid/cam1_1511891000.jpg"}
    assert executors(folder) == [executor]


def executors(folder: Folder) -> list[psutil.Process]:
    """The warm executors' supervisors that work for a folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if "tycokit.stage.executor" in process.cmdline():
                root = process.environ().get("TYCOKIT_PFS")
                parent = process.parent()
                worker = parent is not None and "tycokit.stage.executor" in parent.cmdline()
                if root == str(folder.root) and not worker:
                    found.append(process)
        except psutil.Error:
            continue
    return found


def test_a_run_on_a_file_of_this_machine_or_on_none(
    site: Site, folder: Folder, keeper: Keeper, tmp_path: Path
) -> None:
    picture = tmp_path / "cam9_1511891000.jpg"
    picture.write_bytes(PICTURES["/cam1_1511891000.jpg"])
    path = NOTEBOOKS / "validate.ipynb"
    status = tried(site, folder, keeper, path, {"picture": str(picture)}).wait(60)
    assert "'cam9_1511891000.jpg' is valid" in status.printed
    # the notebook's own sample
    status = tried(site, folder, keeper, path, {"picture": ""}).wait(60)
    assert status.state == "success", status.error
    assert picture.is_file()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("/no/such/file", "picture: there is no file /no/such/file on this machine"),
        ("images@master:/absent.jpg", "picture: there is no file /absent.jpg in images@"),
    ],
)
def test_files_that_are_not_there(site: Site, folder: Folder, text: str, said: str) -> None:
    with pytest.raises(TrialError, match=said):
        folder.lay(site.client, NOTEBOOKS / "validate.ipynb", {"picture": text})


def written(tmp_path: Path, source: str) -> Path:
    path = tmp_path / "validate.ipynb"
    path.write_bytes(notebook("validate.ipynb", before_result(source)))
    return path


def test_a_notebook_that_raises_shows_where(
    site: Site, folder: Folder, keeper: Keeper, tmp_path: Path
) -> None:
    path = written(tmp_path, 'raise ValueError("the lens is dirty")')
    status = tried(site, folder, keeper, path, {}).wait(60)
    assert status.state == "failed"
    assert "raised ValueError: the lens is dirty" in status.error
    assert status.executed is not None
    executed = nbformat.read(status.executed, as_version=4)
    errors = [o.ename for c in executed.cells for o in c.get("outputs", []) if "ename" in o]
    assert errors == ["ValueError"]


def test_a_run_can_be_stopped_and_the_next_one_goes_well(
    site: Site, folder: Folder, keeper: Keeper, tmp_path: Path
) -> None:
    path = written(
        tmp_path, 'import time\nprint("waits")\ntime.sleep(600 if least_width < 9 else 0)'
    )
    run = tried(site, folder, keeper, path, {}, "-p", "least_width", "1")
    wait_for(lambda: "waits" in run.status().printed)
    assert run.status().state == "running"
    source = nbformat.read(path, as_version=4).cells[run.status().cell - 1].source
    assert source.startswith("import time")
    run.stop()
    assert run.wait(60).state == "stopped"
    assert tried(site, folder, keeper, path, {}).wait(60).state == "success"


def test_nothing_lives_longer_than_its_keeper(site: Site, tmp_path: Path) -> None:
    folder, keeper = Folder(), Keeper()
    path = written(tmp_path, 'print("waits")\nimport time\ntime.sleep(600)')
    run = tried(site, folder, keeper, path, {})
    wait_for(lambda: "waits" in run.status().printed)
    assert executors(folder)
    keeper.close()
    keeper.close()
    assert run.wait(60).state == "failed"
    wait_for(lambda: not executors(folder))
    folder.close()
    assert not folder.path.exists()


# into the spec


@pytest.fixture(scope="module")
def other(site: Site, stage: Stage) -> Stage:
    """A pipeline of its own, like validate, and one that reads it."""
    made = variant("validate", "strict")
    job = site.create(made, notebook("validate.ipynb"))
    assert site.job("strict", job).state == SUCCESS
    (found,) = stages.stages(site.client, "strict.ipynb")
    return found


def test_values_go_into_the_command_and_only_there(site: Site, other: Stage) -> None:
    code = site.read("notebooks", "/strict.ipynb")
    change = specchange.plan(
        site.client, other, {"least_width": "5000", "check_tags": "True"}, code
    )
    at = change.before.index("least_width") + 1
    assert change.before[at] == "64"
    assert change.after == (*change.before[:at], "5000", *change.before[at + 1 :])
    assert [line for line in change.difference.splitlines() if line[0] in "+-"][2:] == [
        '-      "64",',
        '+      "5000",',
    ]
    assert (change.datums, change.same_code, change.ends) == (2, True, ())
    assert change.seconds is not None
    applied = specchange.apply(site.client, change, reprocess=False)
    assert applied.job is not None
    # what was processed keeps its result
    assert counts(site.job("strict", applied.job)) == (0, 2, 0)
    assert len(site.paths("strict", "/valid/*")) == 2
    with pytest.raises(PipelineChanged):
        specchange.apply(site.client, change, reprocess=False)
    back = specchange.take_back(site.client, applied)
    (now,) = stages.stages(site.client, "strict.ipynb")
    assert now.values == other.values
    assert now.version == other.version + 2 == back.version


def test_everything_again_if_told_so(site: Site, other: Stage) -> None:
    code = site.read("notebooks", "/strict.ipynb")
    (now,) = stages.stages(site.client, "strict.ipynb")
    change = specchange.plan(site.client, now, {"least_width": "5000"}, code + b" ")
    assert not change.same_code
    applied = specchange.apply(site.client, change, reprocess=True)
    assert applied.job is not None
    assert counts(site.job("strict", applied.job)) == (2, 0, 0)
    assert site.paths("strict", "/valid/*") == []
    back = specchange.take_back(site.client, applied)
    assert back.job is not None
    assert site.job("strict", back.job).state == SUCCESS
    assert len(site.paths("strict", "/valid/*")) == 2


def test_a_value_that_is_the_default_is_taken_out(site: Site, other: Stage) -> None:
    (now,) = stages.stages(site.client, "strict.ipynb")
    code = site.read("notebooks", "/strict.ipynb")
    change = specchange.plan(site.client, now, {"least_contrast": "0.05"}, code)
    assert "least_contrast" not in change.after
    same = specchange.plan(site.client, now, {"least_bytes": "200"}, code)
    assert same.empty


def test_what_the_pipeline_s_notebook_does_not_take(site: Site, other: Stage) -> None:
    code = site.read("notebooks", "/strict.ipynb")
    with pytest.raises(TrialError, match="has no parameter other: commit the notebook"):
        specchange.plan(site.client, other, {"other": "1"}, code)
    with pytest.raises(TrialError, match="`least_width` wants int"):
        specchange.plan(site.client, other, {"least_width": "wide"}, code)
