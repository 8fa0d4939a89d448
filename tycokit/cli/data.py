"""deploy, put: pipelines and pictures, on whatever pachd the context names."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tycokit import deploy as deployment
from tycokit import packaged, specs, starters, upload
from tycokit.cli import show, surroundings
from tycokit.client import connect
from tycokit.errors import CliError, RecordsError
from tycokit.recording import reading as recording
from tycokit.scaling import change
from tycokit.scaling.nodes import find as find_nodes

Context = Annotated[
    str | None, typer.Option("--context", help="Pachyderm context, instead of the active one.")
]


def deploy(
    specs_dir: Annotated[
        Path | None,
        typer.Argument(help="Folder with specs [default: ./specs, else those of tycokit]"),
    ] = None,
    notebooks: Annotated[
        Path | None, typer.Option(help="Folder with notebooks [default: beside the specs]")
    ] = None,
    create_repo: Annotated[
        list[str] | None, typer.Option(help="An input repo of your own that may be made.")
    ] = None,
    reprocess: Annotated[
        bool, typer.Option("--reprocess", help="Updated pipelines process everything again.")
    ] = False,
    samples: Annotated[
        bool, typer.Option("--samples", help="Also a first network and rules, where none are.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say it, do nothing.")] = False,
    nodes: Annotated[
        int | None, typer.Option(min=1, help="What a coefficient multiplies, where nobody tells.")
    ] = None,
    context: Context = None,
) -> None:
    """Create the repos, notebooks and pipelines that are missing, and update what differs."""
    if specs_dir is None:
        here = Path("specs")
        specs_dir = here if any(here.glob("*.json")) else packaged.specs()
    found = specs.read(specs_dir, surroundings.cores())
    files = deployment.stages(found, notebook_files(specs_dir, notebooks))
    client = connect(surroundings.config_path(), context)
    for spec in found:
        change.resolve(spec.request, lambda: find_nodes(client, nodes))
    actions = deployment.plan(client, found, files, create_repo or [])
    read = {repo.name for spec in found for repo in spec.inputs}
    first = starters.missing(client, read) if samples else []
    if not actions and not first:
        show.line(f"{len(found)} pipelines and {len(files)} notebooks are as they should be")
    elif dry_run:
        for action in (*actions, *first):
            show.line(f"would {action}")
    else:
        starters.apply(
            client, actions, first, lambda one: show.line(_past(one)), reprocess=reprocess
        )


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


def notebook_files(specs_dir: Path, named: Path | None) -> list[Path]:
    """The notebooks that belong to a folder of specs."""
    if named is not None and not named.is_dir():
        raise CliError(f"{named}: there is no such folder")
    folder = specs_dir if specs_dir.is_dir() else specs_dir.parent
    return sorted((named or folder.absolute().parent / "notebooks").glob("*.ipynb"))


def _past(action: object) -> str:
    verb, _, rest = str(action).partition(" ")
    past = {"create": "created", "update": "updated", "commit": "committed"}
    return f"{past.get(verb, verb)} {rest}"
