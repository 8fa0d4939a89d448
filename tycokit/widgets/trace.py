"""tk.trace(address): back to all that made a result, or forward to all that a file led to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from python_pachyderm import Client

from tycokit.errors import LookError
from tycokit.lineage import backward, boxes, commitsets, forward
from tycokit.lineage.boxes import Seen
from tycokit.lineage.tracing import BACK, FORWARD, Trace
from tycokit.lineage.values import Attempt, File
from tycokit.repos import addresses, browsing, previews
from tycokit.repos.addresses import DEFAULT_PROJECT, Address
from tycokit.repos.thumbnails import Thumbnail, Thumbnails
from tycokit.vision.boxes import colour
from tycokit.widgets import showing, tracecards, tracesaved
from tycokit.widgets.base import View, request

_THUMBNAIL = 400  # pixels
_SAVED_PICTURES = 4  # of the static rendering
_SAVED_SIDE = 220
_ENTRIES = 50  # of a folder's details
_READ, _WROTE = 8, 24  # files of a datum's details: of each input, and in all
_PAGE = 200
_SETS = 5  # newest commit sets by which a change is noticed


@dataclass(frozen=True, slots=True)
class Wish:
    """What to trace."""

    at: Address
    direction: str
    box: int | None
    most: int | None


@dataclass(frozen=True, slots=True)
class _Found:
    """A trace, and what belongs to it; `as_of` names the state of pachd that it is of.

    `pictures` are small JPEGs by the keys of their files, for the static rendering.
    """

    wish: Wish
    trace: Trace
    seen: tuple[Seen, ...]
    pictures: Mapping[str, bytes]
    as_of: str


class TraceView(View):
    """One trace as a graph. `go` traces something else in its place.

    Args:
        address: `repo@branch:/path` or `repo@commit:/path`; forward also `repo@commit`.
        forward: to what was made of it, instead of back to what made it.
        box: the number of an object, from 0, in the file or drawn in it.
        most: datums that are followed of a folder (10), or forward of a pipeline (100).

    Raises TraceError: there is no such file, commit or object.
    """

    NAME: ClassVar[str] = "trace"
    TITLE: ClassVar[str] = "Trace"
    EVERY: ClassVar[float] = 5.0
    PARTS: ClassVar[tuple[str, ...]] = ("boxes", "cells", "files", "graph")

    def __init__(
        self,
        address: str,
        forward: bool = False,
        client: Client | None = None,
        *,
        box: int | None = None,
        most: int | None = None,
        project: str = DEFAULT_PROJECT,
    ) -> None:
        self._home = project
        at = addresses.parse(address, project)
        self._wish = Wish(at, FORWARD if forward else BACK, box, most)
        self._found: _Found | None = None
        self._thumbnails: Thumbnails | None = None
        super().__init__(client)

    @property
    def trace(self) -> Trace:
        """The trace as it was last read."""
        with self._lock:
            found = self._found
        if found is None:
            found = self._look()
        return found.trace

    def as_dict(self) -> dict[str, Any]:
        """The trace as a plain dict, as lineage.tracing has it."""
        return self.trace.as_dict()

    def read(self) -> dict[str, Any]:
        found = self._look()
        trace, wish = found.trace, found.wish
        return {
            "asked": str(wish.at),
            "direction": wish.direction,
            "start": _file(trace.start),
            "graph": tracecards.draw(trace),
            "objects": [_seen(one) for one in found.seen],
            "box": wish.box,
            "places": dict(trace.box.places) if trace.box is not None else {},
            "rules": [str(rule.get("id")) for rule in trace.box.rules] if trace.box else [],
            "datums": len(trace.attempts),
            "results": len(trace.results),
            "current": sum(file.key in trace.current for file in trace.results),
            "more": sorted(trace.more),
        }

    def _look(self) -> _Found:
        """The trace that is wished for, made again where pachd has changed since."""
        with self._lock:
            wish, known = self._wish, self._found
        if known is not None and (known.wish, known.as_of) == (wish, self._now(wish)):
            return known
        found = self._made(wish, self._now(wish))
        with self._lock:
            if self._wish == wish:  # nobody has gone elsewhere meanwhile
                self._found = found
        return found

    def _now(self, wish: Wish) -> str:
        """What changes when a commit is made or ends."""
        newest = commitsets.page(self.client, wish.at.project, count=_SETS).sets
        return " ".join(f"{one.id} {one.state}" for one in newest)

    def _made(self, wish: Wish, as_of: str) -> _Found:
        if wish.direction == FORWARD:
            trace = forward.trace(self.client, wish.at, most=wish.most or forward.MOST)
            return _Found(wish, trace, (), self._small(trace), as_of)
        most = wish.most or backward.MOST
        trace = backward.trace(self.client, wish.at, box=wish.box, most=most)
        # of a trace of many pictures no one's boxes could be meant
        pictures = trace.sources.get("picture", [])
        told = boxes.told(self.client, trace) if len(pictures) <= 1 else {}
        return _Found(wish, trace, tuple(boxes.seen(told)), self._small(trace), as_of)

    def _small(self, trace: Trace) -> dict[str, bytes]:
        """Small pictures for the static rendering."""
        files = [file for file in trace.files.values() if tracecards.is_picture(file)]
        sources = [file for file in files if file.key not in trace.made_by]
        found = {}
        for file in sources[:_SAVED_PICTURES]:
            try:
                found[file.key] = self._thumbnail(file, _SAVED_SIDE).jpeg
            except LookError:  # no picture after all
                continue
        return found

    def _thumbnail(self, file: File, side: int) -> Thumbnail:
        with self._lock:
            if self._thumbnails is None:
                self._thumbnails = Thumbnails(self.client)
            thumbnails = self._thumbnails
        return thumbnails.get(file.at, side)

    def static_html(self) -> str:
        with self._lock:
            found = self._found
        return tracesaved.html(found.trace, self.state["graph"], found.pictures) if found else ""

    # what the browser asks for

    @request
    def go(
        self, address: str, direction: str = BACK, box: int | None = None, most: int | None = None
    ) -> dict[str, Any]:
        """Trace something else. Raises AddressError, TraceError: then nothing changes."""
        wish = Wish(addresses.parse(address, self._home), direction, box, most)
        found = self._made(wish, self._now(wish))
        with self._lock:
            self._wish, self._found = wish, found
        self.refresh()
        return {}

    @request
    def details(self, key: str) -> dict[str, Any]:
        """What there is to know of a file or attempt of the trace."""
        trace = self.trace
        attempt = trace.attempts.get(key.removesuffix(tracecards.PARAMETERS))
        if attempt is not None:
            return self._of_attempt(trace, attempt)
        file = trace.files.get(key) or _notebook(trace, key)
        if file is None:
            return {"kind": "gone"}
        return self._of_file(trace, file)

    def _of_attempt(self, trace: Trace, attempt: Attempt) -> dict[str, Any]:
        run = trace.runs.get(attempt.key)
        parameters = run.parameters if run is not None and run.parameters is not None else {}
        outputs = run.outputs if run is not None else ()
        return {
            "kind": "datum",
            "key": attempt.key,
            **attempt.as_dict(),
            "inputs": _inputs(trace, attempt),
            "parameters": {name: json.dumps(value) for name, value in parameters.items()},
            "executed": _file(run.executed) if run is not None and run.executed else None,
            "outputs": [_file(file) for file in outputs[:_WROTE]],
            "outputs_left": max(0, len(outputs) - _WROTE),
        }

    def _of_file(self, trace: Trace, file: File) -> dict[str, Any]:
        (info,) = self.client.inspect_commit(file.at.at)
        maker = trace.attempts.get(trace.made_by.get(file.key, ""))
        entries = (
            browsing.folder(self.client, file.at, count=_ENTRIES).entries if file.folder else ()
        )
        return {
            "kind": "file",
            **_file(file),
            "started": info.started.seconds,
            "message": info.description,
            "maker": {"key": maker.key, "pipeline": maker.pipeline} if maker else None,
            "current": file.key in trace.current if maker and trace.direction == FORWARD else None,
            "places": trace.box.places.get(file.key) if trace.box is not None else None,
            "entries": [
                {"path": each.path, "name": each.name, "size": each.size, "folder": each.folder}
                for each in entries
            ],
        }

    @request
    def group(self, pipeline: str, offset: int, count: int) -> dict[str, Any]:
        """The files that a pipeline wrote, of a trace forward."""
        trace = self.trace
        files = [file for file in trace.results if file.at.repo == pipeline]
        page = files[offset : offset + min(count, _PAGE)]
        return {
            "total": len(files),
            "more": pipeline in trace.more,
            "files": [{**_file(file), "current": file.key in trace.current} for file in page],
        }

    @request
    def preview(self, address: str) -> tuple[dict[str, Any], list[bytes]]:
        """What a file looks like, as showing.preview has it."""
        blobs = showing.Blobs()
        shown = previews.preview(self.client, addresses.parse(address, self._home))
        return showing.preview(shown, blobs), blobs.found

    @request
    def thumbnail(self, key: str) -> tuple[dict[str, Any], list[bytes]]:
        """A picture of the trace, made small."""
        file = self.trace.files.get(key)
        if file is None:
            raise LookError(f"{key} is not in this trace")
        found = self._thumbnail(file, _THUMBNAIL)
        about = {"width": found.width, "height": found.height, "name": tracecards.short(file)}
        return about, [found.jpeg]


def _file(file: File) -> dict[str, Any]:
    return {"key": file.key, "name": tracecards.short(file), **file.as_dict()}


def _inputs(trace: Trace, attempt: Attempt) -> list[dict[str, Any]]:
    """What a datum read by its inputs' names, and how many more: first what leads through here."""
    found: dict[str, list[File]] = {}
    for name, file in trace.inputs(attempt):
        found.setdefault(name, []).append(file)
    through = {link.source for link in trace.links if link.target == attempt.key}

    def aside(file: File) -> bool:
        return file.key not in through

    return [
        {
            "name": name,
            "files": [_file(file) for file in sorted(files, key=aside)[:_READ]],
            "left": max(0, len(files) - _READ),
        }
        for name, files in found.items()
    ]


def _seen(one: Seen) -> dict[str, Any]:
    """As showing.shot gives an object, with its number."""
    found = dict(one.object)
    return {
        "name": str(found.get("name", "")),
        "score": float(found.get("score", 0.0)),
        "box": list(found.get("box", (0, 0, 0, 0))),
        "colour": colour(int(found.get("class", 1))),
        "threat": one.threat,
        "by": "",
        "number": one.number,
    }


def _notebook(trace: Trace, key: str) -> File | None:
    """A file that stands only as an input of an attempt."""
    for attempt in trace.attempts.values():
        for used in attempt.inputs:
            if used.file.key == key:
                return used.file
    return None
