"""The alert rules: which classes are a threat, and who is told.

The plain form of `rules.json`:

    {"from_email": "alerts@example.com", "to_email": "guard@example.com",
     "threat_classes": [1, 3, "dog"]}
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tycokit.errors import LabelMapError, RulesError, UnknownClass
from tycokit.vision import labels as label_maps
from tycokit.vision.detectors.detection import Detection
from tycokit.vision.labels import COCO, Labels

KEYS = ("from_email", "to_email", "threat_classes")
MOST_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Rules:
    """Rules that were read; `threat_classes` are class numbers, in rising order."""

    from_email: str
    to_email: str
    threat_classes: tuple[int, ...]

    def match(self, objects: Iterable[Detection]) -> list[Detection]:
        """The objects that are threats, in the order in which they came."""
        return [item for item in objects if item.class_number in self.threat_classes]

    def as_json(self) -> dict[str, Any]:
        """The plain form, classes by number."""
        return {
            "from_email": self.from_email,
            "to_email": self.to_email,
            "threat_classes": list(self.threat_classes),
        }


def read(path: Path | str, labels: Labels | None = None) -> Rules:
    """Read `rules.json`, given the file or the folder that it lies in.

    Classes are looked up in `labels`: by default those of the label map beside the rules, or
    COCO's. Raises RulesError, which names the file and the line, key or class that is wrong.
    """
    path = Path(path)
    file = path / "rules.json" if path.is_dir() else path
    try:
        if file.stat().st_size > MOST_BYTES:
            raise RulesError(file, f"it has more than {MOST_BYTES} bytes: no rules")
        text = file.read_text(encoding="utf-8-sig")
        if labels is None:
            beside = label_maps.beside(file.parent)
            labels = label_maps.read(beside) if beside else COCO
    except OSError as error:
        raise RulesError(file, f"cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise RulesError(file, f"not JSON: byte {error.start} is not UTF-8 text") from error
    except LabelMapError as error:
        raise RulesError(file, f"its label map cannot be read: {error}") from error
    return parse(text, file, labels)


def parse(text: str, path: Path, labels: Labels = COCO) -> Rules:
    """Rules from the text of a file; `path` is what an error names. Raises RulesError."""
    try:
        value = json.loads(text, object_pairs_hook=lambda pairs: _no_key_twice(pairs, path))
    except json.JSONDecodeError as error:
        raise RulesError(
            path, f"not JSON: line {error.lineno}, column {error.colno}: {error.msg}"
        ) from error
    except RecursionError as error:
        raise RulesError(path, "not rules: it is nested too deep") from error
    if not isinstance(value, dict):
        raise RulesError(path, f"it must be one JSON object with the keys {', '.join(KEYS)}")
    _check_keys(value, path)
    for key in ("from_email", "to_email"):
        address = value[key]
        if not isinstance(address, str) or not all(address.strip().partition("@")):
            raise RulesError(path, f"{key} must be an e-mail address, and is {address!r}")
    classes = value["threat_classes"]
    if not isinstance(classes, list):
        raise RulesError(path, f"threat_classes must be a list, and is {classes!r}")
    numbers = {_number(wanted, path, labels) for wanted in classes}
    return Rules(value["from_email"].strip(), value["to_email"].strip(), tuple(sorted(numbers)))


def _no_key_twice(pairs: list[tuple[str, Any]], path: Path) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise RulesError(path, f"the key {twice!r} stands there twice")
    return value


def _check_keys(value: dict[str, Any], path: Path) -> None:
    for key in value:
        if key not in KEYS:
            near = difflib.get_close_matches(key, KEYS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"the keys are {', '.join(KEYS)}"
            raise RulesError(path, f"unknown key {key!r}; {hint}")
    missing = [key for key in KEYS if key not in value]
    if missing:
        raise RulesError(path, f"the key {missing[0]!r} is missing")


def _number(wanted: Any, path: Path, labels: Labels) -> int:
    if isinstance(wanted, bool) or not isinstance(wanted, int | str):
        raise RulesError(
            path, f"threat_classes: a class is a number or a name, and this is {wanted!r}"
        )
    try:
        return labels.number(wanted)
    except UnknownClass as error:
        raise RulesError(path, f"threat_classes: {error}") from error
