"""targets set, list, remove: where alerts go."""

from __future__ import annotations

from typing import Annotated

import typer

from tycokit import targeting
from tycokit.cli import place, show
from tycokit.cli.place import Context

app = typer.Typer(
    help="Where alerts go: names for rules to use, with keys that stay in the cluster.",
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(help="What rules call it; `mail` serves e-mail addresses.")]


@app.command("set")
def set_(name: Name, context: Context = None) -> None:
    """Make or replace a target. Its apprise URL is asked for, or read from standard input."""
    client = place.connect(context)
    changed = targeting.put(client, name, show.secret("URL"))
    show.line(f"target {name} is set" + (f", for {', '.join(changed)}" if changed else ""))


@app.command("list")
def list_(context: Context = None) -> None:
    """List the targets by name."""
    names = targeting.names(place.connect(context))
    for name in names:
        show.line(name)
    if not names:
        show.line("there is no target: alerts are written as .eml, nothing is sent")


@app.command()
def remove(name: Name, context: Context = None) -> None:
    """Remove a target."""
    targeting.remove(place.connect(context), name)
    show.line(f"target {name} is removed")
