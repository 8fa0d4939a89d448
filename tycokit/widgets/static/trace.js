// One trace: back to what made a result, or forward to what a file led to.

const TALLEST = 420; // pixels of a picture in the panel

function render({ model, el, onCleanup }) {
  let chosen = null;
  let shown = ""; // the trace whose start was opened
  let asked = 0;
  let box = null;
  const keep = urls(); // of the panel
  const thumbnails = urls();
  const small = new Map(); // key of a card → its picture
  onCleanup(() => [keep, thumbnails].forEach((each) => each.clear()));
  const graph = graphView({ label: "what the trace leads through, from left to right", onselect: open, picture: thumbnail });
  const panel = h("div", { class: "tycokit-panel", role: "region", "aria-label": "details", "aria-live": "polite" });
  const address = h("input", { type: "text", class: "tycokit-asked", "aria-label": "what to trace: repo@branch:/path", spellcheck: "false", onkeydown: (event) => event.key === "Enter" && go(address.value.trim()) });
  const back = h("button", { onclick: () => go(address.value.trim(), "back") }, "← where it comes from");
  const forward = h("button", { onclick: () => go(address.value.trim(), "forward") }, "what it led to →");
  const trouble = h("div", { class: "tycokit-lost", role: "alert", hidden: true });
  const objects = h("div", { class: "tycokit-objects", role: "group", "aria-label": "objects in the picture", hidden: true });
  const about = h("span", { class: "tycokit-quiet" });
  const busy = h("span", { class: "tycokit-quiet", role: "status" });

  function fail(error) {
    trouble.hidden = !error;
    fill(trouble, error ? `▲ ${error.message}` : "");
  }

  async function go(to, direction = model.get("state").direction, number = null, most = null) {
    fill(busy, "looking…");
    try {
      await request(model, "go", { address: to, direction, box: number, most });
      fail(null);
    } catch (error) {
      fail(error);
    } finally {
      fill(busy);
    }
  }

  async function thumbnail(key) {
    const { width, height, name, blobs } = await request(model, "thumbnail", { key });
    const made = boxedPicture(thumbnails.make(blobs[0]), name, { width, height });
    small.set(key, made);
    drawBoxes();
    return made.el;
  }

  /** The boxes in the small pictures; of one object where one was chosen. */
  function drawBoxes() {
    const { objects: found, box: number } = model.get("state");
    const visible = number === null ? () => true : (one) => one.number === number;
    for (const made of small.values()) made.draw(found, { visible, labels: false });
  }

  function draw() {
    const state = model.get("state");
    if (!state.graph) return;
    if (document.activeElement !== address) address.value = state.asked;
    back.setAttribute("aria-pressed", state.direction === "back");
    forward.setAttribute("aria-pressed", state.direction === "forward");
    fill(about, summary(state), moreButton(state));
    drawObjects(state);
    graph.draw(state.graph);
    drawBoxes();
    const trace = [state.asked, state.direction, state.box, state.start.key].join(" ");
    if (trace !== shown) {
      shown = trace;
      box = state.box;
      graph.fit();
      graph.select(state.start.key);
      open(state.start.key);
    } else if (chosen) graph.select(chosen);
  }

  function summary(state) {
    if (state.direction === "back") return state.datums ? `${count(state.datums, "datum")} made it` : "no pipeline made it: somebody put it there";
    if (!state.results) return "nothing was made of it yet";
    return `${count(state.results, "result")} of ${count(state.datums, "datum")}, ${state.current.toLocaleString("en")} in the newest commits still`;
  }

  function moreButton(state) {
    if (!state.more.length) return null;
    const most = state.direction === "back" ? 100 : 1000;
    return [" — there are more ", h("button", { class: "tycokit-link", onclick: () => go(state.asked, state.direction, state.box, most) }, `look at up to ${most.toLocaleString("en")}`)];
  }

  function drawObjects(state) {
    const found = state.objects.filter((one) => one.number !== null);
    objects.hidden = !found.length;
    const rules = state.rules.length ? `fired rule ${state.rules.join(", ")}` : "";
    fill(
      objects,
      h("span", { class: "tycokit-quiet" }, "objects"),
      found.map((one) =>
        h(
          "button",
          {
            class: "tycokit-object",
            "aria-pressed": String(one.number === state.box),
            style: { "--colour": one.colour },
            title: objectWords(one),
            onclick: () => go(state.asked, state.direction, one.number === state.box ? null : one.number),
          },
          h("i", {}),
          `${one.threat ? "▲ " : ""}${one.name} ${Math.round(one.score * 100)}`,
        ),
      ),
      state.box === null ? null : h("span", { class: "tycokit-quiet" }, Object.entries(state.places).map(([place, number], at) => [at ? ", " : "", `number ${number} in ${place.replace(/@([0-9a-f]{8})[0-9a-f]*/, "@$1")}`]), rules ? `; ${rules}` : ""),
    );
  }

  /** Details of a card, or of one of its rows. */
  async function open(key) {
    chosen = key;
    const mine = ++asked;
    if (key.endsWith("#group")) return openGroup(key.slice(0, -"#group".length), mine);
    try {
      const found = await request(model, "details", { key });
      if (mine !== asked) return;
      keep.clear();
      if (found.kind === "gone") return fill(panel, note("It is not in this trace any more."));
      if (found.kind === "datum") return fill(panel, datumDetails(found));
      const look = h("section", { class: "tycokit-look" });
      const made = fileDetails(found, look);
      fill(panel, made);
      if (!found.folder) await preview(found, look, mine);
    } catch (error) {
      if (mine === asked) fill(panel, h("p", { class: "tycokit-bad" }, `✖ ${error.message}`));
    }
  }

  async function preview(found, look, mine) {
    fill(look, note("…"));
    try {
      const answer = await request(model, "preview", { address: found.address });
      if (mine !== asked) return;
      const { blobs = [], ...rest } = answer;
      if (rest.kind !== "picture") return fill(look, showFile(rest, blobs, keep));
      const picture = showPicture(rest, blobs, keep);
      picture.el.style.maxWidth = `${Math.round((TALLEST * rest.width) / rest.height)}px`;
      fill(look, picture.el);
      const state = model.get("state");
      const visible = box === null ? () => true : (one) => one.number === box;
      if (state.objects.length) picture.draw(state.objects, { visible });
    } catch (error) {
      if (mine === asked) fill(look, h("p", { class: "tycokit-bad" }, `✖ ${error.message}`));
    }
  }

  const link = (file, words = file.address) =>
    h("button", { class: "tycokit-link tycokit-mono", title: file.address, onclick: () => (graph.select(file.key), open(file.key)) }, words);
  const brief = (file) => `${file.repo}@${file.commit.slice(0, 8)}:${file.path}`;

  function fileDetails(found, look) {
    return sections(
      [
        h("h3", {}, found.name),
        h("p", { class: "tycokit-quiet" }, found.folder ? "folder" : "file"),
        h("span", { class: "tycokit-bar" }, h("button", { onclick: () => go(found.address, "back") }, "← trace back"), h("button", { onclick: () => go(found.address, "forward") }, "trace forward →")),
      ],
      [
        facts([
          ["address", copyable(found.address, brief(found))],
          ["commit", copyable(found.commit)],
          ["made", time(found.started)],
          ["message", found.message],
          ["by", found.maker ? h("button", { class: "tycokit-link", onclick: () => (graph.select(found.maker.key), open(found.maker.key)) }, `pipeline ${found.maker.pipeline}`) : "put by a person"],
          ["size", bytes(found.size)],
          ["hash", h("span", { class: "tycokit-mono" }, `${found.hash.slice(0, 16)}…`)],
          ["now", found.current === null ? null : found.current ? "in the newest commit still" : "replaced since, or gone"],
          ["object", found.places === null ? null : `number ${found.places}`],
        ]),
      ],
      found.folder
        ? [
            h("h4", {}, "holds"),
            h(
              "div",
              { class: "tycokit-lines-of" },
              found.entries.map((each) => h("div", { class: "tycokit-line-of" }, h("button", { class: "tycokit-link tycokit-path", onclick: () => look && lookInto(found, each) }, each.name + (each.folder ? "/" : "")), h("span", { class: "tycokit-quiet" }, bytes(each.size)))),
            ),
          ]
        : null,
      look,
    );

    function lookInto(folder, each) {
      if (each.folder) return;
      preview({ address: `${folder.address.split(":")[0]}:${each.path}` }, look, asked);
    }
  }

  const left = (number) => number > 0 && h("div", { class: "tycokit-line-of tycokit-quiet" }, `and ${count(number, "more file")}`);

  function inputLines({ name, files, left: more }) {
    const line = (file) => h("div", { class: "tycokit-line-of" }, h("span", { class: "tycokit-wide" }, h("strong", {}, name), " ", link(file, brief(file))));
    return [files.map(line), left(more)];
  }

  function datumDetails(found) {
    const parameters = Object.entries(found.parameters);
    return sections(
      [h("h3", {}, found.pipeline), h("p", { class: "tycokit-quiet" }, "as it ran on one datum")],
      [
        facts([
          ["datum", copyable(found.datum, found.datum.slice(0, 16))],
          ["job", copyable(found.job)],
          ["state", found.state ? chip(found.state) : null],
          ["lost", found.lost],
          ["made", found.created ? time(found.created) : null],
          ["took", duration(found.seconds)],
          ["version", found.version ? String(found.version) : null],
          ["ran", found.command.length ? h("code", { class: "tycokit-mono" }, found.command.join(" ")) : null],
        ]),
      ],
      [
        h("h4", {}, "read"),
        h("div", { class: "tycokit-lines-of" }, found.inputs.map(inputLines)),
        h("h4", {}, "wrote"),
        h("div", { class: "tycokit-lines-of" }, found.outputs.map((file) => h("div", { class: "tycokit-line-of" }, link(file, file.path), h("span", { class: "tycokit-quiet" }, bytes(file.size)))), left(found.outputs_left)),
        found.executed ? h("div", {}, link(found.executed, "open the executed notebook")) : null,
      ],
      parameters.length
        ? [h("h4", {}, "parameters"), facts(parameters.map(([name, value]) => [name, h("code", { class: "tycokit-mono" }, value)]))]
        : null,
    );
  }

  async function openGroup(pipeline, mine) {
    const size = 100;
    let total = 0;
    const fetch = async (offset, number) => {
      const found = await request(model, "group", { pipeline, offset, count: number });
      if (found.total !== total) list.setCount((total = found.total));
      return found.files;
    };
    const rows = pages(fetch, () => list.refresh(), size);
    const list = virtualList({
      row: (index) => {
        const file = rows.get(index);
        if (!file) return h("div", {}, "…");
        return h("div", { class: "tycokit-result" }, h("span", { class: "tycokit-mono tycokit-path", title: file.address }, brief(file)), h("span", { class: "tycokit-quiet" }, bytes(file.size)), file.current ? h("span", {}, "current") : h("span", { class: "tycokit-quiet" }, "former"));
      },
      rowHeight: 24,
      height: 300,
      label: `what ${pipeline} made of it`,
      onactivate: (index) => rows.get(index) && open(rows.get(index).key),
    });
    await fetch(0, 1);
    if (mine === asked) fill(panel, h("div", { class: "tycokit-panel-head" }, h("h3", {}, pipeline), note(`${count(total, "file")}; choose one for its details`)), list.el), list.refresh();
  }

  model.on("change:state", draw);
  onCleanup(() => model.off("change:state", draw));
  el.append(h("div", { class: "tycokit-bar" }, address, h("span", { role: "group", "aria-label": "direction" }, back, " ", forward)), h("div", { class: "tycokit-bar" }, about, busy, graph.zoom), trouble, objects, graph.el, panel);
  draw();
}

export default view(render);
