"""contexts, context use, context set: which pachds there are, and which one is used."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated

import grpc
import typer
from rich.table import Table

from tycokit.cli import show, surroundings
from tycokit.client import connect, reach, translate
from tycokit.contexts import config
from tycokit.errors import CliError, NoAnswer, Refused
from tycokit.repos.addresses import DEFAULT_PROJECT

PATIENCE = 5.0  # seconds: one that takes longer is not one to work with

app = typer.Typer(help="Choose among the Pachyderm contexts.", no_args_is_help=True)


def contexts() -> None:
    """List the Pachyderm contexts: which one is active, and which pachd answers or why not."""
    path = surroundings.config_path()
    names, active = config.names(path), config.active(path)
    if not names:
        show.line(f"{path} holds no context; `tycokit up` makes one")
        return
    with show.spinner("asking each"), ThreadPoolExecutor(len(names)) as pool:
        answers = list(pool.map(lambda name: _answer(path, name), names))
    table = Table(box=None, pad_edge=False)
    for heading in ("", "context", "address", "project", "pachd"):
        table.add_column(heading)
    for name, answer in zip(names, answers, strict=True):
        table.add_row(*map(show.safe, ("*" if name == active else "", name, *answer)))
    show.out(least=100).print(table, markup=False)


@app.command()
def use(
    name: Annotated[str, typer.Argument(help="A context, as `contexts` lists them.")],
    project: Annotated[
        str | None, typer.Option(help="Project that commands mean from now on, as pachctl's do.")
    ] = None,
) -> None:
    """Make a context the active one, for tycokit, pachctl and every notebook."""
    config.use(surroundings.config_path(), name, project)
    chosen = f", its project {project}" if project is not None else ""
    show.line(f"the active Pachyderm context is {name}{chosen}")


@app.command("set")
def set_(
    name: Annotated[str, typer.Argument(help="What to call it.")],
    address: Annotated[str, typer.Argument(help="grpc://host:port, or grpcs:// where it has TLS.")],
    ca: Annotated[
        Path | None,
        typer.Option("--ca", exists=True, dir_okay=False, help="PEM of the CA that signed for it."),
    ] = None,
) -> None:
    """Make or replace a context, and use it, once its pachd answers.

    Its session token is asked for, or read from standard input; empty where pachd asks for none.
    """
    path = surroundings.config_path()
    roots = ca.read_bytes() if ca is not None else None
    given = config.Context(name, address, show.secret("session token"), roots=roots)
    context = config.Context.from_entry(path, name, given.entry())
    reach(context, PATIENCE)
    config.register(path, context)
    show.line(f"the active Pachyderm context is {name}, at {context.address}")


def _answer(path: Path, name: str) -> tuple[str, str, str]:
    """A context's address and project, and the version of its pachd or why there is none."""
    address = project = "-"
    try:
        found = config.context(path, name)
        if found is not None:
            address, project = found.address, found.project or DEFAULT_PROJECT
        version = connect(path, name, PATIENCE).get_remote_version()
    except NoAnswer as error:
        return address, project, f"{error.detail or 'no answer'}; {error.advice}"
    except Refused as error:
        return address, project, f"refuses: {error.reason}"
    except CliError as error:
        return address, project, str(error)
    except (grpc.RpcError, ConnectionError) as error:
        return address, project, str(translate(error))
    return address, project, f"Pachyderm {version.major}.{version.minor}.{version.micro}"
