"""Each notebook through plain papermill, in a kernel of its own, as a person would open it."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import papermill
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
LEFT = {
    "validate": ["reports/dev1_1511891098.jpg.json", "valid/dev1_1511891098.jpg"],
    "model": ["dev1/1511891098.json"],
    "threat_detect": ["dev1/1511891098.json"],
    "annotate": ["dev1/1511891098.jpg"],
    "plot": ["threats.png"],
}
# zmq's context of a kernel that ended may be collected late
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")


@pytest.mark.parametrize("name", LEFT)
def test_a_notebook_runs_with_its_defaults(name, tmp_path):
    out, executed = tmp_path / "out", tmp_path / f"{name}.ipynb"
    papermill.execute_notebook(
        ROOT / "notebooks" / f"{name}.ipynb", executed, {"out": str(out)}, progress_bar=False
    )
    files = sorted(path for path in out.rglob("*") if path.is_file())
    assert [str(path.relative_to(out)) for path in files] == LEFT[name]
    for path in files:
        if path.suffix == ".json":
            assert json.loads(path.read_text())
        else:
            with Image.open(path) as image:
                assert min(image.size) > 100
    cells = nbformat.read(executed, as_version=4).cells
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    assert not [output for output in outputs if output.output_type == "error"]
    assert not [output for output in outputs if output.get("name") == "stderr"]
    if name != "threat_detect":
        assert [output for output in outputs if "image/jpeg" in output.get("data", {})]
    assert executed.stat().st_size < 150_000
