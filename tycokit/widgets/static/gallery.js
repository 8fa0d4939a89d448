// Pictures in a grid, as many as are looked at: their files come when they scroll into view.

const HEIGHT = 170; // pixels of a picture in the grid
const SIDE = 480; // pixels asked for, for screens with small pixels
const AT_ONCE = 8;
const SHOWS = {
  "": "all pictures",
  seen: "with a visible object",
  threats: "with a threat",
  new: "where only this commit saw something",
  old: "where only the other saw something",
};

function render({ model, el, onCleanup }) {
  const keep = new Map(); // card → address of its picture
  const hidden = new Set(); // classes
  const without = new Set(); // who found it: both, new, old
  const classes = new Map(); // class → { name, colour }
  let least = 0;
  let compare = null; // null: as Python says
  let shots = [];
  let after = "";
  let looked = 0;
  let round = 0; // of loading from the beginning
  let busy = false;
  let version = 0; // of what is chosen: a card that was drawn for another is out of date

  const old = () => compare ?? model.get("state").compare ?? "";
  const drawn = () => model.get("state").drawn; // boxes are in the pictures already
  const visible = (one) => !hidden.has(one.class) && one.score >= least && !without.has(one.by);

  // what can be chosen

  const title = h("h3", {});
  const about = h("span", { class: "tycokit-quiet" });
  const show = h("select", { "aria-label": "which pictures", onchange: () => reload() });
  const device = h("select", { "aria-label": "user-device", onchange: () => reload() });
  const order = h(
    "select",
    { "aria-label": "order", onchange: () => reload() },
    h("option", { value: "" }, "by name"),
    h("option", { value: "newest" }, "backwards"),
  );
  const other = h("select", { "aria-label": "compare with", onchange: () => choose(other.value) });
  const toggles = h("div", { class: "tycokit-gallery-toggles", role: "group", "aria-label": "classes" });
  const finders = h("div", { class: "tycokit-gallery-toggles", role: "group", "aria-label": "who saw it", hidden: true });
  const score = h("output", { class: "tycokit-gallery-score" }, "0 %");
  const slider = h("input", {
    type: "range",
    min: "0",
    max: "100",
    value: "0",
    "aria-label": "least score",
    oninput: () => {
      least = slider.value / 100;
      fill(score, `${slider.value} %`);
      redraw();
      search();
    },
    onkeydown: (event) => event.stopPropagation(),
  });
  const labels = h("input", { type: "checkbox", checked: true, onchange: () => redraw() });
  const named = h("label", {}, labels, "names");
  const search = debounce(() => show.value && reload(), 400);

  // the grid

  const grid = h("div", { class: "tycokit-gallery-grid" });
  const last = h("div", { class: "tycokit-gallery-last tycokit-quiet", role: "status" });
  const scroll = h("div", { class: "tycokit-gallery-scroll", tabindex: "0", role: "region", "aria-label": "pictures" }, grid, last);
  // cards that are, or soon will be, in view: only these are drawn
  const close = new Set();
  const near = new IntersectionObserver(
    (seen) =>
      seen.forEach(({ target, isIntersecting }) => {
        if (!isIntersecting) return drop(target);
        close.add(target);
        if (target.tycokitCard.version !== version) target.tycokitCard.draw();
        want(target);
      }),
    { root: scroll, rootMargin: "800px" },
  );
  const end = new IntersectionObserver((seen) => seen.some((each) => each.isIntersecting) && more(), {
    root: scroll,
    rootMargin: "400px",
  });
  end.observe(last);
  const large = lightbox(model, () => shots, (shot) => ({ visible, labels: labels.checked, drawn: drawn(), old: old(), shot }));

  function card(shot, index) {
    const made = boxedPicture(null, "");
    const el = h(
      "button",
      { class: "tycokit-gallery-card", onclick: () => large.open(index), dataset: { picture: shot.picture } },
      h("div", { class: "tycokit-gallery-frame" }, made.el),
      h("div", { class: "tycokit-gallery-caption" }),
    );
    const own = {
      el,
      shot,
      version: -1,
      draw() {
        own.version = version;
        const seen = shot.seen.filter(visible);
        made.draw(drawn() ? [] : seen, { labels: labels.checked });
        const threat = seen.some((one) => one.threat);
        el.classList.toggle("tycokit-gallery-threat", threat);
        const words = seen.map(objectWords).join("; ") || nothing(shot, drawn());
        el.setAttribute("aria-label", [shot.picture, words].filter(Boolean).join(": "));
        fill(el.lastChild, captionOf(shot, seen, threat, drawn()));
      },
      picture(found) {
        const image = h("img", { src: found.url, alt: "", draggable: "false" });
        const { width, height } = found;
        made.el.style.aspectRatio = `${width} / ${height}`;
        made.el.style.width = `min(100%, ${(HEIGHT * width) / height}px)`;
        made.el.querySelectorAll("img, .tycokit-gallery-missing").forEach((each) => each.remove());
        made.el.prepend(image);
      },
      fail(words) {
        made.el.querySelector(".tycokit-gallery-missing")?.remove();
        made.el.append(h("div", { class: "tycokit-gallery-missing tycokit-quiet" }, words));
      },
    };
    el.tycokitCard = own;
    return el;
  }

  // pictures that come into view, some at once

  const waiting = new Set();
  let fetching = 0;

  function want(target) {
    if (keep.has(target)) return;
    waiting.add(target);
    queueMicrotask(fetch);
  }

  function drop(target) {
    close.delete(target);
    waiting.delete(target);
    if (!keep.has(target) || shots.length < 500) return; // some hundreds may stay
    URL.revokeObjectURL(keep.get(target));
    keep.delete(target);
    target.querySelector("img")?.remove();
  }

  async function fetch() {
    while (waiting.size && fetching < 2) {
      const targets = [...waiting].slice(0, AT_ONCE);
      targets.forEach((target) => waiting.delete(target));
      fetching += 1;
      const pictures = targets.map((target) => target.dataset.picture);
      try {
        const { found, blobs } = await request(model, "thumbs", { pictures, side: SIDE, compare: old() });
        found.forEach((one, at) => {
          const target = targets[at];
          if (!target.isConnected) return;
          if (one.error) return target.tycokitCard.fail(one.error);
          const url = blobUrl(blobs[one.blob], "image/jpeg");
          keep.set(target, url);
          target.tycokitCard.picture({ ...one, url });
        });
      } catch (error) {
        targets.forEach((target) => target.isConnected && target.tycokitCard.fail(error.message));
      } finally {
        fetching -= 1;
      }
    }
  }

  // pages

  function forget() {
    near.disconnect();
    waiting.clear();
    close.clear();
    keep.forEach((url) => URL.revokeObjectURL(url));
    keep.clear();
    shots = [];
    looked = 0;
    grid.replaceChildren();
  }

  function add(page) {
    const from = shots.length;
    shots = [...shots, ...page.shots];
    after = page.after;
    looked += page.looked;
    const cards = page.shots.map((shot, at) => card(shot, from + at));
    grid.append(...cards);
    cards.forEach((each) => near.observe(each));
    page.shots.forEach((shot) => shot.seen.forEach((one) => classes.set(one.class, one)));
    drawToggles();
    drawLast();
  }

  function plain() {
    return !show.value && !device.value && !order.value && compare === null;
  }

  /** From the beginning: the first page is in the state, unless something was chosen. */
  function reload() {
    round += 1;
    busy = false;
    forget();
    scroll.scrollTop = 0;
    const state = model.get("state");
    if (plain() && state.shots) add(state);
    else {
      after = null;
      more();
    }
  }

  async function more() {
    if (busy || after === "") return;
    busy = true;
    const mine = round;
    const found = shots.length;
    try {
      // where few fit, look on for a while by itself
      for (let turn = 0; turn < 5 && after !== "" && shots.length < found + 12; turn += 1) {
        drawLast("looking …");
        const page = await request(model, "page", {
          after: after ?? "",
          compare: old(),
          only: show.value,
          hidden: [...hidden],
          least_score: least,
          device: device.value,
          newest: order.value === "newest",
        });
        if (mine !== round) return;
        add(page);
      }
    } catch (error) {
      if (mine === round) drawLast(`✖ ${error.message}`);
      return;
    } finally {
      if (mine === round) busy = false;
    }
    drawLast();
    if (shots.length === found) return; // a long search goes on when it is asked to
    // it says only what changes: where the end is still in view, it has to be asked anew
    end.unobserve(last);
    end.observe(last);
  }

  function drawLast(words) {
    if (words) return fill(last, words);
    const fits = count(shots.length, "picture");
    const said = show.value ? `${fits} of ${looked} looked at` : fits;
    if (after) return fill(last, `${said}; `, h("button", { onclick: () => more() }, "look on"));
    fill(last, shots.length ? `${said}, all there are` : emptyWords());
  }

  function emptyWords() {
    const state = model.get("state");
    if (show.value || device.value) return "No picture fits.";
    if (!state.commit) return "No commit is finished yet: pictures show here as soon as one is.";
    return state.listed ? "No pictures." : `${state.where} holds neither pictures nor detections.`;
  }

  // drawing what is chosen

  function redraw() {
    version += 1;
    close.forEach((each) => each.tycokitCard.draw());
    large.draw();
  }

  function toggle(set, key, words, swatch) {
    return h(
      "button",
      {
        class: "tycokit-gallery-toggle",
        "aria-pressed": String(!set.has(key)),
        onclick: (event) => {
          if (!set.delete(key)) set.add(key);
          event.currentTarget.setAttribute("aria-pressed", String(!set.has(key)));
          redraw();
          search();
        },
      },
      swatch ? h("span", { class: "tycokit-gallery-swatch", style: { background: swatch } }) : null,
      words,
    );
  }

  function drawToggles() {
    const counts = new Map();
    shots.forEach((shot) => shot.seen.forEach((one) => counts.set(one.class, (counts.get(one.class) ?? 0) + 1)));
    const made = [...classes.values()].sort((a, b) => (counts.get(b.class) ?? 0) - (counts.get(a.class) ?? 0) || a.class - b.class);
    const key = made.map((one) => `${one.class}:${counts.get(one.class)}`).join();
    if (toggles.dataset.key === key) return;
    toggles.dataset.key = key;
    fill(toggles, made.map((one) => toggle(hidden, one.class, `${one.name} ${counts.get(one.class) ?? 0}`, one.colour)));
  }

  function drawChoices() {
    const state = model.get("state");
    fill(title, state.where);
    fill(
      about,
      state.commit ? `commit ${state.commit.slice(0, 12)}` : "",
      state.detections && state.listed === "pictures" ? `, ${state.drawn ? "drawn from" : "boxes of"} ${short(state.detections)}` : "",
      state.threats && state.threats !== state.detections ? `, threats of ${short(state.threats)}` : "",
    );
    options(device, [["", "all user-devices"], ...state.devices.map((name) => [name, name])]);
    device.hidden = !state.devices.length;
    named.hidden = state.drawn;
    const words = (each) => `${each.id.slice(0, 8)}, ${time(each.started)}${each.message ? `, ${each.message}` : ""}`;
    const others = state.commits.filter((each) => each.id !== state.commit);
    if (old() && !others.some((each) => each.id === old())) others.unshift({ id: old(), started: null });
    options(other, [["", "nothing"], ...others.map((each) => [each.id, words(each)])], old());
    const shown = Object.entries(SHOWS).filter(([key]) => old() || !["new", "old"].includes(key));
    options(show, shown);
    finders.hidden = !old();
    if (!finders.children.length)
      fill(
        finders,
        toggle(without, "both", "seen by both"),
        toggle(without, "new", "+ only by this commit"),
        toggle(without, "old", "− only by the other"),
      );
  }

  function choose(id) {
    compare = id;
    drawChoices();
    reload();
  }

  /** The state has changed: the same commits leave the grid as it is. */
  let key = "";
  function draw() {
    const state = model.get("state");
    if (!state.commits) return;
    drawChoices();
    const now = [state.commit, state.detections, state.threats, state.compare].join();
    if (now === key && shots.length) return;
    key = now;
    reload();
  }

  const all = [
    h("div", { class: "tycokit-bar" }, title, about),
    h(
      "div",
      { class: "tycokit-bar" },
      show,
      device,
      order,
      h("label", {}, "compared with", other),
    ),
    h(
      "div",
      { class: "tycokit-bar" },
      toggles,
      finders,
      h("label", {}, "score from", slider, score),
      named,
    ),
    scroll,
    large.el,
  ];
  el.append(h("div", { class: "tycokit-gallery" }, all));
  /** Once pachd answers again: what could not be read while it did not. */
  function again() {
    if (!model.get("connection").ok) return;
    for (const each of grid.children) {
      if (keep.has(each)) continue;
      near.unobserve(each);
      near.observe(each);
    }
    if (last.textContent.startsWith("✖")) more();
  }

  model.on("change:state", draw);
  model.on("change:connection", again);
  onCleanup(() => {
    model.off("change:state", draw);
    model.off("change:connection", again);
    end.disconnect();
    round += 1;
    forget();
    large.end();
  });
  draw();
}

function short(address) {
  const [repo, id] = address.split("@");
  return `${repo}@${id.slice(0, 8)}`;
}

/** Fill a select, if that changes it; what was chosen stays chosen. */
function options(select, pairs, chosen = select.value) {
  const key = JSON.stringify(pairs);
  if (select.dataset.key !== key) {
    select.dataset.key = key;
    fill(select, pairs.map(([value, words]) => h("option", { value }, words)));
  }
  select.value = pairs.some(([value]) => value === chosen) ? chosen : "";
}

function captionOf(shot, seen, threat, drawn) {
  const by = (name) => seen.filter((one) => one.by === name).length;
  const compared = seen.some((one) => one.by);
  return [
    h("div", { class: "tycokit-gallery-top" }, h("strong", {}, shot.device || shot.picture.replace(/^\//, "")), h("span", { class: "tycokit-quiet" }, when(shot))),
    h(
      "div",
      { class: "tycokit-gallery-low" },
      threat ? h("span", { class: "tycokit-chip tycokit-bad" }, `▲ ${shot.rules.join(", ") || "threat"}`) : null,
      compared
        ? h("span", {}, `+ ${by("new")} new  − ${by("old")} gone`)
        : h("span", { class: "tycokit-quiet" }, seen.map((one) => one.name).join(", ") || nothing(shot, drawn)),
    ),
  ];
}

export default view(render);
