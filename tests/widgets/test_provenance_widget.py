"""tk.provenance() in Lab: the graph, live states, details, commit sets, keys, themes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from gates import Gates, pipeline
from lab_driver import Lab, Notebook, connect, expect
from pipeline_driver import Site
from python_pachyderm.service import pps_proto

EVIL = "<img src=x onerror=alert>"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """letters → post → after; `bad`, which is described with markup, fails on one letter."""
    made = Site(tmp_path_factory.mktemp("site"))
    try:
        made.client.create_repo("letters")
        made.put("letters", {"/a": b"a", f"/{EVIL}": b"b"})
        pipeline(made, "post", "letters", 'cp "$in" /pfs/out/')
        pipeline(made, "after", "post", 'cp "$in" /pfs/out/')
        bad = 'test "$(cat "$in")" != bad; cp "$in" /pfs/out/'
        pipeline(made, "bad", "letters", bad, datum_tries=1, description=EVIL)
        made.jobs(made.put("letters", {"/c": b"bad"}))
        yield made
    finally:
        made.pachd.stop()


@pytest.fixture(scope="module")
def notebook(lab: Lab, site: Site) -> Iterator[Notebook]:
    opened = lab.notebook(connect(site.client), "view = tk.provenance(client=client)\nview")
    yield opened
    opened.close()


def card(notebook: Notebook, key: str) -> Any:
    return notebook.widget().locator(f".tycokit-card[data-key='{key}']")


def panel(notebook: Notebook) -> Any:
    return notebook.widget().get_by_role("region", name="details")


def test_the_graph_shows_repos_and_pipelines_with_their_states(notebook: Notebook) -> None:
    expect(notebook.widget().locator(".tycokit-card")).to_have_count(4)
    expect(card(notebook, "post")).to_contain_text("success")
    expect(card(notebook, "bad")).to_contain_text("failure")
    left = card(notebook, "letters").bounding_box()["x"]
    middle, right = (card(notebook, key).bounding_box()["x"] for key in ("post", "after"))
    assert left < middle < right
    expect(notebook.widget().locator(".tycokit-way")).to_have_count(3)


def test_a_click_gives_details_as_pachd_has_them(notebook: Notebook, site: Site) -> None:
    card(notebook, "bad").get_by_role("button").first.click()
    job = str(next(site.client.list_job("bad")).job.id)
    expect(panel(notebook)).to_contain_text(job[:12])
    expect(panel(notebook)).to_contain_text("failed datum")
    expect(panel(notebook)).to_contain_text("/c")
    # what people write is text
    expect(panel(notebook)).to_contain_text(EVIL)
    expect(panel(notebook).locator("img")).to_have_count(0)
    panel(notebook).get_by_role("button", name="letters").first.click()
    head = str(site.client.inspect_branch("letters", "master").head.id)
    expect(panel(notebook)).to_contain_text(head[:12])
    expect(panel(notebook)).to_contain_text("read by")


def test_a_commit_set_is_picked_from_the_list(notebook: Notebook, site: Site) -> None:
    widget = notebook.widget()
    widget.get_by_role("button", name="commit sets").click()
    sets = widget.get_by_role("listbox", name="commit sets")
    expect(sets.get_by_role("option").first).to_contain_text("letters")
    sets.get_by_role("option").first.click()
    head = str(site.client.inspect_branch("post", "master").head.id)
    expect(card(notebook, "post")).to_contain_text("1 new, 2 skipped")
    expect(card(notebook, "post")).to_contain_text(head[:12])
    expect(card(notebook, "bad")).to_contain_text("1 of 3 failed")
    card(notebook, "post").get_by_role("button").first.click()
    expect(panel(notebook)).to_contain_text("1 processed, 2 skipped")
    # by keys: one set down, and show it
    sets.focus()
    notebook.page.keyboard.press("Home")
    notebook.page.keyboard.press("ArrowDown")
    notebook.page.keyboard.press("Enter")
    expect(card(notebook, "post")).to_contain_text("not in this set")


def test_a_commit_set_is_picked_by_its_id(notebook: Notebook, site: Site) -> None:
    widget = notebook.widget()
    old = [str(info.commit.id) for info in site.client.list_commit("letters")][-1]
    field = widget.get_by_role("textbox", name="a global ID")
    field.fill("0" * 32)
    field.press("Enter")
    expect(widget.get_by_role("alert")).to_contain_text("there is no commit set")
    field.fill(old)
    widget.get_by_role("button", name="show it").click()
    expect(card(notebook, "letters")).to_contain_text(old[:12])
    expect(widget.get_by_role("alert")).to_be_hidden()
    widget.get_by_role("button", name="now").click()
    expect(card(notebook, "post")).to_contain_text("3 datums")


def test_a_running_job_shows_while_it_runs(notebook: Notebook, site: Site) -> None:
    gates = Gates(site.folder / "gates")
    command = pps_proto.Transform(cmd=["sh"], stdin=gates.lines)
    given = pps_proto.Input(pfs=pps_proto.PFSInput(repo="letters", glob="/*", name="in"))
    site.client.create_pipeline("slow", command, input=given)
    expect(card(notebook, "slow")).to_contain_text("running")
    expect(card(notebook, "slow")).to_contain_text("0 of 3 datums")
    gates.open()
    expect(card(notebook, "slow")).to_contain_text("success")
    site.client.delete_pipeline("slow")
    expect(card(notebook, "slow")).to_have_count(0)


def test_arrow_keys_walk_along_the_graph(notebook: Notebook) -> None:
    card(notebook, "letters").get_by_role("button").first.focus()
    page = notebook.page
    focused = "document.activeElement.closest('.tycokit-card')?.dataset.key"
    assert page.evaluate(focused) == "letters"
    page.keyboard.press("ArrowRight")
    assert page.evaluate(focused) in ("post", "bad")
    for _ in range(3):
        page.keyboard.press("ArrowUp")
    while page.evaluate(focused) != "post":
        page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    assert page.evaluate(focused) == "after"
    page.keyboard.press("Enter")
    expect(panel(notebook).get_by_role("heading", name="after")).to_be_visible()
    page.keyboard.press("ArrowLeft")
    assert page.evaluate(focused) == "post"


def test_it_is_readable_in_the_dark_theme(notebook: Notebook) -> None:
    look = """e => ({ ground: getComputedStyle(e).backgroundColor,
        text: getComputedStyle(e.querySelector('.tycokit-card-title')).color })"""
    notebook.theme("dark")
    dark = card(notebook, "post").evaluate(look)
    notebook.theme("light")
    light = card(notebook, "post").evaluate(look)
    for found in (dark, light):
        assert contrast(found["ground"], found["text"]) > 7
    assert dark["ground"] != light["ground"]


def contrast(one: str, other: str) -> float:
    """Of two CSS colours, as WCAG has it: 1 (none) to 21."""

    def light(colour: str) -> float:
        parts = [int(part) / 255 for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
        red, green, blue = (
            part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
        )
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted((light(one), light(other)))
    return (high + 0.05) / (low + 0.05)


def test_a_saved_notebook_shows_the_graph_without_a_kernel(notebook: Notebook) -> None:
    notebook.run("view.refresh()")
    expect(notebook.static()).to_be_hidden()
    notebook.save()
    notebook.shutdown_kernel()
    notebook.reopen()
    drawn = notebook.static().locator("svg")
    expect(drawn).to_be_visible()
    for text in ("letters", "post", "after", "bad", "failure"):
        expect(drawn).to_contain_text(text)
    assert notebook.problems == []
    assert notebook.lab.strangers == []
