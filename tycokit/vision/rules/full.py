"""The full form of `rules.json`: any number of rules, each with an id.

    {"rules": [
      {"id": 100, "unsafe": ["dog", "cat", "raccoon"], "match": "ALL", "probability": 0.8}
    ]}

`rules.schema.json` beside this file says what each field may hold.
"""

from __future__ import annotations

import functools
import json
from importlib import resources
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from tycokit.errors import RulesError
from tycokit.vision.labels import Labels
from tycokit.vision.rules import fields
from tycokit.vision.rules.rule import Rule, Rules

DEFAULT = "default"


@functools.cache
def schema() -> dict[str, Any]:
    """The published JSON Schema of the full form."""
    text = resources.files(__package__).joinpath("rules.schema.json").read_text("utf-8")
    value: dict[str, Any] = json.loads(text)
    return value


def parse(value: dict[str, Any], path: Path, labels: Labels) -> Rules:
    """The rules of a file. Raises RulesError, which names the rule and the field."""
    properties = schema()["properties"]
    fields.known_keys(value, list(properties), path)
    if isinstance(value["rules"], list):
        for place, entry in enumerate(value["rules"]):
            if isinstance(entry, dict):
                keys = list(schema()["$defs"]["rule"]["properties"])
                fields.known_keys(entry, keys, path, f"{_called(entry, place)}: ")
    fault = best_match(Draft202012Validator(schema()).iter_errors(value))
    if fault is not None:
        raise RulesError(path, f"{_place(list(fault.absolute_path), value)}{fault.message}")
    zone = fields.time_zone(value.get("time_zone", "UTC"), path, "time_zone")
    sender = fields.email(value["from_email"], path, "from_email") if "from_email" in value else ""
    rules = tuple(
        _rule(entry, path, f"rule {entry['id']}: ", labels, zone, sender)
        for entry in value["rules"]
    )
    seen: dict[str, Rule] = {}
    for rule in rules:
        if str(rule.id) in seen:
            raise RulesError(path, f"rule {rule.id}: id: another rule has it")
        seen[str(rule.id)] = rule
    return Rules(rules)


def _rule(
    entry: dict[str, Any], path: Path, where: str, labels: Labels, zone: str, sender: str
) -> Rule:
    unsafe = {
        fields.class_number(wanted, path, f"{where}unsafe", labels) for wanted in entry["unsafe"]
    }
    least = entry.get("probability", 0.0)
    by_class = dict(least) if isinstance(least, dict) else {DEFAULT: least}
    probability = by_class.pop(DEFAULT, 0.0)
    probabilities = {}
    for name, wanted in by_class.items():
        number = fields.class_number(_number(name), path, f"{where}probability", labels)
        if number not in unsafe:
            raise RulesError(path, f"{where}probability: {name!r} is not among unsafe")
        probabilities[number] = wanted
    notify = tuple(
        fields.email(target, path, f"{where}notify") if "@" in target else target
        for target in entry.get("notify", ())
    )
    return Rule(
        entry["id"],
        tuple(sorted(unsafe)),
        devices=tuple(entry.get("devices", ("*",))),
        every=entry.get("match", "ANY") == "ALL",
        probability=probability,
        probabilities=probabilities,
        least_area=entry.get("least_area", 0.0),
        windows=tuple(
            fields.window(window, path, f"{where}windows[{place}]")
            for place, window in enumerate(entry.get("windows", ()))
        ),
        time_zone=fields.time_zone(entry.get("time_zone", zone), path, f"{where}time_zone"),
        cool_down=fields.duration(entry.get("cool_down", 0), path, f"{where}cool_down"),
        notify=notify,
        from_email=(
            fields.email(entry["from_email"], path, f"{where}from_email")
            if entry.get("from_email")
            else sender
        ),
    )


def _number(name: str) -> int | str:
    """A class of a JSON object's key, where numbers are text."""
    return int(name) if name.isdecimal() else name


def _called(entry: dict[str, Any], place: int) -> str:
    """What a message calls a rule: by its id, else by its place in the list, from 1."""
    return f"rule {entry['id']}" if "id" in entry else f"rule number {place + 1}"


def _place(steps: list[Any], value: dict[str, Any]) -> str:
    """Where the schema's fault lies: `rule 100: windows[0]: `."""
    if len(steps) < 2 or steps[0] != "rules":
        return "".join(f"{step}: " for step in steps)
    entry = value["rules"][steps[1]]
    rule = _called(entry if isinstance(entry, dict) else {}, steps[1])
    inner = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps[2:])
    return f"{rule}: {inner.lstrip('.')}: " if inner else f"{rule}: "
