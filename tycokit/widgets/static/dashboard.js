// Tabs; each holds a widget of its own, which Python makes when the tab is first opened.

const SUBJECTS = {
  repo: { label: "repo", of: (state) => state.repos },
  pipeline: { label: "pipeline", of: (state) => state.pipelines.map(({ name }) => name) },
  notebook: { label: "notebook", of: (state) => state.notebooks },
  path: { label: "result", example: "threat-detect@master:/dev1/1511891098.json" },
};

function render({ model, el, onCleanup }) {
  const panels = new Map();
  let shown;
  const own = unique();
  const summary = h("div", { class: "tycokit-dash-summary" });
  const list = h("div", { class: "tycokit-dash-tabs", role: "tablist", "aria-label": "widgets" });
  const host = h("div", { class: "tycokit-dash-host" });
  el.append(summary, list, host);

  const tabs = model.get("state").tabs.map((tab) => {
    const id = `${own}-${tab.view}`;
    const button = h(
      "button",
      {
        role: "tab",
        id,
        "aria-controls": `${id}-panel`,
        onclick: () => open(tab),
        onkeydown: (event) => move(event, tab),
      },
      tab.title,
    );
    list.append(button);
    return { tab, button, id };
  });

  function move(event, tab) {
    const at = tabs.findIndex((one) => one.tab === tab);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation(); // Lab would move to another cell
    const next = tabs[(to + tabs.length) % tabs.length];
    next.button.focus();
    open(next.tab);
  }

  function open(tab) {
    shown = tab;
    for (const one of tabs) {
      const chosen = one.tab === tab;
      one.button.setAttribute("aria-selected", chosen);
      one.button.tabIndex = chosen ? 0 : -1;
      if (chosen && !panels.has(tab.view)) panels.set(tab.view, panel(tab, one.id));
    }
    host.replaceChildren(panels.get(tab.view).el);
    panels.get(tab.view).opened();
  }

  /** A tab's panel: what chooses its subject, and below it the widget. */
  function panel(tab, id) {
    const place = h("div", { class: "tycokit-dash-place" });
    const chooser = choose(tab, (subject) => put(subject));
    const made = h(
      "div",
      { id: `${id}-panel`, role: "tabpanel", "aria-labelledby": id },
      chooser?.el,
      place,
    );
    let asked = 0;
    let view;

    async function put(subject) {
      const mine = ++asked;
      fill(place, h("p", { class: "tycokit-quiet" }, "…"));
      try {
        const { model: key } = await request(model, "show", { tab: tab.view, subject });
        const child = await model.widget_manager.get_model(key);
        const next = await model.widget_manager.create_view(child);
        if (mine !== asked) return next.remove();
        view?.remove();
        view = next;
        place.replaceChildren(view.el);
      } catch (error) {
        if (mine === asked) fill(place, h("p", { class: "tycokit-lost", role: "alert" }, `▲ ${error.message}`));
      }
    }

    onCleanup(() => view?.remove());
    return {
      el: made,
      refresh: () => chooser?.refresh(),
      opened() {
        if (asked) return;
        if (!chooser) put("");
        else if (chooser.first() !== undefined) put(chooser.first());
      },
    };
  }

  function choose(tab, put) {
    if (!tab.subject) return null;
    const kind = SUBJECTS[tab.subject];
    if (!kind.of) {
      const input = h("input", { class: "tycokit-mono tycokit-dash-path", placeholder: kind.example,
        "aria-label": `${kind.label}: repo@branch:/path` });
      const go = (event) => {
        event.preventDefault();
        if (input.value.trim()) put(input.value.trim());
      };
      const form = h("form", { class: "tycokit-bar", onsubmit: go },
        h("label", {}, `${kind.label} `, input), h("button", { type: "submit" }, "show"));
      return { el: form, refresh() {}, first: () => undefined };
    }
    const select = h("select", { onchange: () => put(select.value) });
    const refresh = () => {
      const names = kind.of(model.get("state"));
      const options = [...(tab.all ? [["", `all ${kind.label}s`]] : []), ...names.map((n) => [n, n])];
      if (options.map(([value]) => value).join() === [...select.options].map((o) => o.value).join()) return;
      const before = select.value;
      fill(select, options.map(([value, text]) => h("option", { value }, text)));
      if (options.some(([value]) => value === before)) select.value = before;
      if (shown === tab) panels.get(tab.view)?.opened();
    };
    refresh();
    return {
      el: h("div", { class: "tycokit-bar" }, h("label", {}, `${kind.label} `, select)),
      refresh,
      first: () => (select.options.length ? select.value : undefined),
    };
  }

  function draw() {
    const { project, repos, pipelines } = model.get("state");
    const states = new Map();
    for (const { state, last } of pipelines) {
      const word = ["failure", "crashing"].includes(state) ? state : last || state;
      states.set(word, (states.get(word) ?? 0) + 1);
    }
    fill(
      summary,
      h("strong", {}, project),
      h("span", { class: "tycokit-quiet" }, `${count(repos.length, "repo")} · ${count(pipelines.length, "pipeline")}`),
      [...states].map(([word, n]) => h("span", {}, chip(word), ` ${n}`)),
    );
    for (const one of panels.values()) one.refresh();
  }

  model.on("change:state", draw);
  draw();
  if (tabs.length) open(tabs[0].tab);
}
export default view(render);
