"""Every widget in two minors of JupyterLab, with ipykernel 7 and 6."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from calls import CALLS
from lab_driver import Lab, Notebook, connect, expect
from pipeline_driver import Site

from tycokit.widgets import VIEWS
from tycokit.widgets.base import MOST_STATE

LABS = {"lab": ("4.6.", "7."), "older_lab": ("4.4.", "6.")}
NAMES = sorted(VIEWS.keys() & CALLS)


@pytest.fixture(scope="module", params=sorted(LABS))
def notebook(request: pytest.FixtureRequest, project: Site) -> Iterator[Notebook]:
    lab: Lab = request.getfixturevalue(request.param)
    cells = [f"{name} = {CALLS[name]}\n{name}" for name in NAMES]
    opened = lab.notebook(connect(project.client), *cells)
    versions = (
        opened.page.evaluate("() => jupyterapp.version"),
        opened.run("import ipykernel; print(ipykernel.__version__)"),
    )
    for version, wanted in zip(versions, LABS[request.param], strict=True):
        assert version.startswith(wanted)
    yield opened
    opened.close()


@pytest.mark.parametrize("name", NAMES)
def test_it_is_drawn(notebook: Notebook, name: str) -> None:
    at = 1 + NAMES.index(name)
    body = notebook.widget(at).locator(".tycokit-body").first
    expect(body).to_be_visible()
    expect(body).not_to_be_empty()
    expect(notebook.widget(at).locator(".tycokit-lost").first).to_be_hidden()
    expect(notebook.static(at)).to_be_hidden()
    expect(notebook.static(at)).to_contain_text("as of")
    assert notebook.problems == []
    assert notebook.lab.strangers == []


@pytest.mark.parametrize("name", NAMES)
def test_its_controls_have_names_and_can_be_reached_by_keys(notebook: Notebook, name: str) -> None:
    widget = notebook.widget(1 + NAMES.index(name)).first  # a dashboard holds others
    wrong = widget.evaluate(
        """(widget) => [...widget.querySelectorAll("*")].filter((el) => {
          const own = el.matches("button, input, select, textarea, a[href], summary");
          const told = el.matches("[role=button], [role=option], [role=tab], [role=link]");
          const key = own || told || el.tabIndex >= 0;
          if (!key || el.closest("[hidden]")) return false;
          const name = el.getAttribute("aria-label") || el.getAttribute("aria-labelledby")
            || el.textContent.trim() || el.title || el.labels?.[0]?.textContent.trim()
            || el.closest("label")?.textContent.trim() || el.placeholder;
          const reachable = own || el.tabIndex >= 0
            || el.closest("[tabindex='0'], [role=listbox], [role=tablist]");
          return !name || !reachable;
        }).map((el) => el.outerHTML.slice(0, 200))"""
    )
    assert wrong == []


@pytest.mark.parametrize("name", NAMES)
def test_its_state_is_small_and_its_kernel_free(notebook: Notebook, name: str) -> None:
    state = json.loads(notebook.run(f"import json; print(json.dumps({name}.state))"))
    assert state
    assert len(json.dumps(state)) < MOST_STATE


@pytest.mark.parametrize("name", NAMES)
def test_its_static_rendering_is_whole_and_fetches_nothing(notebook: Notebook, name: str) -> None:
    saved = notebook.save()
    outputs = saved.cells[1 + NAMES.index(name)].outputs
    (html,) = (out.data["text/html"] for out in outputs if "text/html" in out.get("data", {}))
    assert re.search(r"<script|\\son\\w+=|(src|href)=.(?!data:image/|#)", html) is None
    assert len(re.sub("<[^>]*>|<style>.*?</style>", "", html, flags=re.DOTALL)) > 100


def test_every_widget_has_a_call_here() -> None:
    assert VIEWS.keys() - CALLS == set()
