// A notebook's form, its runs, and its values put into a pipeline's spec.

function render({ model, el, onCleanup }) {
  let pipeline = model.get("state").stages[0].pipeline;
  let planned = null;
  let refused = false; // the last run, for what is marked

  const title = h("h3", {});
  const about = h("span", { class: "tycokit-quiet" });
  const picked = h("select", { "aria-label": "the pipeline that runs it", onchange: () => ((pipeline = picked.value), cancel(), draw()) });
  const said = outcome();
  const done = outcome(); // of the last change, as its job goes on
  const form = runForm({ model, said, onrun: () => run.click(), onedit: edited });
  const result = runResult({ model, said, onCleanup });
  const run = h("button", { class: "tycokit-main" }, "▶ Run");
  run.addEventListener("click", doing(run, begin));
  const stop = h("button", { class: "tycokit-stop", hidden: true }, "■ Stop");
  stop.addEventListener("click", doing(stop, () => act("stop")));
  const put = h("button", {});
  put.addEventListener("click", doing(put, look));
  const back = h("button", { hidden: true });
  back.addEventListener("click", doing(back, () => act("undo")));
  const plan = h("section", { class: "tycokit-plan", "aria-label": "what would change", hidden: true });

  async function act(call, args) {
    said.clear();
    refused = false;
    try {
      return await request(model, call, args);
    } catch (error) {
      said.fail(error);
      return null;
    }
  }

  function stage() {
    const { stages } = model.get("state");
    return stages.find((one) => one.pipeline === pipeline) ?? stages[0];
  }

  function draw() {
    const state = model.get("state");
    const one = stage();
    pipeline = one.pipeline;
    fill(title, state.notebook);
    fill(about, pipeline === null ? "no pipeline runs it" : state.stages.length > 1 ? `version ${one.version}` : `pipeline ${pipeline}, version ${one.version}`);
    about.title = state.origin;
    drawStages(state);
    form.set(one);
    result.draw(state.run);
    const running = state.run?.state === "running";
    run.hidden = running;
    stop.hidden = !running;
    if (planned && planned.version !== one.version) cancel();
    drawDone(state.done);
    edited();
  }

  function drawStages({ stages }) {
    const names = stages.map((one) => one.pipeline);
    picked.hidden = names.length < 2;
    if (names.join() !== [...picked.options].map((one) => one.value).join()) fill(picked, names.map((name) => h("option", { value: name }, name)));
    picked.value = pipeline;
  }

  /** Whether there is anything to put into the spec. */
  function edited() {
    const names = Object.keys(form.changed());
    put.hidden = pipeline === null;
    put.disabled = !names.length;
    put.title = names.length ? names.join(", ") : "all values are those of the spec";
    fill(put, names.length ? `Put ${count(names.length, "value")} into the spec of ${pipeline} …` : `As in the spec of ${pipeline}`);
    if (refused && !form.bad()) {
      refused = false;
      said.clear();
    }
    // a plan is of the values that were there
    if (planned && planned.values !== JSON.stringify(form.changed())) cancel();
  }

  async function begin() {
    const found = await act("begin", { inputs: form.inputs(), values: form.values() });
    if (!found || !form.wrong(found.wrong, true)) return;
    refused = true;
    said.warn("▲ Nothing has run: see what is marked.");
  }

  async function look() {
    const values = form.changed();
    const found = await act("plan", { pipeline, values });
    if (!found) return;
    planned = { ...found, values: JSON.stringify(values) };
    drawPlan();
  }

  function cancel() {
    planned = null;
    plan.hidden = true;
  }

  function drawPlan() {
    plan.hidden = false;
    if (!planned.difference) {
      fill(plan, h("p", {}, "The spec says so already."), h("div", { class: "tycokit-bar" }, h("button", { onclick: cancel }, "Close")));
      return;
    }
    const name = unique();
    const choice = (value, ...words) => h("label", {}, h("input", { type: "radio", name, value, checked: value === "new" }), h("span", {}, words));
    const { datums, seconds, downstream, ends } = planned;
    const long = seconds === null ? "" : `, ≈ ${duration(seconds)}`;
    const follow = downstream.length ? `; then ${downstream.join(", ")} follow${downstream.length === 1 ? "s" : ""}` : "";
    const apply = h("button", { class: "tycokit-main" }, "Apply");
    apply.addEventListener("click", doing(apply, async () => {
      const reprocess = plan.querySelector("input:checked").value === "all";
      if (await act("apply", { number: planned.number, reprocess })) cancel();
    }));
    fill(
      plan,
      h("h4", {}, `${planned.pipeline}, version ${planned.version} → ${planned.version + 1}`),
      specDifference(planned.difference),
      planned.same_code ? null : h("p", { class: "tycokit-warning" }, `▲ The pipeline runs another version of the notebook than the one here: ${planned.notebook}.`),
      ends.length ? h("p", { class: "tycokit-warning" }, `▲ This ends ${count(ends.length, "job")} that ${ends.length === 1 ? "has" : "have"} not ended; a new one takes over.`) : null,
      h(
        "div",
        { class: "tycokit-run-again", role: "radiogroup", "aria-label": "what the new values are for" },
        choice("new", "for what comes from now on: what is processed keeps its result"),
        choice("all", `for all: process ${count(datums, "datum")} again${long}${follow}`),
      ),
      h("div", { class: "tycokit-bar" }, apply, h("button", { onclick: cancel }, "Cancel")),
    );
    plan.querySelector("input").focus();
  }

  function drawDone(change) {
    back.hidden = !change?.undo;
    if (!change) return;
    fill(back, `↶ undo version ${change.version} of ${change.pipeline}`);
    const head = `${change.pipeline} has ${change.back ? "its former values again" : "the new values"}, as version ${change.version}. `;
    const { job } = change;
    const name = job && h("span", { class: "tycokit-mono", title: job.id }, job.id.slice(0, 12));
    if (!job) done.say(`✔ ${head}There is no job yet.`);
    else if (!job.ended) done.say(`▶ ${head}Its job `, name, ` goes on: ${tally(job)}.`);
    else if (job.state !== "success") done.warn(`▲ ${head}Its job `, name, ` ended with ${job.state}: ${job.reason || tally(job)}.`);
    else done.say(`✔ ${head}Its job `, name, `: ${tally(job)}.`);
  }

  model.on("change:state", draw);
  onCleanup(() => model.off("change:state", draw));
  el.append(
    h("div", { class: "tycokit-bar" }, title, picked, about, h("span", { class: "tycokit-run-space" }), back),
    h("div", { class: "tycokit-bar tycokit-run-actions" }, run, stop, put),
    said.el,
    plan,
    done.el,
    h("div", { class: "tycokit-run" }, form.el, result.el),
  );
  draw();
}

export default view(render);
