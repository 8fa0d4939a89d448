"""Reading `rules.json`, in either form."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tycokit.errors import LabelMapError, RulesError
from tycokit.vision import labels as label_maps
from tycokit.vision.labels import COCO, Labels
from tycokit.vision.rules import full, plain
from tycokit.vision.rules.rule import Rules

MOST_BYTES = 1_000_000


def read(path: Path | str, labels: Labels | None = None) -> Rules:
    """Read `rules.json`, given the file or the folder that it lies in.

    Classes are looked up in `labels`: by default those of the label map beside the rules, or
    COCO's. Raises RulesError, which names the file and the line, key, rule or class that is wrong.
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
        value = json.loads(
            text,
            object_pairs_hook=lambda pairs: _no_key_twice(pairs, path),
            parse_constant=lambda name: _no_constant(name, path),
        )
    except json.JSONDecodeError as error:
        raise RulesError(
            path, f"not JSON: line {error.lineno}, column {error.colno}: {error.msg}"
        ) from error
    except RecursionError as error:
        raise RulesError(path, "not rules: it is nested too deep") from error
    if not isinstance(value, dict):
        keys = ", ".join(plain.KEYS)
        raise RulesError(path, f"it must be one JSON object with `rules`, or with the keys {keys}")
    return (full.parse if "rules" in value else plain.parse)(value, path, labels)


def _no_key_twice(pairs: list[tuple[str, Any]], path: Path) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise RulesError(path, f"the key {twice!r} stands there twice")
    return value


def _no_constant(name: str, path: Path) -> None:
    raise RulesError(path, f"not JSON: {name} is no number")
