// Cells of a notebook with what they left, and a way to open a notebook in Lab.

/** The cells as Python gives them (showing.cell). `at` is the position of the one to look at: it is
 *  marked and scrolled to. Bytes of pictures are in `blobs`. */
function notebookCells(cells, blobs, { at = -1, label = "cells", onCleanup } = {}) {
  const urls = [];
  onCleanup?.(() => urls.forEach((url) => URL.revokeObjectURL(url)));
  const made = cells.map((cell, index) => {
    const mark = cell.failed ? "failed" : index === at ? "this one" : "";
    return h(
      "div",
      { class: `tycokit-cell${cell.failed || index === at ? " tycokit-cell-at" : ""}` },
      h(
        "div",
        { class: "tycokit-cell-number" },
        cell.kind === "code" ? `[${cell.count ?? " "}]` : "",
        mark && h("span", { class: "tycokit-bad" }, ` ✖ ${mark}`),
      ),
      h(
        "div",
        { class: "tycokit-cell-body" },
        cell.kind === "markdown"
          ? h("div", { class: "tycokit-prose" }, prose(cell.source))
          : h("pre", { class: `tycokit-source tycokit-source-${cell.kind}` }, cell.source),
        cell.outputs.map((output) => cellOutput(output, blobs, urls)),
      ),
    );
  });
  const el = h("div", { class: "tycokit-cells", tabindex: "0", role: "region", "aria-label": label }, made);
  if (at >= 0) {
    // once it is in the page, and only within this box
    requestAnimationFrame(() => (el.scrollTop = made[at].offsetTop - 12));
  }
  return el;
}

/** Markdown's headings, lists, code and emphasis; all else stays as it was written. */
function prose(source) {
  const made = [];
  let lines = [];
  let fence = false;
  const flush = (tag) => {
    if (lines.length) made.push(h(tag, {}, tag === "pre" ? lines.join("\n") : inline(lines.join(" "))));
    lines = [];
  };
  for (const line of source.split("\n")) {
    const heading = /^(#{1,6})\s+(.*)/.exec(line);
    const item = /^\s*[-*]\s+(.*)/.exec(line);
    if (/^\s*(```|~~~)/.test(line)) {
      flush(fence ? "pre" : "p");
      fence = !fence;
    } else if (fence) lines.push(line);
    else if (heading || item || !line.trim()) {
      flush("p");
      if (heading) made.push(h(`h${Math.min(heading[1].length + 2, 6)}`, {}, inline(heading[2])));
      if (item) made.push(h("div", { class: "tycokit-prose-item" }, inline(item[1])));
    } else lines.push(line);
  }
  flush(fence ? "pre" : "p");
  return made;
}

function inline(text) {
  return text.split(/(`[^`]+`|\*\*[^*]+\*\*)/).map((part) => {
    if (/^`.+`$/.test(part)) return h("code", {}, part.slice(1, -1));
    if (/^\*\*.+\*\*$/.test(part)) return h("strong", {}, part.slice(2, -2));
    return part;
  });
}

function cellOutput(output, blobs, urls) {
  if (output.kind === "picture") {
    const src = blobUrl(blobs[output.blob], output.type);
    urls.push(src);
    return h("img", { src, alt: output.text || "a picture that the cell left", class: "tycokit-output-picture" });
  }
  const bad = output.kind === "error" ? " tycokit-output-error" : "";
  return h("pre", { class: `tycokit-output${bad}` }, output.text);
}

/** A button that opens a file of the server's in Lab. `path` is absolute, `home` the person's
 *  folder; where it lies outside of what Lab shows, the path is all that can be given. */
function labLink(model, path, home, ...words) {
  const inside = pathInLab(path, home);
  if (inside === null) return h("code", { class: "tycokit-mono" }, path);
  const link = h("button", { class: "tycokit-link", title: path }, words);
  const handler = model.widget_manager?.rendermime?.linkHandler;
  if (handler) handler.handleLink(link, inside, "");
  else link.addEventListener("click", () => window.open(labAddress(inside), "_blank", "noopener"));
  return link;
}

function labConfig() {
  try {
    return JSON.parse(document.getElementById("jupyter-config-data").textContent);
  } catch {
    return {}; // not in Lab
  }
}

function pathInLab(path, home) {
  const root = (labConfig().serverRoot ?? "").replace(/^~/, home).replace(/\/+$/, "");
  return root && path.startsWith(`${root}/`) ? path.slice(root.length + 1) : null;
}

function labAddress(inside) {
  const base = labConfig().baseUrl ?? "/";
  return `${base}lab/tree/${inside.split("/").map(encodeURIComponent).join("/")}`;
}
