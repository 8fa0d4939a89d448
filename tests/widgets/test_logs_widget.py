"""tk.logs in a real Lab: live, searched, filtered; from an error to its cell and its datum."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from lab_driver import Lab, Notebook, connect, expect
from pipeline_driver import (
    FAILURE,
    SUCCESS,
    Site,
    before_result,
    notebook,
    photograph,
    spec,
    variant,
)
from playwright.sync_api import Locator
from python_pachyderm.service import pps_proto

from tycokit.pachd.server import Pachd, token

RAISES = """\
print("looking at", name)
if name.startswith("bad"):
    raise ValueError("the lens is dirty")
"""
EVIL = "<img src=x onerror=alert(1)>"
IN_FRONT = "(name) => jupyterapp.shell.currentWidget?.title.label === name"
PLAIN = """\
from tycokit.logsearch.filters import Filter
view.choose(Filter())
if view.source.pipeline != "chatty":
    view.look_at("chatty")
view.refresh()
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A pipeline that prints much of its first file, and a stage of which one datum has failed."""
    made = Site(tmp_path_factory.mktemp("site"))
    made.client.create_repo("words")
    made.put("words", {"/first": b"1"})
    much = f"seq -f 'INFO frame %g of camera' 1 1200; echo 'WARNING {EVIL}'"
    script = [f"if [ -e /pfs/words/first ]; then {much}; fi", "basename /pfs/words/*"]
    made.client.create_pipeline(
        "chatty",
        pps_proto.Transform(cmd=["sh"], stdin=script),
        input=pps_proto.Input(pfs=pps_proto.PFSInput(repo="words", glob="/*")),
    )
    made.deploy([spec("validate")])
    made.put(
        "images",
        {
            "/bad_1511891000.jpg": photograph(person=True),
            "/good_1511891000.jpg": photograph(person=False),
        },
    )
    job = made.create(
        variant("validate", "fails", datum_tries=1),
        notebook("validate.ipynb", before_result(RAISES)),
    )
    assert made.job("fails", job).state == FAILURE
    assert made.job("chatty", next(made.client.list_job("chatty")).job.id).state == SUCCESS
    yield made
    made.pachd.stop()


@pytest.fixture(scope="module")
def opened(lab: Lab, site: Site) -> Iterator[Notebook]:
    with lab.opened(
        connect(site.client), "view = tk.logs('chatty', client=client)\nview", name="logs"
    ) as opened:
        yield opened


@pytest.fixture
def widget(opened: Notebook) -> Locator:
    """The widget, on the pipeline `chatty` and without a filter."""
    opened.run(PLAIN)
    found = opened.widget()
    expect(found.get_by_label("pipeline", exact=True)).to_have_value("chatty")
    expect(found.get_by_label("text or regular expression")).to_have_value("")
    expect(found.get_by_label(re.compile("^datum:"))).to_have_value("")
    expect(found.get_by_role("status").last).to_contain_text(re.compile(r"^1,2\d\d lines$"))
    found.get_by_role("listbox").press("End")
    expect(found.get_by_role("button", name="Following")).to_have_attribute("aria-pressed", "true")
    return found


def lines(widget: Locator) -> Locator:
    return widget.get_by_role("listbox").get_by_role("option")


def test_the_newest_line_is_in_sight_and_new_ones_come(
    widget: Locator, opened: Notebook, site: Site
) -> None:
    expect(lines(widget).last).to_contain_text("finished process datum set task")
    assert lines(widget).count() < 60  # of 1,200
    site.put("words", {"/live": b"1"})
    expect(widget).to_contain_text("live")
    expect(widget.get_by_role("button", name="Following")).to_have_attribute("aria-pressed", "true")
    site.put("words", {"/live": None})


def test_text_and_expressions_are_found_and_marked(widget: Locator) -> None:
    search = widget.get_by_label("text or regular expression")
    search.fill("FRAME 77")
    expect(lines(widget).locator("mark").first).to_have_text("frame 77")
    expect(widget.get_by_role("status").last).to_contain_text("11 of 1,2")
    widget.get_by_label("regular expression, as").click()
    search.fill(r"frame \d+99\b|lens(?=x)")
    expect(lines(widget).locator("mark").first).to_have_text("frame 199")
    expect(widget.get_by_role("status").last).to_contain_text("11 of 1,2")
    search.fill("frame (")
    expect(widget.get_by_role("alert")).to_contain_text("cannot be read: missing )")
    # what was shown stays
    expect(widget.get_by_role("status").last).to_contain_text("11 of 1,2")


def test_an_expression_that_never_ends_is_given_up_and_the_kernel_goes_on(
    widget: Locator, opened: Notebook, site: Site
) -> None:
    site.put("words", {f"/{'a' * 70}b": b"1"})
    expect(widget).to_contain_text("a" * 70)
    widget.get_by_label("regular expression, as").click()
    widget.get_by_label("text or regular expression").fill("^(a+)+$")
    # the kernel answers meanwhile
    assert opened.run("print(6 * 7)").strip() == "42"
    expect(widget.get_by_role("alert")).to_contain_text("given up after 5 s")
    site.put("words", {f"/{'a' * 70}b": None})


def test_a_line_is_never_taken_for_html(widget: Locator) -> None:
    widget.get_by_label("text or regular expression").fill("onerror")
    expect(lines(widget)).to_have_count(1)
    expect(lines(widget)).to_contain_text(f"WARNING {EVIL}")
    assert widget.locator("img").count() == 0


def test_levels_are_counted_and_left_out(widget: Locator) -> None:
    warning = widget.get_by_role("button", name="▲ warning 1")
    expect(warning).to_have_attribute("aria-pressed", "true")
    widget.get_by_role("button", name="info").click()
    expect(widget.get_by_role("status").last).to_contain_text(re.compile("^1 of 1,2"))
    expect(lines(widget)).to_have_count(1)
    widget.get_by_role("button", name="info").click()
    widget.get_by_role("button", name="pachd's lines").click()
    expect(lines(widget).filter(has_text="process datum set task")).to_have_count(0)


def test_a_time_and_a_file_narrow_it(widget: Locator, opened: Notebook) -> None:
    widget.get_by_label("datum: the start of its id").fill("/absent")
    expect(widget.get_by_role("status").last).to_contain_text("0 of 1,2")
    widget.get_by_label("datum: the start of its id").fill("/first")
    expect(widget.get_by_role("status").last).to_contain_text(re.compile("^1,20"))
    widget.get_by_label("time").select_option("last hour")
    expect(widget.get_by_role("status").last).to_contain_text(re.compile("^1,20"))
    widget.get_by_label("time").select_option("between…")
    widget.get_by_label("to", exact=True).fill("2017-11-28T17:44:58")
    expect(widget.get_by_role("status").last).to_contain_text("0 of 1,2")
    until = opened.run("print(view.filter.until)")
    assert int(until) % 10**9 == 0
    widget.get_by_label("time").select_option("any time")
    widget.get_by_label("datum: the start of its id").fill("")
    expect(widget.get_by_role("status").last).to_contain_text(re.compile(r"^1,2\d\d lines"))


def test_keys_reach_a_line_and_its_details(widget: Locator) -> None:
    box = widget.get_by_role("listbox")
    box.focus()
    box.press("Home")
    box.press("ArrowDown")
    box.press("Enter")
    details = widget.locator(".tycokit-logs-details")
    expect(details).to_contain_text("pipeline chatty")
    details.get_by_role("button", name="close").click()
    expect(details).to_be_hidden()
    expect(box).to_be_focused()
    # whoever scrolled up is left where he is
    expect(widget.get_by_role("button", name="Follow")).to_have_attribute("aria-pressed", "false")


def test_what_is_shown_can_be_kept(widget: Locator, opened: Notebook) -> None:
    widget.get_by_label("text or regular expression").fill("frame 12")
    expect(widget.get_by_role("status").last).to_contain_text("12 of")
    with opened.page.expect_download() as found:
        widget.get_by_role("button", name="Download").click()
    assert found.value.suggested_filename == "chatty.log"
    kept = Path(found.value.path()).read_text().splitlines()
    assert len(kept) == 12
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z INFO    chatty [0-9a-f]{8} [0-9a-f]{12}"
        r" INFO frame 12 of camera",
        kept[0],
    )
    widget.get_by_role("button", name="Copy").click()
    expect(widget.get_by_role("status").last).to_contain_text("copied 12 lines")


def test_from_an_error_to_its_cell_and_to_the_datum_here(
    widget: Locator, opened: Notebook, site: Site
) -> None:
    widget.get_by_label("pipeline", exact=True).select_option("fails")
    expect(widget).to_contain_text("looking at good_1511891000.jpg")
    widget.get_by_role("button", name="next error").click()
    details = widget.locator(".tycokit-logs-details")
    expect(details).to_contain_text("cell 13 of fails.ipynb raised ValueError")
    expect(details).to_contain_text("/bad_1511891000.jpg")
    details.get_by_role("button", name="Show the failing cell").click()
    cell = details.locator(".tycokit-cell-at")
    expect(cell).to_contain_text('print("looking at", name)')
    expect(cell).to_contain_text("Traceback (most recent call last)")
    expect(cell).to_be_in_viewport()
    details.get_by_role("button", name="Open this datum here").click()
    link = details.locator(".tycokit-logs-opened button")
    expect(link).to_contain_text("/fails.ipynb")
    folder = opened.lab.root / str(link.text_content()).partition("/")[0]
    assert (folder / "pfs/picture/bad_1511891000.jpg").is_file()
    made = nbformat.read(folder / "fails.ipynb", as_version=4)
    assert any("failed" in cell.metadata.get("tags", []) for cell in made.cells)
    # a datum of the line alone
    details.get_by_role("button", name=re.compile("^[0-9a-f]{12}$")).click()
    expect(widget.get_by_role("status").last).to_contain_text(" of ")
    assert opened.run("print(len({line.datum for line in view.lines()}))").strip() == "1"
    link.click()
    opened.page.wait_for_function(IN_FRONT, arg="fails.ipynb")
    opened.page.get_by_role("tab", name="logs.ipynb").click()
    opened.page.wait_for_function(IN_FRONT, arg="logs.ipynb")


def test_a_pachd_that_goes_and_comes_back(lab: Lab, tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.client.create_repo("words")
    site.put("words", {"/first": b"1"})
    pipeline = pps_proto.Transform(cmd=["sh"], stdin=["basename /pfs/words/*"])
    reads = pps_proto.Input(pfs=pps_proto.PFSInput(repo="words", glob="/*"))
    site.client.create_pipeline("chatty", pipeline, input=reads)
    site.job("chatty", next(site.client.list_job("chatty")).job.id)
    opened = lab.notebook(connect(site.client), "view = tk.logs(client=client)\nview", name="lost")
    widget = opened.widget()
    expect(widget).to_contain_text("first")
    port, data = site.pachd.port, site.pachd.data
    site.pachd.stop()
    expect(widget).to_contain_text("No connection")
    again = Pachd(data, port, token(data), os.environ)
    again.start()
    expect(widget).not_to_contain_text("No connection")
    site.put("words", {"/second": b"1"})
    expect(widget).to_contain_text("second")
    words = opened.run("print([line.text for line in view.lines() if line.user])")
    assert words.strip() == "['first', 'second']"
    opened.close()
    again.stop()
