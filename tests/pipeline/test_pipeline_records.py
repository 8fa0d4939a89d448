"""Every picture has its row, whatever became of it, with the versions that were at work."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timezone
from pathlib import Path
from typing import Any

import duckdb
import pytest
from pipeline_driver import SUCCESS, Site, notebook, photograph, spec

import tycokit
from tycokit.errors import RecordsError
from tycokit.pipelines import specs
from tycokit.recording import reading, table

STAGES = ("validate", "model", "threat-detect", "annotate", "alert", "records")
DAY = 1511827200  # 2017-11-28, midnight UTC


def head(site: Site, repo: str) -> str:
    return str(site.client.inspect_branch(repo, "master").head.id)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = Site(tmp_path_factory.mktemp("records"))
    try:
        made.deploy(specs.order([spec(name) for name in STAGES]))
        pictures = {
            f"/gate_{DAY + 10}.jpg": photograph(person=True),
            f"/yard_{DAY + 20}.jpg": photograph(person=False),
            f"/gate_{DAY + 86_400}.jpg": photograph(person=True),
            f"/gate_{DAY + 30}.jpg": b"no picture",
            "/frontdoor.jpg": photograph(person=False),
        }
        jobs = made.jobs(made.put("images", pictures))
        for name, info in jobs.items():
            assert info.state == SUCCESS, made.logs(name, info.job.id)
        yield made
    finally:
        made.pachd.stop()


def test_every_picture_has_a_row(recorded: Site) -> None:
    data = tycokit.records(client=recorded.client)
    assert set(table.SCHEMA.names) | {"day"} == set(data.columns)
    found: dict[str, Any] = {row["picture"]: row for row in data.to_dict("records")}
    assert list(found)[:-1] == [
        f"gate_{DAY + 10}.jpg",
        f"yard_{DAY + 20}.jpg",
        f"gate_{DAY + 30}.jpg",
        f"gate_{DAY + 86_400}.jpg",
    ]
    threat = found[f"gate_{DAY + 10}.jpg"]
    assert (threat["device"], threat["day"], threat["valid"]) == ("gate", "2017-11-28", True)
    assert threat["time"] == datetime(2017, 11, 28, 0, 0, 10, tzinfo=timezone.utc)
    assert (threat["matched"], list(threat["rules"])) == (True, ["plain"])
    assert threat["objects"][0]["name"] == "person"
    assert [alert["state"] for alert in threat["alerts"]] == ["written"]
    assert threat["weights_commit"] == head(recorded, "weights")
    assert threat["rules_commit"] == head(recorded, "rules")
    assert threat["model_notebook_commit"] == head(recorded, "notebooks")
    assert threat["threat_notebook_commit"] == head(recorded, "notebooks")
    assert threat["seconds"] > 0
    safe = found[f"yard_{DAY + 20}.jpg"]
    assert (safe["matched"], len(safe["alerts"]), safe["day"]) == (False, 0, "2017-11-28")
    assert safe["rules_commit"] == head(recorded, "rules")
    refused = found[f"gate_{DAY + 30}.jpg"]
    assert (refused["valid"], refused["matched"], refused["weights_commit"]) == (False, False, "")
    assert "picture" in refused["reason"]
    undated = found["frontdoor.jpg"]
    assert (undated["valid"], undated["day"], undated["device"]) == (False, "undated", "")


def test_days_and_devices(recorded: Site) -> None:
    later = tycokit.records("2017-11-29", client=recorded.client)
    assert list(later["picture"]) == [f"gate_{DAY + 86_400}.jpg"]
    assert len(tycokit.records(date(2017, 11, 28), "yard", client=recorded.client)) == 1
    assert len(tycokit.records("2020-01-01", client=recorded.client)) == 0
    with pytest.raises(RecordsError, match="YYYY-MM-DD"):
        tycokit.records("*", client=recorded.client)


def test_duckdb_queries_the_files_as_they_lie(recorded: Site, tmp_path: Path) -> None:
    reading.export(recorded.client, tmp_path)
    asked = f"from read_parquet('{tmp_path}/day=*/*.parquet', hive_partitioning = true)"
    with duckdb.connect() as database:
        by_day = database.execute(
            f"select day, count(*), count(*) filter (matched) {asked} group by day order by day"
        ).fetchall()
        sure = database.execute(
            f"select picture from (select picture, unnest(objects) as o {asked}) where o.name = ?",
            ["person"],
        ).fetchall()
    assert [(str(day), *counts) for day, *counts in by_day] == [
        ("2017-11-28", 3, 1),
        ("2017-11-29", 1, 1),
        ("undated", 1, 0),
    ]
    assert sorted(name for (name,) in sure) == [f"gate_{DAY + 10}.jpg", f"gate_{DAY + 86_400}.jpg"]


def test_the_threats_pictures_lie_beside(recorded: Site) -> None:
    assert recorded.paths("records", "/day=*/pictures/*") == [
        f"/day=2017-11-28/pictures/gate_{DAY + 10}.jpg",
        f"/day=2017-11-29/pictures/gate_{DAY + 86_400}.jpg",
    ]


def test_a_new_model_notebook_shows_in_the_rows(recorded: Site) -> None:
    before = head(recorded, "notebooks")
    changed = notebook("model.ipynb", lambda cells: cells.pop(0))
    jobs = recorded.jobs(recorded.put("notebooks", {"/model.ipynb": changed}))
    assert jobs["records"].state == SUCCESS, recorded.logs("records", jobs["records"].job.id)
    row = tycokit.records("2017-11-29", client=recorded.client).iloc[0]
    assert row["model_notebook_commit"] == head(recorded, "notebooks") != before
    assert row["threat_notebook_commit"] == before


def test_nothing_yet(tmp_path: Path) -> None:
    site = Site(tmp_path)
    try:
        assert len(tycokit.records(client=site.client)) == 0
    finally:
        site.pachd.stop()
