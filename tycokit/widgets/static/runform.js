// A form of a notebook's parameters: the files that it reads, and typed values with their help.

/** `onrun()` is called for Enter, `onedit()` when a value was changed.
 *  → { el, set(stage), inputs(), values(), changed(), bad(), wrong(sentences, reveal) } */
function runForm({ model, said, onrun, onedit }) {
  let stage = null;
  let shown = ""; // what the form was made for
  let rows = []; // of files and values alike, as formRow makes them
  let asked = 0;
  const files = h("div", { class: "tycokit-run-files" });
  const chooser = datumChooser(model, () => stage, take, said);
  const values = h("div", { class: "tycokit-run-fields" });
  const el = h(
    "div",
    { class: "tycokit-run-form", onkeydown: entered },
    h("section", { "aria-label": "what it runs on" }, h("h4", {}, "Runs on"), files, chooser.el),
    h("section", { "aria-label": "parameters" }, h("h4", {}, "Parameters"), values),
  );

  function entered(event) {
    // in Lab, Enter submits no form
    if (event.key !== "Enter" || event.shiftKey || !rows.some((row) => row.control === event.target)) return;
    event.preventDefault();
    onrun();
  }

  /** Show the form as a pipeline fills it in; what the person has written stays. */
  function set(found) {
    const text = JSON.stringify(found);
    if (text === shown) return;
    const same = stage?.pipeline === found.pipeline;
    const kept = new Map(same ? rows.filter((row) => row.text() !== row.present()).map((row) => [row.name, row.text()]) : []);
    const focused = rows.find((row) => row.control === document.activeElement)?.name;
    stage = found;
    shown = text;
    rows = [...found.inputs.map(fileRow), ...found.fields.map(valueRow)];
    fill(files, found.inputs.length ? rows.filter((row) => row.file).map((row) => row.el) : note("It reads no files."));
    fill(values, rows.some((row) => !row.file) ? rows.filter((row) => !row.file).map((row) => row.el) : note("It has no other parameters."));
    for (const row of rows) row.set(kept.get(row.name) ?? row.present());
    chooser.show(found.pipeline);
    rows.find((row) => row.name === focused)?.control.focus();
    check();
  }

  function take(found) {
    for (const row of rows) if (row.file && found[row.name]) row.set(found[row.name]);
    check();
  }

  function fileRow(input) {
    // an address with a commit's id is long, and takes as many lines as it needs
    const control = h("textarea", {
      class: "tycokit-mono",
      rows: "1",
      spellcheck: "false",
      placeholder: "a path here, or repo@branch:/path",
      onchange: check,
      oninput: () => row.wrong(""),
    });
    const about = [input.help, input.reads && `each datum reads ${input.reads}`].filter(Boolean).join(" · ");
    const row = formRow({ name: input.name, control, type: "", help: about, present: () => input.whole });
    return Object.assign(row, { file: true });
  }

  function valueRow(field) {
    const inSpec = Object.hasOwn(stage.values, field.name);
    const present = () => (inSpec ? stage.values[field.name] : field.default ?? "");
    return formRow({
      name: field.name,
      control: controlOf(field, present(), edited),
      type: field.type,
      help: field.help,
      source: field.default === "" ? "empty" : field.source,
      present,
      from: inSpec ? "in the spec" : "the default",
      oninput: edited,
    });
  }

  function edited() {
    onedit();
    checkSoon();
  }

  /** Ask Python what does not fit, and say it beside each. */
  async function check() {
    const mine = (asked += 1);
    try {
      const found = await request(model, "check", { inputs: api.inputs(), values: api.values() });
      if (mine === asked) api.wrong(found.wrong);
    } catch (error) {
      if (mine === asked) said.fail(error);
    }
  }

  const checkSoon = debounce(check, 250);
  const texts = (some) => Object.fromEntries(some.map((row) => [row.name, row.text()]));
  const defaultOf = (name) => stage.fields.find((field) => field.name === name).default ?? "";
  const api = {
    el,
    set,
    inputs: () => texts(rows.filter((row) => row.file)),
    /** What is not the notebook's own default. */
    values: () => texts(rows.filter((row) => !row.file && row.text() !== defaultOf(row.name) && (Object.hasOwn(stage.values, row.name) || row.text() !== row.present()))),
    /** What is not what the pipeline has now. */
    changed: () => texts(rows.filter((row) => !row.file && row.text() !== row.present())),
    bad: () => rows.some((row) => !row.fault.hidden),
    /** Mark what is wrong, by name; whether anything is. */
    wrong(sentences, reveal = false) {
      asked += 1; // an older answer says less
      for (const row of rows) row.wrong(sentences[row.name] ?? "");
      if (reveal) rows.find((row) => sentences[row.name])?.control.focus();
      onedit();
      return Object.keys(sentences).length > 0;
    },
  };
  return api;
}

/** One parameter: its name and type, the control, why it is wrong, and its help. */
function formRow({ name, control, type, help, source = "", present, from, oninput }) {
  const id = unique();
  const fault = h("p", { id: `${id}-fault`, class: "tycokit-run-fault", role: "alert", hidden: true });
  const helped = h("p", { id: `${id}-help`, class: "tycokit-quiet tycokit-run-help" }, help);
  const back = h("button", { class: "tycokit-link tycokit-run-back", hidden: true, onclick: () => (row.set(present()), control.focus(), oninput?.()) });
  control.id = id;
  control.setAttribute("aria-describedby", `${id}-fault ${id}-help`);
  if (source && !control.placeholder) control.placeholder = source;
  const isSwitch = control.type === "checkbox";
  const isLong = control.localName === "textarea";
  const grown = isLong && h("div", { class: "tycokit-run-long" }, control);
  control.addEventListener("input", () => row.mark());
  const row = {
    name,
    control,
    fault,
    el: h(
      "div",
      { class: "tycokit-run-row" },
      h("label", { for: id, class: "tycokit-run-name" }, h("span", { class: "tycokit-mono" }, name), h("span", { class: "tycokit-quiet" }, type)),
      h("div", { class: "tycokit-run-value" }, isLong ? grown : control, help ? helped : null, back, fault),
    ),
    text: () => (isSwitch ? (control.checked ? "True" : "False") : control.value.replace(/[\r\n]+/g, "")),
    present: () => (isSwitch ? (/^true$/i.test(present()) ? "True" : "False") : present()),
    set(text) {
      if (isSwitch) control.checked = /^true$/i.test(text);
      else control.value = text;
      row.mark();
    },
    /** Show the way back to what it was. */
    mark() {
      const other = row.text() !== row.present();
      back.hidden = !other || !from;
      row.el.classList.toggle("tycokit-run-edited", other && Boolean(from));
      if (from) fill(back, `↺ ${row.present() || "nothing"}, ${from}`);
      if (isLong) grown.dataset.text = row.text() || control.placeholder;
    },
    wrong(sentence) {
      fault.hidden = !sentence;
      fill(fault, sentence ? `✖ ${sentence}` : "");
      control.setAttribute("aria-invalid", String(Boolean(sentence)));
    },
  };
  return row;
}

/** The control that fits a parameter's type. Numbers are texts here: what is written stays, and
 *  Python says what is wrong with it. */
function controlOf(field, present, oninput) {
  if (field.control === "switch") return h("input", { type: "checkbox", role: "switch", oninput });
  if (field.control === "choice") {
    const choices = field.choices.includes(present) ? field.choices : [present, ...field.choices];
    return h("select", { oninput }, choices.map((choice) => h("option", { value: choice }, choice)));
  }
  const mode = { whole: "numeric", number: "decimal" }[field.control];
  const kind = mode ? "tycokit-run-number" : field.control === "text" ? "" : "tycokit-mono";
  return h("input", { class: kind, inputmode: mode, spellcheck: "false", oninput });
}

/** A list of datums to run on, behind a button. `take(files)` gets the addresses by parameter. */
function datumChooser(model, stage, take, said) {
  let datums = [];
  let asked = 0;
  const search = h("input", { "aria-label": "part of a file's path, or the start of a datum's id", placeholder: "part of a path, or of an id", oninput: debounce(load, 250) });
  const list = virtualList({
    rowHeight: 26,
    height: 210,
    label: "datums",
    row: (index) => h("div", { class: "tycokit-run-datum" }, chip(datums[index].state), h("span", { class: "tycokit-run-paths", title: datums[index].paths.join("\n") }, datums[index].paths.join("  ·  ")), h("span", { class: "tycokit-mono tycokit-quiet" }, datums[index].id.slice(0, 8))),
    onactivate: pick,
  });
  const none = h("p", { class: "tycokit-quiet", role: "status", hidden: true });
  const panel = h("div", { class: "tycokit-run-datums", hidden: true }, search, list.el, none);
  const button = h("button", { "aria-expanded": "false", onclick: () => toggle(panel.hidden) });
  panel.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    toggle(false);
    button.focus();
  });

  function toggle(open) {
    panel.hidden = !open;
    button.setAttribute("aria-expanded", String(open));
    if (!open) return;
    search.focus();
    load();
  }

  async function load() {
    const mine = (asked += 1);
    try {
      const found = await request(model, "datums", { pipeline: stage().pipeline, text: search.value.trim() });
      if (mine !== asked) return;
      datums = found.datums;
      list.setCount(datums.length);
      list.el.hidden = !datums.length;
      none.hidden = datums.length > 0;
      fill(none, search.value.trim() ? "No datum has that in a path." : "It has had no datums yet.");
    } catch (error) {
      if (mine === asked) said.fail(error);
    }
  }

  async function pick(index) {
    const { id, job } = datums[index];
    try {
      const { files } = await request(model, "pick", { pipeline: stage().pipeline, datum: id, job });
      toggle(false);
      button.focus();
      take(files);
    } catch (error) {
      said.fail(error);
    }
  }

  return {
    el: h("div", {}, button, panel),
    show(pipeline) {
      button.hidden = !pipeline;
      if (!pipeline) toggle(false);
      fill(button, `Choose a datum of ${pipeline} …`);
    },
  };
}
