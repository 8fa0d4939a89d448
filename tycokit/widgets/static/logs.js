const LEVEL_LOOKS = {
  error: { glyph: "✖", kind: "bad" },
  warning: { glyph: "▲", kind: "waiting" },
  info: { glyph: "●", kind: "busy" },
  debug: { glyph: "○", kind: "idle" },
};
const RANGES = [
  ["", "any time"],
  ["300", "last 5 minutes"],
  ["3600", "last hour"],
  ["86400", "last 24 hours"],
  ["604800", "last 7 days"],
  ["between", "between…"],
];
const AHEAD = 60; // lines that are read beyond those in sight
const COPIED = 10_000; // lines at most that go to the clipboard
const LINE_HEIGHT = 20;

function render({ model, el, onCleanup }) {
  let filter = {};
  let range = "";
  let rows = new Map(); // offset → line
  let total = 0;
  let version = -1;
  let following = true;
  let busy = false;
  let again = false;
  let looked = null; // the number of the line that is looked at
  let opening = null; // the offset of one that is to be looked at as soon as it is here
  let told = ""; // the filter as Python had it last
  let searching = 0; // searches under way, after which it has ours
  let typing = false; // a search is about to begin

  const problem = h("div", { class: "tycokit-bad tycokit-logs-problem", role: "alert", hidden: true });
  const say = (text) => {
    problem.hidden = !text;
    fill(problem, text);
  };
  const ask = async (call, args) => {
    try {
      return await request(model, call, args);
    } catch (error) {
      say(error.message);
      return null;
    }
  };

  // what to read

  const pipeline = h("select", { "aria-label": "pipeline", onchange: () => lookAt(pipeline.value, "") });
  const job = h("select", { "aria-label": "job", onchange: () => lookAt(pipeline.value, job.value) });

  async function lookAt(pipeline, job) {
    say("");
    await ask("look", { pipeline, job });
    reset();
  }

  // what to show

  async function search() {
    say("");
    searching += 1;
    const found = await ask("search", { filter });
    searching -= 1;
    if (found) {
      told = JSON.stringify(model.get("state").filter);
      reset();
    }
    drawFilter();
  }
  const change = (changes) => {
    filter = { ...filter, ...changes };
    return search();
  };
  const later = debounce(() => {
    typing = false;
    search();
  }, 250);
  const soon = () => {
    typing = true;
    later();
  };
  const text = h("input", {
    type: "search",
    class: "tycokit-logs-text",
    placeholder: "search the lines",
    "aria-label": "text or regular expression",
    oninput: () => {
      filter.text = text.value;
      soon();
    },
  });
  const toggle = (name, label, title, spoken = title) =>
    h("button", { title, "aria-label": spoken, onclick: () => change({ [name]: !filter[name] }) }, label);
  const regex = toggle("regex", ".*", "regular expression, as Python writes them");
  const exact = toggle("case", "Aa", "capital letters matter");
  const pachd = toggle("pachd", "pachd's lines", "show what Pachyderm itself says of the datums", null);
  const datum = h("input", {
    class: "tycokit-logs-datum",
    placeholder: "datum or file",
    "aria-label": "datum: the start of its id, or a part of a file's path",
    oninput: () => {
      filter.datum = datum.value;
      soon();
    },
  });
  const worker = h("select", { "aria-label": "worker", onchange: () => change({ worker: worker.value }) });
  const levels = Object.entries(LEVEL_LOOKS).map(([level, look]) => {
    const number = h("span", { class: "tycokit-logs-number" });
    const button = h(
      "button",
      {
        class: "tycokit-logs-level",
        onclick: () => {
          const on = new Set(filter.levels);
          if (!on.delete(level)) on.add(level);
          change({ levels: [...on] });
        },
      },
      h("span", { class: `tycokit-${look.kind}` }, look.glyph),
      ` ${level} `,
      number,
    );
    return { level, button, number };
  });
  const within = h(
    "select",
    { "aria-label": "time", onchange: () => setRange(within.value) },
    RANGES.map(([value, words]) => h("option", { value }, words)),
  );
  const at = (name, words) =>
    h("input", {
      type: "datetime-local",
      step: "1",
      "aria-label": words,
      onchange: (event) => {
        const { value } = event.target;
        change({ [name]: value ? new Date(value).getTime() : null });
      },
    });
  const since = at("since", "from");
  const until = at("until", "to");
  const between = h("span", { class: "tycokit-logs-between", hidden: true }, since, "to", until);

  function setRange(value, { ask = true } = {}) {
    range = value;
    between.hidden = value !== "between";
    if (value === "between" || !ask) return;
    change({ since: value ? Date.now() - Number(value) * 1000 : null, until: null });
  }

  // the lines

  const list = virtualList({
    rowHeight: LINE_HEIGHT,
    height: 340,
    label: "lines of the log",
    row: line,
    onactivate: (index) => {
      opening = index;
      if (!lookAtOpening()) load();
    },
    onscroll: (atEnd) => {
      if (following !== atEnd) {
        following = atEnd;
        drawFollow();
      }
      load();
    },
  });
  list.el.classList.add("tycokit-logs-list");

  function line(index) {
    const one = rows.get(index);
    if (!one) return h("div", { class: "tycokit-logs-line tycokit-quiet" }, "…");
    const look = LEVEL_LOOKS[one.level];
    return h(
      "div",
      {
        class: `tycokit-logs-line tycokit-logs-${one.level}${one.number === looked ? " tycokit-logs-looked" : ""}`,
        title: `${one.level} · ${one.pipeline} · ${one.datum ? `datum ${one.datum.slice(0, 12)}` : "no datum"}`,
      },
      h("span", { class: "tycokit-logs-time" }, clock(one.time)),
      h("span", { class: `tycokit-logs-glyph tycokit-${look.kind}`, role: "img", "aria-label": one.level }, look.glyph),
      model.get("state").source?.pipeline ? null : h("span", { class: "tycokit-logs-pipeline" }, one.pipeline),
      h("span", { class: "tycokit-logs-id" }, one.datum.slice(0, 8)),
      h("span", { class: one.user ? "tycokit-logs-words" : "tycokit-logs-words tycokit-quiet" }, marked(one)),
    );
  }

  function marked(one) {
    const places = filter.text ? (filter.regex ? one.marks : found(one.text, filter)) : [];
    if (!places.length) return one.text;
    // Python counts characters, JavaScript halves of some of them
    const chars = /[\ud800-\udfff]/.test(one.text) ? Array.from(one.text) : null;
    const part = (from, to) => (chars ? chars.slice(from, to).join("") : one.text.slice(from, to));
    const made = [];
    let from = 0;
    for (const [start, end] of places) {
      made.push(part(from, start), h("mark", {}, part(start, end)));
      from = end;
    }
    return [...made, part(from)];
  }

  // who presses a row, or selects text, must not have it taken away
  let pressed = false;
  const release = () => {
    if (pressed) setTimeout(() => ((pressed = false), load()));
  };
  list.el.addEventListener("pointerdown", () => (pressed = true));
  window.addEventListener("pointerup", release);
  window.addEventListener("pointercancel", release);
  onCleanup(() => {
    window.removeEventListener("pointerup", release);
    window.removeEventListener("pointercancel", release);
  });
  const selecting = () => {
    const selection = document.getSelection();
    return !selection.isCollapsed && list.el.contains(selection.anchorNode);
  };

  /** Read what is in sight, and a little more; what was there stays until it has come. */
  async function load() {
    again = true;
    if (busy || pressed || selecting()) return;
    busy = true;
    while (again) {
      again = false;
      const [first, end] = list.range();
      const anchored = Math.ceil(list.el.scrollTop / LINE_HEIGHT);
      const anchor = following ? null : (rows.get(anchored)?.number ?? null);
      const offset = following ? -(end - first + AHEAD) : Math.max(0, first - AHEAD);
      const page = await ask("page", { offset, count: end - first + 2 * AHEAD, anchor });
      if (!page) break;
      rows = new Map(page.rows.map((row, index) => [page.offset + index, row]));
      version = page.version;
      if (total !== page.total) list.setCount((total = page.total));
      if (following) list.scrollTo(total);
      else if (page.anchor !== null && page.anchor !== anchored) {
        // older lines came in above: what was in sight stays there
        list.el.scrollTop += (page.anchor - anchored) * LINE_HEIGHT;
        again = true;
      }
      list.refresh();
      lookAtOpening();
      drawCount();
    }
    opening = null;
    busy = false;
  }

  function reset() {
    rows = new Map();
    following = true;
    drawFollow();
    load();
  }

  // one line

  const details = h("div", { class: "tycokit-logs-details", hidden: true });
  onCleanup(() => details.replaceChildren());

  function lookAtOpening() {
    const row = rows.get(opening);
    if (!row) return false;
    opening = null;
    lookInto(row);
    return true;
  }

  async function lookInto(row) {
    looked = row.number;
    list.refresh();
    const one = await ask("line", { number: row.number });
    if (!one) return;
    const only = (name, value, shown = value) =>
      value
        ? h("button", { class: "tycokit-link", title: `show only lines of this ${name}`, onclick: () => narrow(name, value) }, shown)
        : "–";
    const more = h("div", { class: "tycokit-logs-more" });
    const act = (words, work) => {
      const button = h("button", { class: "tycokit-main", onclick: () => work(button) }, words);
      return button;
    };
    details.hidden = false;
    fill(
      details,
      h(
        "div",
        { class: "tycokit-bar tycokit-logs-about" },
        h("span", { class: `tycokit-chip tycokit-${LEVEL_LOOKS[one.level].kind}` }, `${LEVEL_LOOKS[one.level].glyph} ${one.level}`),
        h("span", {}, time(one.time / 1000)),
        h("span", {}, "pipeline ", only("pipeline", one.pipeline)),
        h("span", {}, "job ", only("job", one.job, one.job.slice(0, 8))),
        h("span", {}, "datum ", only("datum", one.datum, one.datum.slice(0, 12))),
        h("span", {}, "worker ", only("worker", one.worker)),
        h("button", { class: "tycokit-logs-close", "aria-label": "close", onclick: close }, "✕"),
      ),
      one.inputs.length ? h("div", { class: "tycokit-quiet tycokit-logs-files" }, `files: ${one.inputs.join(", ")}`) : null,
      h("pre", { class: "tycokit-logs-whole" }, one.text, one.left ? `\n… ${count(one.left, "more character")}` : ""),
      one.datum
        ? h(
            "div",
            { class: "tycokit-bar" },
            one.level === "error" && act("Show the failing cell", (button) => showCell(one, button, more)),
            act("Open this datum here", (button) => openHere(one, button, more)),
          )
        : null,
      more,
    );
    details.scrollIntoView({ block: "nearest" });
  }

  function close() {
    looked = null;
    details.hidden = true;
    list.refresh();
    list.el.focus();
  }

  function narrow(name, value) {
    if (name === "datum") datum.value = value;
    change({ [name]: value });
  }

  async function working(button, work) {
    say("");
    button.disabled = true;
    try {
      await work();
    } catch (error) {
      say(error.message);
    } finally {
      button.disabled = false;
    }
  }

  const showCell = (one, button, more) =>
    working(button, async () => {
      const cell = await request(model, "failing", { number: one.number });
      more.append(
        h(
          "p",
          {},
          h("strong", {}, `Cell ${cell.number} of ${cell.notebook.split("/").pop()}`),
          " raised ",
          h("strong", { class: "tycokit-bad" }, cell.error),
          h(
            "span",
            { class: "tycokit-quiet tycokit-logs-where", title: cell.executed ?? cell.notebook },
            cell.executed ? `executed notebook: ${cell.executed}` : `as committed, without outputs: ${cell.notebook}`,
          ),
        ),
        notebookCells(cell.cells, cell.blobs ?? [], { at: cell.at, label: "the failing cell, and those around it", onCleanup }),
      );
      more.lastChild.scrollIntoView({ block: "nearest" });
      button.remove();
    });

  const openHere = (one, button, more) =>
    working(button, async () => {
      const opened = await request(model, "open_here", { number: one.number });
      more.append(
        h(
          "p",
          { class: "tycokit-logs-opened" },
          opened.before ? "It was opened before: " : "Its files and its notebook are here: ",
          labLink(model, opened.path, opened.home, opened.path.split("/").slice(-2).join("/")),
        ),
      );
      button.remove();
    });

  // below the lines

  const counted = h("span", { class: "tycokit-quiet", role: "status" });
  const follow = h(
    "button",
    {
      title: "stay at the newest line",
      onclick: () => {
        following = !following;
        drawFollow();
        if (following) load();
      },
    },
    "Follow",
  );
  const jump = (back) =>
    h(
      "button",
      { "aria-label": back ? "previous error" : "next error", title: back ? "previous error (p)" : "next error (n)", onclick: () => toError(back) },
      back ? "◂ error" : "error ▸",
    );
  const copy = h("button", { onclick: () => copyLines() }, "Copy");
  const save = h("button", { onclick: () => saveLines() }, "Download");

  async function toError(back) {
    const top = Math.floor(list.el.scrollTop / LINE_HEIGHT);
    const current = [...rows].find(([, row]) => row.number === looked)?.[0];
    const from = current ?? (following ? total : top - 1);
    const found = await ask("next_line", { level: "error", offset: back ? from : following && current === undefined ? -1 : from, back });
    if (!found) return;
    if (found.offset === null) return say(back ? "there is no error before this" : "there is no error after this");
    say("");
    following = false;
    drawFollow();
    list.scrollTo(Math.max(0, found.offset - 5));
    list.select(found.offset);
    opening = found.offset;
    rows.delete(opening); // what is here may be out of date
    load();
  }

  list.el.addEventListener("keydown", (event) => {
    if (event.key !== "n" && event.key !== "p") return;
    event.stopPropagation();
    toError(event.key === "p");
  });

  async function copyLines() {
    const found = await ask("text", { offset: -COPIED, count: COPIED });
    if (!found) return;
    await copyText(new TextDecoder().decode(found.blobs?.[0] ?? new Uint8Array()));
    const left = found.total - found.count;
    say("");
    fill(counted, `copied ${count(found.count, "line")}${left > 0 ? `, the last ones; Download keeps all ${found.total.toLocaleString("en")}` : ""}`);
  }

  async function saveLines() {
    save.disabled = true;
    const parts = [];
    for (let offset = 0, found; !found || offset < found.total; offset += found.count) {
      found = await ask("text", { offset });
      if (!found || !found.count) break;
      parts.push(...found.blobs);
      fill(counted, `${offset + found.count} lines …`);
    }
    save.disabled = false;
    const { source } = model.get("state");
    const name = [source.pipeline || "pipelines", source.job.slice(0, 8)].filter(Boolean).join("-");
    download(`${name}.log`, await new Blob(parts).arrayBuffer());
    drawCount();
  }

  // keep it up to date

  /** Python, or another view of this widget, may have chosen another filter. */
  function adopt(chosen) {
    const words = JSON.stringify(chosen);
    if (searching || typing || words === told) return;
    told = words;
    filter = { ...chosen };
    text.value = filter.text;
    datum.value = filter.datum;
    since.value = local(filter.since);
    until.value = local(filter.until);
    setRange(since.value || until.value ? "between" : "", { ask: false });
  }

  function drawFilter() {
    const state = model.get("state");
    for (const [button, on] of [[regex, filter.regex], [exact, filter.case], [pachd, filter.pachd]])
      button.setAttribute("aria-pressed", Boolean(on));
    for (const { level, button, number } of levels) {
      button.setAttribute("aria-pressed", filter.levels?.includes(level) ?? true);
      fill(number, (state.levels?.[level] ?? 0).toLocaleString("en"));
    }
    options(worker, [["", "all workers"], ...(state.workers ?? []).map((name) => [name, name])], filter.worker ?? "");
    worker.hidden = (state.workers ?? []).length < 2 && !filter.worker;
    fill(
      chips,
      ["pipeline", "job"].filter((name) => filter[name]).map((name) =>
        h("button", { class: "tycokit-logs-chip", "aria-label": `no longer only this ${name}`, onclick: () => change({ [name]: "" }) },
          `${name} ${filter[name].slice(0, 24)} ✕`),
      ),
    );
    within.value = range;
  }
  const chips = h("span", { class: "tycokit-logs-chips" });

  function drawSource() {
    const { source, pipelines = [], jobs = [] } = model.get("state");
    if (!source) return;
    options(pipeline, [["", "all pipelines"], ...pipelines.map((name) => [name, name])], source.pipeline);
    const known = jobs.some((one) => one.id === source.job) || !source.job;
    options(
      job,
      [
        ["", source.pipeline ? "all jobs" : "all jobs of the last day"],
        ...(known ? [] : [[source.job, source.job.slice(0, 8)]]),
        ...jobs.map(({ id, state, at }) => [id, `${(LOOKS[state] ?? LOOKS.unknown).glyph} ${time(at)} ${id.slice(0, 8)}`]),
      ],
      source.job,
    );
  }

  function drawCount() {
    const { lines = 0, reading, dropped } = model.get("state");
    const all = lines.toLocaleString("en");
    const of = total === lines ? count(lines, "line") : `${total.toLocaleString("en")} of ${all} lines`;
    fill(
      counted,
      of,
      reading ? " · reading older lines…" : "",
      dropped ? ` · ${count(dropped, "older line")} left out: choose a job or a time` : "",
    );
  }

  function drawFollow() {
    follow.setAttribute("aria-pressed", following);
    fill(follow, following ? "● Following" : "Follow");
  }

  function draw() {
    const state = model.get("state");
    if (!state.filter) return;
    if (state.problem) say(state.problem);
    adopt(state.filter);
    drawSource();
    drawFilter();
    drawCount();
    if (state.version !== version) load();
  }

  el.classList.add("tycokit-logs");
  el.append(
    h("div", { class: "tycokit-bar" }, pipeline, job, h("span", { class: "tycokit-logs-space" }), within, between),
    h("div", { class: "tycokit-bar" }, text, regex, exact, datum, worker),
    h("div", { class: "tycokit-bar" }, levels.map(({ button }) => button), pachd, chips),
    problem,
    list.el,
    h("div", { class: "tycokit-bar" }, counted, h("span", { class: "tycokit-logs-space" }), jump(true), jump(false), follow, copy, save),
    details,
  );
  list.setCount(0);
  drawFollow();
  model.on("change:state", draw);
  onCleanup(() => model.off("change:state", draw));
  draw();
}

/** Give a select these options, unless it has them; a person may have it open. */
function options(select, pairs, value) {
  const wanted = JSON.stringify(pairs);
  if (select.dataset.options !== wanted) {
    select.dataset.options = wanted;
    fill(select, pairs.map(([value, words]) => h("option", { value }, words)));
  }
  if (select.value !== value) select.value = value;
}

function found(text, { text: wanted, case: exact }) {
  const [where, what] = exact ? [text, wanted] : [text.toLowerCase(), wanted.toLowerCase()];
  if (where.length !== text.length) return []; // some letters are longer in lower case
  const places = [];
  for (let at = where.indexOf(what); at >= 0 && places.length < 20; at = where.indexOf(what, at + what.length))
    places.push([at, at + what.length]);
  return places;
}

/** Milliseconds since 1970 as a datetime-local input has them. */
function local(ms) {
  if (ms === null) return "";
  const minutes = new Date(ms).getTimezoneOffset();
  return new Date(ms - minutes * 60_000).toISOString().slice(0, 19);
}

/** Milliseconds since 1970 as a time of day; of another day, with its date. */
function clock(ms) {
  const date = new Date(ms);
  const two = (n) => String(n).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} `;
  const today = date.toDateString() === new Date().toDateString();
  const hours = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return (today ? "" : day) + hours + `.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

export default view(render);
