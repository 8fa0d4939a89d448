// The datums of a job, or those that an input would make.

const STATES = ["success", "failed", "recovered", "skipped"];

function render({ model, el, onCleanup }) {
  const preview = model.get("state").mode === "preview";
  (preview ? previewView : jobView)({ model, el, onCleanup });
}

/** A list of datums that goes on where its last page ended.
 *  `fetch(after)` → promise of { datums, after }. → { el, start(page), items(), chosen(), refresh() } */
function datumList({ row, head, label, fetch, onactivate, fail, onshown }) {
  let items = [];
  let after = null;
  let busy = false;
  let generation = 0;
  const list = virtualList({
    row: (index) => Object.assign(row(items[index]), { datum: items[index] }),
    rowHeight: 28,
    height: 380,
    label,
    onactivate: (index, made) => onactivate(made?.datum ?? items[index]),
    onscroll: (end) => {
      if (end) more();
      onshown?.();
    },
  });

  async function more() {
    if (busy || after === null) return;
    busy = true;
    const mine = generation;
    try {
      const page = await fetch(after);
      if (mine !== generation) return;
      after = page.after;
      items = [...items, ...page.datums];
      list.setCount(items.length);
      onshown?.();
    } catch (error) {
      fail(error);
    } finally {
      if (mine === generation) busy = false;
    }
  }

  return {
    el: h("div", { class: "tycokit-dat-list" }, h("div", { class: "tycokit-row tycokit-dat-head", "aria-hidden": "true" }, head), list.el),
    items: () => items,
    whole: () => after === null,
    top: () => list.el.scrollTop < 28,
    shown: () => items.slice(...list.range()),
    refresh: list.refresh,
    select: (id) => list.select(items.findIndex((each) => each.id === id), false),
    start(page) {
      generation += 1;
      busy = false;
      items = page.datums;
      after = page.after;
      list.setCount(items.length);
      onshown?.();
    },
  };
}

const fileName = ([, repo, , path]) => `${repo}:${path}`;
const number = (words) => h("span", { class: "tycokit-number" }, words);

function filesOf(datum) {
  const names = datum.files.map(fileName);
  return h("span", { class: "tycokit-dat-files", title: names.slice(0, 20).join("\n") }, names.slice(0, 4).join("  ·  "), names.length > 4 ? `  and ${names.length - 4} more` : "");
}

/** The files of a datum, its folders to be opened. */
function fileTable(model, datum, fail) {
  const most = 100;
  const line = (file) => {
    const [project, repo, commit, path, size] = file;
    const inside = h("ul", { class: "tycokit-dat-inside", hidden: true });
    const name = path.endsWith("/")
      ? h("button", { class: "tycokit-link", "aria-expanded": "false", onclick: (event) => unfold(event.currentTarget) }, `▸ ${path}`)
      : path;
    async function unfold(button) {
      inside.hidden = !inside.hidden;
      button.setAttribute("aria-expanded", String(!inside.hidden));
      fill(button, `${inside.hidden ? "▸" : "▾"} ${path}`);
      if (inside.hidden || inside.children.length) return;
      try {
        const { entries, more } = await request(model, "folder", { project, repo, commit, path });
        fill(inside, entries.map((entry) => h("li", {}, `${entry.name}${entry.folder ? "/" : ""} `, h("span", { class: "tycokit-quiet" }, bytes(entry.size)))), more ? h("li", { class: "tycokit-quiet" }, "and more") : null);
      } catch (error) {
        fail(error);
      }
    }
    return h("tr", {}, h("td", {}, repo), h("td", {}, name, inside), h("td", { class: "tycokit-number" }, bytes(size)), h("td", { class: "tycokit-mono tycokit-quiet", title: commit }, commit.slice(0, 12)));
  };
  return h(
    "table",
    { class: "tycokit-table" },
    h("thead", {}, h("tr", {}, h("th", {}, "repo"), h("th", {}, "path"), h("th", { class: "tycokit-number" }, "size"), h("th", {}, "commit"))),
    h("tbody", {}, datum.files.slice(0, most).map(line)),
    datum.files.length > most ? h("tfoot", {}, h("tr", {}, h("td", { colspan: "4", class: "tycokit-quiet" }, `and ${datum.files.length - most} more`))) : null,
  );
}

// of a job

function jobView({ model, el, onCleanup }) {
  let shownJob = null; // its id
  let key = ""; // what the list shows: job, states, and how far the job was
  let states = [];
  let chosen = null;
  let tries = new Map(); // datum → attempts
  const marked = new Set();

  const title = h("h3", {});
  const jobs = h("select", { "aria-label": "job", onchange: () => act("choose", { job: jobs.value || null }) });
  const about = h("span", {});
  const stop = stopping("Stop", () => act("stop", { job: shownJob }, (done) => said.say(`✔ the job is ${done.state}`)));
  const bar = progressBar();
  const facts = figures();
  const now = h("section", { class: "tycokit-dat-now", "aria-label": "being worked on" });
  const filters = h("div", { class: "tycokit-bar", role: "group", "aria-label": "only datums in these states" });
  const again = h("button", {}, "");
  again.addEventListener("click", doing(again, rerun));
  const fresh = h("button", { class: "tycokit-link", hidden: true, onclick: () => load() }, "↻ show the newest");
  const said = outcome();
  const detail = h("section", { class: "tycokit-dat-detail", "aria-label": "the chosen datum", hidden: true });
  const list = datumList({
    row: datumRow,
    head: [h("span", {}), h("span", {}, "datum"), h("span", {}, "state"), h("span", {}, "files"), number("size"), number("took"), number("tries")],
    label: "datums by id",
    fetch: (after) => request(model, "page", { after, states, job: shownJob }),
    onactivate: open,
    fail: said.fail,
    onshown: debounce(countTries, 250),
  });

  async function act(call, args, then) {
    try {
      const done = await request(model, call, args);
      then?.(done);
      return done;
    } catch (error) {
      said.fail(error);
      return null;
    }
  }

  function draw() {
    const state = model.get("state");
    if (state.mode !== "job") return;
    fill(title, state.project === "default" ? state.pipeline : `${state.project}/${state.pipeline}`);
    drawJobs(state);
    const job = state.job;
    stop.hidden = !job || job.ended;
    if (!job) {
      fill(about, h("span", { class: "tycokit-quiet" }, "no job yet"));
      return;
    }
    if (shownJob !== job.id) {
      shownJob = job.id;
      tries = new Map();
      marked.clear();
      chosen = null;
      detail.hidden = true;
    }
    fill(about, chip(job.state), job.reason ? h("span", { class: job.state === "success" ? "tycokit-quiet" : "tycokit-bad" }, ` ${job.reason}`) : null);
    bar.set(job);
    const left = remaining(job);
    const took = worked(job);
    facts.set([
      ["datums", job.total ? `${job.done.toLocaleString("en")} / ${job.total.toLocaleString("en")}` : "–", job.total ? tally(job).replace(/^[^:]*: /, "") : "not counted yet"],
      ["failed", job.failed.toLocaleString("en"), job.recovered ? `${job.recovered} recovered` : ""],
      ["datums a second", job.worked && took ? (job.worked / took).toPrecision(3) : "–", job.worked ? "on average, measured on this job" : "nothing worked on"],
      job.ended ? ["took", duration(took) || "–", job.finished ? `ended ${ago(job.finished)}` : ""] : ["left", left === null ? "–" : `≈ ${duration(left)}`, left === null ? "nothing to judge by yet" : "if it goes on so"],
    ]);
    drawNow(state.working);
    drawFilters(job);
    const found = [job.id, states, job.state, job.done].join();
    if (found === key) return;
    const other = !key.startsWith(`${job.id},`);
    // a person who reads further down is not thrown back
    if (other || list.top()) load();
    else fresh.hidden = false;
  }

  function drawJobs(state) {
    const options = state.jobs.map((each) => [each.id, `${each.id.slice(0, 12)}  ${each.state}  ${time(each.created)}`]);
    const text = JSON.stringify([options, state.newest, state.job?.id]);
    if (jobs.dataset.key === text) return;
    jobs.dataset.key = text;
    if (!state.newest && state.job && !options.some(([id]) => id === state.job.id)) options.push([state.job.id, `${state.job.id.slice(0, 12)}  ${state.job.state}`]);
    fill(jobs, h("option", { value: "" }, "the newest job"), options.map(([id, words]) => h("option", { value: id }, words)));
    jobs.value = state.newest ? "" : state.job.id;
  }

  /** Show the first page anew: the state has it, unless only some states are wanted. */
  async function load() {
    const { job, page } = model.get("state");
    key = [job.id, states, job.state, job.done].join();
    fresh.hidden = true;
    if (!states.length) list.start(page);
    else {
      const mine = key;
      const found = await act("page", { states, job: job.id });
      if (found && mine === key) list.start(found);
    }
    drawAgain();
  }

  function drawNow(working) {
    now.hidden = !working.length;
    const rows = working.map((each) => {
      const button = h("button", { title: "take the datum from the worker, and give it to it anew" }, "↻ restart");
      button.addEventListener("click", doing(button, () => act("restart", { job: shownJob, worker: each.worker }, () => said.say("✔ begun again: ", each.paths.join(" ")))));
      return h("li", { title: each.worker }, h("span", { class: "tycokit-busy" }, "▶ "), h("span", { class: "tycokit-dat-files" }, each.paths.slice(0, 4).join("  ·  ")), h("span", { class: "tycokit-quiet tycokit-number" }, duration(Date.now() / 1000 - each.since)), button);
    });
    // a button that has the focus, or is pushed just now, stays
    const text = JSON.stringify(working);
    if (now.dataset.key === text) {
      now.querySelectorAll("li .tycokit-number").forEach((at, index) => fill(at, duration(Date.now() / 1000 - working[index].since)));
      return;
    }
    now.dataset.key = text;
    fill(now, h("h4", {}, "being worked on"), h("ul", {}, rows));
  }

  function drawFilters(job) {
    const counts = { success: job.processed, failed: job.failed, recovered: job.recovered, skipped: job.skipped };
    const text = JSON.stringify([counts, states]);
    if (filters.dataset.key === text) return;
    const had = filters.contains(document.activeElement) ? document.activeElement.dataset.state : null;
    filters.dataset.key = text;
    fill(
      filters,
      STATES.map((name) =>
        h("button", { "aria-pressed": String(states.includes(name)), dataset: { state: name }, onclick: () => toggle(name) }, chip(name), ` ${counts[name].toLocaleString("en")}`),
      ),
      fresh,
      h("span", { class: "tycokit-dat-space" }),
      again,
    );
    if (had) filters.querySelector(`[data-state="${had}"]`)?.focus();
  }

  function toggle(name) {
    states = states.includes(name) ? states.filter((each) => each !== name) : [...states, name];
    drawFilters(model.get("state").job);
    load();
  }

  function datumRow(datum) {
    const box = h("input", {
      type: "checkbox",
      tabindex: "-1",
      "aria-label": `choose datum ${datum.id.slice(0, 12)}`,
      checked: marked.has(datum.id),
      onclick: (event) => {
        event.stopPropagation();
        mark(datum.id, event.currentTarget.checked);
      },
    });
    const took = datum.times.reduce((a, b) => a + b, 0);
    const tried = tries.get(datum.id);
    return h(
      "div",
      { class: "tycokit-dat-row" },
      box,
      h("span", { class: "tycokit-mono" }, datum.id.slice(0, 12)),
      chip(datum.state),
      filesOf(datum),
      number(bytes(datum.size)),
      number(took ? duration(took) : ""),
      h("span", { class: `tycokit-number${tried > 1 ? " tycokit-warning" : ""}` }, tried === undefined ? (datum.state === "skipped" ? "–" : "…") : tried > 1 ? `${tried} ▲` : tried || "–"),
    );
  }

  function mark(id, on) {
    if (on) marked.add(id);
    else marked.delete(id);
    drawAgain();
  }

  function drawAgain() {
    again.disabled = !marked.size;
    fill(again, marked.size ? `↻ Run ${count(marked.size, "datum")} again` : "↻ Run again");
    again.title = marked.size ? "" : "choose datums that failed";
  }

  async function rerun() {
    const done = await act("rerun", { job: shownJob, datums: [...marked] });
    if (!done) return;
    marked.clear();
    const others = done.others ? `, and ${done.others} more that the failed job had worked on` : "";
    said.say(`✔ ${count(done.datums, "datum")} ${done.datums === 1 ? "runs" : "run"} again in job `, h("span", { class: "tycokit-mono" }, done.job.slice(0, 12)), others);
  }

  /** How often the datums that are in view were tried; the log tells. */
  async function countTries() {
    const job = model.get("state").job;
    if (!job) return;
    const wanted = list.shown().filter((each) => each.state !== "skipped" && !tries.has(each.id)).map((each) => each.id).slice(0, 40);
    if (!wanted.length) return;
    const mine = tries;
    try {
      const { attempts } = await request(model, "attempts", { job: job.id, datums: wanted });
      if (mine !== tries) return;
      for (const [id, number] of Object.entries(attempts)) tries.set(id, number);
      list.refresh();
      if (chosen) drawDetail();
      countTries();
    } catch (error) {
      if (mine === tries) said.fail(error);
    }
  }

  function open(datum) {
    chosen = datum;
    drawDetail();
  }

  function drawDetail() {
    detail.hidden = false;
    const [download, process, upload] = chosen.times;
    const whole = download + process + upload;
    const parts = [["download", download], ["user code", process], ["upload", upload]];
    const tried = tries.get(chosen.id);
    fill(
      detail,
      h("div", { class: "tycokit-bar" }, h("h4", {}, "Datum ", h("span", { class: "tycokit-mono" }, chosen.id.slice(0, 24), "…")), chip(chosen.state), tried ? h("span", { class: "tycokit-quiet" }, tried === 1 ? "tried once" : `tried ${tried} times`) : null),
      whole ? h("p", {}, parts.map(([name, seconds], at) => [at ? " · " : "", `${name} `, h("b", {}, duration(seconds))]), chosen.state === "skipped" ? h("span", { class: "tycokit-quiet" }, " (in the job that processed it)") : null) : null,
      h("div", { class: "tycokit-dat-scroll" }, fileTable(model, chosen, said.fail)),
      h(
        "div",
        { class: "tycokit-bar" },
        h("button", { "aria-pressed": String(marked.has(chosen.id)), onclick: () => (mark(chosen.id, !marked.has(chosen.id)), list.refresh(), drawDetail()) }, "choose, to run it again"),
        h("button", { onclick: () => copyText(chosen.id) }, "copy id"),
        h("button", { title: "a cell that shows what it printed", onclick: () => copyText(`tk.logs("${model.get("state").pipeline}", "${shownJob}", "${chosen.id}")`) }, "copy tk.logs(…)"),
        h("button", { title: "opens it in a folder, from a terminal", onclick: () => copyText(`tycokit open ${chosen.id.slice(0, 16)}`) }, "copy tycokit open …"),
      ),
    );
  }

  model.on("change:state", draw);
  const timer = setInterval(draw, 1000); // times go on
  onCleanup(() => (model.off("change:state", draw), clearInterval(timer)));
  el.append(
    h("div", { class: "tycokit-bar" }, title, jobs, about, h("span", { class: "tycokit-dat-space" }), stop),
    bar.el,
    facts.el,
    now,
    filters,
    list.el,
    said.el,
    detail,
  );
  drawAgain();
  draw();
}

// of an input

function previewView({ model, el, onCleanup }) {
  let key = "";
  const said = outcome();
  const fields = h("div", { class: "tycokit-dat-leaves" });
  const facts = figures();
  const shapes = h("p", { class: "tycokit-quiet" });
  const detail = h("section", { class: "tycokit-dat-detail", "aria-label": "the chosen datum", hidden: true });
  const list = datumList({
    row: (datum) => h("div", { class: "tycokit-dat-row tycokit-dat-previewed" }, h("span", { class: "tycokit-mono" }, datum.id.slice(0, 12)), filesOf(datum), number(bytes(datum.size))),
    head: [h("span", {}, "datum"), h("span", {}, "files that go together"), number("size")],
    label: "datums that the input would make",
    fetch: (after) => request(model, "page", { after }),
    onactivate: (datum) => {
      detail.hidden = false;
      fill(detail, h("div", { class: "tycokit-bar" }, h("h4", {}, "Datum ", h("span", { class: "tycokit-mono" }, datum.id.slice(0, 24), "…")), h("span", { class: "tycokit-quiet" }, bytes(datum.size))), h("div", { class: "tycokit-dat-scroll" }, fileTable(model, datum, said.fail)));
    },
    fail: said.fail,
  });
  list.el.classList.add("tycokit-dat-plain");

  function draw() {
    const state = model.get("state");
    if (state.mode !== "preview") return;
    const text = JSON.stringify([state.input, state.page]);
    drawFields(state);
    const { datums, complete, counting, files, size, smallest, median, largest } = state.survey;
    facts.set([
      ["datums", `${complete ? "" : "≥ "}${datums.toLocaleString("en")}`, complete ? "that a pipeline would have now" : counting ? "counting…" : "counted no further"],
      ["together", bytes(size), count(files, "file or folder", "files and folders")],
      ["a datum", datums ? (smallest === largest ? bytes(smallest) : `${bytes(smallest)} – ${bytes(largest)}`) : "–", datums > 1 ? `half of them up to ${bytes(median)}` : ""],
    ]);
    fill(shapes, counting && !datums ? "…" : datums ? ["each datum: ", state.survey.shapes.map((shape, at) => [at ? "; " : "", h("b", {}, shape.text), state.survey.shapes.length > 1 ? ` (${count(shape.datums, "datum")})` : ""])] : "Nothing matches: a pipeline would have no datums now.");
    if (text === key) return;
    key = text;
    detail.hidden = true;
    list.start(state.page);
  }

  /** The repo, branch and glob of each part of the input, to be edited. */
  function drawFields(state) {
    const text = JSON.stringify(state.leaves);
    if (fields.dataset.key === text || fields.contains(document.activeElement)) return;
    fields.dataset.key = text;
    fill(fields, state.leaves.map((leaf, at) => leafFields(leaf, at, state)));
  }

  function leafFields(leaf, at, state) {
    const own = `${leaf.project}/${leaf.repo}`;
    const repo = h("select", { "aria-label": `repo of ${leaf.name}`, disabled: !state.single }, h("option", { value: own }, shortRepo(own)));
    const branch = h("input", { "aria-label": `branch of ${leaf.name}`, value: leaf.branch, size: "10" });
    const glob = h("input", { "aria-label": `glob of ${leaf.name}`, value: leaf.glob, size: "28", class: "tycokit-mono", spellcheck: "false" });
    const change = () => look(at, { repo: repo.value, branch: branch.value, glob: glob.value });
    const soon = debounce(change, 300);
    repo.addEventListener("change", change);
    branch.addEventListener("input", soon);
    glob.addEventListener("input", soon);
    if (state.single) offer(repo, own);
    return h("div", { class: "tycokit-bar" }, state.single ? null : h("strong", {}, leaf.name), h("label", {}, "repo ", repo), h("label", {}, "branch ", branch), h("label", {}, "glob ", glob));
  }

  async function offer(select, own) {
    try {
      const { repos } = await request(model, "repos");
      fill(select, repos.map((name) => h("option", { value: name }, shortRepo(name))));
      select.value = own;
    } catch {
      // the present one can still be looked at
    }
  }

  const shortRepo = (name) => name.replace(/^default\//, "");
  let asked = 0;

  async function look(at, { repo, branch, glob }) {
    const mine = (asked += 1);
    const input = structuredClone(model.get("state").input);
    const leaf = leavesOf(input)[at];
    const [project, name] = [repo.slice(0, repo.indexOf("/")), repo.slice(repo.indexOf("/") + 1)];
    if (leaf.name === leaf.repo) leaf.name = name;
    Object.assign(leaf, { project, repo: name, branch, glob });
    try {
      await request(model, "preview", { given: input });
      if (mine === asked) said.clear();
    } catch (error) {
      if (mine === asked) said.fail(error);
    }
  }

  model.on("change:state", draw);
  onCleanup(() => model.off("change:state", draw));
  el.append(h("div", { class: "tycokit-bar" }, h("h3", {}, "Datums of an input"), h("span", { class: "tycokit-quiet" }, "on the present heads, before there is a pipeline")), fields, said.el, facts.el, shapes, list.el, detail);
  draw();
}

/** The pfs inputs of an input, in the order in which Python names them. */
function leavesOf(node) {
  const inner = ["cross", "union", "join", "group"].flatMap((kind) => node[kind] ?? []);
  return [...(node.pfs ? [node.pfs] : []), ...inner.flatMap(leavesOf)];
}

export default view(render);
