// What all widgets share; it stands before each widget's own module, which ends in
// `export default view(render)`. Text from pachd only ever becomes a text node or an attribute.

const SVG = "http://www.w3.org/2000/svg";

/** An element. Attributes: on… are listeners, `class`, `style` and `dataset` as one expects,
 *  true is an empty attribute, null, undefined and false are none. Children: nodes, text, arrays. */
function h(tag, attributes, ...children) {
  return build(document.createElement(tag), attributes, children);
}

/** The same for a drawing. */
function svg(tag, attributes, ...children) {
  return build(document.createElementNS(SVG, tag), attributes, children);
}

function build(el, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) el.addEventListener(name.slice(2), value);
    else if (name === "style") Object.entries(value).forEach(([k, v]) => el.style.setProperty(k, v));
    else if (name === "dataset") Object.assign(el.dataset, value);
    else if (["value", "checked", "disabled", "indeterminate"].includes(name)) el[name] = value;
    else if (name === "href" && !/^(blob:|#)/.test(value)) throw new Error("a link to elsewhere");
    else el.setAttribute(name, value === true ? "" : value);
  }
  el.append(...nodes(children));
  return el;
}

function nodes(children) {
  return children
    .flat(Infinity)
    .filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (child instanceof Node ? child : document.createTextNode(String(child))));
}

/** Replace all that an element holds. */
function fill(el, ...children) {
  el.replaceChildren(...nodes(children));
  return el;
}

/** A state as a coloured word with its glyph. */
function chip(state) {
  const look = LOOKS[state] ?? { kind: "idle", glyph: "○", word: state || "unknown" };
  return h("span", { class: `tycokit-chip tycokit-${look.kind}` }, `${look.glyph} ${look.word}`);
}

// Talking to Python

const PATIENCE = 60_000; // milliseconds that a request may take
const BEAT = 60_000; // milliseconds between two signs of life
const channels = new WeakMap();
let requests = 0;
const page = Math.random().toString(36).slice(2);

/** A name that nothing else in this document has; a widget may be shown in it more than once. */
function unique() {
  return `tycokit-${page}-${++requests}`;
}

function channel(model) {
  if (!channels.has(model)) {
    const waiting = new Map();
    model.on("msg:custom", (content, buffers) => {
      const one = waiting.get(content?.id);
      if (!one) return; // another view's
      waiting.delete(content.id);
      clearTimeout(one.timer);
      if (content.error) {
        const error = new Error(content.error.message);
        error.kind = content.error.kind;
        one.reject(error);
      } else {
        const blobs = (buffers ?? []).map((b) => new Uint8Array(b.buffer ?? b, b.byteOffset ?? 0, b.byteLength));
        one.resolve(blobs.length ? { ...content.result, blobs } : content.result);
      }
    });
    channels.set(model, waiting);
  }
  return channels.get(model);
}

/** Call a @request method of the widget in Python. The promise gives its result, with the bytes
 *  that came along as `blobs`; it is rejected with an Error that has a sentence for people. */
function request(model, call, args = {}) {
  const waiting = channel(model);
  const id = [page, ++requests].join("-");
  return new Promise((resolve, reject) => {
    if (waiting.gone) return reject(new Error("the kernel has gone: run the cell again"));
    const timer = setTimeout(() => {
      waiting.delete(id);
      reject(new Error("the kernel does not answer: it is busy, or gone"));
    }, PATIENCE);
    waiting.set(id, { resolve, reject, timer });
    model.send({ id, call, arguments: args });
  });
}

/** The address of bytes that came with a request, for an <img> or a download. */
function blobUrl(bytes, type = "application/octet-stream") {
  return URL.createObjectURL(new Blob([bytes], { type }));
}

/** Save bytes or text as a file of the person's. */
function download(name, data, type = "text/plain") {
  const href = URL.createObjectURL(new Blob([data], { type }));
  const link = h("a", { href, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(href), 10_000);
}

async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = h("textarea", { value: text, class: "tycokit-offscreen" });
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
}

/** A function that waits until it has not been called for so many milliseconds. */
function debounce(work, wait = 200) {
  let timer;
  return (...args) => {
    clearTimeout(timer);
    timer = setTimeout(() => work(...args), wait);
  };
}

// Words for numbers

function bytes(n) {
  if (n < 1000) return `${n} B`;
  const units = ["kB", "MB", "GB", "TB", "PB"];
  let at = -1;
  do {
    n /= 1000;
    at += 1;
  } while (n >= 999.5 && at < units.length - 1);
  return `${n < 10 ? n.toFixed(1) : Math.round(n)} ${units[at]}`;
}

function duration(s) {
  if (s === null || s === undefined) return "";
  if (s < 0.9995) return `${Math.round(s * 1000)} ms`;
  if (s < 59.5) return `${s < 9.95 ? s.toFixed(1) : Math.round(s)} s`;
  const whole = Math.round(s);
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${whole % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** An ISO time, or seconds since 1970, in the browser's own zone. */
function time(at) {
  if (at === null || at === undefined || at === "") return "";
  const date = new Date(typeof at === "number" ? at * 1000 : at);
  const two = (n) => String(n).padStart(2, "0");
  return (
    `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ` +
    `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
  );
}

function ago(at) {
  const s = (Date.now() - new Date(typeof at === "number" ? at * 1000 : at)) / 1000;
  if (s < 5) return "now";
  if (s < 60) return `${Math.round(s)} s ago`;
  if (s < 3600) return `${Math.round(s / 60)} min ago`;
  if (s < 86400) return `${Math.round(s / 3600)} h ago`;
  return `${Math.round(s / 86400)} days ago`;
}

function count(n, one, many = `${one}s`) {
  return `${n.toLocaleString("en")} ${n === 1 ? one : many}`;
}

// A list of any length, of which only the visible rows are in the page

/** `row(index)` makes a row's element (its height is `rowHeight`, whatever it holds);
 *  `onactivate(index, row?)` is called for Enter, or a click on a row's element, which may show
 *  what the index meant when it was made; `label` names the list.
 *  → { el, setCount(n), refresh(), scrollTo(index), select(index, reveal), range() → [first, end] } */
function virtualList({ row, rowHeight = 22, height = 320, label, onactivate, onscroll }) {
  let total = 0;
  let active = -1;
  let frame = 0;
  let pressed = false; // a row that is replaced under the pointer would miss its click
  let due = false;
  const inner = h("div", { class: "tycokit-rows", role: "presentation" });
  const id = unique();
  const el = h(
    "div",
    {
      class: "tycokit-list",
      role: "listbox",
      tabindex: "0",
      "aria-label": label,
      onpointerdown: () => {
        pressed = true;
        for (const end of ["pointerup", "pointercancel"]) window.addEventListener(end, released);
      },
      onscroll: () => {
        if (!frame) frame = requestAnimationFrame(() => ((frame = 0), draw(true)));
        onscroll?.(atEnd());
      },
      onkeydown: (event) => {
        const per = Math.max(1, Math.floor(el.clientHeight / rowHeight) - 1);
        const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: per, PageUp: -per };
        if (event.key in steps) move(Math.max(0, active) + (active < 0 ? 0 : steps[event.key]));
        else if (event.key === "Home") move(0);
        else if (event.key === "End") move(total - 1);
        else if (event.key === "Enter" || event.key === " ") active >= 0 && onactivate?.(active);
        else return;
        event.preventDefault();
        event.stopPropagation(); // Lab would move to another cell
      },
    },
    inner,
  );

  function released() {
    for (const end of ["pointerup", "pointercancel"]) window.removeEventListener(end, released);
    // the click comes first
    setTimeout(() => {
      pressed = false;
      if (due) draw();
    });
  }

  function range() {
    const first = Math.max(0, Math.floor(el.scrollTop / rowHeight) - 5);
    const shown = Math.ceil((el.clientHeight || height) / rowHeight) + 10;
    return [first, Math.min(total, first + shown)];
  }

  function atEnd() {
    return el.scrollTop + el.clientHeight >= inner.offsetHeight - rowHeight;
  }

  function draw(scrolled = false) {
    due = pressed && !scrolled;
    if (due) return;
    const [first, end] = range();
    const rows = [];
    for (let index = first; index < end; index += 1) {
      const made = row(index);
      made.classList.add("tycokit-row");
      made.id = `${id}-${index}`;
      made.setAttribute("role", "option");
      made.setAttribute("aria-setsize", total);
      made.setAttribute("aria-posinset", index + 1);
      made.setAttribute("aria-selected", index === active);
      made.style.transform = `translateY(${index * rowHeight}px)`;
      made.style.height = `${rowHeight}px`;
      if (onactivate) {
        made.addEventListener("click", () => {
          select(index);
          onactivate(index, made);
        });
      }
      rows.push(made);
    }
    inner.replaceChildren(...rows);
  }

  function move(index) {
    select(index);
    onscroll?.(atEnd()); // the next key may come before the event does
  }

  function select(index, reveal = true) {
    active = Math.max(-1, Math.min(total - 1, index));
    if (active >= 0) {
      el.setAttribute("aria-activedescendant", `${id}-${active}`);
    }
    if (active >= 0 && reveal) {
      const top = active * rowHeight;
      if (top < el.scrollTop) el.scrollTop = top;
      else if (top + rowHeight > el.scrollTop + el.clientHeight)
        el.scrollTop = top + rowHeight - el.clientHeight;
    }
    draw();
  }

  return {
    el,
    range,
    atEnd,
    refresh: () => draw(),
    select,
    setCount(n) {
      total = n;
      inner.style.height = `${n * rowHeight}px`;
      el.style.height = `${Math.min(height, Math.max(1, n) * rowHeight) + 2}px`;
      if (active >= n) active = -1;
      draw();
    },
    scrollTo(index) {
      el.scrollTop = index * rowHeight;
      draw();
    },
  };
}

/** Items of a long list that come in pages: `fetch(offset, count)` gives a promise of an array.
 *  `get(index)` gives an item, or undefined while its page is on the way. */
function pages(fetch, onload, size = 200, most = 50) {
  let loaded = new Map();
  let asked = new Set();
  return {
    get(index) {
      const number = Math.floor(index / size);
      const there = loaded.get(number);
      if (there) return there[index - number * size];
      if (!asked.has(number)) {
        const mine = asked;
        mine.add(number);
        fetch(number * size, size).then(
          (items) => {
            if (mine !== asked) return; // forgotten meanwhile
            loaded.set(number, items);
            mine.delete(number);
            while (loaded.size > most) loaded.delete(loaded.keys().next().value);
            onload();
          },
          (error) => {
            mine.delete(number);
            onload(error);
          },
        );
      }
      return undefined;
    },
    forget() {
      loaded = new Map();
      asked = new Set();
    },
  };
}

// Each widget as Lab shows it

/** The strip above a widget that says when pachd, or the kernel, does not answer. */
function banner(model) {
  const el = h("div", { class: "tycokit-lost", role: "status", hidden: true });
  let alive = true;
  const draw = () => {
    const { ok = true, lost = false, message = "", since = "" } = model.get("connection") ?? {};
    el.hidden = ok && alive;
    if (!alive) fill(el, "▲ The kernel has gone; this is what was last known. Run the cell again.");
    else if (lost) fill(el, h("strong", {}, "▲ No connection"), ` since ${time(since)}: ${message}`);
    else if (!ok) fill(el, `▲ ${message}`);
    else fill(el);
  };
  model.on("change:connection", draw);
  model.on("comm_live_update", () => {
    alive = false; // it is live when it is made, so this is its end
    channel(model).gone = true;
    draw();
  });
  draw();
  return el;
}

/** Hide the static rendering of this widget, which is for notebooks without a kernel. */
function hideStatic(token) {
  const id = `[data-tycokit="${CSS.escape(token)}"]`;
  const rule = h("style", {}, `${id}, .jp-OutputArea-child:has(${id}) { display: none !important; }`);
  document.head.append(rule);
  return () => rule.remove();
}

/** What a widget's module exports. `render({ model, el, onCleanup })` fills `el` as soon as there is
 *  a state; it may return, or hand to onCleanup, what is to be done when the widget goes. */
function view(render) {
  return {
    async render({ model, el }) {
      const name = unique();
      const cleanups = [hideStatic(model.get("token"))];
      const body = h("div", { class: "tycokit-body" });
      el.classList.add("tycokit");
      el.replaceChildren(banner(model), body);
      const beat = () => model.send({ call: "$open", arguments: { view: name } });
      beat();
      const timer = setInterval(beat, BEAT);
      cleanups.push(() => clearInterval(timer));
      cleanups.push(() => model.send({ call: "$close", arguments: { view: name } }));
      const draw = async () => {
        if (Object.keys(model.get("state") ?? {}).length === 0) return; // nothing was read yet
        model.off("change:state", draw);
        const more = await render({ model, el: body, onCleanup: (work) => cleanups.push(work) });
        if (more) cleanups.push(more);
      };
      model.on("change:state", draw);
      await draw();
      return () => cleanups.forEach((work) => work());
    },
  };
}
