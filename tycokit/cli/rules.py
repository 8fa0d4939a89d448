"""rules check, try, schema: alert rules before anybody is told by them."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from tycokit.cli import place, show
from tycokit.cli.place import Context, Project
from tycokit.errors import CliError
from tycokit.pictures import backtesting
from tycokit.vision import rules as rule_files
from tycokit.wording import counted

app = typer.Typer(help="Alert rules: check them, try them on what was seen.", no_args_is_help=True)

File = Annotated[Path, typer.Argument(help="rules.json, or the folder it lies in.")]


@app.command()
def check(file: File) -> None:
    """Read rules, and say what each means. Exit code 1, with the rule and field, when wrong."""
    read = rule_files.read(file)
    table = Table(box=None, pad_edge=False)
    for heading in ("rule", "user-devices", "unsafe", "above", "when", "cool-down", "tells"):
        table.add_column(heading)
    for rule in read.rules:
        above = [f"{rule.probability:.0%}"]
        above += [f"{number}: {least:.0%}" for number, least in rule.probabilities.items()]
        hours = [
            f"{','.join(window['days'])} {window['from']}-{window['to']}"
            for window in (window.as_json() for window in rule.windows)
        ]
        table.add_row(
            str(rule.id),
            " ".join(rule.devices),
            (" and " if rule.every else " or ").join(str(number) for number in rule.unsafe),
            " ".join(above),
            f"{'; '.join(hours)} {rule.time_zone}" if hours else "always",
            f"{rule.cool_down} s" if rule.cool_down else "none",
            " ".join(rule.notify) or "nobody",
        )
    show.out(least=100).print(table, soft_wrap=False)
    show.line(f"{counted(len(read.rules), 'rule')}; what none of them covers is safe")


@app.command("try")
def try_(
    file: File,
    since: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="Only pictures from then on (UTC)."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead.")] = False,
    project: Project = None,
    context: Context = None,
) -> None:
    """What rules would have fired on the pictures seen so far. Nothing runs, nobody is told."""
    read = rule_files.read(file)
    here = place.find(context, project)
    start = backtesting.utc(since) if since else None
    found = backtesting.backtest(here.client, read, start, here.project)
    if as_json:
        typer.echo(json.dumps(found.as_dict(), indent=2))
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("user-device", "day", "new", "gone", "same", "safe"):
        table.add_column(heading, justify="left" if heading in {"user-device", "day"} else "right")
    for (device, day), count in found.by_device_and_day().items():
        figures = [str(count[change] or "-") for change in ("new", "gone", "same", "safe")]
        table.add_row(show.safe(device), day.isoformat(), *figures)
    show.out(least=80).print(table, soft_wrap=False)
    for verdict in found:
        if verdict.change in {"new", "gone"}:
            rules = ", ".join(verdict.after or verdict.before)
            show.line(f"{verdict.change:5} {verdict.picture}  rule {rules}")
    alerts = found.as_dict()["alerts"]
    show.line(f"alerts: {alerts['before']} with the present rules, {alerts['after']} with these")


@app.command()
def schema(
    out: Annotated[Path | None, typer.Option(help="File to write it to.")] = None,
) -> None:
    """The JSON Schema of rules.json, for editors that check while one types."""
    text = json.dumps(rule_files.schema(), indent=2)
    if out is None:
        typer.echo(text)
        return
    try:
        out.write_text(text + "\n")
    except OSError as error:
        raise CliError(f"{out}: {error.strerror}") from error
