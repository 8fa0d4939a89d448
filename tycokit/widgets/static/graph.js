// A graph of cards, as Python's `cards.draw` lays it out: to look at, to click, to walk by keys.

const LEAST_SCALE = 0.3;
const MOST_SCALE = 1.6;
const READABLE_SCALE = 0.68;

/** { el, zoom, draw(drawing), select(key), fit() }. `onselect(key)` is called for a card or one of
 *  its rows, `picture(key)` gives a promise of an element for a card with a picture. */
function graphView({ label, onselect, picture }) {
  let drawing = { width: 0, height: 0, cards: [], ways: [] };
  let chosen = null;
  let scale = 1;
  let fitted = false;
  const known = new Map(); // key → { el, text }
  const ways = svg("svg", { "aria-hidden": "true" });
  const cards = h("div", { role: "presentation" });
  const canvas = h("div", { class: "tycokit-canvas" }, ways, cards);
  const el = h("div", { class: "tycokit-graph", role: "group", "aria-label": label, onkeydown: walk }, canvas);
  const button = (text, name, work) => h("button", { "aria-label": name, title: name, onclick: work }, text);
  const zoom = h(
    "span",
    { class: "tycokit-zoom", role: "group", "aria-label": "size" },
    button("−", "smaller", () => setScale(scale / 1.2)),
    button("+", "larger", () => setScale(scale * 1.2)),
    button("⤢", "fit into the view", fit),
  );

  function setScale(to) {
    scale = Math.min(MOST_SCALE, Math.max(LEAST_SCALE, to));
    canvas.style.transform = scale === 1 ? "" : `scale(${scale})`;
    // what is scaled down takes no more room than it needs
    canvas.style.width = `${drawing.width}px`;
    canvas.style.height = `${drawing.height}px`;
    canvas.style.marginRight = `${16 - drawing.width * (1 - scale)}px`;
    canvas.style.marginBottom = `${16 - drawing.height * (1 - scale)}px`;
  }

  function fit(_, least = LEAST_SCALE) {
    const room = el.clientWidth - 34;
    if (room > 0 && drawing.width) setScale(Math.max(least, Math.min(1, room / drawing.width)));
  }

  /** At first it can be read, though it may have to be scrolled. */
  const fitFirst = () => fit(null, READABLE_SCALE);

  function draw(found) {
    const same = found.width === drawing.width && found.height === drawing.height;
    drawing = found;
    for (const key of [...known.keys()].filter((key) => !found.cards.some((card) => card.key === key))) {
      known.get(key).el.remove();
      known.delete(key);
    }
    for (const card of found.cards) {
      const text = JSON.stringify(card);
      const before = known.get(card.key);
      if (before?.text === text) continue;
      const had = before?.el.contains(document.activeElement) ? rowAt(document.activeElement) : null;
      const made = cardOf(card);
      if (before) before.el.replaceWith(made);
      else cards.append(made);
      known.set(card.key, { el: made, text });
      if (had !== null) made.querySelectorAll("button")[had]?.focus();
    }
    drawWays();
    if (!fitted) {
      // the view has no width before it is in the page
      requestAnimationFrame(fitFirst);
      fitted = true;
    } else if (!same) setScale(scale);
    mark();
  }

  function rowAt(focused) {
    return [...focused.closest(".tycokit-card").querySelectorAll("button")].indexOf(focused);
  }

  function drawWays() {
    ways.setAttribute("width", drawing.width);
    ways.setAttribute("height", drawing.height);
    fill(
      ways,
      drawing.ways.map((way) =>
        svg("path", { class: "tycokit-way", d: way.path, "data-source": way.source, "data-target": way.target }, svg("title", {}, way.name)),
      ),
    );
  }

  function cardOf(card) {
    const kind = card.state ? ` tycokit-card-${(LOOKS[card.state] ?? { kind: "idle" }).kind}` : "";
    const tone = card.tone ? ` tycokit-tone-${card.tone}` : "";
    const image = card.picture ? h("span", { class: "tycokit-card-image" }) : null;
    if (image) picture?.(card.key).then((made) => fill(image, made), () => fill(image, "no picture that can be shown"));
    return h(
      "div",
      {
        class: `tycokit-card tycokit-card-${card.kind}${kind}${tone}`,
        dataset: { key: card.key },
        style: { left: `${card.x}px`, top: `${card.y}px`, width: `${card.width}px`, height: `${card.height}px` },
      },
      h(
        "button",
        { class: "tycokit-card-head", "aria-label": card.label || card.title, "data-key": card.key, onclick: () => choose(card.key) },
        h("span", { class: "tycokit-card-title", title: card.title }, card.title),
        h("span", { class: "tycokit-card-sub" }, card.state ? chip(card.state) : h("span", {}, card.word), h("span", { title: card.note }, card.note)),
      ),
      card.progress === null ? null : h("div", { class: "tycokit-card-progress" }, h("i", { style: { width: `${card.progress * 100}%` } })),
      image ? h("button", { class: "tycokit-card-picture", "aria-label": `look at ${card.title}`, "data-key": card.key, onclick: () => choose(card.key) }, image) : null,
      card.rows.map((row) =>
        h(
          "button",
          { class: "tycokit-card-row", title: row.text, "data-key": row.key, onclick: () => choose(row.key) },
          h("span", { "aria-hidden": "true" }, row.glyph),
          h("span", {}, row.text),
          h("span", {}, row.note),
        ),
      ),
    );
  }

  function choose(key) {
    select(key);
    onselect(key);
  }

  function select(key) {
    chosen = key;
    mark();
  }

  /** The card that a key is of: its own, or that of one of its rows. */
  function cardWith(key) {
    return drawing.cards.find((card) => card.key === key) ?? drawing.cards.find((card) => card.rows.some((row) => row.key === key));
  }

  function mark() {
    const card = cardWith(chosen)?.key;
    for (const [key, { el: made }] of known) {
      made.classList.toggle("tycokit-chosen", key === card);
      for (const one of made.querySelectorAll("button")) one.setAttribute("aria-pressed", one.dataset.key === chosen);
    }
    for (const way of [...ways.children]) {
      const near = card !== undefined && [way.dataset.source, way.dataset.target].includes(card);
      way.classList.toggle("tycokit-way-near", near);
      if (near) ways.append(way); // on top of those that it shares its beginning with
    }
  }

  /** Arrow keys go along the ways, and up and down a column. */
  function walk(event) {
    const here = event.target.closest?.(".tycokit-card");
    const card = here && drawing.cards.find((each) => each.key === here.dataset.key);
    if (!card || !event.key.startsWith("Arrow")) return;
    event.preventDefault();
    event.stopPropagation(); // Lab would move to another cell
    const buttons = [...here.querySelectorAll("button")];
    const at = buttons.indexOf(event.target);
    const down = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (down && buttons[at + down]) return buttons[at + down].focus();
    let others;
    if (down) others = drawing.cards.filter((each) => each.column === card.column && (each.y - card.y) * down > 0);
    else {
      const [from, to] = event.key === "ArrowRight" ? ["source", "target"] : ["target", "source"];
      const keys = drawing.ways.filter((way) => way[from] === card.key).map((way) => way[to]);
      others = drawing.cards.filter((each) => keys.includes(each.key));
    }
    const near = others.sort((a, b) => Math.abs(a.y - card.y) - Math.abs(b.y - card.y))[0];
    const head = near && known.get(near.key)?.el.querySelector("button");
    head?.focus();
    head?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  return { el, zoom, draw, select, fit: fitFirst };
}

/** A list of facts: pairs of a word and what it is; those that are nothing are left out. */
function facts(pairs) {
  return h(
    "dl",
    { class: "tycokit-facts" },
    pairs.filter(([, value]) => value !== null && value !== undefined && value !== "").map(([word, value]) => [h("dt", {}, word), h("dd", {}, value)]),
  );
}

/** An ID or an address: short to look at, whole to copy. */
function copyable(text, shown = text) {
  const el = h("button", { class: "tycokit-link tycokit-mono", title: `copy ${text}` }, shown);
  el.addEventListener("click", async () => {
    await copyText(text);
    el.textContent = "copied";
    setTimeout(() => (el.textContent = shown), 900);
  });
  return el;
}

/** The details of what was chosen: a heading, then sections side by side. */
function sections(heading, ...found) {
  const filled = found.map((children) => nodes([children])).filter((children) => children.length);
  return [h("div", { class: "tycokit-panel-head" }, heading), h("div", { class: "tycokit-columns" }, filled.map((children) => h("section", {}, children)))];
}
