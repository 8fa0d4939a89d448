"""tk.gallery in the browser: boxes over pictures, what is hidden, and two networks compared."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from house_driver import CAR, DOG, PERSON, draw, house, jpeg, retrain
from lab_driver import Lab, Notebook, connect, expect
from pipeline_driver import Site
from playwright.sync_api import Locator

NAME = "<img src=x onerror=alert(1)>"
ODD = (77, NAME, 0.5, (0.0, 0.0, 0.1, 0.1))
PICTURES = {f"/cam{number % 2}_15118910{number:02}.jpg": jpeg() for number in range(6)}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Two networks: both see a person, the first a dog, the second a car and something odd."""
    made = Site(tmp_path_factory.mktemp("site"))
    house(made, PICTURES, [PERSON, DOG])
    retrain(made, [PERSON, CAR, ODD])
    draw(made, "annotate")
    yield made
    made.pachd.stop()


@pytest.fixture(scope="module")
def notebook(lab: Lab, site: Site) -> Iterator[Notebook]:
    with lab.opened(
        connect(site.client),
        "gallery = tk.gallery('model', client=client)\ngallery",
        "tk.gallery('images', client=client)",
        "tk.gallery('model@master', compare='master^', client=client)",
        "drawn = tk.gallery('annotate', client=client)\ndrawn",
    ) as opened:
        yield opened


def cards(widget: Locator) -> Locator:
    return widget.locator(".tycokit-gallery-card")


def boxes(widget: Locator, name: str = "") -> Locator:
    found = widget.locator(".tycokit-gallery-card .tycokit-box")
    return found.and_(widget.page.locator(f'[title^="{name}"]')) if name else found


def toggle(widget: Locator, name: str) -> Locator:
    return widget.get_by_role("group", name="classes").get_by_role("button", name=name)


@pytest.mark.parametrize("cell", [1, 2])
def test_every_picture_with_what_was_seen_in_it(notebook: Notebook, cell: int) -> None:
    widget = notebook.widget(cell)
    expect(cards(widget)).to_have_count(6)
    expect(boxes(widget)).to_have_count(18)
    expect(boxes(widget, "person")).to_have_count(6)
    expect(widget.locator(".tycokit-gallery-threat")).to_have_count(6)
    expect(widget.locator(".tycokit-gallery-grid img")).to_have_count(6)
    sizes = widget.locator(".tycokit-gallery-grid img").evaluate_all(
        "(images) => Promise.all(images.map((i) => i.decode().then(() => i.naturalWidth)))"
    )
    assert sizes == [160] * 6
    expect(cards(widget).first).to_contain_text("cam0")
    expect(cards(widget).first).to_contain_text("▲ people")


def test_a_box_lies_where_the_network_saw_it(notebook: Notebook) -> None:
    card = cards(notebook.widget(1)).first
    picture = card.locator(".tycokit-picture").bounding_box()
    box = boxes(notebook.widget(1), "car").first.bounding_box()
    assert picture is not None
    assert box is not None
    assert picture["width"] / picture["height"] == pytest.approx(160 / 120, abs=0.02)
    ymin, xmin, ymax, xmax = CAR[3]
    assert (box["x"] - picture["x"]) / picture["width"] == pytest.approx(xmin, abs=0.02)
    assert (box["y"] - picture["y"]) / picture["height"] == pytest.approx(ymin, abs=0.02)
    assert box["width"] / picture["width"] == pytest.approx(xmax - xmin, abs=0.03)
    assert box["height"] / picture["height"] == pytest.approx(ymax - ymin, abs=0.03)


def test_a_picture_stays_in_its_frame_when_the_window_changes(notebook: Notebook) -> None:
    before = notebook.page.viewport_size
    assert before is not None
    notebook.page.set_viewport_size({**before, "width": 1000})  # fewer, wider cards
    frame = cards(notebook.widget(1)).first.locator(".tycokit-gallery-frame")
    outer, inner = frame.bounding_box(), frame.locator(".tycokit-picture").bounding_box()
    notebook.page.set_viewport_size(before)
    assert outer is not None
    assert inner is not None
    assert inner["height"] <= outer["height"] + 1
    assert inner["width"] < outer["width"] * 0.9


def test_a_class_is_toggled(notebook: Notebook) -> None:
    widget = notebook.widget(1)
    car = toggle(widget, "car")
    expect(car).to_have_attribute("aria-pressed", "true")
    car.click()
    expect(car).to_have_attribute("aria-pressed", "false")
    expect(boxes(widget, "car")).to_have_count(0)
    expect(boxes(widget, "person")).to_have_count(6)
    car.press("Enter")
    expect(boxes(widget, "car")).to_have_count(6)


def test_the_score_from_which_on_objects_show(notebook: Notebook) -> None:
    widget = notebook.widget(1)
    slider = widget.get_by_role("slider", name="least score")
    slider.fill("60")
    expect(boxes(widget)).to_have_count(6)
    expect(boxes(widget, "person")).to_have_count(6)
    slider.focus()
    slider.press("End")
    expect(boxes(widget)).to_have_count(0)
    expect(widget.locator(".tycokit-gallery-threat")).to_have_count(0)
    slider.fill("0")
    expect(boxes(widget)).to_have_count(18)


def test_only_pictures_that_fit(notebook: Notebook) -> None:
    widget = notebook.widget(1)
    which = widget.get_by_role("combobox", name="which pictures")
    which.select_option("threats")
    expect(cards(widget)).to_have_count(6)
    toggle(widget, "person").click()
    expect(widget.get_by_text("No picture fits.")).to_be_visible()
    toggle(widget, "person").click()
    expect(cards(widget)).to_have_count(6)
    widget.get_by_role("combobox", name="user-device").select_option("cam1")
    expect(cards(widget)).to_have_count(3)
    which.select_option("")
    widget.get_by_role("combobox", name="order").select_option("newest")
    expect(cards(widget).first).to_have_attribute("data-picture", "cam1_1511891005.jpg")
    widget.get_by_role("combobox", name="user-device").select_option("")
    widget.get_by_role("combobox", name="order").select_option("")
    expect(cards(widget)).to_have_count(6)


def test_labels_are_text(notebook: Notebook) -> None:
    widget = notebook.widget(1)
    expect(widget.locator(".tycokit-box-label").filter(has_text=NAME)).to_have_count(6)
    expect(widget.get_by_role("group", name="classes")).to_contain_text(NAME)
    assert widget.locator('img[src="x"]').count() == 0


@pytest.mark.parametrize("by_call", [True, False])
def test_what_did_the_new_weights_find(notebook: Notebook, site: Site, by_call: bool) -> None:
    widget = notebook.widget(3 if by_call else 1)
    other = widget.get_by_role("combobox", name="compare with")
    before = next(iter(site.client.inspect_commit(("model", "master^")))).commit.id
    if by_call:
        expect(other).to_have_value(before)
    else:
        other.select_option(before)
    expect(widget.locator(".tycokit-gallery-card .tycokit-box-new")).to_have_count(12)
    expect(widget.locator(".tycokit-gallery-card .tycokit-box-old")).to_have_count(6)
    expect(widget.locator(".tycokit-gallery-card .tycokit-box-both")).to_have_count(6)
    expect(cards(widget).first).to_contain_text("+ 2 new − 1 gone")
    which = widget.get_by_role("combobox", name="which pictures")
    which.select_option("new")
    expect(cards(widget)).to_have_count(6)
    widget.get_by_role("slider", name="least score").fill("60")
    expect(widget.get_by_text("No picture fits.")).to_be_visible()
    which.select_option("old")
    expect(cards(widget)).to_have_count(6)
    widget.get_by_role("button", name="− only by the other").click()
    expect(boxes(widget, "dog")).to_have_count(0)
    widget.get_by_role("button", name="− only by the other").click()
    widget.get_by_role("slider", name="least score").fill("0")
    which.select_option("")
    if not by_call:
        other.select_option("")
        expect(boxes(widget)).to_have_count(18)


def test_one_picture_large(notebook: Notebook) -> None:
    widget = notebook.widget(1)
    cards(widget).nth(1).click()
    large = widget.get_by_role("dialog")
    expect(large).to_contain_text("cam0_1511891002.jpg")
    expect(large.locator(".tycokit-box")).to_have_count(3)
    expect(large.get_by_role("row")).to_have_count(3)
    notebook.page.keyboard.press("ArrowRight")
    expect(large).to_contain_text("cam0_1511891004.jpg")
    expect(large.locator("img")).to_have_attribute("alt", "cam0_1511891004.jpg")
    notebook.page.keyboard.press("Escape")
    expect(large).to_be_hidden()


def test_pictures_that_show_what_was_found_need_no_boxes(notebook: Notebook) -> None:
    widget = notebook.widget(4)
    expect(cards(widget)).to_have_count(7)
    expect(widget.locator(".tycokit-gallery-threat")).to_have_count(6)
    expect(cards(widget).last).to_have_accessible_name(
        "/cam1/1511891005.jpg: person, 90 %, a threat"
    )
    expect(cards(widget).last).to_contain_text("▲ people")
    expect(widget).to_contain_text("drawn from threat-detect@")
    expect(boxes(widget)).to_have_count(0)
    expect(cards(widget).first).to_have_accessible_name("/all.jpg")
    expect(widget).not_to_contain_text("no network looked at it")
    cards(widget).last.click()
    large = widget.get_by_role("dialog")
    expect(large.get_by_role("row")).to_have_count(1)
    expect(large.locator("img")).to_be_visible()
    expect(large.locator(".tycokit-box")).to_have_count(0)
    notebook.page.keyboard.press("Escape")
    saved = notebook.run("print(drawn.static_html())")
    assert "person 90%" in saved
    assert "no network looked at it" not in saved
    assert "nothing seen" not in saved


def test_it_reads_in_the_dark(notebook: Notebook) -> None:
    notebook.theme("dark")
    ground = cards(notebook.widget(1)).first.evaluate(
        "(el) => getComputedStyle(el).backgroundColor"
    )
    red, green, blue = map(int, re.findall(r"\d+", ground)[:3])
    assert max(red, green, blue) < 80
    notebook.theme("light")


def test_the_static_rendering_has_the_boxes(notebook: Notebook) -> None:
    notebook.run("gallery.refresh()")
    saved = notebook.save()
    (html,) = (
        out.data["text/html"]
        for out in saved.cells[1].outputs
        if "text/html" in out.get("data", {})
    )
    assert html.count("<figure") == 6
    assert html.count("data:image/svg+xml;base64") == 6
    assert "▲ threat" in html
    assert NAME not in html
    assert len(html) < 400_000


def test_new_pictures_show_by_themselves(notebook: Notebook, site: Site) -> None:
    widget = notebook.widget(2)
    site.jobs(site.put("images", {"/cam9_1511891900.jpg": jpeg()}))
    expect(cards(widget)).to_have_count(7)
    expect(cards(widget).last.locator(".tycokit-box")).to_have_count(3)
