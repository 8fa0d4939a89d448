// What the widgets about jobs, datums and workers share.

const PARTS = [
  ["processed", "processed"],
  ["recovered", "recovered"],
  ["failed", "failed"],
  ["skipped", "skipped"],
];

/** A job's datums as a bar, each kind of what is done a part of its own colour and pattern.
 *  → { el, set(job) }; a job that has not found its datums shows none. */
function progressBar() {
  const parts = PARTS.map(([name]) => h("span", { class: `tycokit-part tycokit-part-${name}` }));
  const el = h("div", { class: "tycokit-progress", role: "progressbar", "aria-valuemin": "0" }, parts);
  return {
    el,
    set(job) {
      PARTS.forEach(([name], at) => {
        parts[at].style.width = job.total ? `${(100 * job[name]) / job.total}%` : "0";
      });
      el.classList.toggle("tycokit-progress-busy", !job.ended && !job.done);
      el.setAttribute("aria-valuemax", job.total);
      el.setAttribute("aria-valuenow", job.done);
      const words = `${job.pipeline}: ${tally(job)}`;
      el.setAttribute("aria-label", words);
      el.title = words;
    },
  };
}

/** A job's counts in words. */
function tally(job) {
  const kinds = PARTS.filter(([name]) => job[name]).map(([name, word]) => `${job[name].toLocaleString("en")} ${word}`);
  const waits = job.total - job.done;
  if (!job.total && !job.ended) return "its datums are not counted yet";
  if (waits > 0) kinds.push(`${waits.toLocaleString("en")} ${job.ended ? "not done" : "waiting"}`);
  return `${count(job.total, "datum")}${kinds.length ? ": " : ""}${kinds.join(", ")}`;
}

/** How long a job has been at work, in seconds. */
function worked(job) {
  if (job.started === null) return null;
  return Math.max(0, (job.finished ?? Date.now() / 1000) - job.started);
}

/** When it will be done, if it goes on as it went: seconds from now, null where that is unknown. */
function remaining(job) {
  if (job.ended || !job.worked) return null;
  return (Math.max(0, job.total - job.done) * worked(job)) / job.worked;
}

/** Numbers that stand out, side by side. → { el, set([[label, value, note], ...]) } */
function figures() {
  const el = h("dl", { class: "tycokit-figures" });
  let shown = "";
  return {
    el,
    set(rows) {
      const text = JSON.stringify(rows);
      if (text === shown) return;
      shown = text;
      fill(
        el,
        rows.map(([label, value, note]) =>
          h("div", {}, h("dt", {}, label), h("dd", {}, value), h("dd", { class: "tycokit-quiet" }, note)),
        ),
      );
    },
  };
}

/** A line that says what came of an action. → { el, say(words), fail(error), clear() } */
function outcome() {
  const el = h("div", { class: "tycokit-outcome", role: "status", "aria-live": "polite", hidden: true });
  const set = (kind, ...words) => {
    el.className = `tycokit-outcome tycokit-outcome-${kind}`;
    el.hidden = false;
    fill(el, ...words);
  };
  return {
    el,
    say: (...words) => set("good", ...words),
    warn: (...words) => set("warning", ...words),
    fail: (error) => set("bad", `✖ ${error.message}`),
    clear: () => (el.hidden = true),
  };
}

/** A button that cannot be pushed again before what it does is done. */
function doing(button, work) {
  return async () => {
    button.disabled = true;
    try {
      await work();
    } finally {
      button.disabled = false;
    }
  };
}

/** A button that ends something: it asks once more before it calls `work`. */
function stopping(words, work) {
  const el = h("button", { class: "tycokit-stop" }, `■ ${words}`);
  let timer = null;
  const reset = () => {
    clearTimeout(timer);
    timer = null;
    fill(el, `■ ${words}`);
  };
  const end = doing(el, work);
  el.addEventListener("click", () => {
    if (timer === null) {
      timer = setTimeout(reset, 5000);
      fill(el, "■ Really? Click again");
    } else {
      reset();
      end();
    }
  });
  el.addEventListener("blur", reset);
  return el;
}

/** What a change does to a pipeline's spec, from a unified diff. */
function specDifference(text) {
  const line = (words) => {
    const kind = words.startsWith("+") ? "added" : words.startsWith("-") ? "deleted" : "same";
    return h("span", { class: `tycokit-spec-${kind}` }, `${words}\n`);
  };
  return h("pre", { class: "tycokit-mono tycokit-spec-diff", "aria-label": "the change of the spec", tabindex: "0" }, text.split("\n").map(line));
}
