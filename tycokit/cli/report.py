"""report: the pages about threats and about use."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tycokit.cli import place, show
from tycokit.cli.place import Context, Project
from tycokit.reporting.fetching import fetch


def report(
    day: Annotated[str | None, typer.Option(help="Only this day, YYYY-MM-DD (UTC).")] = None,
    open_: Annotated[bool, typer.Option("--open", help="Show it in the browser.")] = False,
    out: Annotated[Path, typer.Option(help="Folder for the pages.")] = Path("report"),
    project: Project = None,
    context: Context = None,
) -> None:
    """Fetch the threat reports, and make the page about use. They need no network."""
    here = place.find(context, project)
    first = fetch(here.client, out.absolute(), day, here.project)
    show.line(str(first))
    if open_:
        typer.launch(first.as_uri())
