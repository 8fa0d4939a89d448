"""One drawn box: which object it is in each of the files that a trace leads through."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from python_pachyderm import Client

from tycokit.errors import TraceError
from tycokit.lineage.tracing import Box, Trace
from tycokit.lineage.values import File
from tycokit.pictures import scenes
from tycokit.repos import browsing

Told = Mapping[str, Mapping[str, Any]]
"""What files say of objects in a picture, by their keys, from the start of a trace on upstream."""


@dataclass(frozen=True, slots=True)
class Seen:
    """An object that a trace's files tell of. `number` is its place in the first of them, if any.

    `threat`: it is in a file that has rules.
    """

    object: Mapping[str, Any]
    threat: bool
    number: int | None


def told(client: Client, trace: Trace) -> Told:
    """The files of a trace that say what was seen in one picture."""
    order = [trace.start, *(file for file in trace.files.values() if file != trace.start)]
    return dict(_telling(client, order))


def seen(found: Told) -> list[Seen]:
    """Every object that the files tell of, each once, as the network found them."""
    if not found:
        return []
    first = next(iter(found.values()))["objects"]
    every: list[Any] = []
    for value in list(found.values())[::-1]:  # the network's file is the farthest upstream
        every += [one for one in value["objects"] if one not in every]
    threats = [one for value in found.values() if "rules" in value for one in value["objects"]]
    return [Seen(one, one in threats, first.index(one) if one in first else None) for one in every]


def find(found: Told, trace: Trace, number: int) -> Box:
    """The object with a number, from 0, in the traced file, or in that which it was drawn from.

    Raises TraceError: there is no such object, or no file that tells of objects.
    """
    if not found:
        raise TraceError(trace.asked, "neither it nor what it was made of tells of objects")
    first = next(iter(found))
    objects = found[first]["objects"]
    if not 0 <= number < len(objects):
        count = f"{len(objects)} objects, from 0 on" if objects else "no objects"
        raise TraceError(trace.asked, f"there is no object {number}: {first} has {count}")
    wanted = objects[number]
    places = {
        key: value["objects"].index(wanted)
        for key, value in found.items()
        if wanted in value["objects"]
    }
    rules = [
        rule
        for key, index in places.items()
        for rule in found[key].get("rules") or ()
        if isinstance(rule, dict) and index in (rule.get("objects") or ())
    ]
    return Box(wanted, {**places, first: number}, tuple(rules))


def _telling(client: Client, files: list[File]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for file in files:
        if _may_tell(file):
            data = browsing.read(client, file.at, scenes.MOST_JSON).data
            value = scenes.detections_of(data)
            if value is not None:
                yield file.key, value


def _may_tell(file: File) -> bool:
    suffix = browsing.suffix(file.at.path)
    return suffix == ".json" and not file.folder and file.size <= scenes.MOST_JSON
