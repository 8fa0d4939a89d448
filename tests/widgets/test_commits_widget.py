"""tk.commits in the browser: histories, files with previews, and what differs."""

from __future__ import annotations

from collections.abc import Iterator

import nbformat
import pytest
from house_driver import DOG, PERSON, house, jpeg
from lab_driver import Lab, Notebook, connect, expect
from pipeline_driver import Site
from playwright.sync_api import Locator
from python_pachyderm import Client
from wire import Wire

BAD_NAME = "<img src=x onerror=alert`1`>.txt"
BAD_TEXT = "<script>alert(2)</script>"


def notebook_file(*sources: str) -> bytes:
    title = nbformat.v4.new_markdown_cell("# A **bold** title", id="title")
    cells = [
        nbformat.v4.new_code_cell(
            source,
            id=f"cell{source[0]}",
            outputs=[nbformat.v4.new_output("stream", text=f"said {source}")],
        )
        for source in sources
    ]
    return nbformat.writes(nbformat.v4.new_notebook(cells=[title, *cells])).encode()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = Site(tmp_path_factory.mktemp("site"))
    house(made, {"/cam1_1511891000.jpg": jpeg(), "/cam2_1511891001.jpg": jpeg()}, [PERSON, DOG])
    made.client.create_repo("mixed")
    made.put(
        "mixed",
        {
            "/a.json": b'{"a": 1, "b": [1, 2]}',
            "/n.ipynb": notebook_file("a = 1", "b = 2"),
            "/p.jpg": jpeg(colour="red"),
            "/t.csv": b"device,count\ncam1,3\n",
            "/gone.txt": b"gone\n",
        },
    )
    made.put(
        "mixed",
        {
            "/a.json": b'{"a": 1, "b": [1, 3]}',
            "/n.ipynb": notebook_file("a = 1", "b = 3", "c = 4"),
            "/p.jpg": jpeg(colour="blue"),
            "/gone.txt": None,
            f"/{BAD_NAME}": BAD_TEXT.encode(),
        },
    )
    yield made
    made.pachd.stop()


@pytest.fixture(scope="module")
def notebook(lab: Lab, site: Site) -> Iterator[Notebook]:
    with lab.opened(
        connect(site.client),
        "tk.commits('mixed', client)",
        "tk.commits('model', client)",
        "tk.commits('images', client)",
    ) as opened:
        yield opened


def ids(site: Site, repo: str) -> list[str]:
    return [info.commit.id for info in site.client.list_commit(repo, all=True)]


def commits(widget: Locator) -> Locator:
    return widget.get_by_role("listbox", name="commits").get_by_role("option")


def choose(widget: Locator, list_name: str, name: str) -> Locator:
    """Click a file; what is shown of it."""
    widget.get_by_role("listbox", name=list_name).get_by_role("option", name=name).click()
    shown = widget.get_by_role("region", name="the file", exact=True)
    expect(shown.get_by_role("heading").first).to_contain_text(name)
    return shown


def test_the_history_is_live(notebook: Notebook, site: Site) -> None:
    widget = notebook.widget(1)
    rows = commits(widget)
    expect(rows).to_have_count(2)
    for row, id_ in zip(rows.all(), ids(site, "mixed"), strict=True):
        expect(row).to_contain_text(id_[:12])
    site.put("mixed", {"/t.csv": b"device,count\ncam1,4\n"})
    expect(rows).to_have_count(3)
    expect(rows.first).to_contain_text(ids(site, "mixed")[0][:12])
    # what was chosen stays chosen
    chosen = widget.get_by_role("listbox", name="commits").get_by_role("option", selected=True)
    expect(chosen).to_contain_text(ids(site, "mixed")[1][:12])


def test_a_commit_of_a_pipeline_shows_its_job_and_where_it_comes_from(
    notebook: Notebook, site: Site
) -> None:
    widget = notebook.widget(2)
    expect(commits(widget).first).to_contain_text("success")
    expect(commits(widget).first).to_contain_text("master")
    head = ids(site, "model")[0]
    detail = widget.locator(".tycokit-history-detail")
    expect(detail).to_contain_text(head)
    expect(detail).to_contain_text(f"validate@{head[:8]}")


def test_keys_move_through_the_history(notebook: Notebook, site: Site) -> None:
    widget = notebook.widget(2)
    rows = widget.get_by_role("listbox", name="commits")
    rows.focus()
    rows.press("End")
    rows.press("Enter")
    oldest = ids(site, "model")[-1]
    expect(widget.locator(".tycokit-history-detail")).to_contain_text(oldest)
    expect(widget.get_by_text("It holds no files.")).to_be_visible()
    rows.press("Home")
    rows.press("Enter")
    expect(widget.get_by_role("option", name="cam1/")).to_be_visible()


def test_a_file_of_detections_shows_its_picture_with_boxes(notebook: Notebook) -> None:
    widget = notebook.widget(2)
    widget.get_by_role("option", name="cam1/").click()
    shown = choose(widget, "files", "1511891000.json")
    expect(shown.locator("pre")).to_contain_text('"picture": "cam1_1511891000.jpg"')
    expect(shown.locator(".tycokit-box")).to_have_count(2)
    expect(shown.locator(".tycokit-box-threat")).to_have_attribute(
        "title", "person, 90 %, a threat"
    )
    expect(shown).to_contain_text("fired the rule people")


def test_a_picture_is_shown_with_the_boxes_that_came_later(notebook: Notebook) -> None:
    widget = notebook.widget(3)
    shown = choose(widget, "files", "cam2_1511891001.jpg")
    expect(shown.locator(".tycokit-box")).to_have_count(2)
    assert (
        shown.locator("img").evaluate("(img) => img.decode().then(() => img.naturalWidth)") == 160
    )
    box = shown.locator(".tycokit-box-threat")
    picture = shown.locator(".tycokit-picture").bounding_box()
    place = box.bounding_box()
    assert picture is not None
    assert place is not None
    assert (place["x"] - picture["x"]) / picture["width"] == pytest.approx(PERSON[3][1], abs=0.01)
    assert place["height"] / picture["height"] == pytest.approx(0.6, abs=0.02)


def test_files_are_shown_by_their_kind_and_never_act(notebook: Notebook, site: Site) -> None:
    widget = notebook.widget(1)
    expect(choose(widget, "files", "a.json").locator("pre")).to_contain_text('"b": [')
    expect(choose(widget, "files", "t.csv").get_by_role("cell")).to_have_text(["cam1", "3"])
    rendered = choose(widget, "files", "n.ipynb")
    expect(rendered.locator(".tycokit-prose strong")).to_have_text("bold")
    expect(rendered).to_contain_text("said b = 3")
    shown = choose(widget, "files", BAD_NAME)
    expect(shown.locator("pre")).to_have_text(BAD_TEXT)
    assert widget.locator("script").count() == 0
    assert shown.locator("img").count() == 0


def test_the_difference_of_two_commits(notebook: Notebook) -> None:
    widget = notebook.widget(1)
    widget.get_by_role("tab", name="Changes").click()
    files = widget.get_by_role("listbox", name="files that differ").get_by_role("option")
    expect(files).to_have_count(5)
    lines = choose(widget, "files that differ", "/a.json").locator(".tycokit-diff-line")
    changed = lines.filter(has=widget.page.locator("mark"))
    expect(changed).to_have_count(2)
    expect(changed.first).to_contain_text("2")
    expect(changed.last).to_contain_text("3")
    pictures = choose(widget, "files that differ", "/p.jpg").locator("img")
    expect(pictures).to_have_count(2)
    cells = choose(widget, "files that differ", "/n.ipynb").locator("section h4")
    expect(cells).to_contain_text(["changed", "added"])
    gone = choose(widget, "files that differ", "/gone.txt")
    expect(gone).to_contain_text("deleted")
    expect(gone.locator("pre")).to_have_text("gone\n")


def test_any_two_commits_are_compared(notebook: Notebook, site: Site) -> None:
    widget = notebook.widget(1)
    newest, _, oldest = ids(site, "mixed")
    commits(widget).filter(has_text=newest[:12]).click()
    widget.get_by_role("tab", name="Changes").click()
    files = widget.get_by_role("listbox", name="files that differ").get_by_role("option")
    expect(files).to_have_count(1)
    expect(files).to_contain_text("/t.csv")
    widget.get_by_role("combobox", name="compare with").select_option(oldest)
    expect(files).to_have_count(6)


def test_one_branch_alone(notebook: Notebook, site: Site) -> None:
    widget = notebook.widget(1)
    oldest = ids(site, "mixed")[-1]
    site.client.create_branch("mixed", "old", ("mixed", oldest))
    branches = widget.get_by_role("combobox", name="branch", exact=True)
    expect(branches.get_by_role("option")).to_have_text(["all branches", "master", "old"])
    branches.select_option("old")
    expect(commits(widget)).to_have_count(1)
    expect(commits(widget)).to_contain_text(oldest[:12])
    branches.select_option("")
    expect(commits(widget)).to_have_count(3)


def test_the_static_rendering_lists_the_commits(notebook: Notebook, site: Site) -> None:
    expect(notebook.static(2)).to_contain_text(ids(site, "model")[0][:12])
    expect(notebook.static(2)).to_contain_text("✔ success")


def test_what_could_not_be_read_shows_when_pachd_is_back(lab: Lab, site: Site) -> None:
    wire = Wire(site.pachd.port)
    client = Client("127.0.0.1", wire.port, auth_token=site.client.auth_token)
    opened = lab.notebook(connect(client), "tk.commits('model', client)")
    widget = opened.widget()
    expect(widget.get_by_role("option", name="cam1/")).to_be_visible()
    wire.cut()
    widget.get_by_role("option", name="cam1/").click()
    expect(widget.get_by_role("alert")).to_contain_text("no pachd answers")
    expect(widget.get_by_text("No connection")).to_be_visible()
    wire.mend()
    expect(widget.get_by_role("alert")).to_be_hidden()
    expect(widget.get_by_role("option", name="cam1/")).to_be_visible()
    expect(widget.get_by_text("No connection")).to_be_hidden()
    opened.close()
    wire.cut()


def test_older_commits_come_as_one_scrolls(lab: Lab, site: Site) -> None:
    site.client.create_repo("long")
    for number in range(120):
        site.client.put_file_bytes(("long", "master"), "/n", str(number).encode())
    opened = lab.notebook(connect(site.client), "tk.commits('long', client)")
    widget = opened.widget()
    expect(widget).to_contain_text("the newest 50 commits")
    rows = widget.get_by_role("listbox", name="commits")
    rows.focus()
    for known in ("the newest 50 commits", "120 commits"):
        expect(widget).to_contain_text(known)
        rows.press("End")
    expect(rows).to_contain_text(ids(site, "long")[-1][:12])
    assert rows.get_by_role("option").count() < 60
    assert opened.problems == []
    opened.close()
