"""The records of a cluster, as a table or as files that other tools query as they lie."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
from python_pachyderm import Client

from tycokit.errors import NotInstalled, RecordsError
from tycokit.recording import table
from tycokit.repos import heads
from tycokit.repos.addresses import DEFAULT_PROJECT
from tycokit.vision import results

if TYPE_CHECKING:
    import pandas as pd

REPO = "records"
_DAY = re.compile(r"\d{4}-\d\d-\d\d|undated")


def is_day(text: str) -> bool:
    """Whether a text names a day of the records."""
    return _DAY.fullmatch(text) is not None


def files(
    client: Client, day: str | date | None = None, project: str = DEFAULT_PROJECT
) -> Iterator[tuple[str, bytes]]:
    """Path and bytes of each record file, of one day (UTC) or of all, in one stream."""
    asked = "*" if day is None else str(day)
    if day is not None and not is_day(asked):
        raise RecordsError(f"a day is YYYY-MM-DD, and this is {asked!r}")
    return heads.files(client, REPO, f"/day={asked}/*.parquet", project)


def arrow(
    client: Client, day: str | date | None = None, project: str = DEFAULT_PROJECT
) -> pa.Table:
    """All records, or those of a day, as an Arrow table with the columns of `table.SCHEMA`."""
    return table.read(dict(files(client, day, project)))


def frame(
    client: Client,
    day: str | date | None = None,
    device: str | None = None,
    project: str = DEFAULT_PROJECT,
) -> pd.DataFrame:
    """The same as a pandas DataFrame, of one user-device or of all, in the order of time.

    Raises NotInstalled without pandas, RecordsError for a day that is none.
    """
    try:
        import pandas as pd  # noqa: F401
    except ImportError as error:
        raise NotInstalled("pandas", "lab") from error
    found = arrow(client, day, project).sort_by([("time", "ascending"), ("device", "ascending")])
    data = found.to_pandas()
    return data if device is None else data[data["device"] == device].reset_index(drop=True)


def export(
    client: Client,
    folder: Path,
    day: str | date | None = None,
    project: str = DEFAULT_PROJECT,
) -> list[Path]:
    """Write the files below a folder as they lie in the repo, a hive of days; their paths."""
    return [
        results.write_bytes(folder / path.lstrip("/"), data)
        for path, data in files(client, day, project)
    ]
