"""The full form of the rules: what fires, when, for whom; and refusals by rule and field."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from jsonschema import Draft202012Validator

from tycokit.errors import RulesError
from tycokit.vision import rules
from tycokit.vision.detectors import Box, Detection
from tycokit.vision.labels import COCO
from tycokit.vision.rules import Event

FILE = Path("rules.json")
PETS = {"id": 100, "unsafe": ["dog", "cat", "bear"], "match": "ALL", "probability": 0.8}


def parsed(*entries, **top):
    return rules.parse(json.dumps({"rules": list(entries), **top}), FILE)


def seen(name, score=0.9, side=1.0):
    return Detection(COCO.number(name), name, score, Box(0.0, 0.0, side, 1.0))


def at(text, zone="UTC"):
    return str(int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()))


def fired(read, *objects, device="dev1", time="1511891098"):
    return [match.rule.id for match in read.match(device, time, objects)]


def test_all_of_the_classes_above_the_probability():
    read = parsed(PETS)
    assert fired(read, seen("dog"), seen("cat"), seen("bear"), seen("tv")) == [100]
    assert fired(read, seen("dog"), seen("cat")) == []
    assert fired(read, seen("dog"), seen("cat"), seen("bear", 0.8)) == []


def test_any_of_the_classes_and_only_the_objects_that_count():
    read = parsed({"id": "pets", "unsafe": ["dog", 17]})
    (match,) = read.match("dev1", "1511891098", [seen("tv"), seen("cat"), seen("dog", 0.1)])
    assert [item.name for item in match.objects] == ["cat", "dog"]


def test_probability_by_class_and_size_of_the_box():
    least = {"dog": 0.95, "default": 0.5}
    read = parsed({"id": 1, "unsafe": ["dog", "cat"], "probability": least, "least_area": 0.25})
    assert fired(read, seen("dog", 0.9)) == []
    assert fired(read, seen("cat", 0.6)) == [1]
    assert fired(read, seen("cat", 0.6, side=0.2)) == []


def test_devices_share_rules_and_have_many():
    read = parsed(
        {"id": 1, "unsafe": ["dog"], "devices": ["front-*", "gate"]},
        {"id": 2, "unsafe": ["dog"]},
    )
    assert fired(read, seen("dog"), device="front-7") == [1, 2]
    assert fired(read, seen("dog"), device="gate") == [1, 2]
    assert fired(read, seen("dog"), device="Gate") == [2]


@pytest.mark.parametrize(
    ("local", "awake"),
    [
        ("2026-11-20T21:59:59", False),  # Friday
        ("2026-11-20T22:00:00", True),
        ("2026-11-21T05:59:59", True),  # Saturday, of Friday's night
        ("2026-11-21T06:00:00", False),
        ("2026-11-21T22:30:00", False),
        ("2026-10-25T02:30:00", False),  # Sunday when the clock goes back: no Friday
    ],
)
def test_a_window_past_midnight_belongs_to_the_day_it_began(local, awake):
    night = {"days": ["fri"], "from": "22:00", "to": "06:00"}
    read = parsed({"id": 1, "unsafe": ["dog"], "windows": [night], "time_zone": "Europe/Berlin"})
    assert fired(read, seen("dog"), time=at(local, "Europe/Berlin")) == ([1] if awake else [])


def test_a_window_keeps_to_the_clock_when_it_changes():
    read = parsed(
        {"id": 1, "unsafe": ["dog"], "windows": [{"from": "07:00", "to": "08:00"}]},
        time_zone="America/New_York",
    )
    for day in ("2026-10-31", "2026-11-02"):  # the clock goes back on November 1
        assert fired(read, seen("dog"), time=at(f"{day}T07:30:00", "America/New_York")) == [1]
        assert fired(read, seen("dog"), time=at(f"{day}T08:30:00", "America/New_York")) == []


def test_a_time_with_a_fraction_is_the_same_second():
    read = parsed({"id": 1, "unsafe": ["dog"], "windows": [{"from": "10:00", "to": "10:01"}]})
    time = at("2026-11-20T10:00:59")
    assert fired(read, seen("dog"), time=f"{time}999") == [1]


def test_a_cool_down_counts_by_rule_and_user_device():
    read = parsed({"id": 1, "unsafe": ["dog"], "cool_down": "1m"})
    start = 1511891098
    events = [
        Event(device, str(start + after), (seen("dog"),))
        for device, after in [("b", 10), ("a", 61), ("a", 0), ("a", 60), ("a", 59), ("a", 119)]
    ]
    told = [
        (firing.event.device, int(firing.event.time) - start)
        for firing in rules.firings(read, events)
        if not firing.cooling
    ]
    assert told == [("a", 0), ("b", 10), ("a", 60)]


def test_what_a_match_writes():
    read = parsed({"id": 1, "unsafe": ["dog"], "notify": ["guard", "a@b.c"], "cool_down": 90})
    objects = [seen("tv"), seen("dog")]
    (match,) = read.match("dev1", "1511891098", objects)
    wrote = match.as_json(objects)
    assert (wrote["id"], wrote["objects"], wrote["notify"]) == (1, [1], ["guard", "a@b.c"])
    del wrote["objects"]
    assert (
        parsed({key: value for key, value in wrote.items() if value != []}).rules[0] == match.rule
    )


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"id": 7}, "rule 7: 'unsafe' is a required property"),
        ({"unsafe": [1]}, "rule number 1: 'id' is a required property"),
        ({"id": 7, "unsafe": ["dogg"]}, "rule 7: unsafe: unknown class 'dogg'; near it: 18 dog"),
        ({"id": 7, "unsafe": [1.5]}, "rule 7: unsafe[0]: 1.5 is not"),
        ({"id": 7, "unsafe": []}, "rule 7: unsafe: "),
        ({"id": 7, "unsafe": [1], "probabilty": 1}, "did you mean 'probability'?"),
        ({"id": 7, "unsafe": [1], "probability": 80}, "rule 7: probability: 80 is "),
        ({"id": 7, "unsafe": [1], "probability": {"dog": 0.5}}, "'dog' is not among unsafe"),
        ({"id": 7, "unsafe": [1], "match": "BOTH"}, "rule 7: match: 'BOTH' is not one of"),
        ({"id": 7, "unsafe": [1], "least_area": -1}, "rule 7: least_area: -1 is less"),
        ({"id": 7, "unsafe": [1], "cool_down": "soon"}, "rule 7: cool_down: 'soon'"),
        ({"id": 7, "unsafe": [1], "time_zone": "Mars/Base"}, "rule 7: time_zone must name"),
        ({"id": 7, "unsafe": [1], "time_zone": "../x"}, "rule 7: time_zone must name"),
        ({"id": 7, "unsafe": [1], "notify": ["a@b\r\nBcc: c@d"]}, "rule 7: notify"),
        ({"id": 7, "unsafe": [1], "from_email": "x"}, "rule 7: from_email must be"),
        ({"id": "a/b", "unsafe": [1]}, "rule a/b: id: 'a/b'"),
        (
            {"id": 7, "unsafe": [1], "windows": [{"from": "09:00", "to": "09:00"}]},
            "rule 7: windows[0]: from and to are the same time",
        ),
        (
            {"id": 7, "unsafe": [1], "windows": [{"to": "00:00"}]},
            "rule 7: windows[0]: from and to are the same time",
        ),
        (
            {"id": 7, "unsafe": [1], "windows": [{"from": "24:30"}]},
            "rule 7: windows[0]: from must be a time from 00:00 to 24:00",
        ),
        (
            {"id": 7, "unsafe": [1], "windows": [{"days": ["friday"]}]},
            "rule 7: windows[0].days[0]: 'friday' is not one of",
        ),
        ("x", "rule number 1: 'x' is not of type 'object'"),
    ],
)
def test_a_refusal_names_the_rule_and_the_field(entry, said):
    with pytest.raises(RulesError) as error:
        parsed(entry)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("ids", [(100, 100), ("a", "a"), (100, "100")])
def test_two_rules_never_share_an_id(ids):
    with pytest.raises(RulesError, match=f"rule {ids[1]}: id: another rule has it"):
        parsed(*({"id": id_, "unsafe": [1]} for id_ in ids))


def test_what_is_wrong_outside_of_the_rules():
    for top, said in [
        ({"time_zone": "x"}, "time_zone must name"),
        ({"from_email": "x"}, "from_email must be"),
        ({"rule": []}, "unknown key 'rule'; did you mean 'rules'?"),
    ]:
        with pytest.raises(RulesError, match=said.replace("?", r"\?")):
            parsed(**top)
    with pytest.raises(RulesError, match="NaN is no number"):
        rules.parse('{"rules": [{"id": 1, "unsafe": [1], "probability": NaN}]}', FILE)


def test_the_schema_is_a_schema_and_lists_every_field():
    Draft202012Validator.check_schema(rules.schema())
    (rule,) = parsed({"id": 1, "unsafe": ["dog"]}).rules
    assert set(rules.schema()["$defs"]["rule"]["properties"]) == set(rule.as_json())


def test_no_rules_make_everything_safe():
    assert fired(parsed(), seen("dog")) == []
