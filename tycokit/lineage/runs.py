"""The notebook that an attempt executed, and the parameters that it ran with."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Mapping, Sequence
from typing import Any

from tycokit.lineage.records import Records
from tycokit.lineage.values import Attempt, File, Run
from tycokit.repos import browsing

MOST_NOTEBOOK = 20_000_000  # bytes of an executed notebook, which has to be read whole


def read(records: Records, attempt: Attempt) -> Run:
    """An attempt's files, and what its executed notebook says of its parameters."""
    found = records.outputs(attempt)
    executed = executed_of(found) if attempt.notebook is not None else None
    return Run(found, executed, _parameters(records, executed) if executed else None)


def executed_of(files: Sequence[File]) -> File | None:
    """Which of a datum's files is the executed notebook: it lies beside the first result."""
    by_path = {file.at.path: file for file in files}
    notebooks = [path for path in by_path if path.endswith(".ipynb")]
    results = [path for path in by_path if path not in notebooks]
    first = [path for path in results if path.endswith(".json")] or results
    for path in first[:1]:
        stem = posixpath.splitext(path)[0]
        for name in (f"{stem}.executed.ipynb", f"{stem}.ipynb"):
            if name in by_path:
                return by_path[name]
    return by_path[notebooks[0]] if notebooks else None


def _parameters(records: Records, executed: File) -> Mapping[str, Any] | None:
    """What papermill wrote into the notebook that it executed."""
    if executed.size > MOST_NOTEBOOK:
        return None
    data = browsing.read(records.client, executed.at, MOST_NOTEBOOK).data
    try:
        found = json.loads(data)["metadata"]["papermill"]["parameters"]
    except (ValueError, RecursionError, KeyError, TypeError):  # not papermill's
        return None
    return found if isinstance(found, dict) else None
