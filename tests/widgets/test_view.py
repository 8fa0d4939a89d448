"""The base of all widgets, by the smallest one: to the browser and back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from lab_driver import Lab, Notebook, connect, expect
from pipeline_driver import Site

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = Site(tmp_path_factory.mktemp("site"))
    made.client.create_repo("first")
    yield made
    made.pachd.stop()


@pytest.fixture(scope="module", params=["lab", "older_lab"])
def notebook(request: pytest.FixtureRequest, site: Site) -> Iterator[Notebook]:
    lab: Lab = request.getfixturevalue(request.param)
    opened = lab.notebook(
        connect(site.client),
        f"import sys; sys.path.append({str(HERE)!r})\nfrom counter import Counter",
        "counter = Counter(client)\ncounter",
    )
    yield opened
    opened.close()


def unused(name: str, site: Site) -> str:
    """A repo's name that is not taken."""
    return f"{name}_{len(list(site.client.list_repo()))}"


def test_the_state_is_live(notebook: Notebook, site: Site) -> None:
    names = notebook.widget().locator(".names")
    expect(names).to_contain_text("first")
    name = unused("from_elsewhere", site)
    site.client.create_repo(name)
    expect(names).to_contain_text(name)


def test_a_request_does_its_work_in_pachd(notebook: Notebook, site: Site) -> None:
    widget = notebook.widget()
    name = unused("by_button", site)
    widget.get_by_role("textbox").fill(name)
    widget.get_by_role("button", name="make").click()
    expect(widget.get_by_role("status").last).to_have_text(f"made {name}")
    assert name in {info.repo.name for info in site.client.list_repo()}
    expect(widget.locator(".names")).to_contain_text(name)
    widget.get_by_role("button", name="make").click()
    expect(widget.get_by_role("status").last).to_contain_text("already exists")


def test_it_is_live_while_a_cell_runs(notebook: Notebook, site: Site, tmp_path: Path) -> None:
    end, name = tmp_path / "end", unused("meanwhile", site)
    notebook.start(
        f"import pathlib, time\nwhile not pathlib.Path({str(end)!r}).exists(): time.sleep(0.01)"
    )
    site.client.create_repo(name)
    expect(notebook.widget().locator(".names")).to_contain_text(name)
    end.touch()
    notebook.idle()


def test_bytes_arrive_as_they_are(notebook: Notebook) -> None:
    widget = notebook.widget()
    widget.get_by_role("button", name="bytes").click()
    expect(widget.get_by_role("status").last).to_have_text("application/octet-stream 32640 0")


def test_the_static_rendering_is_there_and_hidden(notebook: Notebook) -> None:
    expect(notebook.static()).to_be_hidden()
    expect(notebook.static()).to_contain_text("first")
    assert notebook.problems == []
    assert notebook.lab.strangers == []
