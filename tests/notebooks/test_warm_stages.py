"""Each stage by the warm executor, against plain papermill: the executed notebooks are equal."""

from __future__ import annotations

import re

import executed_cells
import papermill
import pytest
from nbformat import NotebookNode

from tycokit import packaged

STAGES = sorted(
    name
    for spec in packaged.specs().glob("*.json")
    for name in re.findall(r'"/(\w+)\.ipynb"', spec.read_text(encoding="utf-8"))
)
assert len(STAGES) == len(list(packaged.specs().glob("*.json")))
# zmq's context of a kernel that ended may be collected late
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")


@pytest.mark.parametrize("stage", STAGES)
def test_sources_outputs_and_parameters_are_those_of_a_cold_run(stage, tmp_path):
    executed, notebook = {}, packaged.notebooks() / f"{stage}.ipynb"
    for engine in ("tycokit", None):
        # the same folder: outputs may name it
        given = {"out": str(tmp_path / "out")}
        target = tmp_path / f"{engine}.ipynb"
        ran: NotebookNode = papermill.execute_notebook(
            notebook, target, given, engine_name=engine, progress_bar=False
        )
        executed[engine] = (executed_cells.read(target), ran.metadata.papermill.parameters)
    assert executed["tycokit"] == executed[None]
    assert executed[None][1] == given
    # the comparison is worth nothing if there is nothing to compare
    assert any(outputs for _, _, outputs, _ in executed[None][0])
