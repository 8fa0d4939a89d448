// Jobs, newest first: a line for each global ID, and below it one for each of its pipelines' jobs.

const SHOWN = { "": "all jobs", open: "not ended", bad: "failed, stopped or unrunnable" };
const BAD = ["failure", "killed", "unrunnable"];

function render({ model, el, onCleanup }) {
  let older = []; // sets of older pages
  let next; // where they go on; undefined: nothing is loaded yet, null: there are no more
  let loading = false;
  let lines = []; // what the list shows: sets and jobs
  let chosen = null; // [set id, pipeline]
  let only = "";

  const pick = h("select", { "aria-label": "which jobs", onchange: () => ((only = pick.value), draw()) }, Object.entries(SHOWN).map(([value, words]) => h("option", { value }, words)));
  const counted = h("span", { class: "tycokit-quiet" });
  const said = outcome();
  const detail = h("section", { class: "tycokit-job-detail", "aria-label": "the chosen job" });
  const list = virtualList({
    row: (index) => Object.assign(lineRow(lines[index]), { line: lines[index] }),
    rowHeight: 30,
    height: 420,
    label: "jobs, the newest first",
    onactivate: (index, row) => choose(row?.line ?? lines[index]),
    onscroll: (end) => end && more(),
  });

  function sets() {
    const state = model.get("state");
    const fresh = new Map((state.changed ?? []).map((each) => [each.id, each]));
    const newest = new Set(state.sets.map((each) => each.id));
    older = older.filter((each) => !newest.has(each.id)).map((each) => fresh.get(each.id) ?? each);
    return [...state.sets, ...older];
  }

  function wanted(each) {
    if (only === "open") return !each.ended;
    if (only === "bad") return each.jobs.some((job) => BAD.includes(job.state));
    return true;
  }

  function draw() {
    const state = model.get("state");
    if (!state.sets) return;
    if (next === undefined) next = state.older;
    const all = sets();
    const shown = all.filter(wanted);
    lines = shown.flatMap((each) => (state.pipeline ? [{ set: each, job: each.jobs[0] }] : [{ set: each, job: null }, ...each.jobs.map((job) => ({ set: each, job }))]));
    list.setCount(lines.length);
    if (chosen) list.select(lines.findIndex(({ set, job }) => set.id === chosen[0] && (job?.pipeline ?? "") === chosen[1]), false);
    const open = all.filter((each) => !each.ended).length;
    const loaded = next === null ? "" : "the newest ";
    fill(counted, loaded, count(all.length, "job"), open ? `, ${open} not ended` : "");
    drawDetail();
    // a filter may leave too few lines to scroll
    if (list.atEnd() && lines.length < 14) more();
  }

  async function more() {
    if (loading || !next) return;
    loading = true;
    try {
      const page = await request(model, "page", { before: next });
      const known = new Set(sets().map((each) => each.id));
      older = [...older, ...page.sets.filter((each) => !known.has(each.id))];
      next = page.older;
      loading = false;
      draw();
    } catch (error) {
      said.fail(error);
    } finally {
      loading = false;
    }
  }

  function lineRow({ set, job }) {
    if (!job) {
      const open = set.jobs.filter((each) => !each.ended).length;
      return h(
        "div",
        { class: "tycokit-job-set", title: `${set.id}, ${time(set.created)}` },
        h("span", { class: "tycokit-mono" }, set.id.slice(0, 12)),
        chip(set.state),
        h("span", { class: "tycokit-quiet" }, `${count(set.jobs.length, "pipeline")}${open && open < set.jobs.length ? `, ${open} not ended` : ""}`),
        h("span", { class: "tycokit-quiet tycokit-job-when" }, ago(set.created)),
      );
    }
    const alone = Boolean(model.get("state").pipeline);
    const bar = progressBar();
    bar.set(job);
    const left = remaining(job);
    return h(
      "div",
      { class: alone ? "tycokit-job" : "tycokit-job tycokit-job-below" },
      alone ? h("span", { class: "tycokit-mono", title: set.id }, set.id.slice(0, 12)) : h("span", { class: "tycokit-job-name", title: job.pipeline }, job.pipeline),
      bar.el,
      h("span", { class: "tycokit-number" }, job.total ? `${job.done.toLocaleString("en")}/${job.total.toLocaleString("en")}` : ""),
      chip(job.state),
      h("span", { class: "tycokit-quiet tycokit-number", title: left === null ? "" : "what is left, if it goes on as it went" }, left === null ? duration(worked(job)) : `≈ ${duration(left)} left`),
      alone ? h("span", { class: "tycokit-quiet tycokit-job-when" }, ago(set.created)) : null,
    );
  }

  function choose({ set, job }) {
    chosen = [set.id, job?.pipeline ?? ""];
    said.clear();
    drawDetail();
  }

  function drawDetail() {
    if (!chosen && lines.length) {
      const at = (test) => lines.find((line) => line.job && test(line.job));
      const { set, job } = at((each) => each.state === "running") ?? at((each) => !each.ended) ?? at(() => true);
      chosen = [set.id, job?.pipeline ?? ""];
      list.select(lines.findIndex((line) => line.set === set && line.job === job), false);
    }
    const set = chosen && sets().find((each) => each.id === chosen[0]);
    if (!set) {
      fill(detail, lines.length ? null : h("p", { class: "tycokit-quiet" }, only ? "No such jobs among these." : "No jobs yet: they show here as soon as there are any."));
      return;
    }
    const job = set.jobs.find((each) => each.pipeline === chosen[1]) ?? null;
    const key = JSON.stringify([set, job, worked(job ?? set.jobs[0]) === null]);
    if (detail.dataset.key === key) return drawTimes(job);
    detail.dataset.key = key;
    fill(detail, job ? jobDetail(set, job) : setDetail(set));
  }

  /** What goes on while nothing else changes. */
  function drawTimes(job) {
    const at = detail.querySelector("[data-runs]");
    if (at && job && !job.ended) fill(at, runs(job));
  }

  function runs(job) {
    const left = remaining(job);
    return `${duration(worked(job)) || "not begun"}${left === null ? "" : `, about ${duration(left)} left`}`;
  }

  function setDetail(set) {
    const open = set.jobs.filter((job) => !job.ended);
    return [
      h("div", { class: "tycokit-bar" }, h("h3", {}, "Job ", h("span", { class: "tycokit-mono" }, set.id)), chip(set.state)),
      facts([
        ["made", `${time(set.created)} (${ago(set.created)})`],
        ["pipelines", set.jobs.map((job) => h("div", {}, chip(job.state), ` ${job.pipeline}: `, tally(job), job.reason ? h("span", { class: "tycokit-bad" }, ` ${job.reason}`) : null))],
      ]),
      h("div", { class: "tycokit-bar" }, open.length ? stopButton(`Stop ${open.length === 1 ? "its job" : `its ${open.length} jobs`}`, { job: set.id }) : null, copyButton("copy id", set.id)),
    ];
  }

  function jobDetail(set, job) {
    const bar = progressBar();
    bar.set(job);
    const address = `${job.pipeline}@${set.id}`;
    return [
      h("div", { class: "tycokit-bar" }, h("h3", {}, job.pipeline), chip(job.state), h("span", { class: "tycokit-mono tycokit-quiet" }, set.id)),
      bar.el,
      facts([
        ["datums", tally(job)],
        job.reason ? ["reason", h("span", { class: job.state === "success" ? "" : "tycokit-bad" }, job.reason)] : null,
        ["made", `${time(job.created)}, version ${job.version} of the pipeline`],
        job.started === null ? null : ["ran", h("span", { "data-runs": true }, job.ended ? duration(worked(job)) : runs(job))],
        job.worked && worked(job) ? ["speed", `${(job.worked / worked(job)).toPrecision(3)} datums a second on average (measured)`] : null,
      ]),
      h(
        "div",
        { class: "tycokit-bar" },
        job.ended ? null : stopButton("Stop", { job: set.id, pipeline: job.pipeline, project: job.project }),
        copyButton("copy tk.datums(…)", `tk.datums("${address}")`),
        copyButton("copy tk.logs(…)", `tk.logs("${job.pipeline}", "${set.id}")`),
      ),
    ];
  }

  function stopButton(words, args) {
    return stopping(words, async () => {
      try {
        await request(model, "stop", args);
        said.say(`✔ stopped ${args.pipeline ?? "all jobs of"} ${args.job.slice(0, 12)}; what waited for its output does not run`);
      } catch (error) {
        said.fail(error);
      }
    });
  }

  const copyButton = (words, text) => h("button", { title: text, onclick: () => copyText(text) }, words);
  const facts = (rows) => h("dl", { class: "tycokit-job-facts" }, rows.filter(Boolean).map(([name, ...value]) => [h("dt", {}, name), h("dd", {}, value)]));

  model.on("change:state", draw);
  const timer = setInterval(draw, 1000); // times go on
  onCleanup(() => (model.off("change:state", draw), clearInterval(timer)));
  const { pipeline } = model.get("state");
  el.append(
    h("div", { class: "tycokit-bar" }, h("h3", {}, pipeline ? `Jobs of ${pipeline}` : "Jobs"), pick, counted),
    h("div", { class: "tycokit-job-two" }, list.el, h("div", {}, detail, said.el)),
  );
  draw();
}

export default view(render);
