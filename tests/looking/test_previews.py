"""What files look like, each within a limit, and nothing of a notebook that could act."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import nbformat
import pytest
from house_driver import jpeg
from PIL import Image
from pipeline_driver import Site

from tycokit.errors import LookError
from tycokit.repos import browsing, cells, previews, thumbnails
from tycokit.repos.addresses import Address
from tycokit.repos.previews import BytesView, NotebookView, PictureView, TableView, TextView


def looked(path: str, data: bytes, size: int | None = None) -> previews.Preview:
    return previews.of_bytes(path, browsing.Content(data, len(data) if size is None else size))


def notebook(*made: Any) -> bytes:
    return nbformat.writes(nbformat.v4.new_notebook(cells=list(made))).encode()


def code(source: str, *outputs: Any) -> Any:
    return nbformat.v4.new_code_cell(source, outputs=list(outputs), execution_count=3)


def output(**data: Any) -> Any:
    named = {name.replace("_", "/", 1): value for name, value in data.items()}
    return nbformat.v4.new_output("display_data", named)


@pytest.mark.parametrize("suffix", [".jpg", ".JPEG"])
def test_a_picture_is_made_small_and_upright(suffix: str) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6  # to be turned by a quarter
    data = io.BytesIO()
    Image.new("RGB", (4000, 2000), "red").save(data, "JPEG", exif=turned)
    shown = looked(f"/a{suffix}", data.getvalue())
    assert isinstance(shown, PictureView)
    assert (shown.width, shown.height) == (500, 1000)
    assert len(shown.jpeg) < 50_000
    with Image.open(io.BytesIO(shown.jpeg)) as image:
        assert image.size == (500, 1000)


def test_a_picture_that_is_none_shows_why() -> None:
    shown = looked("/a.png", b"\x89PNG\r\n\x1a\nnothing")
    assert isinstance(shown, BytesView)
    assert shown.start.startswith(b"\x89PNG")
    assert "picture" in shown.why
    assert isinstance(looked("/a.jpg", b"a sentence"), TextView)


def test_json_comes_a_value_a_line() -> None:
    shown = looked("/a.json", b'{"a": [1, 2], "\xc3\xa4": null}')
    assert isinstance(shown, TextView)
    assert shown.json
    assert shown.text == '{\n  "a": [\n    1,\n    2\n  ],\n  "ä": null\n}'
    broken = looked("/a.json", b'{"a": ')
    assert isinstance(broken, TextView)
    assert broken.text == '{"a": '


def test_a_long_text_shows_its_start_without_half_a_letter() -> None:
    shown = looked("/a.txt", "aä".encode()[:2], 500_000)
    assert isinstance(shown, TextView)
    assert (shown.text, shown.whole, shown.size) == ("a", False, 500_000)


def test_a_table_shows_its_first_rows() -> None:
    rows = "\r\n".join(f'{number},"a, b"' for number in range(300))
    shown = looked("/a.csv", rows.encode())
    assert isinstance(shown, TableView)
    assert shown.rows[1] == ("1", "a, b")
    assert len(shown.rows) == previews.MOST_ROWS
    assert not shown.whole
    tabs = looked("/a.tsv", b"a\tb\n1\t2\n")
    assert isinstance(tabs, TableView)
    assert (tabs.rows, tabs.whole) == ((("a", "b"), ("1", "2")), True)


def test_bytes_are_shown_as_such() -> None:
    shown = looked("/a.bin", bytes(range(256)) * 4)
    assert isinstance(shown, BytesView)
    assert shown.start == bytes(range(256))


def test_a_notebook_is_text_and_pictures_only() -> None:
    small = base64.b64encode(jpeg()).decode()
    shown = looked(
        "/a.ipynb",
        notebook(
            nbformat.v4.new_markdown_cell("# Title <script>alert(1)</script>"),
            code(
                "1 + 1",
                nbformat.v4.new_output("stream", name="stdout", text="one\n"),
                nbformat.v4.new_output("stream", name="stderr", text="\x1b[31mtwo\x1b[0m\n"),
                output(text_html="<img src=x onerror=alert(1)>", text_plain="plain"),
                output(image_jpeg=small, text_plain="<picture>"),
                output(application_javascript="alert(1)"),
            ),
            code(
                "1 / 0",
                nbformat.v4.new_output(
                    "error", ename="ZeroDivisionError", evalue="no", traceback=["\x1b[0;31mTrace"]
                ),
            ),
        ),
    )
    assert isinstance(shown, NotebookView)
    title, first, failed = shown.cells
    assert (title.kind, title.source) == ("markdown", "# Title <script>alert(1)</script>")
    assert [(out.kind, out.text) for out in first.outputs] == [
        ("text", "one\ntwo\n"),
        ("text", "plain"),
        ("picture", "<picture>"),
        ("text", "(an output of application/javascript)"),
    ]
    assert first.outputs[2].picture == jpeg()
    assert not first.failed
    assert failed.failed
    assert failed.outputs[0].text == "Trace"


def test_a_cell_that_printed_a_book_is_cut() -> None:
    made = notebook(code("x", nbformat.v4.new_output("stream", text="x" * 1_000_000)))
    (cell,) = cells.read(made)
    assert len(cell.outputs[0].text) < 21_000
    assert "980,000 characters" in cell.outputs[0].text


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"cells": 3}', b"\xff"])
def test_what_is_no_notebook_says_so(data: bytes) -> None:
    with pytest.raises(LookError, match="cannot be read as a notebook"):
        cells.read(data)
    assert not isinstance(looked("/a.ipynb", data), NotebookView)


def test_an_old_notebook_is_read_too() -> None:
    old = {
        "nbformat": 3,
        "nbformat_minor": 0,
        "metadata": {"name": ""},
        "worksheets": [
            {
                "metadata": {},
                "cells": [
                    {
                        "cell_type": "code",
                        "input": ["1"],
                        "language": "python",
                        "metadata": {},
                        "outputs": [],
                    }
                ],
            }
        ],
    }
    (cell,) = cells.read(json.dumps(old).encode())
    assert (cell.kind, cell.source) == ("code", "1")


def test_files_of_a_commit(site: Site) -> None:
    site.client.create_repo("shown")
    commit = site.put("shown", {"/a.jpg": jpeg(), "/d/b.txt": b"b", "/empty.txt": b""})
    at = Address("shown", commit)
    assert isinstance(previews.preview(site.client, at.below("/a.jpg")), PictureView)
    empty = previews.preview(site.client, at.below("/empty.txt"))
    assert isinstance(empty, TextView)
    assert (empty.text, empty.whole) == ("", True)
    with pytest.raises(LookError, match="there is no file /d in shown@"):
        previews.preview(site.client, at.below("/d"))


def test_a_file_too_large_to_look_at_is_not_fetched(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(previews._WHOLE, ".jpg", 100)
    site.client.create_repo("large")
    at = Address("large", site.put("large", {"/a.jpg": jpeg()}), "/a.jpg")
    shown = previews.preview(site.client, at)
    assert isinstance(shown, BytesView)
    assert "too large" in shown.why


def test_a_thumbnail_is_made_once(site: Site) -> None:
    site.client.create_repo("thumbs")
    at = Address("thumbs", site.put("thumbs", {"/a.jpg": jpeg(900, 300), "/b.txt": b"b"}))
    made = thumbnails.Thumbnails(site.client)
    first = made.get(at.below("/a.jpg"), 300)
    assert (first.width, first.height) == (300, 100)
    assert made.get(at.below("/a.jpg"), 300) is first
    assert made.get(at.below("/a.jpg"), 90).width == 90
    with pytest.raises(LookError, match=r"b\.txt: it is no picture"):
        made.get(at.below("/b.txt"), 90)
    with pytest.raises(LookError, match="there is no file /c"):
        made.get(at.below("/c"), 90)
