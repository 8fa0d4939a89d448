"""put, records: what goes in, and what came of it, on whatever pachd the context names."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tycokit.cli import place, show
from tycokit.cli.place import Context, Project
from tycokit.errors import CliError, RecordsError
from tycokit.recording import reading as recording
from tycokit.repos import upload
from tycokit.wording import counted


def put(
    pictures: Annotated[list[Path], typer.Argument(help="Files, and folders of files.")],
    repo: Annotated[str, typer.Option(help="Repo to put them into.")] = "images",
    project: Project = None,
    context: Context = None,
) -> None:
    """Commit pictures, all in one commit. Exit code 1 when some could not be put."""
    items, refused = upload.flat(pictures)
    done = None
    if items:
        here = place.find(context, project)
        into = here.named(repo)
        size = sum(item.source.stat().st_size for item in items)
        with show.bytes_bar() as bar:
            task = bar.add_task(counted(len(items), "file"), total=size)
            done = upload.put(
                here.client,
                into.repo,
                items,
                project=into.project,
                progress=lambda count: bar.advance(task, count),
            )
        refused = {**refused, **done.refused}
    for path, reason in refused.items():
        show.fail(f"{path}: {reason}")
    if done is not None and done.commit is not None:
        called = here.called(into.project, into.repo)
        show.line(f"{counted(len(done.stored), 'file')} put into {called}, commit {done.commit}")
    elif not refused:
        raise CliError("there is no file in what was named")
    if refused:
        raise typer.Exit(1)


def records(
    out: Annotated[Path, typer.Option(help="Folder for the files.")] = Path("records"),
    day: Annotated[str | None, typer.Option(help="Only this day, YYYY-MM-DD (UTC).")] = None,
    project: Project = None,
    context: Context = None,
) -> None:
    """Fetch the records: Parquet files by day, as DuckDB and others query them."""
    here = place.find(context, project)
    paths = recording.export(here.client, out, day, here.project)
    if not paths:
        when = f"of {day}" if day else "yet"
        raise RecordsError(f"there are no records {when} in the project {here.project}")
    show.line(f"{counted(len(paths), 'file')} in {out}")
    show.line(f"select * from read_parquet('{out}/day=*/*.parquet', hive_partitioning = true)")
