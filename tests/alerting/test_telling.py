"""Alerts told to real receivers: what they carry, that none comes twice, and how failure shows."""

from __future__ import annotations

import email
import email.policy
import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from receivers import mail_server, web_hook

from tycokit import samples
from tycokit.alerting import delivery, dispatch
from tycokit.alerting.alert import Alert, alerts
from tycokit.alerting.dispatch import Patience
from tycokit.alerting.ledger import Memory, Receipt
from tycokit.alerting.targets import Targets, read

REFERENCE = "threat-detect@0123:/dev1/1511891098.json"
QUICK = Patience(tries=3, wait=0.5, timeout=1.0)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "drawn.jpg"
    Image.new("RGB", (64, 48), (200, 30, 30)).save(path)
    return path


def threat(**rule: Any) -> dict[str, Any]:
    whole = samples.threat()
    return {**whole, "rules": [{**whole["rules"][0], **rule}]}


def tell(
    picture: Path, found: list[Alert], urls: dict[str, str], ledger: Any = None, **more: Any
) -> list[Receipt]:
    slept: list[float] = more.pop("slept", [])
    return dispatch.tell(
        found,
        picture,
        Targets(urls),
        Memory() if ledger is None else ledger,
        picture.parent / "out",
        more.pop("patience", QUICK),
        slept.append,
    )


def test_a_mail_carries_what_when_where_which_rule_and_the_picture(picture: Path) -> None:
    about = threat(id=100, notify=["guard@example.com"], time_zone="Europe/Berlin")
    with mail_server() as (server, url):
        (receipt,) = tell(picture, alerts(about, REFERENCE), {"mail": url})
    assert (receipt.state, receipt.attempts, receipt.reason) == ("sent", 1, "")
    (message,) = server.messages
    assert server.receivers == [["guard@example.com"]]
    assert message["Subject"] == "Threat at dev1: person 99 %"
    assert message["From"] == "tycokit <alerts@example.com>"
    assert message["Message-ID"] == receipt.message_id
    for kind in ("plain", "html"):
        body = message.get_body((kind,))
        assert body is not None
        text = body.get_content()
        for part in ("person 99 %", "18:44:58 (Europe/Berlin)", "dev1", "100", REFERENCE):
            assert part in text, kind
    (image,) = [part for part in message.walk() if part.get_content_type() == "image/jpeg"]
    assert image.get_payload(decode=True) == picture.read_bytes()


def test_each_receiver_of_each_rule_is_told(picture: Path) -> None:
    about = threat(notify=["a@example.com", "b@example.com", "hook", "a@example.com"])
    with mail_server() as (server, mail), web_hook() as (hook, url):
        receipts = tell(picture, alerts(about, REFERENCE), {"mail": mail, "hook": url})
    assert [receipt.state for receipt in receipts] == ["sent"] * 3
    assert sorted(server.receivers) == [["a@example.com"], ["b@example.com"]]
    (body,) = map(json.loads, hook.bodies)
    assert body["title"] == "Threat at dev1: person 99 %"
    assert REFERENCE in body["message"]
    assert len(body["attachments"]) == 1
    assert hook.headers[0]["Idempotency-Key"] == receipts[2].key


def test_nobody_is_told_twice_whatever_runs_again(picture: Path) -> None:
    found, ledger = alerts(threat(), REFERENCE), Memory()
    with mail_server() as (server, url):
        first = tell(picture, found, {"mail": url}, ledger)
        again = tell(picture, alerts(threat(), "threat-detect@later:/x"), {"mail": url}, ledger)
    assert len(server.messages) == 1
    assert again == first


def test_a_delivery_that_was_cut_short_is_made_again_under_the_same_name(picture: Path) -> None:
    (alert,) = alerts(threat(), REFERENCE)
    ledger = Memory()
    claimed = Receipt(alert.rule, alert.receiver, "claimed", alert.key, alert.message_id, REFERENCE)
    ledger.note(alert, claimed)
    with mail_server() as (server, url):
        (receipt,) = tell(picture, [alert], {"mail": url}, ledger)
    assert receipt.state == "sent"
    assert [message["Message-ID"] for message in server.messages] == [claimed.message_id]


def test_a_server_that_refuses_first_is_asked_again_with_back_off(picture: Path) -> None:
    slept: list[float] = []
    with mail_server(refuse=2) as (server, url):
        (receipt,) = tell(picture, alerts(threat(), REFERENCE), {"mail": url}, slept=slept)
    assert (receipt.state, receipt.attempts) == ("sent", 3)
    assert slept == [0.5, 1.0]
    assert len(server.messages) == 1


@pytest.mark.parametrize("manner", ["refuses", "drops", "slow"])
def test_what_fails_shows_as_failed_and_the_others_go_on(picture: Path, manner: str) -> None:
    found = alerts(threat(notify=["bad", "good"]), REFERENCE)
    with web_hook(manner) as (bad, bad_url), web_hook() as (good, good_url):
        receipts = tell(picture, found, {"bad": bad_url, "good": good_url})
    assert [receipt.state for receipt in receipts] == ["failed", "sent"]
    assert (receipts[0].attempts, len(bad.bodies), len(good.bodies)) == (3, 3, 1)
    assert receipts[0].reason
    assert "s3cret-token" not in receipts[0].reason
    # it is tried again by the next run, not given up for ever
    assert len({header["Idempotency-Key"] for header in bad.headers}) == 1


def test_a_receiver_that_failed_is_tried_again_by_the_next_run(picture: Path) -> None:
    found, ledger = alerts(threat(notify=["hook"]), REFERENCE), Memory()
    with web_hook("refuses") as (hook, url):
        assert tell(picture, found, {"hook": url}, ledger)[0].state == "failed"
        hook.manner = "ok"
        assert tell(picture, found, {"hook": url}, ledger)[0].state == "sent"
        assert tell(picture, found, {"hook": url}, ledger)[0].state == "sent"
    assert len(hook.bodies) == 4


def test_a_mail_server_that_is_away_is_named_without_its_password(picture: Path) -> None:
    url = "mailto://user:pa55w0rd-secret@127.0.0.1:9?from=x@example.com&to=a@example.com"
    (receipt,) = tell(picture, alerts(threat(), REFERENCE), {"mail": url})
    assert receipt.state == "failed"
    assert "refused" in receipt.reason.lower()
    assert "pa55w0rd" not in receipt.reason


def test_without_any_target_the_message_is_written_and_nothing_is_sent(picture: Path) -> None:
    about = threat(notify=["guard@example.com", "pager"], id="night")
    receipts = tell(picture, alerts(about, REFERENCE), {})
    assert [receipt.state for receipt in receipts] == ["written", "written"]
    files = sorted((picture.parent / "out" / "dev1").iterdir())
    assert [file.name for file in files] == ["1511891098.night.0.eml", "1511891098.night.1.eml"]
    message = email.message_from_bytes(files[0].read_bytes(), policy=email.policy.default)
    assert message["To"] == "guard@example.com"
    assert message["Message-ID"] == receipts[0].message_id
    assert any(part.get_content_type() == "image/jpeg" for part in message.walk())


def test_a_target_that_nobody_set_is_a_failure_that_names_those_that_are(picture: Path) -> None:
    (receipt,) = tell(picture, alerts(threat(notify=["pagre"]), REFERENCE), {"pager": "json://x"})
    assert (receipt.state, receipt.reason) == (
        "failed",
        "there is no target pagre; there are: pager",
    )


def test_a_rule_that_names_nobody_leaves_a_message_to_nobody(picture: Path) -> None:
    (receipt,) = tell(picture, alerts(threat(notify=[]), REFERENCE), {})
    assert (receipt.state, receipt.receiver) == ("written", "nobody@localhost")


def test_no_header_can_be_smuggled_in(picture: Path) -> None:
    (alert,) = alerts(threat(), REFERENCE)
    evil = replace(
        alert,
        device="dev1\r\nBcc: evil@example.com",
        picture="<img src=x onerror=alert(1)>.jpg\nX-Evil: 1",
        rule="7\r\n\r\nbody",
    )
    with mail_server() as (server, url):
        assert tell(picture, [evil], {"mail": url})[0].state == "sent"
    (message,) = server.messages
    assert server.receivers == [["guard@example.com"]]
    assert message["Bcc"] is None
    assert message["X-Evil"] is None
    assert message["Subject"].startswith("Threat at dev1")
    body = message.get_body(("html",))
    assert body is not None
    assert "<img src=x" not in body.get_content()


def test_a_cool_down_keeps_quiet_by_rule_and_user_device(picture: Path) -> None:
    about, ledger = threat(cool_down=60, notify=["hook"]), Memory()
    told = []
    with web_hook() as (hook, url):
        for device, after in [("a", 0), ("a", 59), ("b", 10), ("a", 60), ("a", 100), ("a", 0)]:
            one = {**about, "device": device, "time": str(1511891098 + after)}
            (receipt,) = tell(picture, alerts(one, REFERENCE), {"hook": url}, ledger)
            told.append(receipt.state)
    assert told == ["sent", "cooling", "sent", "sent", "cooling", "sent"]
    assert len(hook.bodies) == 3


def test_no_key_is_logged(picture: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with web_hook("refuses") as (_, url):
        tell(picture, alerts(threat(notify=["hook"]), REFERENCE), {"hook": url})
    assert "s3cret-token" not in caplog.text
    assert "s3cret-token" not in repr(Targets({"hook": url}))


def test_pagerduty_gets_the_key_that_names_the_event() -> None:
    (alert,) = alerts(threat(notify=["pager"]), REFERENCE)
    url = "pagerduty://" + "a" * 32 + "@" + "b" * 32
    assert delivery.prepared(alert, url, 1.0).dedup == alert.key


def test_targets_are_read_from_the_mounted_secrets(tmp_path: Path) -> None:
    for name, text in [("mail", "mailto://x\n"), ("empty", ""), ("Odd name", "json://x")]:
        (tmp_path / name).mkdir()
        (tmp_path / name / "url").write_text(text)
    assert read(tmp_path).urls == {"mail": "mailto://x"}
    assert read(tmp_path / "none").urls == {}


def test_a_url_that_is_none_is_refused_without_showing_it() -> None:
    said = delivery.fault("nonsense://s3cret")
    assert said is not None
    assert "s3cret" not in said
    assert delivery.fault("json://localhost/x") is None
