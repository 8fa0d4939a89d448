function render({ model, el }) {
  const list = h("ul", { class: "names" });
  const said = h("output", {});
  const name = h("input", { "aria-label": "name of the repo" });
  const make = async () => {
    try {
      const { created } = await request(model, "create", { name: name.value });
      fill(said, `made ${created}`);
    } catch (error) {
      fill(said, error.message);
    }
  };
  const sum = async () => {
    const { type, blobs } = await request(model, "picture");
    fill(said, type, " ", blobs[0].reduce((a, b) => a + b, 0), " ", blobs[1].length);
  };
  const storm = async () => {
    const all = Array.from({ length: 100 }, (_, n) => request(model, "echo", { n }));
    const right = (await Promise.all(all)).filter(({ n }, index) => n === index);
    fill(said, `${right.length} of ${all.length}`);
  };
  const draw = () => fill(list, (model.get("state").repos ?? []).map((each) => h("li", {}, each)));
  model.on("change:state", draw);
  draw();
  el.append(
    list,
    h("div", { class: "tycokit-bar" }, name,
      h("button", { onclick: make }, "make"), h("button", { onclick: sum }, "bytes"),
      h("button", { onclick: storm }, "storm"), said),
  );
}
export default view(render);
