"""What one commit says of one picture: objects, which of them are threats, by which rules."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from python_pachyderm import Client

from tycokit.pictures import scenes
from tycokit.pictures.scenes import Scene
from tycokit.repos import browsing
from tycokit.repos.addresses import Address
from tycokit.vision import overlap
from tycokit.vision.detectors.detection import Detection


@dataclass(frozen=True, slots=True)
class Seen:
    """An object in a picture. `by` is "" or, where two commits are compared, both, new or old."""

    object: Detection
    threat: bool
    by: str = ""


@dataclass(frozen=True, slots=True)
class Findings:
    """One commit's detections in one picture."""

    picture: str
    device: str
    time: str
    objects: tuple[Detection, ...]
    threats: frozenset[Detection]
    rules: tuple[str, ...]


def find(client: Client, scene: Scene, path: str) -> Findings | None:
    """What the scene's commits say at the path of some detections; None where they say nothing."""
    at = scene.detections
    value = _json(client, at, path)
    if value is None:
        return None
    objects = _objects(value)
    threat = value if scene.threats == at else _json(client, scene.threats, path)
    return Findings(
        picture=str(value["picture"]),
        device=str(value.get("device", "")),
        time=str(value.get("time", "")),
        objects=objects,
        threats=frozenset(_objects(threat)) if threat else frozenset(),
        rules=tuple(_rules(threat)) if threat else (),
    )


def _json(client: Client, at: Address | None, path: str) -> dict[str, Any] | None:
    if at is None:
        return None
    file = at.below(path)
    entry = browsing.entry(client, file)
    if entry is None or entry.folder or entry.size > scenes.MOST_JSON:
        return None
    return scenes.detections_of(browsing.read_entry(client, file, entry, scenes.MOST_JSON).data)


def _objects(value: dict[str, Any]) -> tuple[Detection, ...]:
    found = []
    for item in value["objects"]:
        try:
            one = Detection.from_json(item)
        except (KeyError, TypeError, ValueError):  # another program's file; the rest may be read
            continue
        box = one.box
        if all(map(math.isfinite, (one.score, box.ymin, box.xmin, box.ymax, box.xmax))):
            found.append(one)
    return tuple(found)


def _rules(value: dict[str, Any]) -> Iterator[str]:
    rules = value.get("rules")
    for rule in rules if isinstance(rules, list) else ():
        if isinstance(rule, dict) and "id" in rule:
            yield str(rule["id"])


def alone(found: Findings | None) -> list[Seen]:
    """The objects of one commit."""
    return [Seen(one, one in found.threats) for one in found.objects] if found else []


def compared(found: Findings | None, before: Findings | None) -> list[Seen]:
    """The objects of two commits, each once, with who found it."""
    new, old = (found.objects if found else ()), (before.objects if before else ())
    threats = (found.threats if found else frozenset()) | (
        before.threats if before else frozenset()
    )
    result = overlap.compare(new, old)
    return [
        *(Seen(pair.new, pair.new in threats, "both") for pair in result.both),
        *(Seen(one, one in threats, "new") for one in result.only_new),
        *(Seen(one, one in threats, "old") for one in result.only_old),
    ]
