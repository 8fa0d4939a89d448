"""tk.run in a real Lab: a form, runs on datums and files, and values that go into the spec."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab_driver import Lab, Notebook, connect, eventually, expect
from pipeline_driver import (
    NOTEBOOKS,
    SUCCESS,
    Site,
    before_result,
    counts,
    notebook,
    photograph,
    spec,
)
from playwright.sync_api import Locator

from tycokit.trial import stages
from tycokit.trial.stages import Stage

EVIL = "<img src=x onerror=alert(1)>"
ROOM = """(el) => ({
  width: el.scrollWidth <= el.clientWidth,
  height: el.scrollHeight <= el.clientHeight,
})"""
PICTURES = {
    "/cam1_1511891000.jpg": photograph(person=True),
    "/cam2_1511891000.jpg": photograph(person=False),
}
# what a person tries out before the notebook is committed
ODD = f"""
import time
import matplotlib.pyplot as plt
print("{EVIL}")
time.sleep(600 if least_height == 1 else 0)
if least_height == 2:
    raise ValueError("the lens is dirty")
plt.plot([1, 3, 2])
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """validate, which has looked at two pictures."""
    made = Site(tmp_path_factory.mktemp("site"))
    made.deploy([spec("validate")])
    jobs = made.jobs(made.put("images", PICTURES))
    assert jobs["validate"].state == SUCCESS
    yield made
    made.pachd.stop()


@pytest.fixture(scope="module")
def opened(lab: Lab, site: Site) -> Iterator[Notebook]:
    odd = site.folder / "odd" / "validate.ipynb"
    odd.parent.mkdir()
    odd.write_bytes(notebook("validate.ipynb", before_result(ODD)))
    with lab.opened(
        connect(site.client),
        f"view = tk.run({str(NOTEBOOKS / 'validate.ipynb')!r}, client=client)\nview",
        f"odd = tk.run({str(odd)!r}, client=client)\nodd",
        name="run",
    ) as made:
        yield made


def stage(site: Site) -> Stage:
    (found,) = stages.stages(site.client, "validate.ipynb")
    return found


def newest(widget: Locator) -> Locator:
    return widget.get_by_role("region", name="the newest run")


def test_the_form_is_the_parameters_cell_as_the_spec_fills_it_in(opened: Notebook) -> None:
    widget = opened.widget(1)
    width = widget.get_by_role("textbox", name="least_width")
    expect(width).to_have_value("64")  # by the spec
    expect(width).to_have_attribute("inputmode", "numeric")
    expect(width).to_have_accessible_description("least pixels from left to right")
    expect(widget.get_by_label("most_bytes")).to_have_value("30000000")  # by default
    expect(widget.get_by_role("switch", name="check_tags")).to_be_checked()
    expect(widget.get_by_label("picture")).to_have_value("")
    expect(widget.get_by_label("picture")).to_have_accessible_description(re.compile("images:/"))
    expect(widget.get_by_label("out", exact=True)).to_have_count(0)
    expect(widget.get_by_role("button", name="As in the spec of validate")).to_be_disabled()


def test_what_is_wrong_is_said_beside_it_and_nothing_runs(opened: Notebook) -> None:
    widget = opened.widget(1)
    width = widget.get_by_role("textbox", name="least_width")
    width.fill("wide")
    expect(width).to_have_accessible_description(re.compile("wants int; it was given 'wide'"))
    picture = widget.get_by_label("picture")
    picture.fill("absent@master:/a.jpg")
    widget.get_by_role("button", name="▶ Run").click()
    expect(widget.get_by_text("Nothing has run")).to_be_visible()
    expect(picture).to_be_focused()
    expect(picture).to_have_attribute("aria-invalid", "true")
    expect(picture).to_have_accessible_description(re.compile("not found in repo default/absent"))
    assert opened.run("print(view.trial.run)").strip() == "None"
    widget.get_by_role("button", name="↺ 64, in the spec").click()
    expect(width).to_have_value("64")
    expect(width).to_have_attribute("aria-invalid", "false")
    picture.fill("")
    picture.press("Tab")
    expect(widget.get_by_text("Nothing has run")).to_be_hidden()


def test_a_datum_is_chosen_and_run_by_keys(opened: Notebook, site: Site) -> None:
    widget = opened.widget(1)
    widget.get_by_role("button", name="Choose a datum of validate").press("Enter")
    search = widget.get_by_placeholder("part of a path")
    expect(search).to_be_focused()
    expect(widget.get_by_role("option")).to_have_count(2)
    search.press_sequentially("cam2")
    expect(widget.get_by_role("option")).to_have_count(1)
    datums = widget.get_by_role("listbox", name="datums")
    datums.press("ArrowDown")
    datums.press("Enter")
    picture = widget.get_by_label("picture")
    expect(picture).to_have_value(re.compile(r"images@[0-9a-f]{32}:/cam2_1511891000.jpg"))
    # all of it is to be seen
    assert picture.evaluate(ROOM) == {"width": True, "height": True}
    before = [info.job.id for info in site.client.list_job("validate")]
    picture.press("Enter")
    run = newest(widget)
    expect(run.get_by_text("✔ success")).to_be_visible()
    files = run.get_by_role("region", name="files that it left")
    expect(files.get_by_role("heading")).to_have_text("It left 2 files")
    expect(files.get_by_role("img", name="valid/cam2_1511891000.jpg")).to_be_visible()
    files.get_by_role("button", name="reports/cam2_1511891000.jpg.json").click()
    expect(files.locator("pre")).to_contain_text('"valid": true')
    with opened.page.expect_download() as saved:
        files.get_by_role("button", name="download").click()
    assert json.loads(saved.value.path().read_bytes()) == site.json(
        "validate", "/reports/cam2_1511891000.jpg.json"
    )
    expect(run.get_by_role("region", name="cells of the executed notebook")).to_contain_text(
        "'cam2_1511891000.jpg' is valid"
    )
    # nothing of it is in Pachyderm
    assert [info.job.id for info in site.client.list_job("validate")] == before


def test_a_file_of_this_machine_and_another_value(opened: Notebook, tmp_path: Path) -> None:
    widget = opened.widget(1)
    path = tmp_path / "cam9_1511891000.jpg"
    path.write_bytes(PICTURES["/cam1_1511891000.jpg"])
    widget.get_by_label("picture").fill(str(path))
    widget.get_by_label("least_width").fill("5000")
    widget.get_by_label("least_width").press("Enter")
    run = newest(widget)
    expect(run.get_by_text("least_width = 5000")).to_be_visible()
    expect(run.get_by_role("button", name="invalid/cam9_1511891000.jpg")).to_be_visible()


def test_a_run_tells_its_cell_and_stops(opened: Notebook) -> None:
    widget = opened.widget(2)
    widget.get_by_label("least_height").fill("1")
    widget.get_by_role("button", name="▶ Run").click()
    run = newest(widget)
    expect(run.get_by_text("▶ running")).to_be_visible()
    expect(run).to_contain_text(EVIL)  # as text
    at = int(opened.run("print(odd.trial.run.status().cell)"))
    expect(run).to_contain_text(f"cell {at} of ")
    expect(run.get_by_role("progressbar", name="cells")).to_have_js_property("value", at)
    widget.get_by_role("button", name="■ Stop").click()
    expect(run.get_by_text("○ stopped")).to_be_visible()
    expect(widget.get_by_role("button", name="▶ Run")).to_be_enabled()


def test_the_cell_that_failed_is_marked(opened: Notebook) -> None:
    widget = opened.widget(2)
    widget.get_by_label("least_height").fill("2")
    widget.get_by_role("button", name="▶ Run").click()
    run = newest(widget)
    expect(run.get_by_text("✖ failed", exact=True).first).to_be_visible()
    expect(run.get_by_role("alert")).to_contain_text("ValueError: the lens is dirty")
    at = int(opened.run("print(odd.trial.run.status().cell)"))
    expect(run.get_by_role("heading", name=f"Cell {at} failed")).to_be_visible()
    expect(run.locator(".tycokit-cell-at")).to_have_count(1)
    expect(run.locator(".tycokit-cell-at")).to_contain_text("if least_height == 2:")
    expect(run.locator(".tycokit-cell-at")).to_be_in_viewport()


def test_pictures_of_the_cells_are_shown(opened: Notebook) -> None:
    widget = opened.widget(2)
    widget.get_by_label("least_height").fill("3")
    widget.get_by_role("button", name="▶ Run").click()
    run = newest(widget)
    expect(run.get_by_text("✔ success")).to_be_visible()
    cells = run.get_by_role("region", name="cells of the executed notebook")
    expect(cells.locator("img")).to_be_visible()
    expect(cells).to_contain_text(EVIL)
    assert opened.page.locator("img[src='x']").count() == 0


def test_the_values_go_into_the_spec_and_back(opened: Notebook, site: Site) -> None:
    widget = opened.widget(1)
    before = stage(site)
    widget.get_by_role("button", name="Put 1 value into the spec of validate").click()
    plan = widget.get_by_role("region", name="what would change")
    expect(plan.get_by_role("heading")).to_have_text("validate, version 1 → 2")
    expect(plan.locator(".tycokit-spec-added")).to_contain_text(["version 2", '"5000"'])
    expect(plan.locator(".tycokit-spec-deleted")).to_contain_text(["version 1", '"64"'])
    assert stage(site) == before
    plan.get_by_role("button", name="Apply").press("Enter")
    done = widget.locator(".tycokit-outcome-good")
    expect(done).to_contain_text("validate has the new values, as version 2.")
    expect(done).to_contain_text("2 datums: 2 skipped")
    assert stage(site).values == {**before.values, "least_width": "5000"}
    assert len(site.paths("validate", "/valid/*")) == 2
    expect(widget.get_by_role("button", name="As in the spec of validate")).to_be_visible()
    widget.get_by_role("button", name="undo version 2 of validate").click()
    expect(done).to_contain_text("its former values again, as version 3")
    assert stage(site).values == before.values
    expect(widget.get_by_role("button", name="undo")).to_be_hidden()


def test_all_is_processed_again_where_that_is_chosen(opened: Notebook, site: Site) -> None:
    widget = opened.widget(1)
    expect(widget.get_by_label("least_width")).to_have_value("64")
    widget.get_by_label("least_width").fill("6000")
    widget.get_by_role("button", name="Put 1 value into the spec of validate").click()
    plan = widget.get_by_role("region", name="what would change")
    plan.get_by_role("radio", name="for all: process 2 datums again").check()
    plan.get_by_role("button", name="Apply").click()
    done = widget.locator(".tycokit-outcome-good")
    expect(done).to_contain_text("2 datums: 2 processed")
    assert counts(next(site.client.list_job("validate"))) == (2, 0, 0)
    assert site.paths("validate", "/valid/*") == []
    widget.get_by_role("button", name="undo version 4 of validate").click()
    expect(done).to_contain_text("as version 5")
    eventually(lambda: len(site.paths("validate", "/valid/*")) == 2)


def test_a_yes_is_to_the_plan_that_was_seen(lab: Lab, site: Site) -> None:
    view = "view = tk.run('validate.ipynb', client=client)\nview"
    with lab.opened(connect(site.client), view, "view", name="run-twice") as twice:
        before = stage(site)
        plans = []
        for number, width in ((1, "5000"), (2, "7000")):
            widget = twice.widget(number)
            expect(widget.get_by_label("least_width")).to_have_value("64")
            widget.get_by_label("least_width").fill(width)
            widget.get_by_role("button", name="Put 1 value into the spec of validate").click()
            plans.append(widget.get_by_role("region", name="what would change"))
            expect(plans[-1].locator(".tycokit-spec-added")).to_contain_text([f'"{width}"'])
        for plan in plans:  # each has a choice of its own
            expect(plan.get_by_role("radio", name="for what comes from now on")).to_be_checked()
        first, second = plans
        first.get_by_role("button", name="Apply").click()
        expect(twice.widget(1)).to_contain_text("this plan is no longer the newest")
        assert stage(site) == before
        second.get_by_role("button", name="Apply").click()
        expect(twice.widget(2).locator(".tycokit-outcome-good")).to_contain_text("the new values")
        assert stage(site).values == {**before.values, "least_width": "7000"}
        twice.widget(2).get_by_role("button", name="undo version").click()
        eventually(lambda: stage(site).values == before.values)


def test_another_version_of_the_notebook_is_named(opened: Notebook) -> None:
    widget = opened.widget(2)
    widget.get_by_role("button", name="Put 1 value into the spec of validate").click()
    plan = widget.get_by_role("region", name="what would change")
    expect(plan).to_contain_text("another version of the notebook than the one here")
    plan.get_by_role("button", name="Cancel").click()
    expect(plan).to_be_hidden()


def test_it_is_readable_in_the_dark(opened: Notebook) -> None:
    opened.theme("dark")
    ground, text = (
        newest(opened.widget(2)).evaluate(f"(el) => getComputedStyle(el).{name}")
        for name in ("borderTopColor", "color")
    )
    assert sum(map(int, re.findall(r"\d+", ground)[:3])) < 400
    assert sum(map(int, re.findall(r"\d+", text)[:3])) > 500
    opened.theme("light")


def test_a_notebook_without_a_kernel_shows_the_last_run(opened: Notebook) -> None:
    saved = opened.save()
    (html,) = (
        output.data["text/html"] for output in saved.cells[2].outputs if "text/html" in output.data
    )
    assert "data:image/jpeg;base64," in html
    assert EVIL not in html
    left = Path(opened.run("print(odd.trial.laid.root.parent)").strip())
    assert left.is_dir()
    opened.shutdown_kernel()
    eventually(lambda: not left.exists())
    opened.reopen()
    expect(opened.static(1)).to_be_visible()
    expect(opened.static(1)).to_contain_text("least_width")
    expect(opened.static(2).get_by_text("✔ success")).to_be_visible()
    expect(opened.static(2).get_by_role("img")).to_be_visible()
