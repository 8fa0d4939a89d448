"""specs upgrade: specs of Pachyderm 1.x for 2.x."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from tycokit.cli import show
from tycokit.errors import CliError
from tycokit.pipelines import oldspecs

app = typer.Typer(help="Pipeline specs, as files.", no_args_is_help=True)


@app.command()
def upgrade(
    files: Annotated[list[Path], typer.Argument(help="Files with specs of Pachyderm 1.x.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder for the new files [default: standard output].")
    ] = None,
    nodes: Annotated[
        int, typer.Option(min=1, help="Nodes of the cluster, which a coefficient multiplies.")
    ] = 1,
) -> None:
    """Turn specs of Pachyderm 1.x into those of 2.x, and say what changed. The files stay."""
    for file in files:
        try:
            text = file.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise CliError(f"{file}: cannot be read: {error}") from error
        found = oldspecs.upgrade(text, file.name, nodes)
        made = "\n".join(json.dumps(one.spec, indent=2, ensure_ascii=False) for one in found)
        for one in found:
            name = one.spec["pipeline"]["name"]
            for change in one.changes or ("nothing changed",):
                show.warn(f"{file.name}: {name}: {change}")
        if out is None:
            typer.echo(made)
        else:
            out.mkdir(parents=True, exist_ok=True)
            (out / file.name).write_text(f"{made}\n")
            show.line(str(out / file.name))
