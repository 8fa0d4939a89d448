"""One datum through papermill, warm or cold."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import papermill
from nbformat import NotebookNode
from nbformat.v4.rwbase import split_lines, strip_transient
from papermill.engines import NBClientEngine, NotebookExecutionManager, papermill_engines
from papermill.exceptions import PapermillExecutionError
from papermill.execute import raise_for_execution_errors

from tycokit.stage import datum, limits, prepared, report
from tycokit.stage.engine import WarmNotebook


@dataclass(frozen=True, slots=True)
class Request:
    """What to run: a notebook's path, its parameters, the output folder, the executed notebook's
    path in it if nothing else decides, the name to keep a failed run under, and the commit of each
    input, which the executed notebook's metadata keep as `tycokit.commits`."""

    notebook: Path
    parameters: Mapping[str, Any]
    out: Path
    fallback: str
    name: str
    commits: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Result:
    """How it went. `text` says what failed; `path` is where the executed notebook lies, None where
    it could not be kept."""

    ok: bool
    path: Path | None
    text: str = ""


class ColdEngine(NBClientEngine):  # type: ignore[misc]  # papermill has no types
    """papermill's own engine with a kernel, which lets us see the notebook of a run that failed."""

    notebook: NotebookNode | None = None

    @classmethod
    def execute_managed_notebook(
        cls, nb_man: NotebookExecutionManager, kernel_name: str, **options: Any
    ) -> None:
        """What papermill calls."""
        cls.notebook = nb_man.nb
        try:
            super().execute_managed_notebook(nb_man, kernel_name, **options)
        finally:
            for cell in nb_man.nb.cells:
                _shorten(cell)


def _shorten(cell: NotebookNode) -> None:
    """Leave out what a cell printed beyond the limit, as the warm executor does at once."""
    room, dropped, first = limits.CELL_TEXT, 0, None
    for index, output in enumerate(cell.get("outputs", [])):
        if output.output_type == "stream":
            size = len(output.text)
            output.text = output.text[:room]
            room -= len(output.text)
            dropped += size - len(output.text)
            first = index if dropped and first is None else first
    if first is not None:
        note = {"output_type": "stream", "name": "stderr", "text": limits.cut_note(dropped)}
        kept = [output for output in cell.outputs[first + 1 :] if output.get("text") != ""]
        cell.outputs[first + 1 :] = [NotebookNode(note), *kept]  # type: ignore[no-untyped-call]


def warm(request: Request, notebook: WarmNotebook) -> Result:
    """Run it on a warm notebook in this process."""
    if notebook.prepared is None:
        notebook.prepared = prepared.Prepared(request.notebook, request.parameters)
    fresh = notebook.prepared.fresh(request.parameters)

    def run() -> NotebookNode:
        # as papermill's Engine.execute_notebook and execute_notebook do
        manager = prepared.Manager(fresh, progress_bar=False, autosave_cell_every=0)
        manager.notebook_start()
        try:
            notebook.run(manager)
        finally:
            manager.notebook_complete()
        raise_for_execution_errors(fresh, None)
        return fresh

    return _finish(request, run, lambda: fresh)


def cold(
    request: Request, stdout: limits.Writable, stderr: limits.Writable, log_limit: int
) -> Result:
    """Run it with a kernel of its own; what its cells print goes to these files too."""
    log = limits.LogLimit(log_limit)
    papermill_engines.register("tycokit-cold", ColdEngine)
    # it warns of parameters that its own reading of the cell overlooks; ours were checked
    logging.getLogger("papermill").setLevel(logging.ERROR)

    def run() -> Any:
        return papermill.execute_notebook(
            # papermill formats paths with the parameters: braces in a name are not that
            str(request.notebook).replace("{", "{{").replace("}", "}}"),
            None,
            parameters=dict(request.parameters),
            engine_name="tycokit-cold",
            kernel_name=prepared.KERNEL,
            language=prepared.LANGUAGE,
            progress_bar=False,
            log_output=False,
            request_save_on_cell_execute=False,
            autosave_cell_every=0,
            stdout_file=limits.LimitedFile(stdout, log, stderr),
            stderr_file=limits.LimitedFile(stderr, log, stderr),
        )

    return _finish(request, run, lambda: ColdEngine.notebook)


def _finish(
    request: Request,
    run: Callable[[], NotebookNode],
    partial: Callable[[], NotebookNode | None],
) -> Result:
    """Run it and write the executed notebook, or keep it as far as it got."""
    before = datum.files(request.out)
    try:
        notebook = run()
    except PapermillExecutionError as error:
        reached = partial()
        if reached is None:
            raise
        failed = report.failure(reached.cells, error)
        text = failed.describe(request.notebook.name)
        return _keep(_json(reached, None, request.commits), request.name, text)
    path = datum.executed_path(request.out, before, request.fallback)
    data = _json(notebook, path, request.commits)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as error:
        text = f"the executed notebook cannot be written to {path}: {error.strerror}"
        return _keep(data, request.name, text)
    return Result(True, path)


def _keep(data: bytes, name: str, text: str) -> Result:
    try:
        return Result(False, report.keep(data, name), text)
    except OSError as error:
        return Result(False, None, f"{text}\nthe executed notebook is lost: {error}")


def _json(notebook: NotebookNode, path: Path | None, commits: Mapping[str, str]) -> bytes:
    """The notebook as a file, a line a cell; it is of no other use afterwards.

    Indented as nbformat writes it, it would take longer than a short notebook's own run, as would
    its check against the schema.
    """
    notebook.metadata.papermill["output_path"] = None if path is None else str(path)
    notebook.metadata["tycokit"] = {"commits": dict(commits)}
    strip_transient(split_lines(notebook))  # type: ignore[no-untyped-call]
    cells = ",\n".join(_line(cell) for cell in notebook.cells)
    rest = _line({name: value for name, value in notebook.items() if name != "cells"})
    # half a surrogate pair that a cell printed must not lose the notebook
    return f'{{"cells": [\n{cells}\n],\n{rest[1:]}\n'.encode("utf-8", "replace")


def _line(value: Any) -> str:
    return _ENCODER.encode(value)


_ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True)
