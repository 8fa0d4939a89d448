"""`tk.parallelism(pipeline)`: its workers, how fast they are, and what others would bring."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any, ClassVar

from markupsafe import Markup
from python_pachyderm import Client

from tycokit.errors import NodesUnknown, PipelineChanged, ScaleError
from tycokit.processing import joblist
from tycokit.repos import addresses
from tycokit.repos.addresses import DEFAULT_PROJECT
from tycokit.scaling import change, choices, forecast, nodes, standing
from tycokit.scaling.change import Applied, Change
from tycokit.scaling.forecast import Forecast
from tycokit.scaling.nodes import Nodes
from tycokit.scaling.standing import Standing
from tycokit.widgets import states
from tycokit.widgets.base import View, action, request

NODES_EVERY = 60.0  # seconds between two times that the nodes are counted
_JOBS = 20  # unfinished jobs that are named


class Parallelism(View):
    """The workers of a pipeline. `pipeline` may name a project too: `project/pipeline`.

    `nodes` is what a coefficient multiplies, for a cluster that does not tell.
    """

    NAME: ClassVar[str] = "parallelism"
    TITLE: ClassVar[str] = "Parallelism"
    PARTS: ClassVar[tuple[str, ...]] = ("work",)

    def __init__(
        self,
        pipeline: str,
        client: Client | None = None,
        *,
        project: str = DEFAULT_PROJECT,
        nodes: int | None = None,
    ) -> None:
        self._pipeline = addresses.parse(pipeline, project)
        self._declared = nodes
        self._nodes: Nodes | None = None
        self._why = ""  # nobody knows the nodes
        self._counted = -NODES_EVERY
        self._undo: tuple[int, dict[str, Any] | None] = (0, None)  # of which version
        self._done: dict[str, Any] | None = None  # the last change made here
        super().__init__(client)

    # for scripts, and for the browser

    @request
    def plan(self, choice: str) -> dict[str, Any]:
        """What giving the pipeline so many workers (`4`, `2x`) would change. Raises ScaleError."""
        return _planned(self._plan(choice))

    @action
    def scale(self, choice: str, version: int | None = None) -> dict[str, Any]:
        """Give the pipeline so many workers; nothing else is changed.

        `version` is the one that was looked at: where pachd has another, nothing is done. Raises
        ScaleError, PipelineChanged.
        """
        return self._make(self._plan(choice), version)

    @action
    def undo(self, version: int | None = None) -> dict[str, Any]:
        """Go back to the workers before the present ones. Raises ScaleError, PipelineChanged."""
        at = self._pipeline
        return self._make(change.undo(self.client, at.repo, at.project), version)

    @request
    def forecast(self, choice: str) -> dict[str, Any]:
        """What so many workers would bring, by what was measured. Raises ScaleError."""
        found = standing.look(self.client, self._pipeline.repo, self._pipeline.project)
        parsed = choices.parse(choice)
        return _shown(forecast.forecast(found, parsed, self._needed(parsed)))

    @action
    def declare(self, nodes: int | None) -> dict[str, Any]:
        """Say how many nodes the cluster has; None asks again."""
        with self._lock:
            self._declared, self._counted = nodes, -NODES_EVERY
        return {}

    # reading

    def read(self) -> dict[str, Any]:
        at = self._pipeline
        found = standing.look(self.client, at.repo, at.project)
        known, why = self._known(found)
        shown = forecast.forecasts(found, known, forecast.choices(found, known))
        work = found.work
        return {
            "pipeline": found.pipeline,
            "project": found.project,
            "version": found.version,
            "state": found.state,
            "choice": str(found.choice),
            "workers": found.workers,
            "available": found.available,
            "working": work.working,
            "waiting": work.waiting,
            "uncounted": work.uncounted,
            "again": work.again,
            "jobs": [asdict(job) for job in work.jobs[:_JOBS]],
            "broken": asdict(work.broken) if work.broken is not None else None,
            "now": _shown(forecast.forecast(found, choices.Constant(found.workers))),
            "nodes": None if known is None else {**asdict(known), "text": _told(found, known)},
            "why": why,
            "choices": [_shown(one) for one in shown],
            "undo": self._undoing(found),
            "done": self._progress(),
        }

    def _known(self, found: Standing) -> tuple[Nodes | None, str]:
        """The nodes, or None and why they are not known; asked for now and then only."""
        with self._lock:
            declared, now = self._declared, time.monotonic()
            if now - self._counted < NODES_EVERY:
                return self._nodes, self._why
        try:
            known, why = nodes.find(self.client, declared, found.annotations), ""
        except NodesUnknown as error:
            known, why = None, error.reason
        with self._lock:
            if declared == self._declared:
                self._nodes, self._why, self._counted = known, why, now
        return known, why

    def _undoing(self, found: Standing) -> dict[str, Any] | None:
        """What an undo would go back to; looked up once a version."""
        if self._undo[0] != found.version:
            try:
                back = change.undo(self.client, found.pipeline, found.project)
                made = {"choice": str(back.after), "workers": back.workers_after}
            except ScaleError:  # it never had others
                made = None
            self._undo = (found.version, made)
        return self._undo[1]

    def _progress(self) -> dict[str, Any] | None:
        """The last change made here, and what its job has done by now."""
        done = self._done
        if done is None or done["job"] is None:
            return done
        at = self._pipeline
        job = joblist.one(self.client, at.repo, done["job"], at.project)
        return {**done, "progress": {**asdict(job), "ended": job.ended, "worked": job.worked}}

    def _plan(self, choice: str) -> Change:
        parsed = choices.parse(choice)
        at = self._pipeline
        return change.plan(self.client, at.repo, parsed, self._needed(parsed), at.project)

    def _needed(self, choice: choices.Choice) -> Nodes | None:
        """The nodes, where the choice multiplies them. Raises NodesUnknown."""
        if isinstance(choice, choices.Constant):
            return None
        info = standing.inspect(self.client, self._pipeline.repo, self._pipeline.project)
        return nodes.find(self.client, self._declared, info.details.metadata.annotations)

    def _make(self, planned: Change, version: int | None) -> dict[str, Any]:
        if version is not None and planned.version != version:
            raise PipelineChanged(planned.pipeline, version, planned.version)
        applied: Applied = change.apply(self.client, planned)
        made = {
            "before": planned.workers_before,
            "after": planned.workers_after,
            "choice": str(planned.after),
            "again": planned.again,
            "version": applied.version,
            "job": applied.job,
        }
        self._done = made
        return made

    def static_html(self) -> str:
        state = self.state
        facts = [
            ("workers", f"{state['workers']} ({state['choice']})"),
            ("at work", str(state["working"])),
            ("datums waiting", str(state["waiting"])),
        ]
        rows = Markup("").join(_row(one) for one in state["choices"])
        multiplied = (
            f"x is a multiple of {state['nodes']['text']}" if state["nodes"] else state["why"]
        )
        return Markup(
            "<h3>{} {}</h3><p>{}</p><table class='tycokit-table'><tr><th>choice</th>"
            "<th class='tycokit-number'>workers</th><th class='tycokit-number'>datums/s</th>"
            "<th class='tycokit-number'>done in</th><th>from</th></tr>{}</table>"
            "<p class='tycokit-quiet'>{}</p>"
        ).format(
            state["pipeline"],
            states.chip(state["state"]),
            Markup(" · ").join(Markup("{} <b>{}</b>").format(name, text) for name, text in facts),
            rows,
            multiplied,
        )


def _planned(planned: Change) -> dict[str, Any]:
    return {
        "version": planned.version,
        "before": str(planned.before),
        "after": str(planned.after),
        "workers_before": planned.workers_before,
        "workers_after": planned.workers_after,
        "difference": planned.difference,
        "ends": list(planned.ends),
        "again": planned.again,
        "warnings": list(planned.warnings),
    }


def _shown(one: Forecast) -> dict[str, Any]:
    return {
        "choice": str(one.choice),
        "workers": one.workers,
        "datums": one.datums,
        "per_second": one.per_second,
        "seconds": one.seconds,
        "basis": one.basis,
        "label": one.label,
        "current": one.current,
    }


def _row(one: dict[str, Any]) -> Markup:
    rate = "" if one["per_second"] is None else f"{one['per_second']:.3g}"
    seconds = "" if one["seconds"] is None else f"{one['seconds']:.1f} s"
    return Markup(
        "<tr><td>{}{}</td><td class='tycokit-number'>{}</td><td class='tycokit-number'>{}</td>"
        "<td class='tycokit-number'>{}</td><td class='tycokit-quiet'>{}</td></tr>"
    ).format(
        one["choice"],
        Markup(" <b>now</b>") if one["current"] else "",
        one["workers"],
        rate,
        seconds,
        one["label"],
    )


def _told(found: Standing, known: Nodes) -> str:
    """The nodes, and whether the pipeline's coefficient was of other ones."""
    other = nodes.outdated(found.choice, found.annotations, known)
    return f"{known}; {other}" if other else str(known)
