"""model list, pull, put: networks."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from tycokit import models
from tycokit.cli import place, show, surroundings
from tycokit.cli.place import Context, Project
from tycokit.repos import upload

app = typer.Typer(help="Networks: list them, fetch them, commit one.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="A name of `tycokit model list`.")]


@app.command("list")
def list_() -> None:
    """List the networks that can be had by name."""
    folder = surroundings.models_path()
    table = Table(box=None, pad_edge=False)
    for heading in ("name", "kind", "classes", "MB", "licence", "here"):
        table.add_column(heading, no_wrap=True)
    for one in models.NETWORKS:
        size = f"{one.size / 1e6:.1f}" if one.size else "-"
        here = "yes" if models.present(one, folder) else "no"
        table.add_row(one.name, one.kind, one.classes, size, one.licence, here)
    show.out(least=100).print(table, soft_wrap=False)  # names must be whole, to be copied
    show.line(f"fetched networks lie in {folder}")


@app.command()
def pull(name: Name) -> None:
    """Fetch a network from its publisher, and check that it is the right one."""
    network = models.find(name)
    with show.bytes_bar() as bar:
        task = bar.add_task(name, total=None)
        folder = models.fetch(
            network,
            surroundings.models_path(),
            lambda done, total: bar.update(task, completed=done, total=total),
        )
    show.line(f"{folder / network.member}: SHA-256 as published ({network.sha256})")
    show.line(f"`tycokit model put {name}` commits it to the repo weights")


@app.command()
def put(
    weights: Annotated[
        str, typer.Argument(metavar="PATH|NAME", help="A file, a folder, a name, or mtcnn.")
    ],
    project: Project = None,
    context: Context = None,
) -> None:
    """Commit a network, with its label map, to the repo weights, instead of what is there."""
    items = models.files(weights, surroundings.models_path())
    here = place.find(context, project)
    size = sum(item.source.stat().st_size for item in items)
    with show.bytes_bar() as bar:
        task = bar.add_task(weights, total=size)
        done = upload.put(
            here.client,
            "weights",
            items,
            project=here.project,
            replace=True,
            progress=lambda count: bar.advance(task, count),
        )
    for path, reason in done.refused.items():
        show.fail(f"{path}: {reason}")
    if done.refused:
        raise typer.Exit(1)
    names = ", ".join(item.path.lstrip("/") for item in done.stored)
    show.line(f"{here.called(here.project, 'weights')} now holds {names}, commit {done.commit}")
