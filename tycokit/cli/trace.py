"""trace: where a result comes from, or what a file has led to, on whatever pachd there is."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any

import typer

from tycokit.cli import place, show
from tycokit.cli.place import Context, Place, Project
from tycokit.errors import CliError
from tycokit.lineage import backward
from tycokit.lineage import forward as onward
from tycokit.lineage.tracing import Trace
from tycokit.lineage.values import Attempt, File
from tycokit.repos import addresses
from tycokit.wording import counted


def trace(
    address: Annotated[
        str,
        typer.Argument(help="REPO@BRANCH:/PATH or REPO@COMMIT:/PATH; branch master without one."),
    ],
    forward: Annotated[
        bool, typer.Option("--forward", help="To every result that it touched, instead of back.")
    ] = False,
    box: Annotated[
        int | None, typer.Option(min=0, help="One object of the file, or drawn in it, from 0.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="All of it, as JSON.")] = False,
    most: Annotated[
        int | None,
        typer.Option(min=1, help="Datums followed of a folder (10), or of a pipeline (100)."),
    ] = None,
    project: Project = None,
    context: Context = None,
) -> None:
    """Trace a result back to the picture, weights, rules and notebooks that made it."""
    if forward and box is not None:
        raise CliError("--box asks where an object comes from: it cannot go with --forward")
    here = place.find(context, project)
    at = addresses.parse(address, here.project)
    if forward:
        found = onward.trace(here.client, at, most=most or onward.MOST)
    else:
        found = backward.trace(here.client, at, box=box, most=most or backward.MOST)
    if as_json:
        show.out().print_json(json.dumps(found.as_dict()))
        return
    show.line(found.start.at.called(here.home), "bold")
    if forward:
        _results(found, here)
    else:
        _box(found)
        for attempt in found.attempts.values():
            _attempt(found, attempt, here)
    for name in sorted(found.more):
        show.warn(f"{name} has more; --most gives them")


def _box(found: Trace) -> None:
    if found.box is None:
        return
    show.line(f"  object  {_short(found.box.object)}")
    for key, number in found.box.places.items():
        show.line(f"          object {number} of {key}")
    for rule in found.box.rules:
        show.line(f"  rule    {rule.get('id')}")


def _attempt(found: Trace, attempt: Attempt, here: Place) -> None:
    made = datetime.fromtimestamp(attempt.created)
    when = f", {made:%Y-%m-%d %H:%M:%S}" if attempt.created else ""
    pipeline = here.called(attempt.project, attempt.pipeline)
    show.line(f"{pipeline}  job {attempt.job}, datum {attempt.datum[:12]}{when}")
    if attempt.lost:
        show.line(f"  {attempt.lost}", "yellow")
    for name, file in found.inputs(attempt):
        show.line(f"  {name:<12} {file.at.called(here.home)}")
    run = found.runs.get(attempt.key)
    if run is not None and run.parameters is not None:
        text = ", ".join(f"{name}={_short(value)}" for name, value in run.parameters.items())
        show.line(f"  parameters   {text}")
    if run is not None and run.executed is not None:
        show.line(f"  executed     {run.executed.at.called(here.home)}")


def _results(found: Trace, here: Place) -> None:
    by_repo: dict[str, list[File]] = {}
    for file in found.results:
        repo = here.called(file.at.project, file.at.repo)
        by_repo.setdefault(repo, []).append(file)
    if not by_repo:
        show.line("  nothing was made of it")
    for repo, files in by_repo.items():
        show.line(f"{repo}  {counted(len(files), 'file')}")
        for file in files:
            mark = "" if file.key in found.current else "  (former)"
            show.line(f"  {file.at.called(here.home)}{mark}")


def _short(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
