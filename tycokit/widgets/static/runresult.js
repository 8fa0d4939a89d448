// How a run of a notebook goes, and what it left: files, and the cells of the executed notebook.

/** → { el, draw(run) } */
function runResult({ model, said, onCleanup }) {
  let shown = null; // the run, and whether it had ended
  let keep = urls();
  const state = h("h4", { role: "status" });
  const where = h("span", {});
  const meter = h("progress", { "aria-label": "cells" });
  const origins = h("p", { class: "tycokit-quiet tycokit-run-origins" });
  const fault = h("pre", { class: "tycokit-mono tycokit-run-error", role: "alert", hidden: true });
  const printed = h("pre", { class: "tycokit-mono tycokit-run-printed", tabindex: "0", "aria-label": "what the cells print" });
  const left = h("div", { class: "tycokit-run-left" });
  const el = h("section", { class: "tycokit-run-result", "aria-label": "the newest run" }, h("div", { class: "tycokit-bar tycokit-run-head" }, state, where), meter, origins, fault, printed, left);
  onCleanup(() => keep.clear());

  function draw(run) {
    const running = run?.state === "running";
    meter.hidden = !running;
    origins.hidden = !run;
    if (!run) {
      fill(state, "Not run yet");
      fill(left, note("It runs here, as a pipeline's worker would run it. Nothing is written to Pachyderm."));
      fault.hidden = printed.hidden = true;
      return;
    }
    const cell = run.cell ? `in cell ${run.cell} of ${run.cells}, ` : "";
    const words = { running: `${cell}for ${duration(run.seconds)}`, success: `in ${duration(run.seconds)}` };
    fill(where, words[run.state] ?? `${cell}after ${duration(run.seconds)}`);
    meter.max = run.cells;
    meter.value = run.cell;
    const end = printed.scrollTop + printed.clientHeight >= printed.scrollHeight - 4;
    if (printed.textContent !== run.printed) fill(printed, run.printed);
    printed.hidden = !run.printed || run.executed !== null; // which tells it by cell
    if (end) printed.scrollTop = printed.scrollHeight;
    const error = run.executed === null ? run.error : run.error.split("\n", 1)[0];
    fault.hidden = !error;
    if (fault.textContent !== error) fill(fault, error);
    drawOrigins(run);
    const key = `${run.id} ${running}`;
    if (key === shown) return;
    shown = key;
    keep.clear();
    fill(state, chip(run.state));
    fill(left);
    if (!running) drawLeft(run);
  }

  function drawOrigins(run) {
    const text = JSON.stringify([run.origins, run.values]);
    if (origins.dataset.key === text) return;
    origins.dataset.key = text;
    const from = Object.entries(run.origins);
    const values = Object.entries(run.values);
    fill(
      origins,
      from.length ? from.map(([name, what]) => h("span", { title: what }, `${name} = ${what.replace(/@([0-9a-f]{12})[0-9a-f]{20}/, "@$1")}`)) : h("span", {}, "on the notebook's own sample"),
      values.map(([name, text]) => h("span", {}, `${name} = ${text}`)),
    );
  }

  async function drawLeft(run) {
    const mine = shown;
    const place = h("div", {});
    const buttons = run.files.map((file) =>
      h("button", { "aria-pressed": "false", onclick: () => look(file.path) }, file.path, " ", h("span", { class: "tycokit-quiet" }, bytes(file.size))),
    );
    const files = h("section", { "aria-label": "files that it left" }, h("h4", {}, run.files.length ? `It left ${count(run.files.length + run.more, "file")}` : "It left no files"), h("div", { class: "tycokit-bar tycokit-run-names" }, buttons, run.more ? note(`and ${run.more} more in ${run.out}`) : null), place);
    const cells = h("section", { "aria-label": "the executed notebook" });
    fill(left, run.state === "success" ? [files, cells] : [cells, run.files.length ? files : null]);

    async function look(path) {
      buttons.forEach((button, at) => button.setAttribute("aria-pressed", String(run.files[at].path === path)));
      try {
        const found = await request(model, "look_at", { path });
        if (mine !== shown) return;
        const save = h("button", {}, "⤓ download");
        save.addEventListener("click", doing(save, async () => {
          try {
            const { name, blobs } = await request(model, "keep", { path });
            download(name, blobs[0], "application/octet-stream");
          } catch (error) {
            said.fail(error);
          }
        }));
        fill(place, h("div", { class: "tycokit-file", role: "region", "aria-label": path, tabindex: "0" }, showFile(found, found.blobs ?? [], keep)), h("div", { class: "tycokit-bar" }, save));
      } catch (error) {
        if (mine === shown) fill(place, h("p", { class: "tycokit-bad" }, `✖ ${error.message}`));
      }
    }

    const first = run.files.find((file) => /\.(png|jpe?g|gif|webp)$/i.test(file.path)) ?? run.files[0];
    if (first) look(first.path);
    if (!run.executed) return;
    try {
      const found = await request(model, "outputs");
      if (mine !== shown) return;
      const failing = found.at >= 0 ? `Cell ${run.cell} failed` : "The executed notebook";
      fill(cells, h("h4", {}, failing), notebookCells(found.cells, found.blobs ?? [], { at: found.at, label: "cells of the executed notebook", onCleanup: keep.later }));
    } catch (error) {
      if (mine === shown) fill(cells, h("p", { class: "tycokit-bad" }, `✖ ${error.message}`));
    }
  }

  return { el, draw };
}
