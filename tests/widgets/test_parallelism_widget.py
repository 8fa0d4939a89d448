"""tk.parallelism in a real Lab: look at choices, apply one, see that nothing runs again, undo."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from gates import Gates, constant, one_a_set, pipeline
from lab_driver import Lab, Notebook, connect, eventually, expect, figure
from pipeline_driver import Site, counts
from playwright.sync_api import Locator

from tycokit.scaling import standing
from tycokit.scaling.choices import Coefficient, Constant

LETTERS = "abcdefgh"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, gates: Gates) -> Iterator[Site]:
    """`still` has ended well; `busy` works on eight datums, each behind a gate."""
    made = Site(tmp_path_factory.mktemp("site"))
    made.client.create_repo("letters")
    made.put("letters", {f"/{letter}": b"1" for letter in LETTERS})
    pipeline(made, "still", "letters", "cp $in /pfs/out")
    made.job("still", next(made.client.list_job("still")).job.id)
    lines = ("sleep 0.6", *gates.lines, "cp $in /pfs/out")
    more = {"parallelism_spec": constant(2), "datum_set_spec": one_a_set()}
    pipeline(made, "busy", "letters", *lines, **more)
    yield made
    made.pachd.stop()


@pytest.fixture(scope="module")
def notebook(lab: Lab, site: Site) -> Iterator[Notebook]:
    with lab.opened(
        connect(site.client),
        "still = tk.parallelism('still', client=client)\nstill",
        "busy = tk.parallelism('busy', client=client)\nbusy",
        name="parallelism",
    ) as opened:
        yield opened


def row(widget: Locator, choice: str) -> Locator:
    radio = widget.page.get_by_role("radio", name=choice, exact=True)
    return widget.get_by_role("row").filter(has=radio)


def test_choices_are_told_with_where_they_are_from(notebook: Notebook) -> None:
    still = notebook.widget(1)
    expect(figure(still, "workers now")).to_contain_text("1")
    expect(figure(still, "datums waiting")).to_contain_text("0")
    expect(figure(still, "datums a second")).to_contain_text("measured: 8 datums with 1 worker")
    expect(row(still, "1 now")).to_contain_text("measured: 8 datums with 1 worker")
    expect(row(still, "4")).to_contain_text("estimated from 8 datums with 1 worker")
    expect(
        still.get_by_text(re.compile(r"x is a multiple of \d+ cores?, as pachd tells"))
    ).to_be_visible()


def test_a_choice_shows_the_specs_difference_and_changes_only_that(
    notebook: Notebook, site: Site
) -> None:
    still = notebook.widget(1)
    still.get_by_role("radio", name="4", exact=True).check()
    plan = still.get_by_role("region", name="what would change")
    expect(plan.get_by_role("heading")).to_have_text("From 1 worker to 4 workers")
    expect(plan.locator(".tycokit-spec-added")).to_contain_text(
        ["+++ still, version 2", '"constant": "4"']
    )
    expect(plan.locator(".tycokit-spec-deleted")).to_contain_text(
        ["--- still, version 1", '"constant": "1"']
    )
    expect(plan).to_contain_text("No datum is processed again")
    assert standing.look(site.client, "still").version == 1
    plan.get_by_role("button", name="Apply").click()
    expect(still.get_by_role("status").last).to_contain_text(
        "0 of 8 datums processed again, 8 skipped"
    )
    found = standing.look(site.client, "still")
    assert (found.version, found.workers) == (2, 4)
    assert counts(next(site.client.list_job("still"))) == (0, 8, 0)
    expect(figure(still, "workers now")).to_contain_text("4")
    expect(plan).to_be_hidden()


def test_the_change_is_taken_back(notebook: Notebook, site: Site) -> None:
    still = notebook.widget(1)
    still.get_by_role("button", name="undo: back to 1 worker").click()
    expect(figure(still, "workers now")).to_contain_text("1")
    assert standing.look(site.client, "still").choice == Constant(1)
    expect(still.get_by_role("status").last).to_contain_text("0 of 8 datums processed again")


def test_a_multiple_is_written_by_hand_and_applied_by_keys(notebook: Notebook, site: Site) -> None:
    still = notebook.widget(1)
    wanted = still.get_by_role("textbox")
    wanted.fill("lots")
    wanted.press("Enter")
    expect(still.locator(".tycokit-outcome-bad")).to_contain_text("no number of workers")
    wanted.fill("3x")
    wanted.press("Enter")
    expect(still.get_by_role("radio", name="3x", exact=True)).to_be_checked()
    apply = still.get_by_role("button", name="Apply")
    apply.focus()
    apply.press("Enter")
    eventually(lambda: standing.look(site.client, "still").choice == Coefficient(3))
    nodes = notebook.run("print(still.state['nodes']['count'])")
    assert standing.look(site.client, "still").workers == 3 * int(nodes)


def test_while_a_job_runs_it_says_what_would_run_again(
    notebook: Notebook, site: Site, gates: Gates
) -> None:
    busy = notebook.widget(2)
    expect(figure(busy, "workers now")).to_contain_text("2 at work")
    expect(figure(busy, "datums waiting")).to_contain_text("8")
    busy.get_by_role("radio", name="4", exact=True).check()
    plan = busy.get_by_role("region", name="what would change")
    expect(plan).to_contain_text("this ends a job that has not ended, and a new one takes over.")
    gates.open("a", "b", "c")
    # the plan follows what the job does meanwhile
    expect(plan.get_by_role("button", name="Apply, and run 3 datums again")).to_be_visible()
    expect(figure(busy, "datums waiting")).to_contain_text("5")
    expect(row(busy, "4")).to_contain_text("8 datums, estimated from 3 datums with 2 workers")
    expect(row(busy, "2 now")).to_contain_text("5 datums, measured: 3 datums with 2 workers")
    before = standing.work(site.client, "busy").jobs[0].id
    plan.get_by_role("button", name="Apply, and run 3 datums again").click()
    eventually(lambda: standing.look(site.client, "busy").workers == 4)
    expect(figure(busy, "workers now")).to_contain_text("4 at work")
    assert next(site.client.inspect_job(before, "busy")).state == 6  # killed
    gates.open()
    expect(busy.get_by_role("status").last).to_contain_text("8 of 8 datums processed again")


def test_an_update_by_another_hand_is_noticed(notebook: Notebook, site: Site) -> None:
    told = notebook.run(
        "from tycokit.errors import PipelineChanged\n"
        "version = busy.plan('2')['version']\n"
        "busy.scale('8')\n"
        "try:\n    busy.scale('2', version)\n"
        "except PipelineChanged as error:\n    print(error)"
    )
    assert "nothing was changed" in told
    assert standing.look(site.client, "busy").workers == 8


def test_it_is_readable_in_the_dark_and_after_the_kernel(notebook: Notebook) -> None:
    notebook.theme("dark")
    still = notebook.widget(1)
    ground, text = (
        still.evaluate(f"(el) => getComputedStyle(el).{name}")
        for name in ("backgroundColor", "color")
    )
    assert sum(map(int, re.findall(r"\d+", ground)[:3])) < 200
    assert sum(map(int, re.findall(r"\d+", text)[:3])) > 500
    notebook.theme("light")
    saved = notebook.save()
    (html,) = (
        output.data["text/html"] for output in saved.cells[1].outputs if "text/html" in output.data
    )
    assert "3x" in html
    assert "measured: 8 datums" in html
