"""A trace: files, and the attempts that read and wrote them, as a graph and as a plain dict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tycokit.lineage.values import Attempt, File, Run

BACK, FORWARD = "back", "forward"


@dataclass(frozen=True, slots=True)
class Link:
    """What `source` (the key of a file or attempt) gave to `target`, through which input.

    `name` is "" where an attempt wrote a file, and where a file lies in a folder.
    """

    source: str
    target: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Box:
    """One object in a picture: which one it is in each file that tells of it, by addresses.

    `object` is as the files have it: class, name, score, box. `rules` are those that it fired.
    """

    object: Mapping[str, Any]
    places: Mapping[str, int]
    rules: tuple[Mapping[str, Any], ...] = ()

    def as_dict(self) -> dict[str, Any]:
        return {
            "object": dict(self.object),
            "places": dict(self.places),
            "rules": [dict(rule) for rule in self.rules],
        }


@dataclass(frozen=True, slots=True)
class Trace:
    """From a file back to all that made it, or forward to all that was made of it.

    `asked` is the address that was asked for, `start` its file: what a pipeline wrote stands here
    with the commit in which it was written, whichever later ones hold it too. `files` and
    `attempts` are by their keys. `more` holds the keys of those that were not followed to the end,
    because there are too many. `current` holds the files that are in the newest commit still.
    """

    asked: str
    direction: str
    start: File
    files: Mapping[str, File]
    attempts: Mapping[str, Attempt]
    runs: Mapping[str, Run]
    links: tuple[Link, ...]
    more: frozenset[str] = frozenset()
    current: frozenset[str] = frozenset()
    box: Box | None = None
    made_by: Mapping[str, str] = field(default_factory=dict)
    """The key of a file → that of the attempt that wrote it."""

    @property
    def sources(self) -> dict[str, list[File]]:
        """What no pipeline wrote, by the name of the input through which it was read."""
        found: dict[str, dict[File, None]] = {}
        for link in self.links:
            file = self.files.get(link.source)
            if file is None or not link.name or file.key in self.made_by or self._within(file):
                continue
            found.setdefault(link.name, {})[file] = None
        return {name: list(files) for name, files in found.items()}

    @property
    def results(self) -> list[File]:
        """What was written, but for the start and executed notebooks; the nearest to it first."""
        executed = {run.executed.key for run in self.runs.values() if run.executed is not None}
        written = self.made_by.keys() - executed - {self.start.key}
        return [file for key, file in self.files.items() if key in written]

    def _within(self, folder: File) -> bool:
        """Whether files of a folder stand in this trace, so that it is no end of it."""
        return any(link.target == folder.key and not link.name for link in self.links)

    def as_dict(self) -> dict[str, Any]:
        """The trace as JSON has it: dicts, lists, texts and numbers.

        `start` and each of `results` and `sources` (by input name) are files, each with the commit
        and path to read it at; `datums` are what ran, with inputs, notebook, parameters and the
        executed notebook. `made_by` names a file's datum by its index among them.
        """
        index = {key: number for number, key in enumerate(self.attempts)}
        return {
            "asked": self.asked,
            "direction": self.direction,
            "start": self._file(self.start, index),
            "sources": {
                name: [file.as_dict() for file in files] for name, files in self.sources.items()
            },
            "results": [
                {**self._file(file, index), "current": file.key in self.current}
                for file in (self.results if self.direction == FORWARD else [])
            ],
            "datums": [self._datum(attempt, index) for attempt in self.attempts.values()],
            "box": self.box.as_dict() if self.box is not None else None,
            "more": sorted(self.more),
        }

    def _file(self, file: File, index: Mapping[str, int]) -> dict[str, Any]:
        made = self.made_by.get(file.key)
        return {**file.as_dict(), "made_by": None if made is None else index.get(made)}

    def _datum(self, attempt: Attempt, index: Mapping[str, int]) -> dict[str, Any]:
        run = self.runs.get(attempt.key)
        return {
            **attempt.as_dict(),
            "inputs": [
                {"name": name, **self._file(file, index)} for name, file in self.inputs(attempt)
            ],
            "notebook": attempt.notebook.as_dict() if attempt.notebook is not None else None,
            "parameters": dict(run.parameters) if run and run.parameters is not None else None,
            "executed_notebook": run.executed.as_dict() if run and run.executed else None,
            "outputs": [str(file.at) for file in run.outputs] if run else [],
        }

    def inputs(self, attempt: Attempt) -> Iterator[tuple[str, File]]:
        """What an attempt read, by the inputs' names: as it stands in the trace where it does."""
        here = {
            (link.name, self.files[link.source].at.path): self.files[link.source]
            for link in self.links
            if link.target == attempt.key
        }
        for used in attempt.inputs:
            yield used.name, here.get((used.name, used.file.at.path), used.file)


@dataclass(slots=True)
class Growing:
    """A trace that is being made."""

    files: dict[str, File] = field(default_factory=dict)
    attempts: dict[str, Attempt] = field(default_factory=dict)
    runs: dict[str, Run] = field(default_factory=dict)
    links: dict[Link, None] = field(default_factory=dict)
    more: set[str] = field(default_factory=set)
    current: set[str] = field(default_factory=set)
    made_by: dict[str, str] = field(default_factory=dict)

    def link(self, source: str, target: str, name: str = "") -> None:
        self.links[Link(source, target, name)] = None

    def done(self, asked: str, direction: str, start: File, box: Box | None = None) -> Trace:
        return Trace(
            asked=asked,
            direction=direction,
            start=start,
            files=self.files,
            attempts=self.attempts,
            runs=self.runs,
            links=tuple(self.links),
            more=frozenset(self.more),
            current=frozenset(self.current),
            box=box,
            made_by=self.made_by,
        )
