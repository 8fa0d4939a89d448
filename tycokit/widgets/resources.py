"""`tk.resources()`: CPU and memory by pipeline over time, pods and their restarts, nodes."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, ClassVar

from markupsafe import Markup
from python_pachyderm import Client

from tycokit import statenames
from tycokit.operations import checks, metrics, sources, survey
from tycokit.operations.metrics import History, Usage
from tycokit.operations.pods import Pod, group
from tycokit.operations.sources import Source
from tycokit.widgets import page
from tycokit.widgets.base import View, request
from tycokit.widgets.states import chip
from tycokit.wording import sized

MOST_PODS = 500  # that are listed one by one; all are counted
_WIDE, _HIGH = 120, 24  # pixels of a curve in the static rendering


class Resources(View):
    """What runs for the client's pachd, wherever that is, and what it takes."""

    NAME: ClassVar[str] = "resources"
    TITLE: ClassVar[str] = "Resources"
    EVERY: ClassVar[float] = 2.0
    PARTS: ClassVar[tuple[str, ...]] = ("work",)

    def __init__(self, client: Client | None = None) -> None:
        self._source: tuple[Client, Source] | None = None
        self._history = History()
        super().__init__(client)

    @request
    def doctor(self) -> dict[str, Any]:
        """What is wrong, and the next step for each: `{"findings": [...]}`, the worst first."""
        found = checks.check(survey.look(self.client))
        return {"findings": [asdict(one) for one in found]}

    def read(self) -> dict[str, Any]:
        reading = self._found().read()
        pipelines = {
            group(info.pipeline.project.name, info.pipeline.name): statenames.pipeline(info.state)
            for info in self.client.list_pipeline()
        }
        usages = metrics.by_group(reading.pods, pipelines)
        self._history.add(reading.at, usages)
        listed = {pod.name for pod in reading.pods[:MOST_PODS]}
        return {
            "where": reading.where,
            "times": [round(at, 1) for at in self._history.times],
            "groups": [self._told(one, pipelines, listed) for one in usages],
            "nodes": [asdict(node) for node in reading.nodes],
            "disks": [asdict(disk) for disk in reading.disks],
            "gaps": list(reading.gaps),
        }

    def close(self) -> None:
        """Take the widget away, and end its connections."""
        super().close()
        with self._lock:
            held, self._source = self._source, None
        if held is not None:
            held[1].close()

    def _found(self) -> Source:
        """Where the client's pachd runs; looked for again when the client is another one."""
        client = self.client
        held = self._source
        if held is not None and held[0] is client:
            return held[1]
        made = sources.find(client, follow=True)
        with self._lock:
            self._source = (client, made)
        if held is not None:
            held[1].close()
        return made

    def _told(self, usage: Usage, pipelines: dict[str, str], listed: set[str]) -> dict[str, Any]:
        series = self._history.of(usage)
        return {
            "name": usage.group,
            "pipeline": usage.worker,
            "state": pipelines.get(usage.group, "") if usage.worker else "",
            "ready": usage.ready,
            "count": len(usage.pods),
            "states": sorted({pod.state for pod in usage.pods}),
            "restarts": usage.restarts,
            "cores": _rounded(usage.cores),
            "memory": usage.memory,
            "cores_then": [_rounded(value) for value in series.cores],
            "memory_then": list(series.memory),
            "pods": [_pod(pod) for pod in usage.pods if pod.name in listed],
        }

    def static_html(self) -> str:
        state = self.state
        rows = Markup("").join(_row(one) for one in state["groups"])
        nodes = Markup(" · ").join(_node(one) for one in state["nodes"])
        gaps = Markup("").join(
            Markup("<p class='tycokit-quiet'>▲ {}</p>").format(gap) for gap in state["gaps"]
        )
        return Markup(
            "<p>{}<br>{}</p><table class='tycokit-table'><tr><th>pipeline</th><th>pods</th>"
            "<th>state</th><th class='tycokit-number'>restarts</th>"
            "<th class='tycokit-number'>CPU, cores</th><th>over time</th>"
            "<th class='tycokit-number'>memory</th><th>over time</th></tr>{}</table>{}"
        ).format(state["where"], nodes, rows, gaps)


def _pod(pod: Pod) -> dict[str, Any]:
    return {
        "name": pod.name,
        "node": pod.node,
        "state": pod.state,
        "message": pod.message,
        "ready": pod.ready,
        "restarts": pod.restarts,
        "started": pod.started,
        "cores": _rounded(pod.cores),
        "memory": pod.memory,
    }


def _row(one: dict[str, Any]) -> Markup:
    states = Markup(" ").join(chip(state) for state in one["states"])
    cores = _curve(one["cores_then"], f"CPU of {one['name']} over time")
    memory = _curve(one["memory_then"], f"memory of {one['name']} over time")
    return Markup(
        "<tr><td>{}</td><td>{}/{}</td><td>{}</td><td class='tycokit-number'>{}</td>"
        "<td class='tycokit-number'>{}</td><td>{}</td>"
        "<td class='tycokit-number'>{}</td><td>{}</td></tr>"
    ).format(
        Markup("<b>{}</b>").format(one["name"]) if one["pipeline"] else one["name"],
        one["ready"],
        one["count"],
        states,
        one["restarts"],
        "–" if one["cores"] is None else f"{one['cores']:.2f}",
        cores,
        "–" if one["memory"] is None else sized(one["memory"]),
        memory,
    )


def _curve(values: list[float | None], alt: str) -> Markup:
    """The known ones as a line, from 0 to the largest."""
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return Markup("")
    most, step = max(known) or 1, (_WIDE - 2) / (len(known) - 1)
    points = " ".join(
        f"{1 + at * step:.1f},{_HIGH - 2 - (_HIGH - 4) * value / most:.1f}"
        for at, value in enumerate(known)
    )
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDE} {_HIGH}">'
        f'<rect width="{_WIDE}" height="{_HIGH}" fill="#f5f5f5"/>'
        f'<polyline points="{points}" fill="none" stroke="#0072b2" stroke-width="1.5"/></svg>'
    )
    return page.drawing(svg, alt, _WIDE)


def _node(node: dict[str, Any]) -> Markup:
    cores = "" if node["used_cores"] is None else f"{node['used_cores']:.2f} of "
    memory = "" if node["used_memory"] is None else f"{sized(node['used_memory'])} of "
    return Markup("<b>{}</b> {}{:g} cores, {}{}{}").format(
        node["name"],
        cores,
        node["cores"],
        memory,
        sized(node["memory"]),
        "".join(f" ▲ {trouble}" for trouble in node["troubles"]),
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
