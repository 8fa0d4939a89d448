"""What an attempt left of itself: its files, its executed notebook, the parameters it ran with."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Mapping, Sequence
from typing import Any

from python_pachyderm.service import pfs_proto

from tycokit import browsing
from tycokit.lineage.records import Records, file_of, optional
from tycokit.lineage.values import Attempt, File, Run

MOST_NOTEBOOK = 20_000_000  # bytes of an executed notebook, which has to be read whole


def read(records: Records, attempt: Attempt) -> Run:
    """An attempt's files, and what its executed notebook says of its parameters."""
    found = outputs(records, attempt)
    executed = executed_of(found) if attempt.notebook is not None else None
    return Run(found, executed, _parameters(records, executed) if executed else None)


def outputs(records: Records, attempt: Attempt) -> tuple[File, ...]:
    """All files that the attempt wrote, by path; none where its commit is gone."""
    at = attempt.output

    def walk() -> tuple[File, ...]:
        infos = records.client.walk_file(at.at, "/", datum=attempt.datum)
        return tuple(
            file_of(at, browsing.entry_of(info))
            for info in infos
            if info.file_type == pfs_proto.FileType.FILE and info.file.datum == attempt.datum
        )

    return optional(walk) or ()


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
