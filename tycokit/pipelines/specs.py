"""Pipeline specs as files: read them, check them, put them in order. Pure but for the reading.

A file holds one Pachyderm 2.x spec, a list of them, or several one after the other, as
`pachctl create pipeline -f` takes them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tycokit.errors import SpecError
from tycokit.globs import glob
from tycokit.pipelines import specjson
from tycokit.repos.addresses import DEFAULT_PROJECT, called

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_-]*")
# what pachctl takes as well: left out without a word, a part of the pipelines would be missing
_FOREIGN = {
    ".yaml": "YAML, which any YAML tool turns into it",
    ".yml": "YAML, which any YAML tool turns into it",
    ".jsonnet": "Jsonnet, which `jsonnet` turns into it",
}


@dataclass(frozen=True, slots=True, order=True)
class Repo:
    """A repo by project and name."""

    project: str
    name: str

    def __str__(self) -> str:
        return called(self.project, self.name)


@dataclass(frozen=True, slots=True)
class Spec:
    """One pipeline's spec: `source` is the file that it stands in, `request` the protobuf."""

    source: str
    request: Any

    @property
    def output(self) -> Repo:
        """The pipeline, which is also its output repo."""
        pipeline = self.request.pipeline
        return Repo(pipeline.project.name or DEFAULT_PROJECT, pipeline.name)

    @property
    def inputs(self) -> list[Repo]:
        """The repos that the pipeline reads, each once, in the order of the spec."""
        project = self.output.project
        found = [
            Repo(pfs.project or project, pfs.repo)
            for pfs in pfs_inputs(self.request.input)
            if pfs.repo
        ]
        return list(dict.fromkeys(found))


def pfs_inputs(node: Any) -> Iterator[Any]:
    """Every PFSInput of an Input, at any depth."""
    if node.HasField("pfs"):
        yield node.pfs
    for inner in (*node.cross, *node.union, *node.join, *node.group):
        yield from pfs_inputs(inner)


def read(folder: Path, cores: int, project: str = DEFAULT_PROJECT) -> list[Spec]:
    """The specs of a folder (or of one file), checked, in the order in which to create them.

    `cores` is what `parallelism_spec.coefficient` is multiplied with, `project` where pipelines
    belong whose specs name none. Raises SpecError.
    """
    if folder.is_file():
        files = [folder]
    elif folder.is_dir():
        files = sorted(one for one in folder.iterdir() if one.suffix in (".json", *_FOREIGN))
    else:
        raise SpecError(str(folder), "there is no such folder or file")
    if not files:
        raise SpecError(str(folder), "holds no spec (*.json)")
    specs: list[Spec] = []
    for file in files:
        if language := _FOREIGN.get(file.suffix):
            raise SpecError(file.name, f"specs are read as JSON; this one is {language}")
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise SpecError(file.name, f"cannot be read: {error}") from error
        specs += parse(text, file.name, cores, project)
    return order(specs)


def parse(text: str, source: str, cores: int, project: str = DEFAULT_PROJECT) -> list[Spec]:
    """The specs in one file's text, as `read` has them. Raises SpecError."""
    found: list[Spec] = []
    for number, document in enumerate(documents(text, source), 1):
        label = source if number == 1 else f"{source} (spec {number})"
        if not isinstance(document, dict):
            raise SpecError(label, f"a spec must be a JSON object, not {document!r:.40}")
        spec = Spec(label, specjson.request(document, label, cores))
        if project != DEFAULT_PROJECT and not spec.request.pipeline.project.name:
            spec.request.pipeline.project.name = project
        _check(spec)
        found.append(spec)
    if not found:
        raise SpecError(source, "holds no spec")
    return found


def order(specs: Sequence[Spec]) -> list[Spec]:
    """Each pipeline after those whose output it reads. Raises SpecError on twins and cycles."""
    by_output: dict[Repo, Spec] = {}
    for spec in specs:
        if (twin := by_output.get(spec.output)) is not None:
            raise SpecError(spec.source, f"pipeline {spec.output} also stands in {twin.source}")
        by_output[spec.output] = spec
    done: dict[Repo, Spec] = {}
    for spec in specs:
        _visit(spec, by_output, done, [])
    return list(done.values())


def _check(spec: Spec) -> None:
    name = spec.request.pipeline.name
    if not name:
        raise SpecError(spec.source, "names no pipeline (pipeline.name)")
    if not _NAME.fullmatch(name):
        raise SpecError(
            spec.source, f"pipeline name {name!r} may hold letters, digits, - and _ only"
        )
    if not spec.request.HasField("transform"):
        raise SpecError(spec.source, "has no transform: what should run?")
    for pfs in pfs_inputs(spec.request.input):
        if not pfs.repo:
            raise SpecError(spec.source, "has a pfs input without a repo")
        if fault := glob.fault(pfs.glob):
            raise SpecError(spec.source, f"the glob {pfs.glob!r} of repo {pfs.repo}: {fault}")


def _visit(
    spec: Spec, by_output: dict[Repo, Spec], done: dict[Repo, Spec], path: list[Repo]
) -> None:
    if spec.output in done:
        return
    if spec.output in path:
        loop = [*path[path.index(spec.output) :], spec.output]
        raise SpecError(spec.source, f"pipelines form a cycle: {' -> '.join(map(str, loop))}")
    for repo in spec.inputs:
        if (upstream := by_output.get(repo)) is not None:
            _visit(upstream, by_output, done, [*path, spec.output])
    done[spec.output] = spec


def documents(text: str, source: str) -> Iterator[Any]:
    """The JSON values of a file: one, several in a row, or those of a list. Raises SpecError."""
    decoder = json.JSONDecoder(object_pairs_hook=lambda pairs: _once(pairs, source))
    at = 0
    while True:
        while at < len(text) and text[at].isspace():
            at += 1
        if at == len(text):
            return
        try:
            document, at = decoder.raw_decode(text, at)
        except json.JSONDecodeError as error:
            raise SpecError(
                source, f"line {error.lineno}, column {error.colno} is not JSON: {error.msg}"
            ) from error
        except RecursionError as error:
            raise SpecError(source, "is nested too deeply") from error
        yield from document if isinstance(document, list) else [document]


def _once(pairs: list[tuple[str, Any]], source: str) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, value in pairs:
        if key in made:
            raise SpecError(source, f"sets {key!r} twice")
        made[key] = value
    return made
