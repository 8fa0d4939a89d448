"""One datum through papermill, warm or cold."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import papermill
from nbformat import NotebookNode
from papermill.engines import NBClientEngine, NotebookExecutionManager, papermill_engines
from papermill.exceptions import PapermillExecutionError

from tycokit.stage import datum, limits, report
from tycokit.stage.engine import TycokitEngine, WarmNotebook


@dataclass(frozen=True, slots=True)
class Request:
    """What to run: a notebook's path, its parameters, the output folder, the executed notebook's
    path in it if nothing else decides, and the name to keep a failed run under."""

    notebook: Path
    parameters: Mapping[str, Any]
    out: Path
    fallback: str
    name: str


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
    papermill_engines.register("tycokit", TycokitEngine)
    with TycokitEngine.warm(notebook):
        return _run(request, "tycokit", lambda: notebook.notebook)


def cold(
    request: Request, stdout: limits.Writable, stderr: limits.Writable, log_limit: int
) -> Result:
    """Run it with a kernel of its own; what its cells print goes to these files too."""
    log = limits.LogLimit(log_limit)
    papermill_engines.register("tycokit-cold", ColdEngine)
    return _run(
        request,
        "tycokit-cold",
        lambda: ColdEngine.notebook,
        stdout_file=limits.LimitedFile(stdout, log, stderr),
        stderr_file=limits.LimitedFile(stderr, log, stderr),
    )


def _run(request: Request, engine: str, partial: Any, **options: Any) -> Result:
    before = datum.files(request.out)
    # it warns of parameters that its own reading of the cell overlooks; ours were checked
    logging.getLogger("papermill").setLevel(logging.ERROR)
    try:
        notebook = papermill.execute_notebook(
            # papermill formats paths with the parameters: braces in a name are not that
            str(request.notebook).replace("{", "{{").replace("}", "}}"),
            None,
            parameters=dict(request.parameters),
            engine_name=engine,
            kernel_name="python3",
            language="python",
            progress_bar=False,
            log_output=False,
            request_save_on_cell_execute=False,
            autosave_cell_every=0,
            **options,
        )
    except PapermillExecutionError as error:
        notebook = partial()
        failed = report.failure(notebook.cells, error)
        text = failed.describe(request.notebook.name)
        return _keep(_json(notebook, None), request.name, text)
    path = datum.executed_path(request.out, before, request.fallback)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_json(notebook, path))
    except OSError as error:
        text = f"the executed notebook cannot be written to {path}: {error.strerror}"
        return _keep(_json(notebook, None), request.name, text)
    return Result(True, path)


def _keep(data: bytes, name: str, text: str) -> Result:
    try:
        return Result(False, report.keep(data, name), text)
    except OSError as error:
        return Result(False, None, f"{text}\nthe executed notebook is lost: {error}")


def _json(notebook: NotebookNode, path: Path | None) -> bytes:
    notebook.metadata.papermill["output_path"] = None if path is None else str(path)
    # without the check against the schema, which costs more than a short notebook's own run
    text = str(nbformat.v4.writes(notebook))  # type: ignore[no-untyped-call]
    # half a surrogate pair that a cell printed must not lose the notebook
    return text.encode("utf-8", "replace")
