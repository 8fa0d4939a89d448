"""tk.jobs and tk.datums in a real Lab: progress, stop, restart, run again, preview a glob."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from gates import Gates, constant, one_a_set, pipeline
from lab_driver import Lab, Notebook, connect, eventually, expect, figure
from pipeline_driver import Site, counts

EVIL = "/<img src=x onerror=alert`1`>.jpg"  # PFS takes no parentheses


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, gates: Gates) -> Iterator[Site]:
    """Thirty commits through `copy`; `judge` fails on one datum; `hold` waits at its gates."""
    made = Site(tmp_path_factory.mktemp("site"))
    made.client.create_repo("letters")
    pipeline(made, "copy", "letters", 'cp -r "$in" /pfs/out')
    for number in range(30):
        made.put("letters", {f"/d{number % 3}/{number:02}": b"x" * (1 + number)})
    made.put("letters", {EVIL: b"good"})
    made.jobs(next(made.client.list_job("copy")).job.id)
    made.client.create_repo("words")
    made.put("words", {"/good": b"1", "/bad": b"1", "/shy": b"1"})
    shy = gates.folder / "shy-seen"
    pipeline(
        made,
        "judge",
        "words",
        "case $in in",
        "  */bad) exit 1;;",
        f"  */shy) test -e {shy} || {{ touch {shy}; exit 1; }};;",
        "esac",
        datum_tries=2,
    )
    made.job("judge", next(made.client.list_job("judge")).job.id)
    made.client.create_repo("held")
    pipeline(
        made,
        "hold",
        "held",
        f"echo $in >> {gates.folder}/begun",
        "sleep 0.6",  # a worker makes what it has done known at most so often
        *gates.lines,
        parallelism_spec=constant(2),
        datum_set_spec=one_a_set(),
    )
    pipeline(made, "after", "hold", "true")
    made.job("hold", next(made.client.list_job("hold")).job.id)
    yield made
    made.pachd.stop()


@pytest.fixture(scope="module")
def notebook(lab: Lab, site: Site) -> Iterator[Notebook]:
    with lab.opened(
        connect(site.client),
        "jobs = tk.jobs(client=client)\njobs",
        "judged = tk.datums('judge', client=client)\njudged",
        "held = tk.datums('hold', client=client)\nheld",
        "preview = tk.datums('letters:/*', client=client)\npreview",
        name="work",
    ) as opened:
        yield opened


# jobs


def test_a_job_is_seen_from_its_first_datum_to_its_end(
    notebook: Notebook, site: Site, gates: Gates
) -> None:
    jobs = notebook.widget(1)
    listed = jobs.get_by_role("listbox")
    id_ = site.put("held", {f"/{letter}": b"" for letter in "abcd"})
    head = listed.get_by_role("option").first
    expect(head).to_contain_text(id_[:12])
    expect(head).to_contain_text("2 pipelines")
    bar = listed.get_by_role("progressbar", name=re.compile("hold: 4 datums: 4 waiting"))
    expect(bar).to_be_visible()
    gates.open("a", "b")
    expect(
        listed.get_by_role("progressbar", name=re.compile("hold: .*2 processed"))
    ).to_be_visible()


def test_a_job_is_stopped_and_what_waits_does_not_run(notebook: Notebook, site: Site) -> None:
    jobs = notebook.widget(1)
    (info,) = site.client.list_job("hold", number=1)
    row = jobs.get_by_role("option").filter(has=jobs.page.get_by_text("hold", exact=True)).first
    row.click()
    detail = jobs.get_by_role("region", name="the chosen job")
    expect(detail.get_by_role("heading")).to_have_text("hold")
    expect(detail).to_contain_text("datums a second on average (measured)")
    stop = detail.get_by_role("button", name="Stop")
    stop.click()
    detail.get_by_role("button", name="Really? Click again").click()
    expect(row).to_contain_text("killed")
    expect(detail).to_contain_text("job stopped")
    assert next(site.client.inspect_job(info.job.id, "hold")).state == 6  # killed
    assert next(site.client.inspect_job(info.job.id, "after", wait=True)).state == 9  # unrunnable
    expect(jobs.get_by_role("option").nth(2)).to_contain_text("unrunnable")


def test_older_jobs_come_by_scrolling_and_only_what_is_wanted(
    notebook: Notebook, site: Site
) -> None:
    jobs = notebook.widget(1)
    listed = jobs.get_by_role("listbox")
    oldest = list(site.client.list_job())[-1].job_set.id
    listed.focus()

    def at_the_end() -> bool:
        listed.press("End")
        return oldest[:12] in listed.inner_text()

    eventually(at_the_end)
    assert listed.get_by_role("option").count() < 40
    listed.press("Home")
    jobs.get_by_label("which jobs").select_option("bad")
    names = listed.get_by_role("option").locator(".tycokit-job-name")
    expect(names).to_have_text(["hold", "after", "judge"])
    jobs.get_by_label("which jobs").select_option("")


# datums of a job


def test_datums_are_told_with_state_files_time_and_tries(notebook: Notebook) -> None:
    judged = notebook.widget(2)
    expect(figure(judged, "datums")).to_contain_text("3 / 3")
    rows = judged.get_by_role("listbox").get_by_role("option")
    bad, good, shy = (rows.filter(has_text=f"words:/{name}") for name in ("bad", "good", "shy"))
    expect(bad).to_contain_text("failed")
    expect(bad.locator(".tycokit-number").last).to_have_text("2 ▲")
    expect(good.locator(".tycokit-number").last).to_have_text("1")
    expect(shy).to_contain_text("success")
    expect(shy.locator(".tycokit-number").last).to_have_text("2 ▲")
    judged.get_by_role("button", name="failed").click()
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("words:/bad")
    judged.get_by_role("button", name="failed").click()
    expect(rows).to_have_count(3)
    shy.click()
    detail = judged.get_by_role("region", name="the chosen datum")
    expect(detail).to_contain_text("tried 2 times")
    expect(detail).to_contain_text("user code")
    expect(detail.get_by_role("cell", name="/shy")).to_be_visible()


def test_failed_datums_run_again(notebook: Notebook, site: Site) -> None:
    judged = notebook.widget(2)
    before = next(site.client.list_job("judge")).job.id
    rows = judged.get_by_role("listbox").get_by_role("option")
    rows.filter(has_text="words:/bad").get_by_role("checkbox").check()
    judged.get_by_role("button", name="Run 1 datum again").click()
    expect(judged.get_by_role("status").last).to_contain_text("1 datum runs again in job")
    expect(judged.get_by_role("status").last).to_contain_text("2 more that the failed job")
    after = next(site.client.list_job("judge")).job.id
    assert after != before
    assert counts(site.job("judge", after)) == (2, 0, 1)
    # the newest job is followed; an older one can be looked at
    expect(judged.get_by_label("job", exact=True)).to_have_value("")
    judged.get_by_label("job", exact=True).select_option(before)
    expect(rows.filter(has_text="words:/bad").locator(".tycokit-number").last).to_have_text("2 ▲")


def test_a_datum_in_work_is_given_to_its_worker_anew(
    notebook: Notebook, site: Site, gates: Gates
) -> None:
    held = notebook.widget(3)
    begun = gates.folder / "begun"
    site.put("held", {"/e": b"", "/f": b"", "/c": None, "/d": None})
    now = held.get_by_role("region", name="being worked on")
    expect(now.get_by_role("listitem")).to_have_count(2)
    eventually(lambda: {"/e", "/f"} <= {line[-2:] for line in begun.read_text().split()})
    first = now.get_by_role("listitem").filter(has_text="/e")
    first.get_by_role("button", name="restart").click()
    expect(held.get_by_role("status").last).to_contain_text("begun again: /e")
    eventually(lambda: [line[-2:] for line in begun.read_text().split()].count("/e") == 2)
    gates.open()
    expect(now).to_be_hidden()
    rows = held.get_by_role("listbox").get_by_role("option")
    expect(rows.filter(has_text="held:/e").locator(".tycokit-number").last).to_have_text("2 ▲")
    expect(figure(held, "datums")).to_contain_text("4 / 4")


# datums of an input


def test_a_glob_is_tried_before_there_is_a_pipeline(notebook: Notebook) -> None:
    preview = notebook.widget(4)
    expect(figure(preview, "datums")).to_contain_text("4")
    rows = preview.get_by_role("listbox").get_by_role("option")
    expect(rows.filter(has_text="letters:/d0/")).to_have_count(1)
    expect(rows.filter(has_text=f"letters:{EVIL}")).to_have_count(1)
    assert preview.locator("img").count() == 0
    preview.get_by_label("glob of letters").fill("/*/*")
    expect(figure(preview, "datums")).to_contain_text("30")
    expect(figure(preview, "together")).to_contain_text("465 B")
    expect(figure(preview, "a datum")).to_contain_text("1 B – 30 B")
    preview.get_by_label("glob of letters").fill("/[")
    expect(preview.get_by_role("status").last).to_contain_text("the glob")
    preview.get_by_label("glob of letters").fill("/")
    expect(figure(preview, "datums")).to_contain_text("1")
    expect(preview.get_by_role("status").last).to_be_hidden()
    rows.first.click()
    detail = preview.get_by_role("region", name="the chosen datum")
    detail.get_by_role("button", name="▸ /").click()
    expect(detail.get_by_role("listitem")).to_contain_text(["d0/", "d1/", "d2/"])
    preview.get_by_label("repo of letters").select_option("default/words")
    preview.get_by_label(re.compile("^glob of")).fill("/*")
    expect(figure(preview, "datums")).to_contain_text("3")


def test_what_is_saved_says_the_same(notebook: Notebook) -> None:
    # it follows the live widget, not too often
    expect(notebook.static(4)).to_contain_text("3 datums of")
    saved = notebook.save()
    pages = [
        output.data["text/html"]
        for cell in saved.cells[1:]
        for output in cell.outputs
        if "text/html" in output.data
    ]
    assert len(pages) == 4
    assert "killed" in pages[0]
    assert "words:/bad" in pages[1]
    assert "held:/e" in pages[2]
    assert "3</b> datums" in pages[3]
    assert not any("<img" in page for page in pages)
