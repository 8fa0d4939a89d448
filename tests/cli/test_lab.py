"""`tycokit lab`: a real JupyterLab, which opens the tour, and leaves what is installed alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from receivers import free_port
from waiting import until

from tycokit import packaged
from tycokit.contexts import local

SECONDS = 90
TOKEN = "of-the-test"


def get(address: str) -> tuple[str, bytes]:
    """Where an address leads to in the end, and what is there."""
    asked = urllib.request.Request(address, headers={"Authorization": f"token {TOKEN}"})
    with urllib.request.urlopen(asked, timeout=SECONDS) as answer:
        return answer.url, answer.read()


def test_lab_opens_the_tour_on_a_pachd_that_is_up(tmp_path: Path) -> None:
    own = {f"JUPYTER_{name}_DIR": str(tmp_path / name) for name in ("CONFIG", "DATA", "RUNTIME")}
    own |= {"IPYTHONDIR": str(tmp_path / "ipython"), "PACH_CONFIG": str(tmp_path / "config.json")}
    own |= {f"JUPYTERLAB_{name}_DIR": str(tmp_path / name) for name in ("SETTINGS", "WORKSPACES")}
    port, log = free_port(), tmp_path / "lab.log"
    command = [sys.executable, "-m", "tycokit", "lab", "--data", str(tmp_path / "data")]
    command += ["--no-browser", "--allow-root", f"--port={port}", "--ServerApp.port_retries=0"]
    command += ["--ip=127.0.0.1", f"--IdentityProvider.token={TOKEN}"]
    with log.open("wb") as output:
        lab = subprocess.Popen(
            command, cwd=tmp_path, env={**os.environ, **own}, stdout=output, stderr=output
        )

    def root() -> tuple[str, bytes] | None:
        assert lab.poll() is None, log.read_text()
        try:
            return get(f"http://127.0.0.1:{port}/")
        except urllib.error.URLError:
            return None

    try:
        where, page = until(root, SECONDS)
        assert where == f"http://127.0.0.1:{port}/lab/tree/tour.ipynb"
        assert b"jupyter-config-data" in page
        _, found = get(f"http://127.0.0.1:{port}/api/contents/tour.ipynb")
        assert "tour" in json.loads(found)["content"]["cells"][0]["source"]
        assert (tmp_path / "data" / "token").is_file()
    finally:
        lab.terminate()
        lab.wait(SECONDS)
        local.stop(tmp_path / "data")


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tycokit that is no checkout, and that nobody may write to; its notebooks."""
    package = tmp_path / "site-packages" / "tycokit"
    for name, file in (("notebooks", "tour.ipynb"), ("specs", "validate.json")):
        (package / "_data" / name).mkdir(parents=True)
        (package / "_data" / name / file).write_text(f"{file} as it came")
        (package / "_data" / name / file).chmod(0o444)
    monkeypatch.setattr(packaged, "_PACKAGE", package)
    return package / "_data" / "notebooks"


def test_what_is_installed_is_copied_once_to_where_one_works(
    installed: Path, tmp_path: Path
) -> None:
    here = tmp_path / "work"
    here.mkdir()
    assert packaged.to_work_on(here) == here / "notebooks"
    assert (here / "specs" / "validate.json").read_text() == "validate.json as it came"
    (here / "notebooks" / "tour.ipynb").write_text("as somebody changed it")
    assert packaged.to_work_on(here) == here / "notebooks"
    assert (here / "notebooks" / "tour.ipynb").read_text() == "as somebody changed it"
    assert (installed / "tour.ipynb").read_text() == "tour.ipynb as it came"


def test_ones_own_notebooks_and_specs_get_no_company(installed: Path, tmp_path: Path) -> None:
    def files(folder: Path) -> list[Any]:
        return sorted(path.name for path in folder.rglob("*") if path.is_file())

    own = tmp_path / "own"
    (own / "notebooks").mkdir(parents=True)
    (own / "notebooks" / "mine.ipynb").write_text("{}")
    assert packaged.to_work_on(own) == own / "notebooks"
    assert files(own) == ["mine.ipynb"]

    half = tmp_path / "half"
    (half / "specs").mkdir(parents=True)
    (half / "specs" / "mine.json").write_text("{}")
    assert packaged.to_work_on(half) == half / "notebooks"
    assert files(half) == ["mine.json", "tour.ipynb"]


def test_a_checkout_is_worked_on_where_it_lies(tmp_path: Path) -> None:
    assert packaged.to_work_on(tmp_path) == packaged.notebooks()
    assert list(tmp_path.iterdir()) == []
