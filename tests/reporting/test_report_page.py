"""The day in figures, and a page that stands alone and shows every text as text."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timezone
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tycokit import samples
from tycokit.reporting import charts, page, summary, usage
from tycokit.reporting.usage import Failure, Stage, Usage

EVIL = "<img src=x onerror=alert(1)>"


def row(number: int, **more: Any) -> dict[str, Any]:
    return {
        "device": "gate",
        "time": datetime(2017, 11, 28, number % 24, tzinfo=timezone.utc),
        "picture": f"gate_{1511827200 + number}.jpg",
        "valid": True,
        "reason": "",
        "objects": [{"name": "person"}, {"name": "person"}, {"name": "dog"}],
        "matched": True,
        "rules": ["night"],
        "alerts": [{"state": "sent", "receiver": "guard@example.com", "reason": ""}],
        **more,
    }


ROWS = [
    row(0),
    row(1, alerts=[{"state": "failed", "receiver": "pager", "reason": "refused"}]),
    row(2, matched=False, rules=[], alerts=[]),
    row(
        3,
        valid=False,
        matched=False,
        alerts=[],
        reason="name: no '_' (asked: a); size: 1 (asked: 2)",
    ),
    row(4, device=EVIL, rules=[EVIL], alerts=[{"state": "sent", "receiver": EVIL, "reason": EVIL}]),
]


class Tags(HTMLParser):
    """The tags of a page, and what they would fetch."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: Counter[str] = Counter()
        self.fetched: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names[tag] += 1
        self.fetched += [value or "" for name, value in attrs if name in {"src", "href", "data"}]


@pytest.fixture
def day(tmp_path: Path) -> summary.Summary:
    Image.new("RGB", (40, 30)).save(tmp_path / "gate_1511827200.jpg")
    return summary.summarise("2017-11-28", ROWS, tmp_path)


def test_the_day_in_figures(day: summary.Summary) -> None:
    assert (day.pictures, len(day.threats)) == (5, 3)
    assert day.devices == {"gate": 2, EVIL: 1}
    assert day.classes == {"person": 3, "dog": 3}  # pictures, not objects
    assert day.hours == {0: 1, 1: 1, 4: 1}
    assert day.refused == {"name": 1, "size": 1}
    assert day.alerts == {"sent": 2, "failed": 1}
    assert day.failed == (("pager", "refused"),)
    assert [threat.image is None for threat in day.threats] == [False, True, True]


def test_a_page_stands_alone_and_shows_names_as_text(day: summary.Summary) -> None:
    text = page.daily(day, charts.charts(day))
    tags = Tags(text)
    assert tags.names["script"] == 0
    assert tags.names["figure"] == 3
    assert tags.names["img"] == 4  # a picture and three charts; none that a name made
    assert all(address.startswith("data:image/") for address in tags.fetched)
    assert "default-src 'none'" in text
    assert "refused" in text


def test_a_day_without_threats(tmp_path: Path) -> None:
    quiet = summary.summarise("2017-11-28", [ROWS[2]], tmp_path)
    text = page.daily(quiet, charts.charts(quiet))
    assert "No threat was seen" in text
    assert Tags(text).names["img"] == 0


def test_more_pictures_than_a_page_takes_are_counted(tmp_path: Path) -> None:
    many = summary.summarise("2017-11-28", map(row, range(page.MOST_PICTURES + 7)), tmp_path)
    text = page.daily(many, {})
    assert Tags(text).names["figure"] == page.MOST_PICTURES
    assert "7 more are in the records" in text


def test_charts_are_pictures(day: summary.Summary) -> None:
    drawn = charts.charts(day)
    assert drawn.keys() == {"devices", "classes", "hours"}
    assert all(png.startswith(b"\x89PNG") for png in drawn.values())


def test_the_samples_records_are_read(tmp_path: Path) -> None:
    day = summary.read(samples.records(tmp_path))
    assert (day.day, day.pictures, len(day.threats)) == ("2017-11-28", 1, 1)


def test_the_page_about_use() -> None:
    made = Usage(
        Counter({"gate": 3, "": 1}),
        (Stage("model", 2, 3, 1, 0, 4.5), Stage(EVIL, 0, 0, 0, 0, 0.0)),
        (Failure("model", "0123", "failure", EVIL),),
    )
    text = usage.render(made)
    assert "1.500" in text  # seconds a datum
    assert "(no valid name)" in text
    assert Tags(text).names["img"] == 0


def test_the_page_that_leads_to_the_days() -> None:
    tags = Tags(page.index(["2017-11-28", "2017-11-29"]))
    assert tags.fetched == ["2017-11-29/index.html", "2017-11-28/index.html", "usage.html"]
