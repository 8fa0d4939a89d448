"""put, records: what goes in, and what came of it, on whatever pachd the context names."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tycokit import upload
from tycokit.cli import show, surroundings
from tycokit.client import connect
from tycokit.errors import CliError, RecordsError
from tycokit.recording import reading as recording

Context = Annotated[
    str | None, typer.Option("--context", help="Pachyderm context, instead of the active one.")
]


def put(
    pictures: Annotated[list[Path], typer.Argument(help="Files, and folders of files.")],
    repo: Annotated[str, typer.Option(help="Repo to put them into.")] = "images",
    context: Context = None,
) -> None:
    """Commit pictures, all in one commit. Exit code 1 when some could not be put."""
    items, refused = upload.flat(pictures)
    done = None
    if items:
        client = connect(surroundings.config_path(), context)
        size = sum(item.source.stat().st_size for item in items)
        with show.bytes_bar() as bar:
            task = bar.add_task(f"{len(items)} files", total=size)
            done = upload.put(client, repo, items, progress=lambda count: bar.advance(task, count))
        refused = {**refused, **done.refused}
    for path, reason in refused.items():
        show.fail(f"{path}: {reason}")
    if done is not None and done.commit is not None:
        count = len(done.stored)
        show.line(f"{count} file{'s' * (count != 1)} put into {repo}, commit {done.commit}")
    elif not refused:
        raise CliError("there is no file in what was named")
    if refused:
        raise typer.Exit(1)


def records(
    out: Annotated[Path, typer.Option(help="Folder for the files.")] = Path("records"),
    day: Annotated[str | None, typer.Option(help="Only this day, YYYY-MM-DD (UTC).")] = None,
    context: Context = None,
) -> None:
    """Fetch the records: Parquet files by day, as DuckDB and others query them."""
    paths = recording.export(connect(surroundings.config_path(), context), out, day)
    if not paths:
        raise RecordsError("there are no records" + (f" of {day}" if day else " yet"))
    show.line(f"{len(paths)} files in {out}")
    show.line(f"select * from read_parquet('{out}/day=*/*.parquet', hive_partitioning = true)")
