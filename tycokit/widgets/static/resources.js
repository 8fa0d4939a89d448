// CPU and memory by pipeline over time, pods and restarts, nodes, and what is wrong.

const WIDE = 150;
const HIGH = 28;
const LEAST_CORES = 0.1; // that fill a curve

function render({ model, el, onCleanup }) {
  const opened = new Set(); // groups whose pods are shown
  let rows = new Map(); // group → its rows

  const where = h("span", { class: "tycokit-quiet" });
  const nodes = h("div", { class: "tycokit-res-nodes" });
  const body = h("tbody", {});
  const table = h(
    "table",
    { class: "tycokit-table tycokit-res-table" },
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        h("th", {}, "pipeline"),
        h("th", {}, "pods"),
        h("th", { class: "tycokit-number" }, "restarts"),
        h("th", { class: "tycokit-number" }, "CPU, cores"),
        h("th", {}, "over time"),
        h("th", { class: "tycokit-number" }, "memory"),
        h("th", {}, "over time"),
      ),
    ),
    body,
  );
  const gaps = h("div", {});
  const ask = h("button", {}, "What is wrong?");
  const findings = h("section", { class: "tycokit-res-findings", "aria-label": "what is wrong", hidden: true });
  const said = outcome();
  ask.addEventListener("click", doing(ask, diagnose));

  function draw() {
    const state = model.get("state");
    if (!state.groups) return;
    fill(where, state.where);
    fill(nodes, state.nodes.map(nodeCard), state.disks.map(diskCard));
    fill(gaps, state.gaps.map((gap) => h("p", { class: "tycokit-quiet" }, `▲ ${gap}`)));
    const kept = new Map();
    for (const one of state.groups) {
      const key = `${one.pipeline}/${one.name}`;
      const row = rows.get(key) ?? groupRow(key);
      row.set(one, state.times);
      kept.set(key, row);
    }
    rows = kept;
    const wanted = [...rows.values()].flatMap((row) => row.els);
    // moving a row would take the focus from it
    if (wanted.some((each, at) => body.children[at] !== each) || body.children.length !== wanted.length) body.replaceChildren(...wanted);
  }

  function groupRow(key) {
    const name = h("span", {});
    const mark = h("span", { class: "tycokit-res-mark", "aria-hidden": "true" }, "▸");
    const more = h("button", { class: "tycokit-link tycokit-res-name", "aria-expanded": "false" }, mark, name);
    const pods = h("td", {});
    const [restarts, cores, memory] = [0, 1, 2].map(() => h("td", { class: "tycokit-number" }));
    const curves = [curve("CPU", "tycokit-busy", LEAST_CORES), curve("memory", "tycokit-good")];
    const inner = h("td", { colspan: "7" });
    const below = h("tr", { class: "tycokit-res-below", hidden: true }, inner);
    let shown = null;
    more.addEventListener("click", () => {
      if (opened.has(key)) opened.delete(key);
      else opened.add(key);
      toggle();
    });
    function toggle() {
      const open = opened.has(key);
      more.setAttribute("aria-expanded", open);
      fill(mark, open ? "▾" : "▸");
      below.hidden = !open;
      if (open && shown) fill(inner, podTable(shown));
    }
    return {
      els: [h("tr", {}, h("td", {}, more), pods, restarts, cores, h("td", {}, curves[0].el), memory, h("td", {}, curves[1].el)), below],
      set(one, times) {
        shown = one;
        fill(name, one.pipeline ? h("strong", {}, one.name) : one.name);
        const idle = one.state !== "running" && one.state ? [" ", chip(one.state)] : null;
        if (!one.count) fill(pods, h("span", { class: "tycokit-quiet" }, "no pod now"), idle);
        else fill(pods, `${one.ready}/${one.count}`, idle, one.states.map((state) => [" ", chip(state)]));
        fill(restarts, one.restarts ? h("span", { class: "tycokit-warning" }, `▲ ${one.restarts}`) : "0");
        fill(cores, one.cores === null ? "–" : one.cores.toFixed(2));
        fill(memory, one.memory === null ? "–" : bytes(one.memory));
        curves[0].set(one.name, times, one.cores_then, (value) => `${value.toFixed(2)} cores`);
        curves[1].set(one.name, times, one.memory_then, bytes);
        toggle();
      },
    };
  }

  async function diagnose() {
    said.clear();
    try {
      const found = (await request(model, "doctor")).findings;
      findings.hidden = false;
      fill(findings, found.length ? found.map(findingCard) : h("p", { class: "tycokit-good" }, "✔ Nothing is wrong."));
    } catch (error) {
      said.fail(error);
    }
  }

  model.on("change:state", draw);
  onCleanup(() => model.off("change:state", draw));
  el.append(
    h("div", { class: "tycokit-bar" }, h("h3", {}, "Resources"), where, h("span", { class: "tycokit-res-space" }), ask),
    said.el,
    findings,
    nodes,
    h("div", { class: "tycokit-res-scroll" }, table),
    gaps,
  );
  draw();
}

function nodeCard(node) {
  return h(
    "div",
    { class: "tycokit-res-node" },
    h("div", { class: "tycokit-res-title" }, h("strong", {}, node.name), " ", h("span", { class: "tycokit-quiet" }, "node")),
    meter("CPU", node.used_cores, node.cores, (value) => `${Number(value.toFixed(2))}`, "cores"),
    meter("memory", node.used_memory, node.memory, bytes, ""),
    node.troubles.map((trouble) => h("p", { class: "tycokit-bad" }, `✖ ${trouble}`)),
  );
}

function diskCard(disk) {
  return h(
    "div",
    { class: "tycokit-res-node" },
    h("div", { class: "tycokit-res-title tycokit-res-path", title: disk.path }, h("strong", {}, disk.path), " ", h("span", { class: "tycokit-quiet" }, "disk")),
    meter("space", disk.total - disk.free, disk.total, bytes, ""),
  );
}

/** How much of something is taken, as a bar and in numbers. */
function meter(label, used, has, words, unit) {
  const known = used !== null;
  const text = `${known ? `${words(used)} of ` : ""}${words(has)} ${unit}`.trim();
  const part = known && has ? Math.min(100, (100 * used) / has) : 0;
  const bar = h("span", { class: `tycokit-res-used${part > 90 ? " tycokit-res-full" : ""}`, style: { width: `${part}%` } });
  return h("div", { class: "tycokit-res-meter" }, h("span", { class: "tycokit-quiet" }, label), h("span", { class: "tycokit-res-track", role: "img", "aria-label": `${label}: ${text}` }, bar), h("span", {}, text));
}

/** Values over time as a line above zero, up to the largest, or to `least` where all are below:
 *  what is next to nothing looks so. → { el, set(name, times, values, words) } */
function curve(label, kind, least = 0) {
  const line = svg("polyline", { class: "tycokit-res-line", fill: "none" });
  const area = svg("polygon", { class: "tycokit-res-area" });
  const last = svg("circle", { class: "tycokit-res-dot", r: "2" });
  const el = svg("svg", { class: `tycokit-res-curve ${kind}`, viewBox: `0 0 ${WIDE} ${HIGH}`, width: WIDE, height: HIGH, role: "img" }, area, line, last);
  return {
    el,
    set(name, times, values, words) {
      const known = values.map((value, at) => [times[at], value]).filter(([, value]) => value !== null);
      el.style.visibility = known.length > 1 ? "visible" : "hidden";
      if (known.length < 2) return;
      const most = Math.max(...known.map(([, value]) => value));
      const [from, to] = [known[0][0], known[known.length - 1][0]];
      const points = known.map(([at, value]) => [2 + ((WIDE - 6) * (at - from)) / (to - from || 1), HIGH - 3 - ((HIGH - 7) * value) / (Math.max(most, least) || 1)]);
      const text = points.map((point) => point.map((n) => n.toFixed(1)).join()).join(" ");
      line.setAttribute("points", text);
      area.setAttribute("points", `${text} ${points[points.length - 1][0].toFixed(1)},${HIGH} ${points[0][0].toFixed(1)},${HIGH}`);
      last.setAttribute("cx", points[points.length - 1][0]);
      last.setAttribute("cy", points[points.length - 1][1]);
      const said = `${label} of ${name} in ${duration(to - from)}: ${words(known[known.length - 1][1])} now, ${words(most)} at most`;
      el.setAttribute("aria-label", said);
      if (!el.querySelector("title")) el.prepend(svg("title", {}));
      el.querySelector("title").textContent = said;
    },
  };
}

function podTable(one) {
  if (!one.count) return h("p", { class: "tycokit-quiet" }, "no pod runs for it now: it has nothing to do, or its workers are idle");
  const hidden = one.count - one.pods.length;
  return h(
    "div",
    {},
    h(
      "table",
      { class: "tycokit-table tycokit-res-pods" },
      h("thead", {}, h("tr", {}, ["pod", "state", "node", "since"].map((text) => h("th", {}, text)), ["restarts", "CPU", "memory"].map((text) => h("th", { class: "tycokit-number" }, text)))),
      h("tbody", {}, one.pods.map(podRow)),
    ),
    hidden ? h("p", { class: "tycokit-quiet" }, `and ${count(hidden, "pod")} more`) : null,
  );
}

function podRow(pod) {
  return h(
    "tr",
    {},
    h("td", { class: "tycokit-mono" }, pod.name),
    h("td", {}, chip(pod.state), pod.state === "Running" && !pod.ready ? " not ready" : null, pod.message ? h("div", { class: "tycokit-res-message" }, pod.message) : null),
    h("td", {}, pod.node),
    h("td", { title: time(pod.started) }, pod.started === null ? "" : ago(pod.started)),
    h("td", { class: "tycokit-number" }, pod.restarts),
    h("td", { class: "tycokit-number" }, pod.cores === null ? "–" : pod.cores.toFixed(2)),
    h("td", { class: "tycokit-number" }, pod.memory === null ? "–" : bytes(pod.memory)),
  );
}

function findingCard(one) {
  const wrong = one.level === "wrong";
  return h(
    "div",
    { class: `tycokit-res-finding tycokit-res-${one.level}` },
    h("div", {}, h("span", { class: wrong ? "tycokit-bad" : "tycokit-waiting" }, wrong ? "✖ wrong" : "▲ note"), " ", h("strong", {}, one.subject), ` ${one.what}`),
    h("div", { class: "tycokit-quiet" }, `→ ${one.next}`),
  );
}

export default view(render);
