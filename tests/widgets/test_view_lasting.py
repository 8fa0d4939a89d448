"""What a notebook shows of a widget later: reopened, without a kernel, not trusted, exported."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from lab_driver import Lab, Notebook, connect, eventually, expect
from pipeline_driver import Site

HERE = Path(__file__).parent
IMPORT = f"import sys; sys.path.append({str(HERE)!r})\nfrom counter import Counter"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = Site(tmp_path_factory.mktemp("site"))
    made.client.create_repo("first")
    yield made
    made.pachd.stop()


@pytest.fixture(scope="module")
def notebook(lab: Lab, site: Site) -> Iterator[Notebook]:
    opened = lab.notebook(connect(site.client), IMPORT, "counter = Counter(client)\ncounter")
    expect(opened.widget().locator(".names")).to_contain_text("first")
    yield opened
    opened.close()


def make(notebook: Notebook, name: str) -> None:
    """Make a repo with the widget, and see it there."""
    widget = notebook.widget()
    widget.get_by_role("textbox").fill(name)
    widget.get_by_role("button", name="make").click()
    expect(widget.locator("output")).to_have_text(f"made {name}")
    expect(widget.locator(".names")).to_contain_text(name)


def test_a_page_that_is_loaded_again_finds_its_widget(notebook: Notebook) -> None:
    make(notebook, "before")
    notebook.save()
    notebook.reopen()
    make(notebook, "after")
    notebook.page.evaluate("() => jupyterapp.shell.currentWidget.close()")
    notebook.page.evaluate(
        "(path) => jupyterapp.commands.execute('docmanager:open', { path }).then(() => null)",
        notebook.path.name,
    )
    make(notebook, "after_the_tab_was_closed")
    expect(notebook.static()).to_be_hidden()
    assert notebook.problems == []


def test_a_restarted_kernel_is_named(notebook: Notebook) -> None:
    notebook.page.evaluate(
        "() => jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()"
    )
    expect(notebook.widget().get_by_role("status").first).to_contain_text("The kernel has gone")
    notebook.widget().get_by_role("button", name="make").click()
    expect(notebook.widget().locator("output")).to_contain_text("the kernel has gone")
    notebook.run_all()
    make(notebook, "by_the_next_kernel")


def test_in_a_new_kernel_the_last_state_stays(lab: Lab, notebook: Notebook) -> None:
    make(notebook, "latest")
    eventually(lambda: "latest" in static_of(notebook.save()))
    path = lab.root / "kept.ipynb"
    path.write_bytes(notebook.path.read_bytes())
    kept = lab.open(path)
    kept.ready()
    expect(kept.static()).to_be_visible()
    expect(kept.static()).to_contain_text("latest")
    message = kept.cell(2).get_by_text("model not found")
    expect(message).to_have_count(1)
    expect(message).to_be_hidden()
    kept.close()
    assert kept.problems == []


def test_a_notebook_that_is_not_trusted_is_not_blank(lab: Lab, notebook: Notebook) -> None:
    saved = notebook.save()
    path = lab.root / "of_a_colleague.ipynb"
    saved.cells[2].outputs[0].data["text/html"] += "<!-- signed by nobody here -->"
    nbformat.write(saved, path)
    strange = lab.open(path)
    output = strange.cell(2).locator(".jp-RenderedHTML")
    expect(output).to_contain_text("Repos")
    expect(output).to_contain_text("first")
    assert "jp-mod-trusted" not in (output.get_attribute("class") or "")
    strange.close()


def test_an_exported_notebook_shows_it(lab: Lab, notebook: Notebook, tmp_path: Path) -> None:
    notebook.save()
    out = tmp_path / "exported.html"
    command = [sys.executable, "-m", "nbconvert", "--to", "html", "--output", str(out)]
    done = subprocess.run(
        [*command, str(notebook.path)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    page = lab.new_page()
    page.route("**/*", lambda route: route.abort())  # nothing may be needed from elsewhere
    page.set_content(out.read_text(), wait_until="domcontentloaded")
    expect(page.locator(".tycokit-static")).to_be_visible()
    expect(page.locator(".tycokit-static li").first).to_be_visible()
    page.close()


def test_a_notebook_that_was_run_without_any_browser_shows_it(site: Site, tmp_path: Path) -> None:
    cells = [connect(site.client), IMPORT, "Counter(client)"]
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    path = tmp_path / "made.ipynb"
    nbformat.write(made, path)
    command = [sys.executable, "-m", "nbconvert", "--to", "notebook", "--execute", "--inplace"]
    done = subprocess.run(
        [*command, str(path)], capture_output=True, text=True, timeout=170, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "<li>first</li>" in static_of(nbformat.read(path, as_version=4))


def static_of(notebook: nbformat.NotebookNode) -> str:
    (html,) = (
        output.data["text/html"]
        for output in notebook.cells[2].outputs
        if "text/html" in output.get("data", {})
    )
    assert re.search("<script|https?://", html) is None
    return str(html)
