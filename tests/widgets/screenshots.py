"""`make screenshots`: a picture of each widget on a small project, into docs/screenshots/.

Given names, only those widgets. The pictures are small: 1,100 pixels wide, with as many colours as
150 kB allow.
"""

from __future__ import annotations

import io
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "pipeline")]

from calls import CALLS  # noqa: E402
from lab_driver import Lab, Notebook, browser, connect, expect  # noqa: E402
from PIL import Image, ImageOps  # noqa: E402
from pipeline_driver import STAGES, Site, before_result, spec, variant  # noqa: E402
from pipeline_driver import notebook as edited  # noqa: E402
from playwright.sync_api import Locator  # noqa: E402
from python_pachyderm.service import pps_proto  # noqa: E402

from tycokit import samples  # noqa: E402
from tycokit.pipelines import specs  # noqa: E402
from tycokit.widgets import VIEWS  # noqa: E402

OUT = Path(__file__).parents[2] / "docs" / "screenshots"
WIDTH, MARGIN, MOST = 1100, 12, 150_000  # pixels, bytes
WORK = 80  # datums of eight seconds, so that something is going on
DARK = ("provenance", "logs")  # these in both themes
INSTEAD = {
    "logs": 'tk.logs("broken", client=client)',
    "parallelism": 'tk.parallelism("shrink", client=client)',
    "run": 'tk.run("validate.ipynb", client=client)',
}
BROKEN = 'raise ValueError("the picture has no " + picture.name)'


def main(names: list[str]) -> None:
    """Take them."""
    OUT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, browser() as chromium:
        site = Site(Path(folder))
        lab = None
        try:
            fill(site, Path(folder) / "pictures")
            lab = Lab(Path(folder) / "lab", chromium)
            for name in names or sorted(VIEWS):
                take(lab, site, name)
        finally:
            if lab is not None:
                lab.close()
            site.pachd.stop()


def fill(site: Site, folder: Path) -> None:
    """Sample pictures in two commits, a stage that fails, rules that changed, and work going on."""
    site.deploy(specs.order([spec(name) for name in STAGES]))
    pictures = samples.write(folder)
    half = len(pictures) // 2
    for some in (pictures[:half], pictures[half:]):
        site.jobs(site.put("images", {f"/{path.name}": path.read_bytes() for path in some}))
        if some[0] is pictures[0]:
            broken = edited("validate.ipynb", before_result(BROKEN))
            site.job("broken", site.create(variant("validate", "broken"), broken))
    rules = {**samples.rules(), "threat_classes": [1, "cup"]}
    site.jobs(site.put("rules", {"/rules.json": json.dumps(rules).encode()}))
    site.client.create_repo("recordings")
    site.put("recordings", {f"/gate_{1511891000 + 60 * at}.mp4": b"%d" % at for at in range(WORK)})
    site.client.create_pipeline(
        "shrink",
        pps_proto.Transform(cmd=["sleep", "8"]),
        input=pps_proto.Input(pfs=pps_proto.PFSInput(repo="recordings", glob="/*")),
        parallelism_spec=pps_proto.ParallelismSpec(constant=2),
        datum_set_spec=pps_proto.DatumSetSpec(number=1),
    )


def take(lab: Lab, site: Site, name: str) -> None:
    """One widget, and in the dark where that is wanted."""
    call = CALLS[name].replace("/cam0/1511891000", "/dev1/1511891098")
    call = INSTEAD.get(name, call)
    cells = connect(site.client), f"view = {call}\nview"
    with lab.opened(*cells, name=f"shot-{name}") as opened:
        opened.page.set_viewport_size({"width": 1280, "height": 1600})  # whatever it is, all of it
        widget = opened.widget(1).first
        expect(widget.locator(".tycokit-body").first).not_to_be_empty()
        POSES.get(name, lambda *_: None)(opened, widget)
        opened.page.wait_for_load_state("networkidle")
        opened.page.mouse.move(0, 0)
        for theme in ("light", "dark") if name in DARK else ("light",):
            opened.theme(theme)
            opened.page.wait_for_timeout(1500)  # for pictures that are on their way
            file = f"{name}.png" if theme == "light" else f"{name}-dark.png"
            save(widget.screenshot(), OUT / file)


def save(picture: bytes, path: Path) -> None:
    with Image.open(io.BytesIO(picture)) as image:
        whole = image.convert("RGB")
        small = ImageOps.expand(whole, MARGIN, whole.getpixel((0, 0)))
        small.thumbnail((WIDTH, 2000))
        small.save(path, optimize=True)
        for colours in (256, 128, 64):
            if path.stat().st_size > MOST:
                small.quantize(colours, kmeans=1).save(path, optimize=True)
    sys.stdout.write(f"{path.relative_to(OUT.parents[1])}  {path.stat().st_size // 1000} kB\n")


def _dashboard(_: Notebook, widget: Locator) -> None:
    widget.get_by_role("tab", name="Pictures", exact=True).click()
    widget.get_by_role("tabpanel").get_by_label("repo").first.select_option("model")
    expect(widget.locator(".tycokit-gallery-card img").first).to_be_visible()


def _logs(_: Notebook, widget: Locator) -> None:
    widget.get_by_role("button", name="next error").click()
    widget.get_by_role("button", name="Show the failing cell").click()
    expect(widget.locator(".tycokit-cell-at")).to_be_visible()


def _provenance(_: Notebook, widget: Locator) -> None:
    widget.locator(".tycokit-card-head", has_text="threat-detect").first.click()


def _resources(_: Notebook, widget: Locator) -> None:
    expect(widget.locator("tbody svg")).not_to_have_count(0)
    widget.page.wait_for_timeout(8000)  # for some history


def _rules(_: Notebook, widget: Locator) -> None:
    widget.get_by_role("button", name="write them in the full form").click()
    classes = widget.get_by_label("unsafe classes").first
    classes.fill("person, cat, motorcycle")
    classes.press("Tab")
    # so that pictures change by it whichever network there is
    widget.get_by_label("above").first.fill("0.999")
    widget.get_by_label("above").first.press("Tab")
    widget.get_by_role("button", name="try on what was seen").click()
    expect(widget.locator("figure img").first).to_be_visible()


def _run(_: Notebook, widget: Locator) -> None:
    widget.get_by_role("button", name="Choose a datum of validate").press("Enter")
    datums = widget.get_by_role("listbox", name="datums")
    datums.get_by_role("option").filter(has_text="dev1_1511891098").click()
    expect(widget.get_by_label("picture")).not_to_have_value("")
    widget.get_by_role("button", name="▶ Run").click()
    newest = widget.get_by_role("region", name="the newest run")
    expect(newest.get_by_role("region", name="files that it left").locator("img")).to_be_visible()


POSES: dict[str, Callable[[Notebook, Locator], None]] = {
    "dashboard": _dashboard,
    "logs": _logs,
    "provenance": _provenance,
    "resources": _resources,
    "rules": _rules,
    "run": _run,
}

if __name__ == "__main__":
    main(sys.argv[1:])
