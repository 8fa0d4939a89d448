"""What is said about a notebook that raised, and where it is kept."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KEPT = 100
ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
CELL_LINE = re.compile(r"(?:Cell|Input) In ?\[\d+\][^\n]*?line:? ?(\d+)")
INJECTED_TAG = "injected-parameters"
MARKER_TAG = "papermill-error-cell-tag"


@dataclass(frozen=True, slots=True)
class Failure:
    """A cell that raised.

    `cell`: its number in the notebook's source, from 1, counting every cell; None for the cell that
    papermill injects. `line`: the failing line's number in it, and `text` that line.
    """

    cell: int | None
    line: int | None
    text: str
    error: str
    traceback: str

    def describe(self, notebook: str) -> str:
        """The report in plain text, without the place where the notebook is kept."""
        where = f"cell {self.cell}" if self.cell else "the cell of injected parameters"
        lines = [f"{where} of {notebook} raised {self.error}"]
        if self.line:
            lines.append(f"  line {self.line}: {self.text}")
        return "\n".join([*lines, self.traceback])


def failure(cells: Sequence[Any], error: Any) -> Failure:
    """What papermill's PapermillExecutionError says about these executed cells."""
    ran = [cell for cell in cells if MARKER_TAG not in cell.metadata.get("tags", [])]
    injected = [INJECTED_TAG in cell.metadata.get("tags", []) for cell in ran]
    index = error.cell_index
    traceback = ANSI.sub("", "\n".join(error.traceback))
    found = CELL_LINE.search(traceback)
    lines = error.source.splitlines()
    line = int(found[1]) if found and 0 < int(found[1]) <= len(lines) else None
    return Failure(
        cell=None if injected[index] else index + 1 - sum(injected[:index]),
        line=line,
        text=lines[line - 1].strip() if line else "",
        error=f"{error.ename}: {error.evalue}" if error.evalue else error.ename,
        traceback=traceback,
    )


def keep(notebook: bytes, name: str) -> Path:
    """Keep an executed notebook (its JSON) as <name>.ipynb in the user's state folder.

    The newest hundred stay. Where that folder cannot be written to, it goes to a temporary one.
    """
    import platformdirs

    folder = platformdirs.user_state_path("tycokit") / "failed"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{name}.ipynb"
        path.write_bytes(notebook)
    except OSError:
        import tempfile

        folder = Path(tempfile.mkdtemp(prefix="tycokit-failed-"))
        path = folder / f"{name}.ipynb"
        path.write_bytes(notebook)
        return path
    # another stage may be tidying up at the same time
    kept = sorted(folder.glob("*.ipynb"), key=_age)
    for old in kept[KEPT:]:
        old.unlink(missing_ok=True)
    return path


def _age(path: Path) -> float:
    try:
        return -path.stat().st_mtime
    except OSError:
        return 0.0


def tail(path: Path, start: int, limit: int = 64 << 10) -> str:
    """The end of what a file got since it was `start` bytes long, at most `limit` bytes."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(start if start <= size else 0, size - limit))
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""
