"""A widget while the kernel is busy, while pachd is away, and in the dark."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from lab_driver import Lab, Notebook, connect, expect
from pipeline_driver import Site
from playwright.sync_api import Locator
from python_pachyderm import Client
from wire import Wire

HERE = Path(__file__).parent
IMPORT = f"import sys; sys.path.append({str(HERE)!r})\nfrom counter import Counter"
# A cell that runs until a file is there.
WAIT = "import pathlib, time\nwhile not pathlib.Path({0!r}).exists(): time.sleep(0.01)"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = Site(tmp_path_factory.mktemp("site"))
    made.client.create_repo("first")
    yield made
    made.pachd.stop()


@pytest.fixture(scope="module")
def wire(site: Site) -> Iterator[Wire]:
    made = Wire(site.pachd.port)
    yield made
    made.cut()


@pytest.fixture(scope="module")
def notebook(lab: Lab, site: Site, wire: Wire) -> Iterator[Notebook]:
    over = Client("127.0.0.1", wire.port, auth_token=site.client.auth_token)
    opened = lab.notebook(connect(over), IMPORT, "counter = Counter(client)\ncounter")
    expect(opened.widget().locator(".names")).to_contain_text("first")
    yield opened
    opened.close()


def make(widget: Locator, name: str) -> None:
    """Make a repo with the widget, and see it there."""
    widget.get_by_role("textbox").fill(name)
    widget.get_by_role("button", name="make").click()
    expect(widget.locator("output")).to_have_text(f"made {name}")
    expect(widget.locator(".names")).to_contain_text(name)


def test_it_lives_while_a_cell_runs(notebook: Notebook, site: Site, tmp_path: Path) -> None:
    end = tmp_path / "end"
    notebook.start(WAIT.format(str(end)))
    make(notebook.widget(), "meanwhile")
    site.client.create_repo("by_somebody")
    expect(notebook.widget().locator(".names")).to_contain_text("by_somebody")
    end.touch()
    notebook.idle()


def test_it_lives_while_its_own_cell_runs_on(
    notebook: Notebook, site: Site, tmp_path: Path
) -> None:
    end = tmp_path / "end"
    notebook.add(f"again = Counter(client)\ndisplay(again)\n{WAIT.format(str(end))}")
    site.client.create_repo("while_it_runs_on")
    expect(notebook.widget().locator(".names")).to_contain_text("while_it_runs_on")
    make(notebook.widget(), "from_below")
    end.touch()
    notebook.idle()
    expect(notebook.widget(2).locator(".names")).to_contain_text("from_below")


def test_many_at_once_are_all_answered(notebook: Notebook) -> None:
    button = notebook.widget(2).get_by_role("button", name="storm")
    button.click()
    expect(notebook.widget(2).locator("output")).to_have_text("100 of 100")


def test_a_lost_pachd_is_named_and_comes_back(notebook: Notebook, site: Site, wire: Wire) -> None:
    widget = notebook.widget(2)
    banner = widget.locator(".tycokit-lost")
    expect(banner).to_be_hidden()
    wire.cut()
    expect(banner).to_contain_text("No connection")
    expect(widget.locator(".names")).to_contain_text("first")
    widget.get_by_role("button", name="make").click()
    expect(widget.locator("output")).to_contain_text("no pachd answers")
    site.client.create_repo("while_away")
    wire.mend()
    expect(widget.locator(".names")).to_contain_text("while_away")
    expect(banner).to_be_hidden()
    make(widget, "after_all")


def test_it_follows_the_theme(notebook: Notebook) -> None:
    widget = notebook.widget(2)
    notebook.theme("dark")
    expect(widget).to_have_css("background-color", "rgb(33, 33, 33)")
    expect(widget).to_have_css("color", "rgb(255, 255, 255)")
    notebook.theme("light")
    expect(widget).to_have_css("background-color", "rgb(255, 255, 255)")
    assert notebook.problems == []
    assert notebook.lab.strangers == []
