"""tk.trace() in Lab: back to what made an alert, forward from a picture, each a click away."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from lab_driver import Lab, Notebook, connect, expect
from pipeline_driver import Site

THREAT = "/cam0/1511891000.json"
PICTURE = "/cam0_1511891000.jpg"


@pytest.fixture(scope="module")
def notebook(lab: Lab, project: Site) -> Iterator[Notebook]:
    opened = lab.notebook(
        connect(project.client),
        f"view = tk.trace('threat-detect@master:{THREAT}', client=client)\nview",
    )
    yield opened
    opened.close()


def card(notebook: Notebook, title: str) -> Any:
    cards = notebook.widget().locator(".tycokit-card")
    return cards.filter(has=notebook.page.locator(f".tycokit-card-title[title='{title}']"))


def panel(notebook: Notebook) -> Any:
    return notebook.widget().get_by_role("region", name="details")


def head(site: Site, repo: str) -> str:
    return str(site.client.inspect_branch(repo, "master").head.id)


def test_an_alert_leads_back_to_the_picture_weights_rules_and_notebooks(
    notebook: Notebook, project: Site
) -> None:
    for title in ("threat-detect", "model", "validate", "weights", "rules", PICTURE[1:]):
        expect(card(notebook, title)).to_be_visible()
    expect(notebook.widget().locator(".tycokit-card")).to_have_count(6)
    expect(panel(notebook)).to_contain_text(head(project, "threat-detect"))
    expect(panel(notebook)).to_contain_text('"objects"')


@pytest.mark.parametrize("repo", ["weights", "rules"])
def test_the_commit_of_weights_and_rules_is_a_click_away(
    notebook: Notebook, project: Site, repo: str
) -> None:
    card(notebook, repo).get_by_role("button").first.click()
    expect(panel(notebook)).to_contain_text(head(project, repo))
    expect(panel(notebook)).to_contain_text("holds")


def test_the_notebook_its_parameters_and_its_run_are_a_click_away(
    notebook: Notebook, project: Site
) -> None:
    model = card(notebook, "model")
    model.get_by_role("button", name="model.ipynb").click()
    expect(panel(notebook)).to_contain_text(head(project, "notebooks"))
    expect(panel(notebook)).to_contain_text("model: what is in the picture?")
    model.get_by_role("button", name="threshold=0.5").click()
    expect(panel(notebook).locator("dl").last).to_contain_text("threshold")
    expect(panel(notebook)).to_contain_text("tycokit stage -p threshold 0.5")
    model.get_by_role("button", name="executed notebook").click()
    expect(panel(notebook)).to_contain_text("objects score above 0.5")
    panel(notebook).get_by_role("button", name="pipeline model").click()
    datum = project.client.inspect_file(("model", "master"), THREAT).file.datum
    expect(panel(notebook)).to_contain_text(datum[:16])


def test_the_very_picture_shows_with_what_was_seen_in_it(notebook: Notebook, project: Site) -> None:
    small = card(notebook, PICTURE[1:]).locator("img")
    expect(small).to_be_visible()
    assert small.evaluate("image => image.naturalWidth") > 50
    card(notebook, PICTURE[1:]).get_by_role("button", name="look at").click()
    expect(panel(notebook).locator(".tycokit-picture img")).to_be_visible()
    seen = project.json("model", THREAT)["objects"]
    expect(panel(notebook).locator(".tycokit-box")).to_have_count(len(seen))
    expect(panel(notebook).locator(".tycokit-box-threat").first).to_be_visible()


def test_one_object_is_followed_to_its_detection_and_rule(
    notebook: Notebook, project: Site
) -> None:
    widget = notebook.widget()
    threat = project.json("threat-detect", THREAT)
    chosen = widget.get_by_role("group", name="objects").get_by_role("button")
    expect(chosen).to_have_count(len(threat["objects"]))
    chosen.first.click()
    number = project.json("model", THREAT)["objects"].index(threat["objects"][0])
    place = f"number {number} in model@{head(project, 'model')[:8]}:{THREAT}"
    expect(widget.get_by_role("group", name="objects")).to_contain_text(place)
    expect(widget.get_by_role("group", name="objects")).to_contain_text(
        f"rule {threat['rules'][0]['id']}"
    )
    expect(card(notebook, PICTURE[1:]).locator(".tycokit-box")).to_have_count(1)
    chosen.first.click()
    expect(chosen.first).to_have_attribute("aria-pressed", "false")


def test_a_picture_leads_forward_to_its_results(notebook: Notebook, project: Site) -> None:
    widget = notebook.widget()
    card(notebook, PICTURE[1:]).get_by_role("button").first.click()
    # the button of what was chosen before is there until then
    expect(panel(notebook).get_by_role("heading", name=PICTURE[1:])).to_be_visible()
    panel(notebook).get_by_role("button", name="trace forward").click()
    for title in ("validate", "model", "threat-detect", "annotate", "plot"):
        expect(card(notebook, title)).to_be_visible()
    address = widget.get_by_role("textbox", name="what to trace")
    expect(address).to_have_value(f"images@{head(project, 'images')}:{PICTURE}")
    card(notebook, "annotate").get_by_role("button", name="jpg").click()
    expect(panel(notebook)).to_contain_text(head(project, "annotate"))
    expect(panel(notebook)).to_contain_text("in the newest commit still")
    told = notebook.run("print(sorted(each['repo'] for each in view.as_dict()['results']))")
    assert told.strip() == str(
        ["annotate", "model", "plot", "threat-detect", "validate", "validate"]
    )


def test_what_cannot_be_traced_is_said_and_changes_nothing(notebook: Notebook) -> None:
    widget = notebook.widget()
    address = widget.get_by_role("textbox", name="what to trace")
    address.fill("model:/nothing")
    address.press("Enter")
    expect(widget.get_by_role("alert")).to_contain_text("there is no file /nothing")
    expect(card(notebook, "annotate")).to_be_visible()
    address.fill("weights")
    address.press("Enter")
    expect(widget.get_by_role("alert")).to_be_hidden()
    expect(card(notebook, "model").first).to_be_visible()


def test_a_saved_notebook_shows_the_trace_without_a_kernel(notebook: Notebook) -> None:
    notebook.run(f"view.go('annotate:{THREAT.replace('.json', '.jpg')}')")
    expect(card(notebook, "annotate")).to_be_visible()
    notebook.theme("dark")
    notebook.save()
    notebook.shutdown_kernel()
    notebook.reopen()
    static = notebook.static()
    expect(static.locator("svg")).to_be_visible()
    expect(static.locator("svg image")).to_have_count(1)
    for text in ("annotate", "threat-detect", "weights", "threshold"):
        expect(static).to_contain_text(text)
    notebook.theme("light")
    assert notebook.problems == []
    assert notebook.lab.strangers == []
