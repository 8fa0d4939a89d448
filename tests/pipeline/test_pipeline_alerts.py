"""Pictures to mails, through the real stages and a real mail server; nobody hears of one twice."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from pipeline_driver import SUCCESS, Site, notebook, photograph, spec
from receivers import MailServer, mail_server, wait_for

from tycokit import targeting
from tycokit.alerting.ledger import REPO
from tycokit.errors import TargetError
from tycokit.pipelines import specs

STAGES = ("validate", "model", "threat-detect", "alert")
GUARD = {"id": "people", "unsafe": ["person"], "notify": ["guard@example.com"]}


@pytest.fixture(scope="module")
def mail() -> Iterator[tuple[MailServer, str]]:
    with mail_server() as found:
        yield found


@pytest.fixture(scope="module")
def alerted(
    tmp_path_factory: pytest.TempPathFactory, mail: tuple[MailServer, str]
) -> Iterator[Site]:
    """Two pictures have gone through, one of them a threat, while there was no target yet."""
    made = Site(tmp_path_factory.mktemp("alerts"))
    try:
        made.deploy(specs.order([spec(name) for name in STAGES]))
        rules = {"rules": [GUARD], "from_email": "alerts@example.com"}
        made.put("rules", {"/rules.json": json.dumps(rules).encode()})
        pictures = {
            "/gate_1511891000.jpg": photograph(person=True),
            "/gate_1511891060.jpg": photograph(person=False),
        }
        jobs = made.jobs(made.put("images", pictures))
        for name, info in jobs.items():
            assert info.state == SUCCESS, made.logs(name, info.job.id)
        yield made
    finally:
        made.pachd.stop()


def states(site: Site, path: str) -> list[str]:
    return [receipt["state"] for receipt in site.json("alert", path)["receipts"]]


def test_alerts(alerted: Site, mail: tuple[MailServer, str]) -> None:
    site, (server, url) = alerted, mail
    # without a target: written, not sent
    assert site.paths("alert", "/**.json") == ["/gate/1511891000.json"]
    assert states(site, "/gate/1511891000.json") == ["written"]
    assert site.paths("alert", "/gate/*.eml") == ["/gate/1511891000.people.0.eml"]
    assert server.messages == []

    # with one: sent, with the picture and the reference
    assert targeting.put(site.client, "mail", url) == ["alert"]
    assert targeting.names(site.client) == ["mail"]
    jobs = site.jobs(site.put("images", {"/gate_1511891120.jpg": photograph(person=True)}))
    assert jobs["alert"].state == SUCCESS, site.logs("alert", jobs["alert"].job.id)
    assert states(site, "/gate/1511891120.json") == ["sent"], site.said(
        "alert", jobs["alert"].job.id
    )
    wait_for(server.messages, 1)
    (message,) = server.messages
    assert message["To"] == "guard@example.com"
    assert any(part.get_content_type() == "image/jpeg" for part in message.walk())
    text = message.get_body(("plain",))
    assert text is not None
    reference = site.json("alert", "/gate/1511891120.json")["receipts"][0]["reference"]
    assert reference in text.get_content()
    commit = reference.partition("@")[2].partition(":")[0]
    assert site.read("threat-detect", "/gate/1511891120.json", commit)

    # all of it again, by the same code and by other code: nobody hears anything
    kept = site.json("alert", "/gate/1511891120.json")
    made = spec("alert").request
    made.update = made.reprocess = True
    made.CopyFrom(targeting.mounted(spec("alert"), ["mail"]).request)
    made.update = made.reprocess = True
    site.client.create_pipeline_from_request(made)
    info = next(iter(site.client.list_job("alert")))
    done = site.job("alert", info.job.id)
    assert (done.state, done.data_processed) == (SUCCESS, 2)
    assert site.json("alert", "/gate/1511891120.json") == kept
    changed = notebook("alert.ipynb", lambda cells: cells.pop(0))
    jobs = site.jobs(site.put("notebooks", {"/alert.ipynb": changed}))
    assert (jobs["alert"].state, jobs["alert"].data_processed) == (SUCCESS, 2)
    assert site.json("alert", "/gate/1511891120.json") == kept
    assert states(site, "/gate/1511891000.json") == ["written"]
    assert len(server.messages) == 1
    assert len(site.paths(REPO, "/people/gate/*/*/*.json")) == 2

    # the key is in no spec, log or notebook
    with pytest.raises(TargetError, match="there is no such target; there are: mail"):
        targeting.remove(site.client, "pager")
    shown = str(list(site.client.inspect_pipeline("alert", details=True)))
    logs = "\n".join(line.message for line in site.client.get_pipeline_logs("alert"))
    executed = site.read("alert", "/gate/1511891120.ipynb").decode()
    for text_ in (shown, logs, executed):
        assert url not in text_
        assert "server@example.com" not in text_
    assert targeting.remove(site.client, "mail") == ["alert"]
    assert targeting.names(site.client) == []
