"""One drawn box: which object it is in each of the files that a trace leads through."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from python_pachyderm import Client

from tycokit import browsing, scenes
from tycokit.errors import TraceError
from tycokit.lineage.tracing import Box, Trace
from tycokit.lineage.values import File


def find(client: Client, trace: Trace, number: int) -> Box:
    """The object with a number, from 0, in the traced file, or in that which it was drawn from.

    Raises TraceError: there is no such object, or no file that tells of objects.
    """
    told = dict(_telling(client, trace))
    if not told:
        raise TraceError(trace.asked, "neither it nor what it was made of tells of objects")
    first = next(iter(told))
    objects = told[first]["objects"]
    if not 0 <= number < len(objects):
        count = f"{len(objects)} objects, from 0 on" if objects else "no objects"
        raise TraceError(trace.asked, f"there is no object {number}: {first} has {count}")
    wanted = objects[number]
    places = {
        key: value["objects"].index(wanted)
        for key, value in told.items()
        if wanted in value["objects"]
    }
    rules = [
        rule
        for key, index in places.items()
        for rule in told[key].get("rules") or ()
        if isinstance(rule, dict) and index in (rule.get("objects") or ())
    ]
    return Box(wanted, {**places, first: number}, tuple(rules))


def _telling(client: Client, trace: Trace) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The files of a trace that say what was seen, from the start on upstream."""
    order = [trace.start, *(file for file in trace.files.values() if file != trace.start)]
    for file in order:
        if _may_tell(file):
            data = browsing.read(client, file.at, scenes.MOST_JSON).data
            found = scenes.detections_of(data)
            if found is not None:
                yield file.key, found


def _may_tell(file: File) -> bool:
    suffix = browsing.suffix(file.at.path)
    return suffix == ".json" and not file.folder and file.size <= scenes.MOST_JSON
