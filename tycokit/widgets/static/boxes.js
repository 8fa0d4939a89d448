// Boxes over a picture, drawn by the browser: they stay sharp at any size, and can be toggled.

/** The colour of a label's text on a class's colour (#rrggbb): the one with more contrast. */
function onColour(colour) {
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16) / 255);
  return 0.2126 * r ** 2.2 + 0.7152 * g ** 2.2 + 0.0722 * b ** 2.2 > 0.179 ? "#000" : "#fff";
}

const BY = { new: "+ ", old: "− ", both: "", "": "" };

/** What a person reads about one object. */
function objectWords(one) {
  const by = { new: ", only the new one saw it", old: ", only the old one saw it" }[one.by] ?? "";
  return `${one.name}, ${Math.round(one.score * 100)} %${one.threat ? ", a threat" : ""}${by}`;
}

/** Boxes of the objects for which `visible` holds; `labels`: with their names. The surest is on
 *  top. They lie in a `tycokit-picture`, which has the picture's shape. */
function boxes(seen, { visible = () => true, labels = true } = {}) {
  return [...seen]
    .filter(visible)
    .sort((a, b) => a.score - b.score)
    .map((one) => {
      const [ymin, xmin, ymax, xmax] = one.box;
      const percent = (part) => `${(part * 100).toFixed(3)}%`;
      const kinds = ["tycokit-box"];
      if (one.threat) kinds.push("tycokit-box-threat");
      if (one.by) kinds.push(`tycokit-box-${one.by}`);
      const label = `${one.threat ? "▲ " : ""}${BY[one.by] ?? ""}${one.name} ${Math.round(one.score * 100)}`;
      const places = ["tycokit-box-label"];
      if (ymin < 0.08) places.push("tycokit-box-label-inside");
      if (xmin > 0.5) places.push("tycokit-box-label-right");
      return h(
        "div",
        {
          class: kinds.join(" "),
          title: objectWords(one),
          style: {
            "--colour": one.colour,
            "--on-colour": onColour(one.colour),
            top: percent(ymin),
            left: percent(xmin),
            width: percent(Math.max(xmax - xmin, 0.004)),
            height: percent(Math.max(ymax - ymin, 0.004)),
          },
        },
        labels ? h("span", { class: places.join(" ") }, label) : null,
      );
    });
}

/** A picture and the place for its boxes: { el, draw(seen, options) }. */
function boxedPicture(src, alt, { width, height } = {}) {
  const layer = h("div", { class: "tycokit-boxes", role: "presentation" });
  const el = h(
    "div",
    { class: "tycokit-picture", style: width ? { "aspect-ratio": `${width} / ${height}` } : {} },
    src ? h("img", { src, alt, draggable: "false" }) : null,
    layer,
  );
  return { el, draw: (seen, options) => fill(layer, boxes(seen, options)) };
}

/** All addresses of pictures that were made (`made`), and what else is to be done (`later`), when
 *  what shows them goes. */
function urls() {
  const made = [];
  const work = [];
  return {
    made,
    later: (each) => work.push(each),
    make(bytes, type = "image/jpeg") {
      made.push(blobUrl(bytes, type));
      return made[made.length - 1];
    },
    clear() {
      made.splice(0).forEach((url) => URL.revokeObjectURL(url));
      work.splice(0).forEach((each) => each());
    },
  };
}
