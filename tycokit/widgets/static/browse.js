// The files of a commit, or those that it changed: a list at the left, the chosen one at the right.

const MARKS = { added: "+", deleted: "−", changed: "✎" };

/** Two panes: a list at the left, what was chosen from it at the right. */
function panes(model, list, above) {
  const keep = urls();
  const view = h("div", { class: "tycokit-file", role: "region", "aria-label": "the file" });
  let asked = 0;
  return {
    el: h("div", { class: "tycokit-history-panes" }, h("div", { class: "tycokit-history-pick" }, above, list), view),
    end: () => keep.clear(),
    say: (words) => fill(view, note(words)),
    /** Show what a request gives, unless another was asked for meanwhile. `make(result, keep)`. */
    async show(name, promise, make) {
      const mine = (asked += 1);
      const slow = setTimeout(() => fill(view, note("…")), 150);
      try {
        const found = await promise;
        if (mine !== asked) return;
        keep.clear();
        fill(view, h("h4", { class: "tycokit-file-path" }, name), make(found, keep));
        view.scrollTop = 0;
      } catch (error) {
        if (mine === asked) fill(view, h("h4", { class: "tycokit-file-path" }, name), h("p", { class: "tycokit-bad" }, `✖ ${error.message}`));
      } finally {
        clearTimeout(slow);
      }
    },
  };
}

/** A list that goes on where it ended, as long as `fetch(after)` names a marker to go on from. */
function growing({ row, label, onactivate, fetch, fail }) {
  let items = [];
  let after = null;
  let busy = false;
  let round = 0;
  const list = virtualList({
    row: (index) => row(items[index]),
    rowHeight: 26,
    height: 420,
    label,
    onactivate: (index) => onactivate(items[index], index),
    onscroll: (end) => end && more(),
  });

  async function more() {
    if (busy || after === "") return;
    busy = true;
    const mine = round;
    try {
      const page = await fetch(after ?? "");
      if (mine !== round) return;
      after = page.after;
      items = [...items, ...page.items];
      list.setCount(items.length);
    } catch (error) {
      if (mine === round) fail(error);
    } finally {
      if (mine === round) busy = false;
    }
  }

  return {
    el: list.el,
    select: list.select,
    items: () => items,
    /** From the beginning; false where that was overtaken by another start. */
    async start() {
      const mine = (round += 1);
      items = [];
      after = null;
      busy = false;
      list.setCount(0);
      await more();
      return mine === round;
    },
  };
}

function filesPanel(model, commit, _commits, fail) {
  let folder = "/";
  const crumbs = h("div", { class: "tycokit-history-crumbs" });
  const list = growing({
    row: (entry) =>
      h(
        "div",
        { class: entry.folder ? "tycokit-history-entry tycokit-history-folder" : "tycokit-history-entry", title: entry.path },
        h("span", { class: "tycokit-history-name" }, entry.folder ? `▸ ${entry.name}/` : entry.name),
        h("span", { class: "tycokit-quiet tycokit-number" }, bytes(entry.size)),
      ),
    label: "files",
    onactivate: (entry) => (entry.folder ? enter(entry.path) : look(entry)),
    fetch: async (after) => {
      const page = await request(model, "folder", { commit: commit.id, path: folder, after });
      return { items: page.entries, after: page.after };
    },
    fail,
  });
  const two = panes(model, list.el, crumbs);

  async function enter(path) {
    folder = path;
    drawCrumbs();
    if (!(await list.start())) return;
    const items = list.items();
    const files = items.filter((entry) => !entry.folder);
    // rather what a stage has made than how it did
    const first = items.indexOf(files.find((entry) => !entry.name.endsWith(".ipynb")) ?? files[0]);
    if (!items.length) two.say(path === "/" ? "It holds no files." : "An empty folder.");
    else if (first < 0 && items.length === 1) enter(items[0].path);
    else if (first >= 0) {
      list.select(first);
      look(items[first]);
    } else two.say("Choose a folder or a file.");
  }

  function drawCrumbs() {
    const parts = folder.split("/").filter(Boolean);
    const crumb = (name, path) => h("button", { class: "tycokit-link", onclick: () => enter(path) }, name);
    fill(
      crumbs,
      crumb("all files", "/"),
      parts.map((name, at) => [" / ", crumb(name, `/${parts.slice(0, at + 1).join("/")}`)]),
    );
  }

  function look(entry) {
    const args = { commit: commit.id, path: entry.path };
    two.show(entry.path, request(model, "preview", args), (shown, keep) => {
      if (shown.kind === "picture") return withSeen(model, args, showPicture(shown, shown.blobs, keep));
      const parts = [showFile(shown, shown.blobs, keep)];
      if (shown.json && shown.text.includes('"objects"')) parts.unshift(itsPicture(model, args, keep));
      return parts;
    });
  }

  if (commit.state === "finished") enter("/");
  else two.say("The commit is not finished; its files show here when it is.");
  return { el: two.el, end: two.end };
}

/** A picture of a commit, and the boxes that a network has put into it, as soon as they are known. */
function withSeen(model, args, picture) {
  const words = h("p", { class: "tycokit-quiet" });
  request(model, "seen", args).then(
    (shot) => {
      if (!shot.seen) return;
      picture.draw(shot.seen);
      fill(words, seenWords(shot));
    },
    (error) => fill(words, `no boxes: ${error.message}`),
  );
  return [picture.el, words];
}

function seenWords(shot) {
  const rules = shot.rules.length ? `; fired the ${shot.rules.length > 1 ? "rules" : "rule"} ${shot.rules.join(", ")}` : "";
  return shot.seen.length ? `${shot.seen.map(objectWords).join(" · ")}${rules}` : "a network looked, and saw nothing";
}

/** The picture that a file of detections is about. */
function itsPicture(model, args, keep) {
  const place = h("div", { class: "tycokit-file-figure" });
  request(model, "picture", args).then(
    (shown) => {
      if (shown.kind === "picture") fill(place, withSeen(model, args, showPicture(shown, shown.blobs, keep)));
    },
    () => {}, // the file itself is there
  );
  return place;
}

function changesPanel(model, commit, commits, fail) {
  const others = () => commits().filter((each) => each.id !== commit.id);
  const words = (each) => `${each.id.slice(0, 8)}, ${time(each.started)}${each.message ? `, ${each.message}` : ""}`;
  const select = h(
    "select",
    { "aria-label": "compare with", onchange: () => start() },
    h("option", { value: "" }, commit.parent ? "its parent" : "nothing (it is the first)"),
    others().slice(0, 500).map((each) => h("option", { value: each.id }, words(each))),
  );
  const list = growing({
    row: (change) =>
      h(
        "div",
        { class: `tycokit-history-entry tycokit-history-${change.kind}`, title: `${change.kind}: ${change.path}` },
        h("span", { class: "tycokit-history-mark", role: "img", "aria-label": change.kind }, MARKS[change.kind]),
        h("span", { class: "tycokit-history-name" }, change.path),
        h("span", { class: "tycokit-quiet tycokit-number" }, sizes(change)),
      ),
    label: "files that differ",
    onactivate: (change) => look(change),
    fetch: async (after) => {
      const page = await request(model, "changes", { new: commit.id, old: select.value, after });
      return { items: page.changes, after: page.after };
    },
    fail,
  });
  const two = panes(model, list.el, h("label", { class: "tycokit-history-compare" }, "compared with", select));

  async function start() {
    if (!(await list.start())) return;
    const [first] = list.items();
    if (!first) return two.say("No file differs.");
    list.select(0);
    look(first);
  }

  function look(change) {
    const { path, kind } = change;
    const old = select.value || commit.parent;
    if (kind === "changed")
      return two.show(`${path}: changed`, request(model, "difference", { new: commit.id, old, path }), (found, keep) =>
        showDifference(found, found.blobs, keep),
      );
    const where = kind === "added" ? commit.id : old;
    two.show(`${path}: ${kind}`, request(model, "preview", { commit: where, path }), (shown, keep) =>
      showFile(shown, shown.blobs, keep),
    );
  }

  if (commit.state === "finished") start();
  else two.say("The commit is not finished; its changes show here when it is.");
  return { el: two.el, end: two.end };
}

function sizes({ kind, new: now, old }) {
  if (kind === "added") return bytes(now.size);
  if (kind === "deleted") return bytes(old.size);
  return now.size === old.size ? bytes(now.size) : `${bytes(old.size)} → ${bytes(now.size)}`;
}
