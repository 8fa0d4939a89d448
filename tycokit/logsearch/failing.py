"""From an error in a log to the cell of the notebook that raised it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from python_pachyderm import Client

from tycokit.errors import LookError, OpenError
from tycokit.processing import pastdatum
from tycokit.processing.pastdatum import Failure, PastDatum
from tycokit.repos import addresses, browsing, cells
from tycokit.repos.addresses import Address
from tycokit.repos.cells import Cell
from tycokit.stage import report
from tycokit.stage.datum import NOTEBOOK

MOST_NOTEBOOK = 20_000_000  # bytes


@dataclass(frozen=True, slots=True)
class FailingCell:
    """A datum's notebook, and which of its cells failed.

    `at` is its position in `cells`, `number` the one in the source, from 1, which logs name. The
    cells carry outputs where the executed notebook was found on this machine: `executed` is its
    path, None elsewhere, and the cells are those of the source `notebook` then. `error` is its
    sentence.
    """

    datum: PastDatum
    notebook: Address
    cells: tuple[Cell, ...]
    at: int
    number: int
    error: str
    executed: Path | None


def failing_cell(client: Client, pipeline: str, job: str, datum: str) -> FailingCell:
    """The cell at which a datum of a job failed.

    Raises DatumUnknown; OpenError when it is no notebook stage's, or no cell of it raised;
    LookError when its notebook cannot be read.
    """
    found = pastdatum.find(client, datum, pipeline, job)
    address = next((_address(one) for one in found.inputs if one.name == NOTEBOOK), None)
    if address is None:
        raise OpenError(f"{pipeline} is no notebook stage: no input is named `{NOTEBOOK}`")
    if found.failure is None:
        raise OpenError(
            f"datum {found.id[:12]} ended as {found.state} in this job; no cell of its notebook is"
            " known to have raised"
        )
    number, error = found.failure.cell, found.failure.error
    ran = _executed(found.failure)
    if ran is not None:
        shown, at, path = ran
        return FailingCell(found, address, shown, at, number, error, path)
    content = browsing.read(client, address, MOST_NOTEBOOK)
    shown = cells.read(content.data)
    at = min(number, len(shown)) - 1
    return FailingCell(found, address, shown, at, number, error, None)


def _address(one: pastdatum.Input) -> Address:
    return addresses.of(one.commit, one.path)


def _executed(failure: Failure) -> tuple[tuple[Cell, ...], int, Path] | None:
    """The executed notebook's cells, where it lies on this machine and is of that run."""
    path = Path(failure.executed or "")
    if failure.executed is None or not path.is_file():
        return None
    try:
        read = cells.read(path.read_bytes())
    except (OSError, LookError):
        return None
    shown = tuple(cell for cell in read if report.MARKER_TAG not in cell.tags)
    own = [at for at, cell in enumerate(shown) if report.INJECTED_TAG not in cell.tags]
    if failure.cell > len(own):
        return None
    return shown, own[failure.cell - 1], path
