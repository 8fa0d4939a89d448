"""The Pachyderm config file: contexts come and go, and nothing else in it changes."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from python_pachyderm import Client

from tycokit.contexts import config
from tycokit.contexts.config import Context, Earlier
from tycokit.errors import ConfigError

OURS = Context("tycokit", "grpc://127.0.0.1:30650", "secret", "cluster-1")
PROD = {"pachd_address": "grpcs://pachd.example.com:443", "session_token": "t", "unknown": [1]}
OTHER = {"user_id": "u", "v2": {"active_context": "prod", "metrics": True, "contexts": {}}}


def written(path: Path, active: str | None = "prod", **contexts: object) -> Path:
    content = json.loads(json.dumps(OTHER))
    content["v2"]["contexts"] = {"prod": PROD, **contexts}
    if active is None:
        del content["v2"]["active_context"]
    else:
        content["v2"]["active_context"] = active
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def test_the_file_is_found_where_python_pachyderm_finds_it(tmp_path: Path) -> None:
    assert config.find({"PACH_CONFIG": "/x/y.json"}, tmp_path) == Path("/x/y.json")
    assert config.find({}, tmp_path) == tmp_path / ".pachyderm" / "config.json"


def test_register_and_restore_bring_the_file_back_as_it_was(tmp_path: Path) -> None:
    path = written(tmp_path / "config.json")
    before = json.loads(path.read_text())

    earlier = config.register(path, OURS)

    now = json.loads(path.read_text())
    assert earlier == Earlier("prod")
    assert now["v2"]["active_context"] == "tycokit"
    assert now["v2"]["contexts"]["prod"] == PROD
    assert now["user_id"] == "u"
    assert now["v2"]["metrics"] is True
    assert config.restore(path, "tycokit", OURS.address, earlier) == "prod"
    assert json.loads(path.read_text()) == before


def test_a_file_that_was_not_there_is_gone_again(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "config.json"
    earlier = config.register(path, OURS)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert config.restore(path, "tycokit", OURS.address, earlier) is None
    assert not path.exists()
    assert list(path.parent.iterdir()) == []


def test_a_file_that_others_may_read_is_closed_to_them(tmp_path: Path) -> None:
    path = written(tmp_path / "config.json")
    path.chmod(0o644)
    config.register(path, OURS)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_link_to_the_file_stays_a_link(tmp_path: Path) -> None:
    path = written(tmp_path / "dotfiles" / "config.json")
    link = tmp_path / "config.json"
    link.symlink_to(path)
    config.register(link, OURS)
    assert link.is_symlink()
    assert config.active(path) == "tycokit"


def test_registering_again_does_not_forget_what_was_before(tmp_path: Path) -> None:
    path = written(tmp_path / "config.json")
    first = config.register(path, OURS)
    second = config.register(path, OURS, first)
    assert second == first
    config.restore(path, "tycokit", OURS.address, second)
    assert config.active(path) == "prod"


def test_a_context_that_the_person_has_chosen_meanwhile_stays_active(tmp_path: Path) -> None:
    path = written(tmp_path / "config.json", staging={"pachd_address": "grpc://s:1"})
    earlier = config.register(path, OURS)
    known = json.loads(path.read_text())
    known["v2"]["active_context"] = "staging"
    path.write_text(json.dumps(known))

    assert config.restore(path, "tycokit", OURS.address, earlier) == "staging"
    assert "tycokit" not in json.loads(path.read_text())["v2"]["contexts"]


def test_another_pachds_context_of_the_same_name_is_left_alone(tmp_path: Path) -> None:
    path = written(tmp_path / "config.json")
    first = config.register(path, OURS)
    other = Context("tycokit", "grpc://127.0.0.1:4444", "other")
    second = config.register(path, other)
    assert config.restore(path, "tycokit", OURS.address, first) == "tycokit"
    assert json.loads(path.read_text())["v2"]["contexts"]["tycokit"] == other.entry()
    config.restore(path, "tycokit", other.address, second)
    assert json.loads(path.read_text())["v2"]["contexts"]["tycokit"] == OURS.entry()


def test_python_pachyderm_reads_what_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "config.json"
    config.register(path, OURS)
    monkeypatch.setenv("PACH_CONFIG", str(path))
    client = Client()
    assert client.address == "127.0.0.1:30650"
    assert client.auth_token == "secret"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{\n oops", "line 2 is not JSON"),
        ("[]", "is not a JSON object"),
        ('{"v2": [1]}', "`v2`"),
        ('{"v2": {"contexts": 3}}', "`contexts`"),
        ("\udcff", "cannot be read"),
    ],
)
def test_a_broken_file_is_named_and_not_overwritten(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(text, errors="surrogateescape")
    before = path.read_bytes()
    with pytest.raises(ConfigError, match=says) as raised:
        config.register(path, OURS)
    assert raised.value.path == path
    assert path.read_bytes() == before


def test_a_context_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    path = written(tmp_path / "config.json")
    with pytest.raises(ConfigError, match=r"no context 'prd' \(there are: prod\)"):
        config.context(path, "prd")
    assert config.context(written(tmp_path / "none.json", active=None)) is None
