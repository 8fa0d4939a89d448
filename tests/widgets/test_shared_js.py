"""The JavaScript that all widgets share, in the browser, without Lab."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lab_driver import SECONDS, expect
from playwright.sync_api import Browser, Error, Page

from tycokit.widgets import scripts, states

ODD = Path(__file__).parent / "odd"  # a widget with nothing of its own
NAMES = (
    "h svg fill chip request bytes duration time ago count virtualList pages debounce view LOOKS"
)
# A model as anywidget hands it to a widget, with Python's side in `answer`.
MODEL = """
window.model = (state, answer) => {
  const on = {};
  const values = { state, connection: { ok: true }, token: "t" };
  return {
    sent: [],
    get: (name) => values[name],
    on: (name, work) => (on[name] ??= []).push(work),
    off: (name, work) => (on[name] = on[name].filter((one) => one !== work)),
    set(name, value) { values[name] = value; this.tell(`change:${name}`); },
    tell: (name, ...args) => [...(on[name] ?? [])].forEach((work) => work(...args)),
    send(message) {
      this.sent.push(message);
      const [content, buffers] = answer?.(message) ?? [];
      if (content) setTimeout(() => this.tell("msg:custom", content, buffers));
    },
  };
};"""


@pytest.fixture(scope="module")
def browser_page(chromium: Browser) -> Iterator[Page]:
    page = chromium.new_page()
    page.set_default_timeout(SECONDS * 1000)
    page.set_content("<body></body>")
    page.add_script_tag(content=MODEL)
    page.add_style_tag(content=scripts.style(ODD, "odd"))
    known = f"Object.assign(window, {{ {', '.join(NAMES.split())} }});"
    page.add_script_tag(content=f"{scripts.module(ODD, 'odd')}\n{known}", type="module")
    page.wait_for_function("() => window.view")
    yield page
    page.close()


def run(page: Page, code: str) -> Any:
    return page.evaluate(f"async () => {{ {code} }}")


def test_text_stays_text(browser_page: Page) -> None:
    found = run(
        browser_page,
        """const evil = "<img src=x onerror='window.hacked = 1'>";
        const el = h("p", { title: evil, onclick: () => {} }, evil, [svg("text", {}, evil)], null);
        document.body.append(el);
        await new Promise((done) => setTimeout(done, 50));
        return [el.querySelectorAll("img").length, el.textContent.includes(evil), window.hacked]""",
    )
    assert found == [0, True, None]


@pytest.mark.parametrize("address", ["javascript:alert(1)", "https://example.com", "//a", "data:,"])
def test_a_link_leads_nowhere_else(browser_page: Page, address: str) -> None:
    with pytest.raises(Error, match="elsewhere"):
        browser_page.evaluate("(href) => h('a', { href }).outerHTML", address)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("bytes(0)", "0 B"),
        ("bytes(999)", "999 B"),
        ("bytes(1000)", "1.0 kB"),
        ("bytes(999_999)", "1.0 MB"),
        ("bytes(15_300_000)", "15 MB"),
        ("bytes(2e15)", "2.0 PB"),
        ("bytes(2e18)", "2000 PB"),
        ("duration(0.0314)", "31 ms"),
        ("duration(3.14)", "3.1 s"),
        ("duration(59.7)", "1 min 0 s"),
        ("duration(9.96)", "10 s"),
        ("duration(119.9)", "2 min 0 s"),
        ("duration(3_700)", "1 h 1 min"),
        ("duration(null)", ""),
        ("count(1, 'datum', 'datums')", "1 datum"),
        ("count(12345, 'line')", "12,345 lines"),
        ("ago(Date.now() / 1000 - 90)", "2 min ago"),
        ("time(null)", ""),
        ("chip('failure').textContent", "✖ failure"),
        ("chip('<b>').textContent", "○ <b>"),
    ],
)
def test_numbers_as_words(browser_page: Page, code: str, text: str) -> None:
    assert browser_page.evaluate(code) == text


def test_each_state_has_a_glyph_and_a_colour_beside_its_word(browser_page: Page) -> None:
    kinds = {look.kind for look in states.LOOKS.values()}
    assert len({look.glyph for look in states.LOOKS.values()}) == len(kinds)
    for light in ("true", "false"):
        colours = browser_page.evaluate(
            """([kinds, light]) => {
              document.body.dataset.jpThemeLight = light;
              const at = document.body.appendChild(h("div", { class: "tycokit" }));
              return kinds.map((kind) => {
                const el = at.appendChild(h("span", { class: `tycokit-${kind}` }, kind));
                return getComputedStyle(el).color;
              });
            }""",
            [sorted(kinds), light],
        )
        assert len(set(colours)) == len(kinds)
        ground = (255, 255, 255) if light == "true" else (33, 33, 33)
        for colour in colours:
            channels = colour.removeprefix("rgb(").removesuffix(")").split(",")
            assert contrast([int(part) for part in channels], ground) >= 4.5


def contrast(one: Any, other: Any) -> float:
    """WCAG's contrast of two colours, 1 to 21; text needs 4.5."""

    def light(colour: Any) -> float:
        linear = [
            part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
            for part in (channel / 255 for channel in colour)
        ]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, bright = sorted((light(one), light(other)))
    return (bright + 0.05) / (dark + 0.05)


def test_requests_find_their_own_answers(browser_page: Page) -> None:
    found = run(
        browser_page,
        """const m = model({}, ({ id, call, arguments: args }) =>
          call === "fail" ? [{ id, error: { kind: "Bad", message: "no" } }]
          : [{ id, result: { call, ...args } },
             call === "bytes" ? [new DataView(new Uint8Array([9, 1, 2]).buffer, 1)] : []]);
        const one = request(m, "one", { n: 1 }), two = request(m, "two");
        const { blobs } = await request(m, "bytes");
        let failed;
        try { await request(m, "fail"); } catch (error) { failed = [error.kind, error.message]; }
        m.tell("msg:custom", { id: "of another view", result: {} });
        return [await one, await two, [...blobs[0]], failed]""",
    )
    assert found == [{"call": "one", "n": 1}, {"call": "two"}, [1, 2], ["Bad", "no"]]


def test_a_long_list_holds_only_what_is_seen(browser_page: Page) -> None:
    run(
        browser_page,
        """window.activated = [];
        window.list = virtualList({
          label: "lines", height: 300, rowHeight: 20,
          row: (index) => h("div", {}, `line ${index}`),
          onactivate: (index) => activated.push(index),
        });
        document.body.replaceChildren(h("div", { class: "tycokit" }, list.el));
        list.setCount(100_000);""",
    )
    rows = browser_page.get_by_role("option")
    expect(rows.first).to_have_text("line 0")
    assert rows.count() < 40
    listed = browser_page.get_by_role("listbox", name="lines")
    listed.focus()
    for key in ("ArrowDown", "ArrowDown", "Enter"):
        listed.press(key)
    assert run(browser_page, "return activated") == [1]
    listed.press("End")
    expect(rows.last).to_have_text("line 99999")
    expect(browser_page.get_by_role("option", selected=True)).to_have_text("line 99999")
    assert rows.count() < 40
    rows.filter(has_text="line 99990").click()
    assert run(browser_page, "return activated") == [1, 99990]
    listed.press("Home")
    expect(rows.first).to_have_text("line 0")
    run(browser_page, "list.scrollTo(50_000)")
    expect(rows.filter(has_text="line 50000")).to_be_visible()
    run(browser_page, "list.setCount(2)")
    expect(rows).to_have_text(["line 0", "line 1"])


def test_pages_are_fetched_once_and_kept_within_bounds(browser_page: Page) -> None:
    found = run(
        browser_page,
        """const asked = [];
        let loads = 0;
        const fetch = async (offset, count) => {
          asked.push([offset, count]);
          if (offset === 60) throw new Error("gone");
          return Array.from({ length: count }, (_, index) => offset + index);
        };
        let failed;
        const items = pages(fetch, (error) => { loads += 1; failed ??= error?.message; }, 20, 2);
        const first = items.get(5);
        items.get(6);
        await Promise.resolve();
        const second = [items.get(5), items.get(19)];
        items.get(25); items.get(45); items.get(65);
        await new Promise((done) => setTimeout(done));
        const dropped = items.get(5);
        items.forget();
        return { first, second, dropped, asked, failed, forgotten: items.get(45) }""",
    )
    assert found == {
        "first": None,
        "second": [5, 19],
        "dropped": None,
        "asked": [[0, 20], [20, 20], [40, 20], [60, 20], [0, 20], [40, 20]],
        "failed": "gone",
        "forgotten": None,
    }


def test_a_widget_is_drawn_when_there_is_a_state_and_says_when_it_is_cut_off(
    browser_page: Page,
) -> None:
    run(
        browser_page,
        """window.m = model({}, null);
        window.el = h("div", {});
        document.body.replaceChildren(el, h("div", { "data-tycokit": "t" }, "static"));
        const since = "2026-01-01T00:00";
        m.set("connection", { ok: false, lost: true, message: "<b>no</b>", since });
        const shown = view(({ model, el, onCleanup }) => {
          el.append(`drawn ${model.get("state").n}`);
          onCleanup(() => (window.cleaned = 1));
          return () => (window.cleaned += 1);
        });
        window.end = await shown.render({ model: m, el });""",
    )
    widget = browser_page.locator(".tycokit")
    expect(widget.get_by_role("status")).to_have_text(
        "▲ No connection since 2026-01-01 00:00:00: <b>no</b>"
    )
    expect(widget).not_to_contain_text("drawn")
    expect(browser_page.get_by_text("static")).to_be_hidden()
    run(browser_page, 'm.set("connection", { ok: true }); m.set("state", { n: 1 })')
    expect(widget).to_contain_text("drawn 1")
    expect(widget.locator(".tycokit-lost")).to_be_hidden()
    run(browser_page, 'm.set("state", { n: 2 }); m.tell("comm_live_update")')
    expect(widget).not_to_contain_text("drawn 2")
    expect(widget.get_by_role("status")).to_contain_text("The kernel has gone")
    calls = run(browser_page, "end(); return [m.sent.map((one) => one.call), window.cleaned]")
    assert calls == [["$open", "$close"], 2]
    expect(browser_page.get_by_text("static")).to_be_visible()


def test_a_row_stays_under_the_pointer_until_it_is_clicked(browser_page: Page) -> None:
    run(
        browser_page,
        """window.names = ["old"];
        window.clicked = [];
        window.list = virtualList({
          label: "moving", height: 100,
          row: (index) => Object.assign(h("div", {}, names[index]), { name: names[index] }),
          onactivate: (index, row) => clicked.push(row.name),
        });
        document.body.replaceChildren(h("div", { class: "tycokit" }, list.el));
        list.setCount(1);""",
    )
    row = browser_page.get_by_role("option").first
    expect(row).to_have_text("old")
    row.hover()
    browser_page.mouse.down()
    # another one comes first, while the button is down
    run(browser_page, 'names = ["new", "old"]; list.setCount(2);')
    expect(row).to_have_text("old")
    browser_page.mouse.up()
    expect(row).to_have_text("new")
    assert run(browser_page, "return clicked") == ["old"]
