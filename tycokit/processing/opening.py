"""A past datum, opened where it failed: its inputs in a folder, its notebook ready to run.

    opened = open_datum(tycokit.client.connect(...), "3f9a1c", Path("look"))

Through the Client only, so for any pachd. The source notebook is never written to.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import nbformat
from nbformat import NotebookNode
from python_pachyderm import Client
from python_pachyderm.service import pfs_proto

from tycokit.errors import FileCut, OpenError, StageUsage
from tycokit.processing import pastdatum
from tycokit.processing.pastdatum import Failure, PastDatum
from tycokit.stage import options, report, source
from tycokit.stage.datum import NOTEBOOK, OUT

FAILED_TAG = "failed"


@dataclass(frozen=True, slots=True)
class Opened:
    """Where a datum was opened. `notebook` is the copy, `parameters` what it has filled in."""

    datum: PastDatum
    folder: Path
    notebook: Path
    parameters: dict[str, Any]


def open_datum(
    client: Client,
    datum: str,
    folder: Path | None = None,
    *,
    pipeline: str | None = None,
    job: str | None = None,
    project: str | None = None,
) -> Opened:
    """Fetch a datum's inputs and write its notebook, parameters filled in, failing cell marked.

    `datum`: its id or the start of it, which is looked for in all projects but where `project`
    names one. `folder`: a new or empty one (default: named after pipeline
    and datum, in the working folder). Raises DatumUnknown, or OpenError when the folder holds
    something or the datum is not of a notebook stage.
    """
    found = pastdatum.find(client, datum, pipeline, job, project)
    folder = (folder or Path(f"{found.pipeline}-{found.id[:12]}")).absolute()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OpenError(f"{folder} is not empty; name another folder with --into")
    if not any(one.name == NOTEBOOK for one in found.inputs):
        raise OpenError(f"{found.pipeline} is no notebook stage: no input is named `{NOTEBOOK}`")
    given = _given(found)
    paths = {
        one.name: fetch(client, one.commit, one.path, folder / "pfs" / one.name)
        for one in found.inputs
    }
    original = _only_notebook(paths.pop(NOTEBOOK))
    out = folder / OUT
    out.mkdir()
    parameters = source.parameters(
        source.read(original), {name: str(path) for name, path in paths.items()}, out, given
    )
    notebook = folder / original.name
    read = nbformat.read(original, as_version=4)  # type: ignore[no-untyped-call]
    made = _filled_in(read, parameters)
    if found.failure is not None:
        _mark(made, found.failure)
    nbformat.write(made, notebook)  # type: ignore[no-untyped-call]
    return Opened(found, folder, notebook, parameters)


def _given(datum: PastDatum) -> dict[str, Any]:
    """What the pipeline's command sets of the notebook's parameters."""
    words = list(datum.cmd)
    if "stage" not in words:
        raise OpenError(f"{datum.pipeline} does not run `tycokit stage` but {' '.join(words)!r}")
    try:
        return dict(options.parse(words[words.index("stage") + 1 :]).parameters)
    except StageUsage as error:
        raise OpenError(f"the command of {datum.pipeline} cannot be read: {error}") from error


def fetch(client: Client, commit: Any, path: str, folder: Path) -> Path:
    """Write what lies at a path of a commit below a folder; where the path is there.

    Raises OpenError, and FileCut when the connection broke.
    """
    for info in client.walk_file(commit, path):
        name = info.file.path
        target = folder / name.strip("/")
        # names that climb out of the folder, PFS refuses; another server might not
        if ".." in PurePosixPath(name).parts:
            raise OpenError(f"{name} leads out of the folder")
        if info.file_type == pfs_proto.FileType.DIR:
            target.mkdir(parents=True, exist_ok=True)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        with client.get_file(commit, name) as data, target.open("wb") as file:
            while part := data.read(1 << 20):
                file.write(part)
            if file.tell() < info.size_bytes:  # the client's own read keeps silent about it
                raise FileCut(name, file.tell(), info.size_bytes)
    folder.mkdir(parents=True, exist_ok=True)
    return folder / path.strip("/")


def _only_notebook(path: Path) -> Path:
    found = [path] if path.is_file() else sorted(path.glob("**/*.ipynb"))
    if len(found) != 1:
        raise OpenError(f"the input `{NOTEBOOK}` of the datum holds {len(found)} notebooks")
    return found[0]


def _filled_in(notebook: NotebookNode, parameters: dict[str, Any]) -> Any:
    """The notebook with a cell of parameters, as papermill injects it, and without outputs."""
    from papermill.parameterize import parameterize_notebook

    # as papermill has loaded one, before it sets parameters
    notebook.metadata.setdefault("papermill", {})
    for cell in notebook.cells:
        cell.metadata.setdefault("tags", [])
    made = parameterize_notebook(notebook, parameters, kernel_name="python3", language="python")
    for cell in made.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return made


def _mark(notebook: NotebookNode, failure: Failure) -> None:
    """Put a line above the failing cell, tag it, and give the cells what they printed."""
    injected = [report.INJECTED_TAG in cell.metadata.get("tags", []) for cell in notebook.cells]
    own = [index for index, is_injected in enumerate(injected) if not is_injected]
    if failure.cell > len(own):
        return
    index = own[failure.cell - 1]
    _outputs(notebook, failure.executed)
    cell = notebook.cells[index]
    cell.metadata["tags"] = [*cell.metadata.get("tags", []), FAILED_TAG]
    text = f"### ⚠ The datum failed in the cell below\n\n```text\n{failure.error}\n```"
    notebook.cells.insert(index, nbformat.v4.new_markdown_cell(text))  # type: ignore[no-untyped-call]


def _outputs(notebook: NotebookNode, executed: str | None) -> None:
    """The outputs of the run that failed, if its executed notebook lies on this machine."""
    if executed is None or not Path(executed).is_file():
        return
    try:
        kept = nbformat.read(executed, as_version=4)  # type: ignore[no-untyped-call]
    except (OSError, ValueError, json.JSONDecodeError):
        return
    ran = [c for c in kept.cells if report.MARKER_TAG not in c.metadata.get("tags", [])]
    if len(ran) != len(notebook.cells):
        return
    for cell, old in zip(notebook.cells, ran, strict=True):
        if cell.cell_type == "code" == old.cell_type:
            cell.outputs, cell.execution_count = old.outputs, old.execution_count
