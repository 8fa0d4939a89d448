// The history of a repo: commits at the left; of the chosen one, its files or what it changed.

const FIRST_ROWS = 50;

function render({ model, el, onCleanup }) {
  let branch = null; // null: all
  let known = []; // commits, the newest first
  let more = false;
  let loading = false;
  let chosen = null;

  const title = h("h3", {});
  const branches = h("select", { "aria-label": "branch", onchange: () => choose(branches.value || null) });
  const counted = h("span", { class: "tycokit-quiet" });
  const list = virtualList({
    row: (index) => commitRow(known[index]),
    rowHeight: 48,
    height: 560,
    label: "commits, the newest first",
    onactivate: (index) => open(known[index]),
    onscroll: (end) => end && older(),
  });
  const detail = commitDetail(model, () => known);
  onCleanup(detail.end);

  function heads() {
    const found = new Map();
    for (const { name, head } of model.get("state").branches) found.set(head, [...(found.get(head) ?? []), name]);
    return found;
  }

  function commitRow(commit) {
    const names = heads().get(commit.id) ?? [];
    return h(
      "div",
      { class: "tycokit-history-row", title: `${commit.id}, ${time(commit.started)}` },
      h(
        "div",
        { class: "tycokit-history-top" },
        chip(commit.job || (commit.error ? "failed" : commit.state)),
        names.map((name) => h("span", { class: "tycokit-history-tag" }, name)),
        h("span", { class: "tycokit-history-say" }, commit.error || commit.reason || commit.message),
        h("span", { class: "tycokit-quiet" }, ago(commit.started)),
      ),
      h(
        "div",
        { class: "tycokit-history-low tycokit-quiet" },
        h("span", { class: "tycokit-mono" }, commit.id.slice(0, 12)),
        h("span", {}, commit.branch),
        h("span", {}, commit.origin),
        h("span", { class: "tycokit-history-size" }, bytes(commit.size)),
      ),
    );
  }

  /** What is newest, from the state; what was loaded before stays behind it. */
  function draw() {
    const state = model.get("state");
    if (!state.commits) return;
    fill(title, state.project === "default" ? state.repo : `${state.project}/${state.repo}`);
    const names = state.branches.map((each) => each.name);
    if (names.join() !== [...branches.options].slice(1).map((each) => each.value).join()) {
      fill(branches, h("option", { value: "" }, "all branches"), names.map((name) => h("option", { value: name }, name)));
      branches.value = branch ?? "";
    }
    if (branch === null) merge(state.commits, state.more);
    else request(model, "page", { branch, offset: 0, count: FIRST_ROWS }).then((page) => merge(page.commits, page.more), detail.fail);
  }

  function merge(newest, thereAreMore) {
    const ids = new Set(newest.map((each) => each.id));
    const last = newest[newest.length - 1];
    const behind = known.filter((each) => !ids.has(each.id) && last && each.started < last.started);
    if (!behind.length) more = thereAreMore;
    known = [...newest, ...behind];
    drawList();
    if (chosen) {
      const at = known.findIndex((each) => each.id === chosen.id);
      if (at >= 0) detail.update(known[at]);
    } else if (known.length) open(known[0]);
    else detail.nothing("No commits yet: they show here as soon as there are any.");
  }

  function drawList() {
    list.setCount(known.length);
    if (chosen) list.select(known.findIndex((each) => each.id === chosen.id), false);
    fill(counted, more ? `the newest ${count(known.length, "commit")}` : count(known.length, "commit"));
  }

  async function older() {
    if (!more || loading) return;
    loading = true;
    const asked = branch;
    try {
      const page = await request(model, "page", { branch, offset: known.length, count: 100 });
      if (asked !== branch) return;
      const ids = new Set(known.map((each) => each.id));
      known = [...known, ...page.commits.filter((each) => !ids.has(each.id))];
      more = page.more;
      drawList();
    } catch (error) {
      detail.fail(error);
    } finally {
      loading = false;
    }
  }

  function choose(name) {
    branch = name;
    known = [];
    chosen = null;
    draw();
  }

  function open(commit) {
    chosen = commit;
    drawList();
    detail.show(commit);
  }

  const clock = setInterval(() => list.refresh(), 20_000); // "5 min ago"
  onCleanup(() => clearInterval(clock));
  model.on("change:state", draw);
  onCleanup(() => model.off("change:state", draw));
  const again = () => model.get("connection").ok && detail.again();
  model.on("change:connection", again);
  onCleanup(() => model.off("change:connection", again));
  const bar = h("div", { class: "tycokit-bar" }, title, branches, counted);
  const two = h("div", { class: "tycokit-history-two" }, list.el, detail.el);
  el.append(h("div", { class: "tycokit-history" }, bar, two));
  draw();
}

/** The right side: one commit. `commits()` are those that it can be compared with. */
function commitDetail(model, commits) {
  let commit = null;
  let tab = "files";
  const head = h("div", { class: "tycokit-history-head" });
  const trouble = h("div", { class: "tycokit-lost", role: "alert", hidden: true });
  const body = h("div", { class: "tycokit-history-panel", role: "tabpanel" });
  const tabs = h("div", { class: "tycokit-history-tabs", role: "tablist" });
  const el = h("div", { class: "tycokit-history-detail" }, head, tabs, trouble, body);
  let panel = null;

  function fail(error) {
    trouble.hidden = false;
    fill(trouble, `▲ ${error.message}`);
  }

  function drawHead() {
    const up = commit.upstream.map(({ repo, id }) => h("span", { class: "tycokit-mono", title: id }, `${repo}@${id.slice(0, 8)}`));
    const took = commit.finished === null ? null : duration(commit.finished - commit.started);
    const line = (name, ...value) => [h("span", { class: "tycokit-quiet" }, name), h("span", {}, value)];
    fill(
      head,
      h(
        "div",
        { class: "tycokit-bar" },
        chip(commit.job || (commit.error ? "failed" : commit.state)),
        h("span", { class: "tycokit-mono" }, commit.id),
        h("button", { onclick: () => copyText(commit.id), title: "copy the commit's id" }, "copy"),
      ),
      h(
        "div",
        { class: "tycokit-history-facts" },
        line("made", time(commit.started), took && `, in ${took}`, commit.origin === "user" ? " by a person or program" : " by Pachyderm"),
        line("size", bytes(commit.size)),
        commit.message ? line("message", commit.message) : null,
        commit.error || commit.reason ? line("trouble", h("span", { class: "tycokit-bad" }, commit.error || commit.reason)) : null,
        up.length ? line("made from", up.flatMap((each) => [each, " "])) : null,
      ),
    );
  }

  function drawTabs() {
    const names = { files: "Files", changes: "Changes" };
    fill(
      tabs,
      Object.entries(names).map(([name, words]) =>
        h(
          "button",
          {
            role: "tab",
            "aria-selected": String(name === tab),
            tabindex: name === tab ? "0" : "-1",
            onclick: () => turn(name),
            onkeydown: (event) => {
              if (!["ArrowLeft", "ArrowRight"].includes(event.key)) return;
              event.stopPropagation();
              turn(tab === "files" ? "changes" : "files");
              tabs.querySelector('[aria-selected="true"]').focus();
            },
          },
          words,
        ),
      ),
    );
  }

  function turn(name) {
    tab = name;
    drawTabs();
    open();
  }

  function open() {
    panel?.end();
    trouble.hidden = true;
    panel = (tab === "files" ? filesPanel : changesPanel)(model, commit, commits, fail);
    fill(body, panel.el);
  }

  return {
    el,
    fail,
    end: () => panel?.end(),
    /** Once pachd answers again: what could not be read while it did not. */
    again() {
      if (commit && (!trouble.hidden || body.querySelector(".tycokit-file > .tycokit-bad"))) open();
    },
    update(found) {
      const finished = commit.state !== found.state;
      commit = found;
      drawHead();
      if (finished) open(); // its files can be read now
    },
    show(found) {
      commit = found;
      drawHead();
      drawTabs();
      open();
    },
    nothing(words) {
      fill(head, note(words));
      fill(tabs);
      fill(body);
    },
  };
}

export default view(render);
