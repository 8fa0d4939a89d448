"""The plain form of `rules.json`: one rule for everything.

{"from_email": "alerts@example.com", "to_email": "guard@example.com",
 "threat_classes": [1, 3, "dog"]}
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tycokit.errors import RulesError
from tycokit.vision.labels import Labels
from tycokit.vision.rules.fields import class_number, email, known_keys
from tycokit.vision.rules.rule import Rule, Rules

KEYS = ("from_email", "to_email", "threat_classes")
ID = "plain"


def parse(value: dict[str, Any], path: Path, labels: Labels) -> Rules:
    """The one rule that a plain file says. Raises RulesError, which names the key or class."""
    known_keys(value, KEYS, path)
    missing = [key for key in KEYS if key not in value]
    if missing:
        raise RulesError(path, f"the key {missing[0]!r} is missing")
    sender, receiver = (email(value[key], path, key) for key in ("from_email", "to_email"))
    classes = value["threat_classes"]
    if not isinstance(classes, list):
        raise RulesError(path, f"threat_classes must be a list, and is {classes!r}")
    numbers = {class_number(wanted, path, "threat_classes", labels) for wanted in classes}
    return Rules((Rule(ID, tuple(sorted(numbers)), notify=(receiver,), from_email=sender),))
