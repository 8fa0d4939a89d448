"""A notebook as papermill hands it to an engine, prepared once for all datums.

papermill itself loads, checks and parameterizes it for the first; for each that follows, only what
differs is set. Its `execute_notebook` does all of it each time, which takes longer than a network
looks at a picture.
"""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nbformat import NotebookNode, from_dict
from papermill.engines import NotebookExecutionManager
from papermill.execute import prepare_notebook_metadata, remove_error_markers
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook
from papermill.translators import translate_parameters

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

    def fresh(self, parameters: Mapping[str, Any]) -> NotebookNode:
        """The notebook for one run."""
        made = NotebookNode(self._notebook)  # type: ignore[no-untyped-call]
        made.metadata = _copy(self._notebook.metadata)
        made.metadata.papermill["parameters"] = _copy(dict(parameters))
        made.cells = [_fresh_cell(cell) for cell in self._notebook.cells]
        cell = made.cells[self._injected]
        cell.source = translate_parameters(KERNEL, LANGUAGE, dict(parameters), "Parameters")
        if "id" in cell:
            cell.id = uuid.uuid4().hex[:8]
        return made


def _fresh_cell(cell: NotebookNode) -> NotebookNode:
    made = NotebookNode(cell)  # type: ignore[no-untyped-call]
    made.metadata = _copy(cell.metadata)
    if "attachments" in cell:
        made.attachments = _copy(cell.attachments)
    return made


def _copy(value: Any) -> Any:
    return from_dict(value)  # type: ignore[no-untyped-call]


class Manager(NotebookExecutionManager):  # type: ignore[misc]  # papermill has no types
    """papermill's manager of one run, without parsing each time that it has just written."""

    def cell_start(self, cell: NotebookNode, *rest: Any, **more: Any) -> None:
        """Note a cell's start."""
        super().cell_start(cell, *rest, **more)
        self._started = self.now()

    def cell_complete(self, cell: NotebookNode, *_rest: Any, **_more: Any) -> None:
        """Note a cell's end."""
        end: datetime.datetime = self.now()
        noted = cell.metadata.papermill
        noted["end_time"] = end.isoformat()
        noted["duration"] = (end - self._started).total_seconds()
        if noted["status"] != self.FAILED:
            noted["status"] = self.COMPLETED
