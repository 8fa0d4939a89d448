"""scale, glob: how many workers, and how many datums; on whatever pachd the context names."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.table import Table

from tycokit.cli import place, show
from tycokit.cli.place import Context, Project
from tycokit.errors import CliError, NodesUnknown
from tycokit.processing import datumpreview
from tycokit.processing.datumlist import DatumPage
from tycokit.processing.datumpreview import Survey
from tycokit.repos import addresses
from tycokit.repos.addresses import Address
from tycokit.scaling import change, choices, forecast, nodes, standing
from tycokit.scaling.change import Change
from tycokit.scaling.choices import Coefficient
from tycokit.scaling.forecast import Forecast
from tycokit.scaling.nodes import Nodes, outdated
from tycokit.scaling.standing import Standing
from tycokit.wording import counted, sized

Count = Annotated[
    int | None, typer.Option("--nodes", min=1, help="Nodes of the cluster, where nobody tells.")
]


def scale(
    pipeline: Annotated[str, typer.Argument(help="A pipeline.")],
    workers: Annotated[
        str | None, typer.Argument(metavar="[N|Nx]", help="Workers, or times the nodes: 2x.")
    ] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Back to the workers before.")] = False,
    now: Annotated[
        bool, typer.Option("--now", help="Even if datums that are done run again for it.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say it, do nothing.")] = False,
    nodes: Count = None,
    project: Project = None,
    context: Context = None,
) -> None:
    """Give a pipeline other workers; without a number, tell what other numbers would bring."""
    if workers is not None and undo:
        raise CliError("give a number of workers or --undo, not both")
    choice = None if workers is None else choices.parse(workers)
    here = place.find(context, project)
    client, at = here.client, here.named(pipeline)
    called = here.called(at.project, at.repo)
    if undo:
        planned = change.undo(client, at.repo, at.project)
    elif choice is None:
        found = standing.look(client, at.repo, at.project)
        _show_standing(called, found, *_nodes(client, at, nodes))
        return
    else:
        known = _find(client, at, nodes) if isinstance(choice, Coefficient) else None
        planned = change.plan(client, at.repo, choice, known, at.project)
        if known is not None:
            show.line(f"{choice} of {known}: {counted(planned.workers_after, 'worker')}")
    _show_change(called, planned)
    if dry_run or planned.empty:
        return
    if planned.again and not now:
        raise CliError("nothing was changed; --now changes it all the same")
    done = change.apply(client, planned)
    made = f", job {done.job}" if done.job else "; it is paused, so there is no job"
    show.line(f"{called} is version {done.version} now{made}")


def glob(
    repo: Annotated[str, typer.Argument(help="A repo.")],
    pattern: Annotated[str, typer.Argument(metavar="GLOB", help="As in a pipeline's input.")],
    branch: Annotated[str, typer.Option(help="Branch.")] = addresses.DEFAULT_BRANCH,
    number: Annotated[int, typer.Option("--number", min=0, help="Datums to show.")] = 10,
    project: Project = None,
    context: Context = None,
) -> None:
    """Tell what datums a glob would make of a repo, before there is a pipeline."""
    here = place.find(context, project)
    at = here.named(repo)
    given = datumpreview.glob_input(at.repo, pattern, branch, at.project)
    survey = datumpreview.survey(here.client, given)
    _show_survey(survey)
    if survey.datums and number:
        _show_datums(datumpreview.page(here.client, given, count=number))


def _nodes(client: Any, pipeline: Address, declared: int | None) -> tuple[Nodes | None, str]:
    """The nodes, or None and why they are not known."""
    try:
        return _find(client, pipeline, declared), ""
    except NodesUnknown as error:
        return None, str(error)


def _find(client: Any, pipeline: Address, declared: int | None) -> Nodes:
    info = standing.inspect(client, pipeline.repo, pipeline.project)
    return nodes.find(client, declared, info.details.metadata.annotations)


def _show_standing(called: str, found: Standing, known: Nodes | None, why: str) -> None:
    work = found.work
    show.line(
        f"{called}: {found.state}, {counted(found.workers, 'worker')} ({found.choice})", "bold"
    )
    waiting = f"{work.waiting} datums wait, {work.working} are being worked on"
    if work.uncounted:
        waiting += f"; {work.uncounted} jobs have not counted theirs"
    show.line(f"  {waiting}")
    table = Table(box=None, pad_edge=False)
    for heading in ("choice", "workers", "datums/s", "done in", "from"):
        table.add_column(heading, justify="left" if heading in ("choice", "from") else "right")
    for one in forecast.forecasts(found, known, forecast.choices(found, known)):
        table.add_row(*_row(one))
    show.out(least=100).print(table, soft_wrap=False)
    show.line(f"  x is a multiple of {known}" if known is not None else f"  no multiples: {why}")
    if known is not None and (other := outdated(found.choice, found.annotations, known)):
        show.warn(f"  {other}; `tycokit scale {called} {found.choice}` follows it")


def _row(one: Forecast) -> list[str]:
    rate = "-" if one.per_second is None else f"{one.per_second:.3g}"
    time = "-" if one.seconds is None else _duration(one.seconds)
    return [f"{one.choice}{' *' if one.current else ''}", str(one.workers), rate, time, one.label]


def _show_change(called: str, planned: Change) -> None:
    if planned.empty:
        show.line(f"{called} is as it should be: {counted(planned.workers_before, 'worker')}")
        return
    for text in planned.difference.splitlines():
        show.line(f"  {text}")
    for warning in planned.warnings:
        show.warn(f"  {warning}")
    if not planned.warnings:
        show.line("  only this differs; no datum is processed again")


def _show_survey(survey: Survey) -> None:
    count = f"{'' if survey.complete else 'more than '}{counted(survey.datums, 'datum')}"
    show.line(f"{count}, {sized(survey.size)}", "bold")
    if survey.datums:
        show.line(
            f"  each {sized(survey.smallest)} to {sized(survey.largest)},"
            f" half of them up to {sized(survey.median)}"
        )


def _show_datums(page: DatumPage) -> None:
    table = Table(box=None, pad_edge=False)
    table.add_column("datum")
    table.add_column("size", justify="right")
    table.add_column("files")
    for row in page.datums:
        paths = " ".join(file.path for file in row.files)
        table.add_row(row.id[:12], sized(row.size), show.safe(paths))
    show.out(least=100).print(table, markup=False)
    if page.after is not None:
        show.line("  …")


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"
