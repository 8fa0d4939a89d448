// The project as a graph: live, or as a commit set (global ID) holds it.

const SETS_AT_ONCE = 30;

function render({ model, el, onCleanup }) {
  let chosen = null;
  let asked = 0;
  const graph = graphView({ label: "repos and pipelines, from left to right", onselect: show });
  const panel = h("div", { class: "tycokit-panel", role: "region", "aria-label": "details", "aria-live": "polite" });
  const now = h("button", { onclick: () => pick(null) }, "now");
  const open = h("button", { "aria-expanded": "false", onclick: () => toggle() }, "commit sets…");
  const picked = h("span", {});
  const trouble = h("div", { class: "tycokit-lost", role: "alert", hidden: true });
  const sets = setList(model, pick, fail);

  function fail(error) {
    trouble.hidden = !error;
    fill(trouble, error ? `▲ ${error.message}` : "");
  }

  function toggle(to = sets.el.hidden) {
    sets.el.hidden = !to;
    open.setAttribute("aria-expanded", to);
    if (to) sets.update();
  }

  async function pick(id) {
    try {
      await request(model, "pick", { id });
      fail(null);
    } catch (error) {
      fail(error);
    }
  }

  function draw() {
    const state = model.get("state");
    if (!state.graph) return;
    graph.draw(state.graph);
    now.setAttribute("aria-pressed", state.picked === null);
    open.setAttribute("aria-pressed", state.picked !== null);
    fill(
      picked,
      state.picked
        ? ["as commit set ", copyable(state.picked.id, state.picked.id.slice(0, 12)), ` of ${time(state.picked.started)} holds it `, chip(state.picked.state)]
        : h("span", { class: "tycokit-quiet" }, count(state.graph.cards.length, "node"), `, project ${state.project}`),
    );
    if (!sets.el.hidden) sets.update();
    if (chosen === null) nothing(state);
    else show(chosen, true);
  }

  function nothing(state) {
    fill(
      panel,
      state.graph.cards.length
        ? note("Choose a repo or a pipeline for its details. Arrow keys walk along the graph.")
        : note("This project is empty: repos and pipelines show here as soon as there are any."),
    );
  }

  async function show(key, again = false) {
    chosen = key;
    const mine = ++asked;
    try {
      const found = await request(model, "details", { key });
      if (mine !== asked) return;
      const top = again ? panel.scrollTop : 0;
      fill(panel, detailsOf(found, key, show));
      panel.scrollTop = top;
    } catch (error) {
      if (mine === asked && !again) fill(panel, h("p", { class: "tycokit-bad" }, `✖ ${error.message}`));
    }
  }

  model.on("change:state", draw);
  onCleanup(() => model.off("change:state", draw));
  toggle(false);
  el.append(
    h("div", { class: "tycokit-bar" }, h("span", { role: "group", "aria-label": "when" }, now, " ", open), picked, graph.zoom),
    trouble,
    sets.el,
    graph.el,
    panel,
  );
  draw();
}

/** The commit sets, the newest first, and a field for an ID. */
function setList(model, pick, fail) {
  let known = [];
  let more = false;
  let loading = false;
  const list = virtualList({
    row: (index) => rowOf(known[index]),
    rowHeight: 26,
    height: 210,
    label: "commit sets, the newest first",
    onactivate: (index) => pick(known[index].id),
    onscroll: (end) => end && older(),
  });
  const field = h("input", { type: "text", placeholder: "a global ID", "aria-label": "a global ID", size: "36", onkeydown: (event) => event.key === "Enter" && pick(field.value.trim()) });
  const el = h("div", { class: "tycokit-sets", hidden: true }, list.el, h("div", { class: "tycokit-bar" }, field, h("button", { onclick: () => pick(field.value.trim()) }, "show it")));

  function rowOf(set) {
    const people = set.began.map((each) => (each.pipeline ? `pipeline ${each.repo}` : `${each.repo}${each.message ? `: ${each.message}` : ""}`));
    const mine = model.get("state").picked?.id === set.id;
    return h(
      "div",
      { class: mine ? "tycokit-set tycokit-picked" : "tycokit-set", title: set.id },
      h("span", { class: "tycokit-mono" }, set.id.slice(0, 12)),
      h("span", { class: "tycokit-quiet", title: time(set.started) }, ago(set.started)),
      chip(set.state),
      h("span", {}, people.join(", ") || "Pachyderm itself"),
      h("span", { class: "tycokit-quiet" }, count(set.commits, "commit")),
    );
  }

  async function older() {
    if (!more || loading || !known.length) return;
    loading = true;
    try {
      const found = await request(model, "sets", { after: known[known.length - 1].id, count: SETS_AT_ONCE });
      const ids = new Set(known.map((each) => each.id));
      known = [...known, ...found.sets.filter((each) => !ids.has(each.id))];
      more = found.more;
      list.setCount(known.length);
    } catch (error) {
      fail(error);
    } finally {
      loading = false;
    }
  }

  return {
    el,
    /** The newest ones; what was loaded before stays behind them. */
    async update() {
      try {
        const found = await request(model, "sets", { after: "", count: SETS_AT_ONCE });
        const ids = new Set(found.sets.map((each) => each.id));
        const behind = known.filter((each) => !ids.has(each.id));
        if (!behind.length) more = found.more;
        known = [...found.sets, ...behind];
        list.setCount(known.length);
      } catch (error) {
        fail(error);
      }
    },
  };
}

function note(text) {
  return h("p", { class: "tycokit-quiet" }, text);
}

function detailsOf(found, key, show) {
  if (found.kind === "gone") return note("It is there no more.");
  const { node } = found;
  const go = (to, words = to) => h("button", { class: "tycokit-link", onclick: () => show(to) }, words);
  const reads = found.edges.filter((edge) => edge.target === node.key);
  const readBy = [...new Set(found.edges.filter((edge) => edge.source === node.key).map((edge) => edge.target))];
  const used = readBy.length ? [h("h4", {}, "read by"), h("div", {}, readBy.map((name, at) => [at ? ", " : "", go(name)]))] : null;
  const held = found.held
    ? facts([
        ["commit", copyable(found.held.commit, found.held.commit.slice(0, 12))],
        ["of", found.held.own ? "this set" : "an earlier set"],
        ["state", chip(found.held.error ? "failed" : found.held.state)],
        ["message", found.held.message],
        ["error", found.held.error],
      ])
    : null;
  if (found.kind === "repo")
    return sections(
      [
        h("h3", {}, node.key),
        h("p", { class: "tycokit-quiet" }, node.pipeline ? ["the repo that ", go(node.key, `pipeline ${node.key}`), " writes"] : "repo", node.description && !node.pipeline ? `: ${node.description}` : ""),
      ],
      [
        held,
        facts([
          ["size", bytes(node.size)],
          ["made", time(node.created)],
          ["branches", node.branches.join(", ")],
        ]),
      ],
      [h("h4", {}, found.more ? "newest commits" : "commits"), h("div", { class: "tycokit-lines-of" }, found.commits.map(commitLine))],
      used,
    );
  const { pipeline } = node;
  return sections(
    [h("h3", {}, node.key), h("p", { class: "tycokit-quiet" }, "pipeline", pipeline.description ? `: ${pipeline.description}` : "")],
    [
      held,
      found.job ? jobFacts(found.job) : note("It has had no job yet."),
      found.failed.map(failedDatum),
      facts([
        ["pipeline", chip(pipeline.state)],
        ["reason", pipeline.reason],
        ["version", String(pipeline.version)],
        ["workers", String(pipeline.workers)],
        ["runs", h("code", { class: "tycokit-mono" }, pipeline.command.join(" "))],
      ]),
    ],
    [
      h("h4", {}, "reads"),
      h(
        "div",
        { class: "tycokit-lines-of" },
        reads.map((edge) => h("div", { class: "tycokit-line-of" }, h("span", {}, h("strong", {}, edge.name), " from ", go(edge.source, `${edge.source}@${edge.branch}`)), h("code", { class: "tycokit-mono" }, edge.glob))),
      ),
      h("h4", {}, "writes"),
      h("div", {}, go(`${node.key}#repo`, `repo ${node.key}, ${bytes(node.size)}`)),
      used,
    ],
    found.jobs.length ? [h("h4", {}, "newest jobs"), h("div", { class: "tycokit-lines-of" }, found.jobs.map(jobLine))] : null,
  );
}

function commitLine(commit) {
  return h(
    "div",
    { class: "tycokit-line-of" },
    h("span", {}, copyable(commit.id, commit.id.slice(0, 12)), " ", chip(commit.job || (commit.error ? "failed" : commit.state))),
    h("span", { class: "tycokit-quiet", title: time(commit.started) }, `${bytes(commit.size)}, ${ago(commit.started)}`),
    commit.error || commit.message ? h("span", { class: "tycokit-wide tycokit-quiet" }, commit.error || commit.message) : null,
  );
}

function counts(job) {
  const parts = [
    [job.processed, "processed"],
    [job.skipped, "skipped"],
    [job.failed, "failed"],
    [job.recovered, "recovered"],
  ].filter(([number]) => number);
  const left = job.datums - job.done;
  if (left > 0) parts.push([left, "waiting"]);
  return parts.map(([number, word]) => `${number.toLocaleString("en")} ${word}`).join(", ") || "no datums";
}

function jobFacts(job) {
  return facts([
    ["job", copyable(job.id, job.id.slice(0, 12))],
    ["state", chip(job.state)],
    ["datums", counts(job)],
    ["reason", job.reason],
    ["made", time(job.created)],
  ]);
}

function jobLine(job) {
  return h(
    "div",
    { class: "tycokit-line-of" },
    h("span", {}, copyable(job.id, job.id.slice(0, 12)), " ", chip(job.state)),
    h("span", { class: "tycokit-quiet", title: time(job.created) }, ago(job.created)),
    h("span", { class: "tycokit-wide tycokit-quiet" }, counts(job)),
  );
}

function failedDatum(datum) {
  return h(
    "div",
    {},
    h("h4", { class: "tycokit-bad" }, "✖ failed datum ", copyable(datum.datum, datum.datum.slice(0, 12))),
    note(datum.inputs.join(", ")),
    datum.lines.length ? h("pre", { class: "tycokit-mono" }, datum.lines.join("\n")) : null,
  );
}

export default view(render);
