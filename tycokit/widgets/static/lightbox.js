// One picture of the gallery, large, with the list of what was seen in it.

const LARGE = 1400; // pixels asked for

/** What is to be said where no object is known; `drawn`: the picture is what a stage has drawn. */
function nothing(shot, drawn) {
  if (shot.looked) return "nothing seen";
  return drawn ? "" : "no network looked at it";
}

function when(shot) {
  return /^\d{10}/.test(shot.time) ? time(Number(shot.time.slice(0, 10))) : "";
}

/** One picture, as large as there is room for, over the page. */
function lightbox(model, shots, choices) {
  const keep = urls();
  let at = -1;
  let picture = null;
  const place = h("div", { class: "tycokit-gallery-large" });
  const facts = h("div", { class: "tycokit-gallery-large-facts" });
  const el = h(
    "dialog",
    {
      class: "tycokit-gallery-dialog",
      "aria-label": "a picture",
      onclick: (event) => event.target === el && el.close(),
      onclose: () => keep.clear(),
      onkeydown: (event) => {
        event.stopPropagation(); // Lab has other plans with these keys
        if (event.key === "ArrowLeft") open(at - 1);
        if (event.key === "ArrowRight") open(at + 1);
      },
    },
    h(
      "div",
      { class: "tycokit-bar" },
      h("button", { onclick: () => open(at - 1), "aria-label": "the picture before" }, "◀"),
      h("button", { onclick: () => open(at + 1), "aria-label": "the next picture" }, "▶"),
      h("span", { class: "tycokit-gallery-large-name" }),
      h("button", { onclick: () => el.close(), "aria-label": "close" }, "✕"),
    ),
    h("div", { class: "tycokit-gallery-large-two" }, place, facts),
  );

  async function open(index) {
    const shot = shots()[index];
    if (!shot) return;
    at = index;
    picture = null;
    fill(el.querySelector(".tycokit-gallery-large-name"), shot.picture);
    fill(place, note("…"));
    draw();
    if (!el.open) el.showModal();
    const { old } = choices(shot);
    let words = "";
    try {
      const { found, blobs } = await request(model, "thumbs", { pictures: [shot.picture], side: LARGE, compare: old });
      if (at !== index) return;
      words = found[0].error;
      if (!words) {
        keep.clear();
        const { width, height } = found[0];
        picture = boxedPicture(keep.make(blobs[0]), shot.picture, { width, height });
        picture.el.style.maxWidth = `calc(72vh * ${width / height})`;
      }
    } catch (error) {
      words = error.message;
    }
    fill(place, words ? h("p", { class: "tycokit-bad" }, `✖ ${words}`) : picture.el);
    draw();
  }

  function draw() {
    const shot = shots()[at];
    if (!shot) return;
    const { visible, labels, drawn } = choices(shot);
    picture?.draw(drawn ? [] : shot.seen.filter(visible), { labels });
    const row = (one) =>
      h(
        "tr",
        { class: visible(one) ? "" : "tycokit-gallery-faded" },
        h("td", {}, h("span", { class: "tycokit-gallery-swatch", style: { background: one.colour } }), " ", one.name),
        h("td", { class: "tycokit-number" }, `${(one.score * 100).toFixed(1)} %`),
        h("td", {}, one.threat ? h("span", { class: "tycokit-chip tycokit-bad" }, "▲ threat") : ""),
        h("td", {}, { new: "+ new", old: "− gone", both: "in both" }[one.by] ?? ""),
      );
    fill(
      facts,
      h("div", {}, h("strong", {}, shot.device), " ", h("span", { class: "tycokit-quiet" }, when(shot))),
      shot.rules.length ? h("div", { class: "tycokit-bad" }, `▲ ${shot.rules.length > 1 ? "rules" : "rule"} ${shot.rules.join(", ")}`) : null,
      shot.seen.length ? h("table", { class: "tycokit-table" }, h("tbody", {}, shot.seen.map(row))) : note(nothing(shot, drawn)),
      h("div", { class: "tycokit-quiet tycokit-mono tycokit-gallery-path" }, shot.path),
    );
  }

  return { el, open, draw: () => el.open && draw(), end: () => (el.close(), keep.clear()) };
}

function note(text) {
  return h("p", { class: "tycokit-quiet" }, text);
}
