"""A notebook as papermill hands it to an engine, prepared once for all datums.

papermill itself loads, checks and parameterizes it for the first; for each that follows, only what
differs is set. Its `execute_notebook` does all of it each time, which takes longer than a network
looks at a picture.
"""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from nbformat import NotebookNode, from_dict
from papermill.engines import NotebookExecutionManager
from papermill.execute import prepare_notebook_metadata, remove_error_markers
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook
from papermill.translators import PythonTranslator, Translator

INJECTED = "injected-parameters"
KERNEL, LANGUAGE = "python3", "python"


class Prepared:
    """One notebook file."""

    def __init__(self, path: Path, parameters: Mapping[str, Any]) -> None:
        notebook = load_notebook_node(str(path))
        notebook = parameterize_notebook(
            notebook, dict(parameters), kernel_name=KERNEL, language=LANGUAGE, engine_name="tycokit"
        )
        notebook = prepare_notebook_metadata(notebook, str(path), None)
        self._notebook = remove_error_markers(notebook)
        self._injected = next(
            index for index, cell in enumerate(notebook.cells) if INJECTED in cell.metadata.tags
        )
        self._formats = find_spec("black") is not None

    def fresh(self, parameters: Mapping[str, Any]) -> NotebookNode:
        """The notebook for one run, with what papermill notes of one that has not run yet."""
        made = NotebookNode(self._notebook)  # type: ignore[no-untyped-call]
        made.metadata = _copy(self._notebook.metadata)
        made.metadata.papermill["parameters"] = _copy(dict(parameters))
        made.cells = [_fresh_cell(cell) for cell in self._notebook.cells]
        cell = made.cells[self._injected]
        cell.source = self._source(dict(parameters))
        if "id" in cell:
            cell.id = uuid.uuid4().hex[:8]
        return made

    def _source(self, parameters: dict[str, Any]) -> str:
        """The injected cell's."""
        if self._formats:
            return str(PythonTranslator.codify(parameters, "Parameters"))
        # without `black`, papermill looks for it on the disk each time; the rest is this
        plain = Translator.codify.__func__
        return str(plain(PythonTranslator, parameters, "Parameters"))


def _fresh_cell(cell: NotebookNode) -> NotebookNode:
    own = {name: value for name, value in cell.metadata.items() if name != "papermill"}
    metadata = _copy(own)
    noted = ("exception", "start_time", "end_time", "duration")
    metadata["papermill"] = _node(**dict.fromkeys(noted), status=Manager.PENDING)
    more: dict[str, Any] = {"metadata": metadata}
    if cell.cell_type == "code":
        more |= {"outputs": [], "execution_count": None}
    if "attachments" in cell:
        more["attachments"] = _copy(cell.attachments)
    return _node(**{**cell, **more})


def _node(**items: Any) -> NotebookNode:
    return NotebookNode(items)  # type: ignore[no-untyped-call]


def _copy(value: Any) -> Any:
    return from_dict(value)  # type: ignore[no-untyped-call]


class Manager(NotebookExecutionManager):  # type: ignore[misc]  # papermill has no types
    """papermill's manager of one run of a fresh notebook, which notes the same in less time."""

    def notebook_start(self, **_more: Any) -> None:
        """Note the run's start."""
        self.set_timer()
        noted = self.nb.metadata.papermill
        noted.update(start_time=self.start_time.isoformat(), end_time=None)
        noted.update(duration=None, exception=None)

    def cell_start(self, cell: NotebookNode, *_rest: Any, **_more: Any) -> None:
        """Note a cell's start."""
        self._started: datetime.datetime = self.now()
        noted = cell.metadata.papermill
        started = self._started.isoformat()
        # a plain dict's own: a NotebookNode's looks at each value
        dict.update(noted, start_time=started, status=self.RUNNING, exception=False)

    def cell_complete(self, cell: NotebookNode, *_rest: Any, **_more: Any) -> None:
        """Note a cell's end."""
        end: datetime.datetime = self.now()
        noted = cell.metadata.papermill
        duration = (end - self._started).total_seconds()
        dict.update(noted, end_time=end.isoformat(), duration=duration)
        if noted["status"] != self.FAILED:
            noted["status"] = self.COMPLETED
