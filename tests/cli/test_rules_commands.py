"""rules check, try and schema, and the backtest behind them, on detections in a local pachd."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from command import tycokit
from python_pachyderm import Client

from tycokit.client import connect
from tycokit.errors import BacktestError, RulesError
from tycokit.pictures import backtesting

START = 1511827200  # 2017-11-28, midnight UTC
HOUR = 3600


def seen(name: str, number: int, score: float) -> dict[str, Any]:
    return {"class": number, "name": name, "score": score, "box": [0.1, 0.1, 0.6, 0.6]}


DOG, CAT = ("dog", 18), ("cat", 17)
# when, which user-device, what was seen, and what the rules of then made of it
HISTORY = [
    (0, "gate", [seen(*DOG, 0.9)], ["plain"]),
    (60, "gate", [seen(*DOG, 0.9), seen(*CAT, 0.7)], ["plain"]),
    (60, "yard", [seen(*CAT, 0.95)], []),
    (25 * HOUR, "gate", [seen(*CAT, 0.95)], []),
    (25 * HOUR, "yard", [], []),
]
CATS = {"rules": [{"id": 7, "unsafe": ["cat"], "probability": 0.6, "cool_down": "30h"}]}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("rules")
    config = folder / "config.json"
    done = tycokit(folder, config, "up", "--data", str(folder / "data"), "--port", "0")
    assert done.returncode == 0, done.stderr
    try:
        client = connect(config)
        for repo in ("model", "threat-detect", "empty"):
            client.create_repo(repo)
            client.create_branch(repo, "master")
        fill(client)
        yield config
    finally:
        tycokit(folder, config, "down", "--data", str(folder / "data"))


def fill(client: Client) -> None:
    for repo in ("model", "threat-detect"):
        with client.modify_file_client((repo, "master")) as commit:
            for after, device, objects, fired in HISTORY:
                time = str(START + after)
                rules = [{"id": id_, "cool_down": 0, "objects": [0]} for id_ in fired]
                about = {"picture": f"{device}_{time}.jpg", "device": device, "time": time}
                value = {**about, "objects": objects, **({"rules": rules} if fired else {})}
                if repo == "model" or fired:
                    commit.put_file_from_bytes(f"/{device}/{time}.json", json.dumps(value).encode())


def test_what_becomes_a_threat_and_what_is_one_no_more(site: Path) -> None:
    found = backtesting.backtest(connect(site), backtesting.read_rules(CATS))
    assert [(v.device, v.change, v.before, v.after, v.told_after) for v in found] == [
        ("gate", "gone", ("plain",), (), False),
        ("gate", "same", ("plain",), ("7",), True),
        ("yard", "new", (), ("7",), True),
        ("gate", "new", (), ("7",), False),  # within the 30 hours
        ("yard", "safe", (), (), False),
    ]
    assert found.by_device_and_day() == {
        ("gate", date(2017, 11, 28)): Counter(gone=1, same=1),
        ("gate", date(2017, 11, 29)): Counter(new=1),
        ("yard", date(2017, 11, 28)): Counter(new=1),
        ("yard", date(2017, 11, 29)): Counter(safe=1),
    }
    assert found.as_dict()["alerts"] == {"before": 2, "after": 2}


def test_only_the_pictures_since_then(site: Path) -> None:
    since = datetime(2017, 11, 29, tzinfo=timezone.utc)
    found = backtesting.backtest(connect(site), backtesting.read_rules(CATS), since)
    assert [(v.device, v.told_after) for v in found] == [("gate", True), ("yard", False)]
    late = datetime(2030, 1, 1, tzinfo=timezone.utc)
    with pytest.raises(BacktestError, match="no detections since 2030-01-01"):
        backtesting.backtest(connect(site), backtesting.read_rules(CATS), late)


def test_a_backtest_changes_nothing(site: Path) -> None:
    client = connect(site)
    before = [info.commit.id for info in client.list_commit("model")]
    backtesting.backtest(client, backtesting.read_rules(CATS))
    assert [info.commit.id for info in client.list_commit("model")] == before


def test_try_as_a_table_and_as_json(site: Path, tmp_path: Path) -> None:
    (tmp_path / "rules.json").write_text(json.dumps(CATS))
    done = tycokit(tmp_path, site, "rules", "try", "rules.json")
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["gate", "2017-11-28", "-", "1", "1", "-"] in lines
    assert ["new", f"yard_{START + 60}.jpg", "rule", "7"] in lines
    assert "alerts: 2 with the present rules, 2 with these" in done.stdout
    done = tycokit(tmp_path, site, "rules", "try", ".", "--since", "2017-11-29", "--json")
    assert json.loads(done.stdout)["count"] == {"new": 1, "safe": 1}


def test_check_says_what_rules_mean_and_what_is_wrong(site: Path, tmp_path: Path) -> None:
    file = tmp_path / "rules.json"
    file.write_text(json.dumps(CATS))
    done = tycokit(tmp_path, site, "rules", "check", "rules.json")
    assert done.returncode == 0, done.stderr
    assert "1 rule; what none of them covers is safe" in done.stdout
    assert "60%" in done.stdout
    file.write_text('{"rules": [{"id": 7, "unsafe": ["cart"]}]}')
    done = tycokit(tmp_path, site, "rules", "check", "rules.json")
    assert done.returncode == 1
    assert "rule 7: unsafe: unknown class 'cart'" in done.stderr


def test_the_schema_that_is_printed_is_the_one_that_checks(site: Path, tmp_path: Path) -> None:
    done = tycokit(tmp_path, site, "rules", "schema")
    assert json.loads(done.stdout)["required"] == ["rules"]
    assert tycokit(tmp_path, site, "rules", "schema", "--out", "s.json").returncode == 0
    assert json.loads((tmp_path / "s.json").read_text()) == json.loads(done.stdout)


def test_rules_come_as_a_value_a_text_or_a_file(tmp_path: Path) -> None:
    file = tmp_path / "rules.json"
    file.write_text(json.dumps(CATS))
    read = backtesting.read_rules(CATS)
    assert backtesting.read_rules(json.dumps(CATS)) == read
    assert backtesting.read_rules(file) == read
    assert backtesting.read_rules(str(file)) == read
    assert backtesting.read_rules(read) is read
    with pytest.raises(RulesError, match="cannot be read"):
        backtesting.read_rules(tmp_path / "none.json")
