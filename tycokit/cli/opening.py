"""open: a past datum in a folder of its own, on whatever pachd the context names."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from tycokit import opening
from tycokit.cli import show, surroundings
from tycokit.cli.data import Context
from tycokit.client import connect


def open_(
    datum: Annotated[
        str, typer.Argument(help="A datum's id, or its first digits, as `tycokit logs` has them.")
    ],
    into: Annotated[
        Path | None, typer.Option(help="New folder for it [default: <pipeline>-<datum>]")
    ] = None,
    pipeline: Annotated[str | None, typer.Option(help="Only a datum of this pipeline.")] = None,
    job: Annotated[str | None, typer.Option(help="Only a datum of this job.")] = None,
    context: Context = None,
) -> None:
    """Fetch a past datum's inputs and open its notebook where it failed."""
    client = connect(surroundings.config_path(), context)
    opened = opening.open_datum(client, datum, into, pipeline=pipeline, job=job)
    found = opened.datum
    show.line(f"datum {found.id[:12]} of {found.pipeline}, job {found.job}: {found.state}", "bold")
    if found.failure is not None:
        show.line(show.safe(f"  failed in cell {found.failure.cell}: {found.failure.error}"))
    show.line(f"  inputs    {opened.folder / 'pfs'}")
    show.line(f"  notebook  {opened.notebook}")
    show.line(f"  results   {opened.parameters['out']}")
    show.line("Open it with:")
    show.line(f"  jupyter lab {shlex.quote(str(opened.notebook))}")
