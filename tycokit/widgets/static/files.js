// What a file looks like, and how two files differ, from what Python's `showing` sends.

/** A file. `blobs` are the bytes that came with it, `keep` (urls()) holds what is made of them. */
function showFile(shown, blobs, keep) {
  if (shown.kind === "picture") return showPicture(shown, blobs, keep).el;
  if (shown.kind === "table") return showTable(shown);
  if (shown.kind === "notebook")
    return shown.cells.length
      ? notebookCells(shown.cells, blobs, { label: shown.path, onCleanup: keep.later })
      : note("a notebook without cells");
  if (shown.kind === "bytes")
    return [note(`${shown.why}; it begins with these bytes:`), h("pre", { class: "tycokit-file-text" }, shown.hex)];
  return [
    h("pre", { class: "tycokit-file-text", tabindex: "0" }, shown.text || " "),
    shown.text ? null : note("it is empty"),
    shown.whole ? null : note(`the beginning of ${bytes(shown.size)}`),
  ];
}

/** A picture, to be given boxes: as boxedPicture. */
function showPicture(shown, blobs, keep) {
  return boxedPicture(keep.make(blobs[shown.blob]), shown.path, shown);
}

function note(text) {
  return h("p", { class: "tycokit-quiet" }, text);
}

function showTable({ rows, whole }) {
  const [heading, ...rest] = rows;
  if (!heading) return note("it is empty");
  return [
    h(
      "div",
      { class: "tycokit-file-scroll", tabindex: "0" },
      h(
        "table",
        { class: "tycokit-table tycokit-file-table" },
        h("thead", {}, h("tr", {}, heading.map((cell) => h("th", { scope: "col" }, cell)))),
        h("tbody", {}, rest.map((row) => h("tr", {}, row.map((cell) => h("td", {}, cell))))),
      ),
    ),
    whole ? null : note(`the first ${count(rest.length, "row")}`),
  ];
}

/** How a file differs. */
function showDifference(found, blobs, keep) {
  if (found.kind === "lines")
    return [
      found.lines.length ? showLines(found.lines) : note("the same, line by line"),
      found.whole ? null : note("only the beginning was compared"),
    ];
  if (found.kind === "notebooks") return found.cells.map((change) => showCellChange(change, blobs, keep));
  const side = (name, shown) =>
    h("div", { class: "tycokit-diff-side" }, h("h4", {}, name), shown ? showFile(shown, blobs, keep) : note("not there"));
  return h("div", { class: "tycokit-diff-sides" }, side("before", found.old), side("after", found.new));
}

const SIGNS = { same: " ", added: "+", deleted: "−", gap: "⋯" };

function showLines(lines) {
  return h(
    "div",
    { class: "tycokit-diff-lines", role: "table", "aria-label": "lines that differ", tabindex: "0" },
    lines.map(([kind, old, fresh, text, marks]) =>
      kind === "gap"
        ? h("div", { class: "tycokit-diff-line tycokit-diff-gap", role: "row" }, h("span", { role: "cell" }, `⋯ ${count(Number(text), "line")} alike`))
        : h(
            "div",
            { class: `tycokit-diff-line tycokit-diff-${kind}`, role: "row" },
            h("span", { class: "tycokit-diff-at", role: "cell" }, old ?? ""),
            h("span", { class: "tycokit-diff-at", role: "cell" }, fresh ?? ""),
            h("span", { class: "tycokit-diff-sign", role: "cell" }, SIGNS[kind]),
            h("span", { class: "tycokit-diff-words", role: "cell" }, marked(text, marks)),
          ),
    ),
  );
}

function marked(text, marks) {
  const made = [];
  let at = 0;
  for (let i = 0; i < marks.length; i += 2) {
    made.push(text.slice(at, marks[i]), h("mark", {}, text.slice(marks[i], marks[i + 1])));
    at = marks[i + 1];
  }
  return [made, text.slice(at)];
}

const CELLS = { added: "+ added", deleted: "− deleted", changed: "✎ changed", same: "" };

function showCellChange(change, blobs, keep) {
  const numbers = [change.old && `cell ${change.old} before`, change.new && `cell ${change.new} now`];
  if (change.kind === "same") {
    const first = change.source.split("\n", 1)[0];
    return h("div", { class: "tycokit-diff-alike" }, `${change.cell} cell ${change.new}, the same: ${first}`);
  }
  const { outputs } = change;
  return h(
    "section",
    { class: `tycokit-diff-cell tycokit-diff-cell-${change.kind}` },
    h("h4", {}, CELLS[change.kind], " ", h("span", { class: "tycokit-quiet" }, change.cell, ", ", numbers.filter(Boolean).join(", "))),
    change.lines.length ? showLines(change.lines) : null,
    outputs
      ? h(
          "div",
          { class: "tycokit-diff-sides" },
          h("div", { class: "tycokit-diff-side" }, h("h4", {}, "output before"), outputs.old.map((one) => cellOutput(one, blobs, keep.made))),
          h("div", { class: "tycokit-diff-side" }, h("h4", {}, "output after"), outputs.new.map((one) => cellOutput(one, blobs, keep.made))),
        )
      : null,
  );
}
