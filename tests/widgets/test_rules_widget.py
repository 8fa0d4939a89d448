"""tk.rules in a real Lab: edit as a form and as JSON, try on what was seen, commit."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from lab_driver import Lab, Notebook, connect, eventually
from pipeline_driver import Site, photograph
from playwright.sync_api import expect

START = 1511827200
EVIL = "<img src=x onerror=alert(1)>"
PLAIN = {"from_email": "a@b.c", "to_email": "guard@example.com", "threat_classes": [1]}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Four pictures have been seen; the rules told of the person, not of dogs and a cat."""
    made = Site(tmp_path_factory.mktemp("site"))
    for repo in ("rules", "model", "threat-detect", "validate"):
        made.client.create_repo(repo)
    made.put("rules", {"/rules.json": json.dumps(PLAIN).encode()})
    seen, threats, pictures = {}, {}, {}
    for number, (device, name, class_number) in enumerate(
        [("gate", "person", 1), ("gate", "dog", 18), ("yard", "dog", 18), (EVIL, "cat", 17)]
    ):
        time = str(START + number)
        item = {"class": class_number, "name": name, "score": 0.9, "box": [0.1, 0.1, 0.9, 0.9]}
        about = {"picture": f"{device}_{time}.jpg", "device": device, "time": time}
        folder = f"/{number}/{time}.json"
        seen[folder] = json.dumps({**about, "objects": [item]}).encode()
        if name == "person":
            rules = [{"id": "plain", "cool_down": 0, "objects": [0]}]
            threats[folder] = json.dumps({**about, "objects": [item], "rules": rules}).encode()
        if device != EVIL:
            pictures[f"/valid/{about['picture']}"] = photograph(person=name == "person")
    made.put("model", seen)
    made.put("threat-detect", threats)
    made.put("validate", pictures)
    yield made
    made.pachd.stop()


@pytest.fixture(scope="module")
def notebook(lab: Lab, site: Site) -> Iterator[Notebook]:
    with lab.opened(
        connect(site.client), "view = tk.rules(client=client)\nview", name="rules"
    ) as opened:
        yield opened


def test_edit_try_and_commit(notebook: Notebook, site: Site) -> None:
    widget = notebook.widget(1)
    # the plain form becomes the full one
    widget.get_by_role("button", name="write them in the full form").click()
    card = widget.get_by_role("region", name="rule plain")
    expect(card.get_by_label("unsafe classes")).to_have_value("person")
    expect(card.get_by_label("tells")).to_have_value("guard@example.com")
    # an impossible value is named, and cannot be committed
    card.get_by_label("unsafe classes").fill("dgo")
    card.get_by_label("unsafe classes").press("Tab")
    expect(widget.get_by_role("status").first).to_contain_text("unknown class 'dgo'")
    expect(widget.get_by_role("button", name="commit these rules")).to_be_disabled()
    card.get_by_label("unsafe classes").fill("dog, cat")
    card.get_by_label("unsafe classes").press("Tab")
    expect(widget.get_by_role("status").first).to_contain_text("1 rule")
    # tried beside it: a dog twice and a cat become threats, the person is one no more
    widget.get_by_role("button", name="try on what was seen").click()
    expect(widget).to_contain_text("3 alerts with these rules, 1 with those that ran")
    expect(widget.locator("figure")).to_have_count(4)
    expect(widget.locator("figure img")).to_have_count(3)
    expect(widget).to_contain_text(EVIL)
    # the JSON is the same text
    widget.get_by_role("button", name="JSON").click()
    area = widget.get_by_label("rules.json")
    assert json.loads(area.input_value())["rules"][0]["unsafe"] == ["dog", "cat"]
    notebook.screenshot(site.folder / "rules.png", widget)
    # committed, and read back
    widget.get_by_role("button", name="commit these rules").click()
    expect(widget).to_contain_text("committed as")
    made = site.json("rules", "/rules.json")
    assert made["rules"][0]["unsafe"] == ["dog", "cat"]
    assert eventually(lambda: notebook.run("print(view.state['commit'])").strip()) == str(
        site.client.inspect_branch("rules", "master").head.id
    )


def test_rules_of_somebody_else_are_not_written_over(notebook: Notebook, site: Site) -> None:
    widget = notebook.widget(1)
    area = widget.get_by_label("rules.json")
    area.fill(area.input_value().replace("cat", "bear"))
    expect(widget.get_by_role("button", name="commit these rules")).to_be_enabled()
    other = json.dumps({"rules": []}).encode()
    site.put("rules", {"/rules.json": other})
    widget.get_by_role("button", name="commit these rules").click()
    expect(widget).to_contain_text("somebody else has committed other rules")
    assert site.read("rules", "/rules.json") == other
    widget.get_by_role("button", name="discard changes").click()
    assert eventually(lambda: json.loads(area.input_value()) == {"rules": []})
