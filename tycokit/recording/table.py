"""The columns of the records, and the files that hold them."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tycokit.vision import results


def _list(kind: pa.DataType) -> pa.DataType:
    return pa.list_(pa.field("element", kind))  # the name that Parquet gives it


OBJECT = pa.struct(
    [
        ("class", pa.int32()),
        ("name", pa.string()),
        ("score", pa.float64()),
        ("box", _list(pa.float64())),
    ]
)
ALERT = pa.struct(
    [
        ("rule", pa.string()),
        ("receiver", pa.string()),
        ("state", pa.string()),
        ("attempts", pa.int32()),
        ("reason", pa.string()),
        ("message_id", pa.string()),
        ("at", pa.timestamp("ms", tz="UTC")),
    ]
)
SCHEMA = pa.schema(
    [
        ("device", pa.string()),
        ("time", pa.timestamp("ms", tz="UTC")),
        ("picture", pa.string()),
        ("valid", pa.bool_()),
        ("reason", pa.string()),  # why it was refused
        ("objects", _list(OBJECT)),
        ("matched", pa.bool_()),
        ("rules", _list(pa.string())),
        ("alerts", _list(ALERT)),
        ("weights", pa.string()),  # the network's name
        ("weights_sha256", pa.string()),
        # the commits of what made the result; empty where no executed notebook tells
        ("weights_commit", pa.string()),
        ("rules_commit", pa.string()),
        ("model_notebook_commit", pa.string()),
        ("threat_notebook_commit", pa.string()),
        ("seconds", pa.float64()),  # that the model's notebook took
    ]
)
UNDATED = "undated"


def write(rows: Iterable[Mapping[str, Any]], out: Path, part: str) -> list[Path]:
    """Write rows as `<out>/day=<YYYY-MM-DD>/part-<part>.parquet`, by their day (UTC).

    Rows are mappings of the columns above; those without a time lie in `day=undated`.
    """
    days: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        time = row["time"]
        days.setdefault(UNDATED if time is None else f"{time:%Y-%m-%d}", []).append(row)
    paths = []
    for day, found in sorted(days.items()):
        table = pa.Table.from_pylist(sorted(found, key=_order), schema=SCHEMA)
        data = io.BytesIO()
        pq.write_table(table, data, compression="zstd")
        paths.append(
            results.write_bytes(out / f"day={day}" / f"part-{part}.parquet", data.getvalue())
        )
    return paths


def read(files: Mapping[str, bytes]) -> pa.Table:
    """One table of record files, given their bytes by path, with their `day` as a column."""
    tables = [SCHEMA.append(pa.field("day", pa.string())).empty_table()]
    for path, data in sorted(files.items()):
        table = pq.read_table(io.BytesIO(data))
        day = next(part[4:] for part in path.split("/") if part.startswith("day="))
        tables.append(table.append_column("day", pa.array([day] * len(table), pa.string())))
    return pa.concat_tables(tables)


def _order(row: Mapping[str, Any]) -> tuple[float, str, str]:
    time = row["time"]
    return (time.timestamp() if time else 0.0, row["device"], row["picture"])
