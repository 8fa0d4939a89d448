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

# texts with less contrast than WCAG's AA asks for: 4.5, and 3 where they are large
PALE = """(widget) => {
  const pen = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (css) => {
    pen.clearRect(0, 0, 1, 1);
    pen.fillStyle = css;
    pen.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = pen.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = ([r, g, b, a], under) => [r, g, b].map((v, at) => v * a + under[at] * (1 - a));
  const style = (el) => getComputedStyle(el);
  const ground = (el) => {
    if (!el) return [255, 255, 255];
    const own = rgba(style(el).backgroundColor);
    return own[3] === 1 ? own : over(own, ground(el.parentElement));
  };
  const opacity = (el) => (el ? Number(style(el).opacity) * opacity(el.parentElement) : 1);
  const light = (rgb) => {
    const [r, g, b] = rgb.map((v) => v / 255).map((v) =>
      v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const found = new Set();
  const texts = document.createTreeWalker(widget, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const el = texts.currentNode.parentElement;
    const words = texts.currentNode.textContent.trim();
    if (!words || !el.checkVisibility() || el.closest("option, style, :disabled")) continue;
    const { color, fill, fontSize, fontWeight } = style(el);
    const [r, g, b, a] = rgba(el instanceof SVGElement ? fill : color);
    const under = ground(el);
    const [high, low] = [light(over([r, g, b, a * opacity(el)], under)), light(under)].sort(
      (one, other) => other - one);
    const contrast = (high + 0.05) / (low + 0.05);
    const size = parseFloat(fontSize);
    const large = size >= 24 || (size >= 18.66 && fontWeight >= 700);
    if (contrast < (large ? 3 : 4.5))
      found.add(`${contrast.toFixed(2)} ${el.className} ${words.slice(0, 40)}`);
  }
  return [...found];
}"""
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


@pytest.mark.parametrize("theme", ["dark", "light"])  # light: as the others find it
def test_its_words_stand_out_from_their_ground(notebook: Notebook, theme: str) -> None:
    notebook.theme(theme)
    for number, name in enumerate(NAMES, 1):
        assert notebook.widget(number).first.evaluate(PALE) == [], name


def test_every_widget_has_a_call_here() -> None:
    assert VIEWS.keys() - CALLS == set()
