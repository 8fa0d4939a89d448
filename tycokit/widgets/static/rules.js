// The alert rules: a form and JSON of the same text, what they would have fired, and the commit.

const FIELDS = [
  ["id", "rule", "text"],
  ["devices", "user-devices", "words"],
  ["unsafe", "unsafe classes", "classes"],
  ["match", "fires for", "match"],
  ["probability", "above", "number"],
  ["least_area", "least area", "number"],
  ["cool_down", "cool-down", "text"],
  ["notify", "tells", "words"],
];
const CHANGES = { new: "▲ new threat", gone: "▽ no threat any more" };

function render({ model, el, onCleanup }) {
  let based = null; // the commit that the text was made from
  let text = "";
  let fine = false;
  let asked = 0;
  const own = unique();

  const area = h("textarea", { "aria-label": "rules.json", spellcheck: "false", oninput: () => edited(area.value, "json") });
  const form = h("div", {});
  const fault = h("p", { class: "tycokit-rules-fault", role: "status" });
  const note = h("p", { class: "tycokit-quiet", role: "status" });
  const asForm = h("button", { "aria-pressed": "true", onclick: () => show(true) }, "form");
  const asJson = h("button", { "aria-pressed": "false", onclick: () => show(false) }, "JSON");
  const save = h("button", { class: "tycokit-main" }, "commit these rules");
  const reset = h("button", { onclick: () => (take(model.get("state")), fill(note, "as committed")) }, "discard changes");
  const since = h("input", { type: "date", "aria-label": "only pictures since this day" });
  const test = h("button", {}, "try on what was seen");
  const results = h("div", {});
  const names = h("datalist", { id: `${own}-classes` });

  function show(isForm) {
    asForm.setAttribute("aria-pressed", isForm);
    asJson.setAttribute("aria-pressed", !isForm);
    form.hidden = !isForm;
    area.hidden = isForm;
    if (isForm) drawForm();
  }

  function take(state) {
    based = state.commit;
    edited(state.text, "outside");
  }

  function edited(value, from) {
    text = value;
    if (from !== "json") area.value = value;
    if (from !== "form" && !form.hidden) drawForm();
    save.disabled = true;
    check();
  }

  const check = debounce(async () => {
    const mine = ++asked;
    try {
      const found = await request(model, "check", { text });
      if (mine !== asked) return;
      fine = !found.error;
      fault.classList.toggle("tycokit-rules-fine", fine);
      fill(fault, fine ? `✔ ${count(found.rules.length, "rule")}` : `✗ ${found.error}`);
    } catch (error) {
      fine = false;
      fill(fault, `✗ ${error.message}`);
    }
    const changed = text !== model.get("state").text;
    save.disabled = !fine || !changed;
    test.disabled = !fine;
  }, 150);

  function parsed() {
    try {
      const value = JSON.parse(text);
      return Array.isArray(value?.rules) ? value : null;
    } catch {
      return null;
    }
  }

  function drawForm() {
    const value = parsed();
    if (!value) {
      const full = h("button", { onclick: convert }, "write them in the full form");
      fill(form, h("p", {}, "These rules are not in the full form that the form edits. "), full);
      return;
    }
    const add = h("button", { onclick: () => (value.rules.push({ id: free(value.rules), unsafe: ["person"] }), write(value, true)) }, "+ add a rule");
    fill(form, value.rules.map((rule, at) => card(value, rule, at)), add);
  }

  async function convert() {
    const found = await request(model, "check", { text }).catch((error) => ({ error: error.message }));
    if (found.full) edited(found.full, "outside");
    else fill(fault, `✗ ${found.error}`);
  }

  function free(rules) {
    let id = 100;
    while (rules.some((rule) => String(rule?.id) === String(id))) id += 1;
    return id;
  }

  function card(value, rule, at) {
    const rows = FIELDS.map(([name, label, kind]) => {
      const id = `${own}-${at}-${name}`;
      return [h("label", { for: id }, label), input(value, rule, name, kind, id)];
    });
    const remove = h("button", { "aria-label": `remove rule ${rule.id}`, onclick: () => (value.rules.splice(at, 1), write(value, true)) }, "remove");
    return h("section", { class: "tycokit-rule", "aria-label": `rule ${rule.id}` }, h("div", { class: "tycokit-rule-fields" }, rows), h("div", { class: "tycokit-bar" }, remove));
  }

  function input(value, rule, name, kind, id) {
    const set = (given) => {
      if (given === undefined) delete rule[name];
      else rule[name] = given;
      write(value, false);
    };
    if (kind === "match") {
      const pick = h("select", { id, onchange: () => set(pick.value) }, ["ANY", "ALL"].map((word) => h("option", { value: word }, word === "ANY" ? "ANY of the classes" : "ALL of the classes")));
      pick.value = rule[name] ?? "ANY";
      return pick;
    }
    const present = rule[name];
    if (typeof present === "object" && present !== null && !Array.isArray(present)) {
      return h("span", { id, class: "tycokit-quiet" }, `${JSON.stringify(present)} (edit as JSON)`);
    }
    const shown = Array.isArray(present) ? present.join(", ") : present ?? "";
    const box = h("input", {
      id,
      value: String(shown),
      list: kind === "classes" ? names.id : null,
      placeholder: { devices: "* (all)", probability: "0 to 1", least_area: "0 to 1", cool_down: "15m", notify: "e-mail addresses, targets" }[name] ?? "",
      onchange: () => {
        const given = box.value.trim();
        if (kind === "number") set(given === "" ? undefined : Number.isNaN(Number(given)) ? given : Number(given));
        else if (kind === "text") set(given === "" ? undefined : /^\d+$/.test(given) ? Number(given) : given);
        else {
          const parts = given.split(/[,\n]+/).map((part) => part.trim()).filter(Boolean);
          set(parts.length ? parts.map((part) => (kind === "classes" && /^\d+$/.test(part) ? Number(part) : part)) : undefined);
        }
      },
    });
    return box;
  }

  function write(value, redraw) {
    const { rules, ...rest } = value;
    const lines = rules.map((rule) => `  ${JSON.stringify(rule)}`).join(",\n");
    const others = Object.entries(rest).map(([name, one]) => `${JSON.stringify(name)}: ${JSON.stringify(one)}, `);
    edited(`{${others.join("")}"rules": [\n${lines}\n]}\n`, "form");
    if (redraw) drawForm();
  }

  async function tryThem() {
    fill(results, h("p", { class: "tycokit-quiet" }, "trying …"));
    try {
      drawResults(await request(model, "backtest", { text, since: since.value }));
    } catch (error) {
      fill(results, h("p", { class: "tycokit-bad" }, error.message));
    }
  }

  function drawResults(found) {
    const number = (row, name) => h("td", { class: "tycokit-number" }, row[name] ? row[name].toLocaleString("en") : "–");
    const head = ["user-device", "day", "new", "gone", "same", "safe"].map((name, at) => h("th", { class: at > 1 ? "tycokit-number" : "" }, name));
    const rows = found.table.map((row) => h("tr", {}, h("td", {}, row.device), h("td", {}, row.day), ["new", "gone", "same", "safe"].map((name) => number(row, name))));
    const pictures = h("div", { class: "tycokit-rules-pictures" }, found.pictures.map(pictured));
    fill(
      results,
      h("p", {}, h("strong", {}, `${found.alerts.after.toLocaleString("en")} alerts`), ` with these rules, ${found.alerts.before.toLocaleString("en")} with those that ran`),
      h("table", { class: "tycokit-table" }, h("thead", {}, h("tr", {}, head)), h("tbody", {}, rows)),
      found.changed ? h("h4", {}, found.changed > found.pictures.length ? `${count(found.changed, "picture")} would change, the first ${found.pictures.length}` : `${count(found.changed, "picture")} would change`) : h("p", { class: "tycokit-quiet" }, "no picture would change"),
      pictures,
    );
  }

  function pictured(one) {
    const image = h("div", { class: "tycokit-rules-blank" });
    request(model, "picture", { name: one.picture })
      .then(({ blobs }) => {
        const made = h("img", { alt: one.picture });
        made.src = blobUrl(blobs[0], "image/jpeg");
        image.replaceWith(made);
      })
      .catch((error) => (image.title = error.message));
    const rules = (one.change === "new" ? one.after : one.before).join(", ");
    return h("figure", {}, image, h("figcaption", {}, h("strong", {}, CHANGES[one.change]), h("br", {}), `${one.device}, rule ${rules}`));
  }

  async function commit() {
    save.disabled = true;
    try {
      const made = await request(model, "commit", { text, based_on: based });
      based = made.commit;
      fill(note, `✔ committed as ${made.commit.slice(0, 12)}: threat-detect and what follows from it run again`);
    } catch (error) {
      fill(note, h("span", { class: "tycokit-bad" }, `✗ ${error.message}`));
      save.disabled = false;
    }
  }

  function changed() {
    const state = model.get("state");
    if (state.commit === undefined || state.commit === based) return;
    if (based === null || text === (changed.text ?? text)) take(state);
    else fill(note, "somebody else has committed other rules meanwhile: discard changes to see them");
    changed.text = state.text;
  }

  save.addEventListener("click", commit);
  test.addEventListener("click", tryThem);
  model.on("change:state", changed);
  onCleanup(() => model.off("change:state", changed));
  fill(names, (model.get("state").classes ?? []).map((name) => h("option", { value: name })));
  el.append(
    h(
      "div",
      { class: "tycokit-rules" },
      h("div", {}, h("div", { class: "tycokit-bar", role: "group", "aria-label": "edit as" }, asForm, asJson), form, area, fault, h("div", { class: "tycokit-bar" }, save, reset), note, names),
      h("div", {}, h("div", { class: "tycokit-bar" }, test, h("label", {}, "since", since)), results),
    ),
  );
  show(true);
  changed();
}

export default view(render);
