"""docs/widgets.md shows every widget, and the pictures that pages show are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tycokit.widgets import VIEWS

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "docs/widgets.md")


def pictures(page: str) -> list[str]:
    return re.findall(r"!\[[^]]*\]\(([^)]+)\)", (ROOT / page).read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", sorted(VIEWS))
def test_a_widget_is_called_and_pictured(name: str) -> None:
    text = (ROOT / "docs/widgets.md").read_text(encoding="utf-8")
    assert f"`tk.{name}(" in text
    assert f"screenshots/{name}.png" in pictures("docs/widgets.md")


@pytest.mark.parametrize("page", PAGES)
def test_its_pictures_are_there(page: str) -> None:
    assert pictures(page)
    missing = [name for name in pictures(page) if not (ROOT / page).parent.joinpath(name).is_file()]
    assert missing == []


def test_each_picture_is_shown() -> None:
    shown = {Path(name).name for page in PAGES for name in pictures(page)}
    assert {path.name for path in (ROOT / "docs/screenshots").iterdir()} - shown == set()
