"""`tycokit open`: any past datum, failed or not, in a folder, through the client alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nbformat
import papermill
import pytest
from pipeline_driver import FAILURE, Site, before_result, notebook, photograph, spec, variant
from python_pachyderm.service import pps_proto

from tycokit.errors import DatumUnknown, OpenError
from tycokit.processing.opening import FAILED_TAG, open_datum

RAISES = 'if name.startswith("bad"):\n    raise ValueError("the lens is dirty")'
PICTURES = {
    "/bad_1511891000.jpg": photograph(person=True),
    "/good_1511891000.jpg": photograph(person=False),
}


@pytest.fixture(scope="module")
def site(empty_site: Site) -> Site:
    empty_site.deploy([spec("validate")])
    empty_site.put("images", PICTURES)
    made = variant("validate", "fails", datum_tries=1)
    job = empty_site.create(made, notebook("validate.ipynb", before_result(RAISES)))
    assert empty_site.job("fails", job).state == FAILURE
    return empty_site


def datums(site: Site) -> dict[int, str]:
    """The datums of the pipeline's first job by state."""
    *_, first = site.client.list_job("fails")
    return {each.state: each.datum.id for each in site.client.list_datum("fails", first.job.id)}


def test_a_failed_datum_opens_where_it_failed(site: Site, tmp_path: Path) -> None:
    failed = datums(site)[pps_proto.FAILED]
    opened = open_datum(site.client, failed[:10], tmp_path / "look")
    picture = tmp_path / "look/pfs/picture/bad_1511891000.jpg"
    assert picture.read_bytes() == PICTURES["/bad_1511891000.jpg"]
    assert opened.parameters == {
        "picture": str(picture),
        "out": str(tmp_path / "look/out"),
        "least_width": 64,
        "least_height": 64,
        "least_contrast": 0.05,
    }
    assert opened.notebook == tmp_path / "look/fails.ipynb"
    source = nbformat.read(tmp_path / "look/pfs/notebook/fails.ipynb", as_version=4)
    assert not any(cell.get("outputs") for cell in source.cells)
    made = nbformat.read(opened.notebook, as_version=4)
    nbformat.validate(made)
    (injected,) = [i for i, c in enumerate(made.cells) if "injected-parameters" in tags(c)]
    assert f'picture = "{picture}"' in made.cells[injected].source
    (at,) = [i for i, c in enumerate(made.cells) if FAILED_TAG in tags(c)]
    assert made.cells[at].source == RAISES
    assert "ValueError: the lens is dirty" in made.cells[at - 1].source
    # what it printed before, for the kept notebook lies on this machine
    assert made.cells[at].outputs[0].ename == "ValueError"
    # opened anew, it fails at the same place
    with pytest.raises(papermill.PapermillExecutionError, match="the lens is dirty"):
        papermill.execute_notebook(str(opened.notebook), None, progress_bar=False)


def tags(cell: nbformat.NotebookNode) -> list[str]:
    return list(cell.metadata.get("tags", []))


def test_one_that_went_well_runs_again_from_its_folder(site: Site, tmp_path: Path) -> None:
    good = datums(site)[pps_proto.SUCCESS]
    # its picture is gone since, and its notebook another: both are versioned
    site.put("images", {"/good_1511891000.jpg": None})
    opened = open_datum(site.client, good, tmp_path / "look", pipeline="fails")
    assert opened.datum.failure is None
    made = nbformat.read(opened.notebook, as_version=4)
    assert not any(FAILED_TAG in tags(cell) for cell in made.cells)
    papermill.execute_notebook(str(opened.notebook), None, progress_bar=False)
    assert (tmp_path / "look/out/valid/good_1511891000.jpg").is_file()


def test_by_the_name_of_its_kept_notebook_on_the_command_line(site: Site, tmp_path: Path) -> None:
    failed = datums(site)[pps_proto.FAILED]
    kept = next(site.state.glob(f"tycokit/failed/*-{failed}.ipynb"))
    config = tmp_path / "config.json"
    port, token = site.pachd.port, (site.folder / "data/token").read_text().strip()
    config.write_text(
        '{"v2": {"active_context": "a", "contexts": {"a": {"pachd_address":'
        f' "grpc://127.0.0.1:{port}", "session_token": "{token}"}}}}}}}}'
    )
    done = subprocess.run(
        [sys.executable, "-m", "tycokit", "open", str(kept)],
        cwd=tmp_path,
        env={"PACH_CONFIG": str(config), "HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    folder = tmp_path / f"fails-{failed[:12]}"
    assert f"jupyter lab {folder}/fails.ipynb" in done.stdout.replace("\n  ", " ")
    assert "ValueError: the lens is dirty" in done.stdout
    again = subprocess.run(
        [sys.executable, "-m", "tycokit", "open", failed, "--into", str(folder)],
        cwd=tmp_path,
        env={"PACH_CONFIG": str(config), "HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert again.returncode == 1
    assert "is not empty; name another folder with --into" in again.stderr.replace("\n", " ")


def test_what_cannot_be_opened(site: Site, tmp_path: Path) -> None:
    with pytest.raises(DatumUnknown, match="no pipeline has such a datum"):
        open_datum(site.client, "0" * 64, tmp_path / "a")
    with pytest.raises(DatumUnknown, match="6 to 64 digits"):
        open_datum(site.client, "model", tmp_path / "a")
    (tmp_path / "full").mkdir()
    (tmp_path / "full/x").touch()
    with pytest.raises(OpenError, match="is not empty"):
        open_datum(site.client, datums(site)[pps_proto.FAILED], tmp_path / "full")
    assert not (tmp_path / "a").exists()
