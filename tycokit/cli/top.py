"""top: what runs, and what it takes of the machines; wherever the context's pachd runs."""

from __future__ import annotations

import json
import time
from contextlib import closing
from dataclasses import asdict
from datetime import datetime, timezone
from typing import Annotated, Any

import grpc
import typer
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from tycokit.cli import place, show
from tycokit.cli.place import Context, Place
from tycokit.client import translate
from tycokit.errors import OperationsError
from tycokit.operations import metrics, pods, sources
from tycokit.operations.metrics import History, Usage
from tycokit.operations.pods import Node, Pod, Reading
from tycokit.wording import sized

_BARS = "▁▂▃▄▅▆▇█"
_WIDTH = 24  # readings in a line of bars


def top(
    every: Annotated[float, typer.Option("--every", min=0.5, help="Seconds between looks.")] = 2.0,
    once: Annotated[bool, typer.Option("--once", help="One look, then end.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One look, as JSON.")] = False,
    context: Context = None,
) -> None:
    """Show pods, restarts, CPU and memory by pipeline, live, until Ctrl-C."""
    here = place.find(context)
    live = not once and not as_json and show.out().is_terminal
    with closing(sources.find(here.client, follow=live)) as source:
        reading = _read(source, here)
        if any(pod.cores is None for pod in reading.pods) and not live:
            time.sleep(min(every, 1.0))  # CPU is a difference between two looks
            reading = _read(source, here)
        if as_json:
            typer.echo(json.dumps(_document(reading, _pipelines(here))))
        elif not live:
            usages = metrics.by_group(reading.pods, _pipelines(here))
            show.out(least=100).print(_screen(reading, usages, None), soft_wrap=False)
        else:
            _follow(here, source, reading, every)


def _follow(here: Place, source: sources.Source, reading: Reading, every: float) -> None:
    history, trouble = History(_WIDTH), ""
    usages = metrics.by_group(reading.pods, _pipelines(here))
    with Live(console=show.out(), screen=True, auto_refresh=False) as live:
        try:
            while True:
                history.add(reading.at, usages)
                screen = _screen(reading, usages, history, trouble)
                live.update(screen, refresh=True)
                time.sleep(every)
                try:
                    reading, trouble = _read(source, here), ""
                    usages = metrics.by_group(reading.pods, _pipelines(here))
                except OperationsError as error:  # it may come back
                    trouble = str(error)
                except (grpc.RpcError, ConnectionError) as error:
                    trouble = str(translate(error))
        except KeyboardInterrupt:  # how one leaves it
            return


def _read(source: sources.Source, here: Place) -> Reading:
    return source.read().seen_from(here.home)


def _pipelines(here: Place) -> list[str]:
    infos = here.client.list_pipeline()
    return [here.called(info.pipeline.project.name, info.pipeline.name) for info in infos]


def _screen(
    reading: Reading, usages: tuple[Usage, ...], history: History | None, trouble: str = ""
) -> Group:
    at = datetime.fromtimestamp(reading.at).strftime("%H:%M:%S")
    parts: list[Any] = [Text(f"{reading.where}, {at}", style="bold")]
    parts += [Text(f"  {_node(node)}") for node in reading.nodes]
    table = Table(box=None, pad_edge=False)
    for heading in ("of", "pods", "state", "restarts", "CPU", "memory"):
        table.add_column(heading, justify="left" if heading in ("of", "state") else "right")
    if history is not None:
        table.add_column("CPU over time")
        table.add_column("memory over time")
    for usage in usages:
        table.add_row(*_row(usage, history))
    parts += ["", table]
    parts += [Text(f"▲ {gap}", style="yellow") for gap in (*reading.gaps, trouble) if gap]
    return Group(*parts)


def _row(usage: Usage, history: History | None) -> list[Text]:
    restarts = str(usage.restarts) if usage.pods else ""
    row = [
        Text(show.safe(usage.group), style="bold" if usage.worker else ""),
        Text(f"{usage.ready}/{len(usage.pods)}"),
        _states(usage.pods),
        Text(restarts, style="yellow" if usage.restarts else ""),
        Text("-" if usage.cores is None else f"{usage.cores:.2f}"),
        Text("-" if usage.memory is None else sized(usage.memory)),
    ]
    if history is not None:
        series = history.of(usage)
        row += [Text(_bars(series.cores), style="cyan"), Text(_bars(series.memory), style="green")]
    return row


def _states(of: tuple[Pod, ...]) -> Text:
    """Each state once, the bad ones first."""
    states = sorted({pod.state for pod in of}, key=lambda state: (state not in pods.BAD, state))
    marks = [(f"✖ {one}", "bold red") if one in pods.BAD else (one, "") for one in states]
    return Text(" ").join(Text(word, style=style) for word, style in marks)


def _bars(values: tuple[float | None, ...]) -> str:
    """Eighths of the largest of them."""
    most = max((value or 0 for value in values), default=0)
    known = values[-_WIDTH:]
    scale = (len(_BARS) - 1) / most if most else 0
    return "".join(" " if value is None else _BARS[round(value * scale)] for value in known)


def _node(node: Node) -> str:
    def part(used: str | None, has: str) -> str:
        return has if used is None else f"{used} of {has}"

    cores = part(None if node.used_cores is None else f"{node.used_cores:.2f}", f"{node.cores:g}")
    memory = part(None if node.used_memory is None else sized(node.used_memory), sized(node.memory))
    troubles = "".join(f", {trouble}" for trouble in node.troubles)
    return f"{node.name}: {cores} cores, {memory}{troubles}"


def _document(reading: Reading, pipelines: list[str]) -> dict[str, Any]:
    usages = metrics.by_group(reading.pods, pipelines)
    return {
        "at": datetime.fromtimestamp(reading.at, timezone.utc).isoformat(timespec="seconds"),
        "where": reading.where,
        "groups": [
            {
                "group": usage.group,
                "pipeline": usage.worker,
                "ready": usage.ready,
                "restarts": usage.restarts,
                "cores": usage.cores,
                "memory": usage.memory,
                "pods": [asdict(pod) for pod in usage.pods],
            }
            for usage in usages
        ],
        "nodes": [asdict(node) for node in reading.nodes],
        "disks": [asdict(disk) for disk in reading.disks],
        "gaps": list(reading.gaps),
    }
