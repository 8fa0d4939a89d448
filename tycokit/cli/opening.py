"""open: a past datum in a folder of its own, on whatever pachd the context names."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from tycokit.cli import place, show
from tycokit.cli.place import Context, Project
from tycokit.processing import opening


def open_(
    datum: Annotated[
        str, typer.Argument(help="A datum's id, or its first digits, as `tycokit logs` has them.")
    ],
    into: Annotated[
        Path | None, typer.Option(help="New folder for it [default: <pipeline>-<datum>]")
    ] = None,
    pipeline: Annotated[str | None, typer.Option(help="Only a datum of this pipeline.")] = None,
    job: Annotated[str | None, typer.Option(help="Only a datum of this job.")] = None,
    project: Project = None,
    context: Context = None,
) -> None:
    """Fetch a past datum's inputs and open its notebook where it failed."""
    here = place.find(context, project)
    of = here.named(pipeline) if pipeline is not None else None
    opened = opening.open_datum(
        here.client,
        datum,
        into,
        pipeline=of.repo if of is not None else None,
        job=job,
        project=of.project if of is not None else project,
    )
    found = opened.datum
    called = here.called(found.project, found.pipeline)
    show.line(f"datum {found.id[:12]} of {called}, job {found.job}: {found.state}", "bold")
    if found.failure is not None:
        show.line(show.safe(f"  failed in cell {found.failure.cell}: {found.failure.error}"))
    show.line(f"  inputs    {opened.folder / 'pfs'}")
    show.line(f"  notebook  {opened.notebook}")
    show.line(f"  results   {opened.parameters['out']}")
    show.line("Open it with:")
    show.line(f"  jupyter lab {shlex.quote(str(opened.notebook))}")
