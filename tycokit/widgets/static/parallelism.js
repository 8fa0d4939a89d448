// A pipeline's workers: how it stands, what other numbers would bring, and the change.

function render({ model, el, onCleanup }) {
  let chosen = null; // a choice's text, "2x"
  let planned = null;
  let asked = 0;
  let rows = new Map(); // choice → its row
  let other = null; // the forecast of a choice that the person wrote

  const title = h("h3", {});
  const about = h("span", { class: "tycokit-quiet" });
  const facts = figures();
  const body = h("tbody", {});
  const table = h(
    "table",
    { class: "tycokit-table tycokit-par-table" },
    h(
      "thead",
      {},
      h("tr", {}, h("th", {}, "choice"), h("th", { class: "tycokit-number" }, "workers"), h("th", { class: "tycokit-number" }, "datums/s"), h("th", { class: "tycokit-number" }, "done in"), h("th", {}, ""), h("th", {}, "where that is from")),
    ),
    body,
  );
  const text = h("input", {
    "aria-label": "another number of workers, or a multiple such as 3x",
    placeholder: "other: 6 or 3x",
    size: "14",
    onkeydown: (event) => event.key === "Enter" && write(), // in Lab, Enter submits no form
  });
  const form = h("div", { class: "tycokit-bar" }, text, h("button", { onclick: () => write() }, "show"));
  const multiple = h("p", { class: "tycokit-quiet tycokit-par-nodes" });
  const plan = h("section", { class: "tycokit-plan", "aria-label": "what would change", hidden: true });
  const said = outcome();
  const done = outcome(); // of the last change, as its job goes on
  const back = h("button", { hidden: true });
  back.addEventListener("click", doing(back, undo));

  function draw() {
    const state = model.get("state");
    if (!state.pipeline) return;
    fill(title, state.project === "default" ? state.pipeline : `${state.project}/${state.pipeline}`);
    fill(about, chip(state.state), ` version ${state.version}`);
    const jobs = count(state.jobs.length, "job");
    const uncounted = state.uncounted ? `${count(state.uncounted, "job")} not counted yet` : "";
    const now = state.now;
    const rate = now.per_second === null ? "–" : rounded(now.per_second);
    facts.set([
      ["workers now", `${state.workers}`, state.choice === String(state.workers) ? `${state.working} at work` : `${state.choice} · ${state.working} at work`],
      ["datums waiting", state.waiting.toLocaleString("en"), state.jobs.length ? [`in ${jobs}`, uncounted].filter(Boolean).join(", ") : "no job has anything to do"],
      ["datums a second", now.basis === "estimated" ? `≈ ${rate}` : rate, now.label],
      ["done in", now.seconds === null ? "–" : state.waiting ? duration(now.seconds) : "done", state.waiting && now.seconds !== null ? `at ${clock(now.seconds)}, ${now.basis}` : ""],
    ]);
    drawTable(state);
    drawNodes(state);
    back.hidden = !state.undo;
    if (state.undo) fill(back, `↶ undo: back to ${words(state.undo.choice, state.undo.workers)}`);
    if (state.done) drawDone(state.done);
    else done.clear();
    watchPlan(state);
  }

  function drawTable(state) {
    const shown = [...state.choices];
    if (other && !shown.some((one) => one.choice === other.choice)) shown.push(other);
    const most = Math.max(...shown.map((one) => one.seconds ?? 0), 0.001);
    const kept = new Map();
    for (const one of shown) {
      const row = rows.get(one.choice) ?? choiceRow(one.choice);
      row.set(one, most);
      kept.set(one.choice, row);
    }
    rows = kept;
    const wanted = [...rows.values()].map((row) => row.el);
    // moving a row would take the focus from it
    if (wanted.some((each, at) => body.children[at] !== each) || body.children.length !== wanted.length) body.replaceChildren(...wanted);
  }

  const group = unique();

  function choiceRow(choice) {
    const radio = h("input", { type: "radio", name: group, value: choice, onchange: () => choose(choice) });
    const now = h("span", { class: "tycokit-tag tycokit-par-now" }, "now");
    const cells = [0, 1, 2].map(() => h("td", { class: "tycokit-number" }));
    const bar = h("span", { class: "tycokit-par-bar" });
    const from = h("td", { class: "tycokit-quiet" });
    const row = h("tr", { onclick: () => radio.click() }, h("td", {}, h("label", {}, radio, h("strong", {}, choice), now)), cells, h("td", { class: "tycokit-par-bars" }, bar), from);
    radio.addEventListener("click", (event) => event.stopPropagation());
    return {
      el: row,
      set(one, most) {
        const about = one.basis === "estimated" ? "≈ " : "";
        fill(cells[0], one.workers);
        fill(cells[1], one.per_second === null ? "–" : about + rounded(one.per_second));
        fill(cells[2], one.seconds === null ? "–" : one.datums ? about + duration(one.seconds) : "–");
        bar.style.width = `${one.datums && one.seconds !== null ? Math.max(1, (100 * one.seconds) / most) : 0}%`;
        bar.className = `tycokit-par-bar tycokit-par-${one.basis}`;
        const datums = one.datums ? `${count(one.datums, "datum")}, ` : "";
        fill(from, datums, one.label);
        now.hidden = choice !== model.get("state").choice;
        row.title = one.seconds !== null && one.datums ? `${count(one.datums, "datum")} done at ${clock(one.seconds)} (${one.basis})` : "";
        radio.checked = chosen === choice;
        row.classList.toggle("tycokit-par-chosen", chosen === choice);
      },
    };
  }

  function drawNodes(state) {
    const key = JSON.stringify([state.nodes, state.why]);
    if (multiple.dataset.key === key) return;
    multiple.dataset.key = key;
    if (state.nodes) {
      fill(multiple, `x is a multiple of ${state.nodes.text}.`);
      return;
    }
    const number = h("input", { type: "number", min: "1", "aria-label": "nodes of the cluster", size: "5" });
    const give = h("button", {}, "declare");
    give.addEventListener("click", doing(give, async () => {
      try {
        await request(model, "declare", { nodes: Number(number.value) || null });
      } catch (error) {
        said.fail(error);
      }
    }));
    fill(multiple, "No multiples: how many nodes the cluster has is not known (", state.why, "). ", h("label", {}, "It has ", number, " nodes"), " ", give);
  }

  async function write() {
    try {
      other = await request(model, "forecast", { choice: text.value });
      choose(other.choice);
      draw();
    } catch (error) {
      said.fail(error);
    }
  }

  /** Look at what a choice would change. */
  async function choose(choice) {
    chosen = choice;
    said.clear();
    for (const [name, row] of rows) row.el.classList.toggle("tycokit-par-chosen", name === choice);
    await look();
  }

  async function look() {
    const mine = (asked += 1);
    if (chosen === null) return;
    try {
      const found = await request(model, "plan", { choice: chosen });
      if (mine !== asked) return;
      planned = found;
      drawPlan();
    } catch (error) {
      if (mine !== asked) return;
      plan.hidden = true;
      said.fail(error);
    }
  }

  const lookAgain = debounce(look, 300);

  /** A plan that is shown must stay true while jobs go on. */
  function watchPlan(state) {
    if (!planned || chosen === null) return;
    const ends = state.jobs.map((job) => job.id).join();
    if (planned.version !== state.version || planned.again !== state.again || planned.ends.join() !== ends) lookAgain();
  }

  function drawPlan() {
    plan.hidden = false;
    if (!planned.difference) {
      fill(plan, h("p", {}, `The pipeline has ${words(planned.after, planned.workers_after)} already.`));
      return;
    }
    const apply = h("button", { class: "tycokit-main" }, planned.again ? `Apply, and run ${count(planned.again, "datum")} again` : "Apply");
    apply.addEventListener("click", doing(apply, () => scale()));
    fill(
      plan,
      h("h4", {}, `From ${words(planned.before, planned.workers_before)} to ${words(planned.after, planned.workers_after)}`),
      specDifference(planned.difference),
      planned.warnings.map((warning) => h("p", { class: "tycokit-warning" }, `▲ ${warning}.`)),
      planned.warnings.length ? null : h("p", { class: "tycokit-good" }, "✔ Only this differs. No datum is processed again: the update's job skips them all."),
      h("div", { class: "tycokit-bar" }, apply, h("button", { onclick: cancel }, "Cancel")),
    );
  }

  function cancel() {
    chosen = planned = null;
    asked += 1;
    plan.hidden = true;
    draw();
  }

  async function scale() {
    try {
      await request(model, "scale", { choice: chosen, version: planned.version });
      cancel();
    } catch (error) {
      said.fail(error);
      look();
    }
  }

  async function undo() {
    try {
      await request(model, "undo", { version: model.get("state").version });
      cancel();
    } catch (error) {
      said.fail(error);
    }
  }

  function drawDone(change) {
    const head = `Version ${change.version}: ${words(change.choice, change.after)} now. `;
    const job = change.progress;
    if (!job) {
      done.say(`✔ ${head}The pipeline is paused, so there is no job.`);
      return;
    }
    const name = h("span", { class: "tycokit-mono", title: job.id }, job.id.slice(0, 12));
    const again = `${job.worked} of ${count(job.total, "datum")} processed again`;
    if (!job.ended) done.say(`▶ ${head}Its job `, name, job.total ? `: ${again} so far, ${job.skipped} skipped.` : " begins.");
    else if (job.worked > change.again) done.warn(`▲ ${head}Its job `, name, `: ${again}, ${job.skipped} skipped.`);
    else done.say(`✔ ${head}Its job `, name, `: ${again}, ${job.skipped} skipped.`);
  }

  const words = (choice, workers) => {
    const plain = count(workers, "worker");
    return choice === String(workers) ? plain : `${choice}, ${plain}`;
  };

  model.on("change:state", draw);
  onCleanup(() => model.off("change:state", draw));
  el.append(
    h("div", { class: "tycokit-bar" }, title, about, h("span", { class: "tycokit-par-space" }), back),
    facts.el,
    h("div", { class: "tycokit-par-scroll" }, table),
    h("div", { class: "tycokit-bar tycokit-par-low" }, form, multiple),
    plan,
    said.el,
    done.el,
  );
  draw();
}

function rounded(n) {
  return n >= 100 ? n.toFixed(0) : n.toPrecision(3).replace(/\.?0+$/, "");
}

/** The time of day in so many seconds. */
function clock(seconds) {
  return time(Date.now() / 1000 + seconds).slice(11);
}

export default view(render);
