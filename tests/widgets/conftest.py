"""One browser and one JupyterLab for all widgets' tests, and a pachd with the five stages on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import second_lab
from gates import Gates
from lab_driver import Lab, browser
from pipeline_driver import STAGES, SUCCESS, Site, photograph, spec
from playwright.sync_api import Browser

from tycokit.pipelines import specs


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with browser() as found:
        yield found


@pytest.fixture(scope="module")
def gates(tmp_path_factory: pytest.TempPathFactory) -> Gates:
    """What a module's jobs wait for."""
    return Gates(tmp_path_factory.mktemp("gates"))


@pytest.fixture(scope="session")
def lab(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Lab and its browser; a test opens notebooks in it, and closes those that it is done with."""
    made = Lab(tmp_path_factory.mktemp("lab"), chromium)
    yield made
    made.close()


@pytest.fixture(scope="session")
def older_lab(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Another minor of Lab, with ipykernel 6."""
    folder = tmp_path_factory.mktemp("older")
    more = second_lab.environment(folder / "path")
    made = Lab(folder / "lab", chromium, second_lab.python(), more)
    yield made
    made.close()


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The five stages, run once on six pictures of three user-devices: to be read only."""
    made = Site(tmp_path_factory.mktemp("project"))
    try:
        made.deploy(specs.order([spec(name) for name in STAGES]))
        pictures = {
            f"/cam{number % 3}_15118910{number:02}.jpg": photograph(person=number % 3 == 0)
            for number in range(6)
        }
        jobs = made.jobs(made.put("images", pictures))
        assert {info.state for info in jobs.values()} == {SUCCESS}
        yield made
    finally:
        made.pachd.stop()


@pytest.fixture
def own_project(tmp_path: Path) -> Iterator[Site]:
    """A pachd with nothing deployed, for a test that writes."""
    made = Site(tmp_path)
    yield made
    made.pachd.stop()
