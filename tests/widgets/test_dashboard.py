"""tk.dashboard in a real Lab: every widget in its tab, by keyboard too, on what one chooses."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from lab_driver import Lab, Notebook, connect, eventually, expect
from pipeline_driver import Site
from playwright.sync_api import Locator

from tycokit import inventory
from tycokit.errors import UnknownRequest
from tycokit.widgets import VIEWS
from tycokit.widgets.dashboard import TABS, Dashboard

SHOWN = [tab for tab in TABS if tab.view in VIEWS]
RESULT = "threat-detect@master:/cam0/1511891000.json"


@pytest.fixture(scope="module")
def notebook(lab: Lab, project: Site) -> Iterator[Notebook]:
    opened = lab.notebook(connect(project.client), "dash = tk.dashboard(client=client)\ndash")
    yield opened
    opened.close()


@pytest.fixture
def dash(notebook: Notebook) -> Locator:
    return notebook.widget(1).first


def inner(dash: Locator) -> Locator:
    """What the open tab's widget has drawn."""
    return dash.get_by_role("tabpanel").locator(".tycokit-body").first


def test_every_other_widget_has_a_tab_on_the_project(dash: Locator) -> None:
    assert {tab.view for tab in TABS} >= VIEWS.keys() - {"dashboard"}
    expect(dash.locator(".tycokit-dash-tabs button")).to_have_text([tab.title for tab in SHOWN])
    expect(dash.locator(".tycokit-dash-summary")).to_contain_text("5 pipelines")
    expect(dash.locator(".tycokit-dash-summary")).to_contain_text("✔ success 5")


@pytest.mark.parametrize("tab", SHOWN, ids=lambda tab: tab.view)
def test_a_tab_shows_its_widget(notebook: Notebook, dash: Locator, tab: object) -> None:
    assert isinstance(tab, type(TABS[0]))
    dash.get_by_role("tab", name=tab.title, exact=True).click()
    panel = dash.get_by_role("tabpanel", name=tab.title, exact=True)
    if tab.subject == "path":
        panel.get_by_role("textbox").first.fill(RESULT)
        panel.get_by_role("button", name="show").click()
    expect(inner(dash)).to_be_visible()
    expect(inner(dash)).not_to_be_empty()
    expect(panel.get_by_role("alert")).to_have_count(0)
    assert notebook.run(f"print({tab.view!r} in dash.views)").strip() == "True"
    assert notebook.problems == []


def test_the_tabs_are_walked_by_keys(dash: Locator) -> None:
    first, second = TABS[0].title, TABS[1].title
    dash.get_by_role("tab", name=first, exact=True).click()
    dash.get_by_role("tab", name=first, exact=True).press("ArrowRight")
    chosen = dash.locator(".tycokit-dash-tabs [aria-selected=true]")
    expect(chosen).to_have_text(second)
    dash.get_by_role("tab", name=second, exact=True).press("ArrowLeft")
    expect(chosen).to_have_text(first)
    dash.get_by_role("tab", name=first, exact=True).press("ArrowLeft")
    expect(chosen).to_have_text(SHOWN[-1].title)


def test_a_tab_follows_what_is_chosen(notebook: Notebook, dash: Locator) -> None:
    dash.get_by_role("tab", name="Commits", exact=True).click()
    chooser = dash.get_by_role("tabpanel").get_by_label("repo").first
    for repo in ("weights", "images"):
        chooser.select_option(repo)
        eventually(
            lambda repo=repo: (
                notebook.run("print(dash.views['commits'].state['repo'])").strip() == repo
            )
        )
        expect(inner(dash)).not_to_be_empty()


def test_it_keeps_of_each_tab_what_was_seen(notebook: Notebook, dash: Locator) -> None:
    dash.get_by_role("tab", name="Jobs", exact=True).click()
    expect(inner(dash)).to_contain_text("validate")
    notebook.run("dash.refresh()")
    expect(notebook.static(1).locator("h3", has_text="Jobs")).to_have_count(1)


def test_it_names_what_cannot_be_shown(dash: Locator) -> None:
    dash.get_by_role("tab", name="Trace", exact=True).click()
    panel = dash.get_by_role("tabpanel")
    panel.get_by_role("textbox").first.fill("nothing@master:/at/all")
    panel.get_by_role("button", name="show").first.click()
    expect(panel.get_by_role("alert")).to_contain_text("nothing")


def test_its_widgets_go_with_it(project: Site) -> None:
    board = Dashboard(client=project.client)
    board.show("jobs")
    first = board.views["jobs"]
    assert board.show("jobs") == {"model": first.model_id}
    board.show("jobs", "plot")
    assert first.comm is None
    with pytest.raises(UnknownRequest):
        board.show("dashboard")
    second = board.views["jobs"]
    board.close()
    assert second.comm is None


def test_what_there_is_of_an_empty_project(own_project: Site) -> None:
    assert inventory.read(own_project.client) == inventory.Inventory((), (), ())
    own_project.client.create_repo("notebooks")
    assert inventory.read(own_project.client).notebooks == ()
    assert inventory.read(own_project.client, "elsewhere").repos == ()


def test_what_there_is_of_the_finished_one(project: Site) -> None:
    found = inventory.read(project.client)
    assert {(one.state, one.last) for one in found.pipelines} == {("running", "success")}
    assert {"images", "weights", "rules", "notebooks", "model"} <= set(found.repos)
    assert "model.ipynb" in found.notebooks
