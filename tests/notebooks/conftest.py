"""Running a notebook's cells in this process: the same logic as in a kernel, in milliseconds."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def run(tmp_path):
    """run(notebook, **parameters) -> the out folder, after every cell ran in order."""

    def run_cells(name, out=None, **parameters):
        out = out or tmp_path / f"out-{name}"
        given = {key: str(v) if isinstance(v, Path) else v for key, v in parameters.items()}
        space = {"__name__": "__main__"}
        notebook = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
        for number, cell in enumerate(notebook.cells):
            if cell.cell_type == "code":
                exec(compile(cell.source, f"{name}.ipynb, cell {number}", "exec"), space)
            if "parameters" in cell.metadata.get("tags", []):
                space.update(given, out=str(out))
        return out

    return run_cells
