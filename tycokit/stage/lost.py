"""The notebook of a run whose process is gone: put together from what its client knows.

The outputs that the process had collected are lost with it; what the cells printed is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
from papermill.parameterize import parameterize_notebook

from tycokit.stage import report


def keep(
    notebook: Path,
    parameters: Mapping[str, Any],
    cell: int | None,
    printed: str,
    why: str,
    name: str,
) -> Path:
    """Keep the notebook with its parameters; the cell that ran gets what was printed, and why it
    ended. OSError when it cannot be kept."""
    read: Any = nbformat.read(notebook, as_version=4)  # type: ignore[no-untyped-call]
    read.metadata.setdefault("papermill", {})
    for one in read.cells:
        one.metadata.setdefault("tags", [])
        if one.cell_type == "code":
            one.outputs, one.execution_count = [], None
    made: Any = parameterize_notebook(
        read, dict(parameters), kernel_name="python3", language="python"
    )
    own = [one for one in made.cells if report.INJECTED_TAG not in one.metadata.tags]
    if cell and cell <= len(own) and own[cell - 1].cell_type == "code":
        outputs = own[cell - 1].outputs
        if printed:
            outputs.append({"output_type": "stream", "name": "stdout", "text": printed})
        error = {"output_type": "error", "ename": "ExecutorDied", "evalue": why, "traceback": [why]}
        outputs.append(error)
    data: str = nbformat.writes(nbformat.from_dict(made))  # type: ignore[no-untyped-call]
    return report.keep(data.encode("utf-8", "replace"), name)
