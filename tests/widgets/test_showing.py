"""What previews and comparisons send to the browser: cells aligned, pictures and lines bounded."""

from __future__ import annotations

import io
import json
import random

import pytest
from house_driver import jpeg
from PIL import Image
from pipeline_driver import Site

from tycokit.repos.cells import Cell, Output
from tycokit.repos.difference import Lines, Notebooks, Sides
from tycokit.repos.linediff import Line
from tycokit.repos.previews import PictureView
from tycokit.widgets import celldiff, showing
from tycokit.widgets.base import MOST_STATE
from tycokit.widgets.gallery import Gallery
from tycokit.widgets.showing import Blobs


def cell(source: str, id_: str = "", *outputs: Output, kind: str = "code") -> Cell:
    return Cell(id_, kind, source, (), None, outputs)


def kinds(new: list[Cell], old: list[Cell]) -> list[tuple[str, int | None, int | None]]:
    return [(each.kind, each.new, each.old) for each in celldiff.compare(new, old)]


OLD = ["# T", "import a\nimport b", "x = 1\ny = 2\nz = 3", "gone", "end"]
NEW = ["# T", "import a\nimport b\nimport c", "fresh", "x = 1\ny = 2\nz = 4", "end"]


@pytest.mark.parametrize("with_ids", [True, False])
def test_cells_that_belong_together_are_compared(with_ids: bool) -> None:
    olds, news = ("t", "i", "x", "g", "e"), ("t", "i", "f", "x", "e")
    old = [cell(source, id_ if with_ids else "") for source, id_ in zip(OLD, olds, strict=True)]
    new = [cell(source, id_ if with_ids else "") for source, id_ in zip(NEW, news, strict=True)]
    found = [each for each in kinds(new, old) if each[0] != "deleted"]
    assert found == [
        ("same", 1, 1),
        ("changed", 2, 2),
        ("added", 3, None),
        ("changed", 4, 3),
        ("same", 5, 5),
    ]
    assert ("deleted", None, 4) in kinds(new, old)


def test_what_a_cell_left_counts_as_a_change() -> None:
    old, new = [cell("x", "a", Output("text", "1"))], [cell("x", "a", Output("text", "2"))]
    (change,) = celldiff.compare(new, old)
    assert (change.kind, change.lines, change.outputs) == ("changed", (), True)
    blobs = Blobs()
    sent = showing.comparison(Notebooks(tuple(new), tuple(old)), blobs)
    assert sent["cells"][0]["outputs"] == {
        "new": [{"kind": "text", "text": "2"}],
        "old": [{"kind": "text", "text": "1"}],
    }


def test_a_notebook_that_comes_or_goes() -> None:
    assert kinds([cell("a"), cell("b")], []) == [("added", 1, None), ("added", 2, None)]
    assert kinds([], [cell("a")]) == [("deleted", None, 1)]
    assert kinds([], []) == []


def test_every_cell_is_there_once() -> None:
    chance = random.Random(3)
    old = [cell(f"{number} = {chance.random()}", f"c{number}") for number in range(60)]
    new = [each for each in old if chance.random() > 0.2]
    for number in range(10):
        new.insert(chance.randrange(len(new)), cell(f"new {number}", f"n{number}"))
    found = kinds(new, old)
    assert [each[1] for each in found if each[1]] == list(range(1, len(new) + 1))
    assert [each[2] for each in found if each[2]] == list(range(1, len(old) + 1))
    assert sum(each[0] == "added" for each in found) == 10


def test_pictures_are_named_by_their_place_in_the_bytes() -> None:
    blobs = Blobs()
    sides = Sides(
        PictureView("/a.jpg", 5, b"new", 4, 3),
        PictureView("/a.jpg", 6, b"old", 4, 3),
    )
    sent = showing.comparison(sides, blobs)
    assert blobs.found[sent["new"]["blob"]] == b"new"
    assert blobs.found[sent["old"]["blob"]] == b"old"
    assert showing.comparison(Sides(sides.new, None), blobs)["old"] is None
    json.dumps(sent)


def test_pictures_of_a_notebook_are_bounded() -> None:
    noise = Image.effect_noise((1400, 1000), 90).convert("RGB")
    data = io.BytesIO()
    noise.save(data, "PNG")
    large, small = Output("picture", "plot", data.getvalue()), Output("picture", "plot", jpeg())
    blobs = Blobs()
    sent = showing.cell(cell("x", "", large, small), blobs)["outputs"]
    assert [each["kind"] for each in sent] == ["picture", "picture"]
    assert len(blobs.found[0]) < len(data.getvalue()) / 4
    assert (sent[0]["type"], sent[1]["type"]) == ("image/jpeg", "image/jpeg")
    blobs.size = 8_000_000
    (left_out,) = showing.cell(cell("x", "", small), blobs)["outputs"]
    assert left_out["kind"] == "text"


def test_a_broken_picture_of_a_notebook_is_said() -> None:
    broken = Output("picture", "plot", b"\x89PNG" + b"x" * 400_000)
    (sent,) = showing.cell(cell("x", "", broken), Blobs())["outputs"]
    assert sent["kind"] == "text"


def test_long_lines_are_cut() -> None:
    (line,) = showing.comparison(Lines((Line("added", None, 1, "x" * 9000),), True), Blobs())[
        "lines"
    ]
    assert len(line[3]) == 2000


def test_a_gallery_of_crowds_stays_small(tmp_path_factory: pytest.TempPathFactory) -> None:
    """24 pictures of 100 objects each come with the first paint."""
    site = Site(tmp_path_factory.mktemp("site"))
    site.client.create_repo("crowds")
    objects = [
        {"class": 1 + number % 90, "name": "person" * 3, "score": 0.123456, "box": [0.123456] * 4}
        for number in range(100)
    ]
    site.put(
        "crowds",
        {
            f"/d/15118910{number}.json": json.dumps(
                {"picture": f"d_15118910{number}.jpg", "objects": objects}
            ).encode()
            for number in range(10, 60)
        },
    )
    gallery = Gallery("crowds", client=site.client)
    assert len(gallery.state["shots"]) == 24
    assert len(json.dumps(gallery.state)) < MOST_STATE
    gallery.close()
    site.pachd.stop()
