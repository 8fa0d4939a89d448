"""deploy: what specs and notebooks say, planned, shown, asked about, and done."""

from __future__ import annotations

import functools
import sys
from pathlib import Path
from typing import Annotated

import typer

from tycokit import packaged
from tycokit.cli import place, show, surroundings
from tycokit.cli.place import Context
from tycokit.deploying import present, since, starters, wanted
from tycokit.deploying import show as words
from tycokit.deploying.apply import apply
from tycokit.deploying.plan import Plan, Told, plan
from tycokit.errors import CliError
from tycokit.scaling import change
from tycokit.scaling.nodes import find as find_nodes
from tycokit.wording import counted

NOT_DONE = 2  # exit code: something is to be changed, and was not


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
    project: Annotated[
        str | None, typer.Option(help="Deploy into this project, whatever the specs name.")
    ] = None,
    create_project: Annotated[
        bool, typer.Option("--create-project", help="The project may be made.")
    ] = False,
    image: Annotated[
        str | None, typer.Option(metavar="TAG", help="Tag of the stages' image, such as V2.")
    ] = None,
    samples: Annotated[
        bool, typer.Option("--samples", help="Also a first network and rules, where none are.")
    ] = False,
    reprocess: Annotated[
        bool, typer.Option("--reprocess", help="Updated pipelines process everything again.")
    ] = False,
    again: Annotated[
        list[str] | None,
        typer.Option(metavar="PIPELINE", help="It processes everything again, updated or not."),
    ] = None,
    prune: Annotated[
        bool, typer.Option("--prune", help="Delete the project's pipelines that no spec is for.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show it, do nothing; exit code 2 if it is something.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do it without asking.")] = False,
    nodes: Annotated[
        int | None, typer.Option(min=1, help="What a coefficient multiplies, where nobody tells.")
    ] = None,
    context: Context = None,
) -> None:
    """Show what is missing and what differs, and what is processed for it; ask; do it."""
    if specs_dir is None:
        specs_dir = _specs_dir(prune)
    what = wanted.read(specs_dir, notebooks, surroundings.cores(), place.home(context))
    if project is not None:
        what = wanted.into(what, project)
    if image is not None:
        what = wanted.tagged(what, image)
    client = place.connect(context)
    there = present.look(client, what, starters.REPOS if samples else ())
    known = functools.cache(lambda: find_nodes(client, nodes))  # asked once, and only if need be
    for spec in what.specs:
        change.resolve(spec.request, known)
    told = Told(
        repos=place.repos(create_repo, what.project),
        project=create_project,
        fills=starters.fills(what) if samples else (),
        reprocess=reprocess,
        again=place.repos(again, what.project),
        prune=prune,
    )
    planned = plan(what, there, told)
    for line in words.lines(planned):
        show.line(line)
    if planned.empty:
        specs, code = counted(len(what.specs), "pipeline"), counted(len(what.notebooks), "notebook")
        show.line(f"{specs} and {code} are as they should be")
        return
    if dry_run or not (yes or _agreed(planned)):
        raise typer.Exit(NOT_DONE)

    def still() -> None:
        outputs = [spec.output for spec in what.specs]
        since.require_same(client, planned.actions, outputs, there)

    try:
        apply(client, planned.actions, lambda one: show.line(words.done(one), "green"), still)
    except KeyboardInterrupt:
        show.fail("stopped: what is not listed as done may be missing; run it again to do the rest")
        raise typer.Exit(130) from None


def _specs_dir(prune: bool) -> Path:
    """The folder of specs that counts where none is named."""
    here = Path("specs")
    if here.is_dir():
        return here
    if prune:  # what those that come with tycokit do not name is somebody's
        raise CliError("there is no folder specs here: name the one that --prune goes by")
    show.warn("there is no folder specs here: these are the specs that come with tycokit")
    return packaged.specs()


def _agreed(planned: Plan) -> bool:
    """Whether somebody says yes; nobody can where there is no terminal."""
    if not sys.stdin.isatty():
        show.fail("nothing was changed: nobody can be asked here; --yes does it without asking")
        return False
    count = len(planned.actions)
    try:
        return typer.confirm(f"Do {'this' if count == 1 else f'these {count} things'}?")
    except typer.Abort:  # Ctrl-C, or the end of what is typed
        show.fail("nothing was changed")
        return False
