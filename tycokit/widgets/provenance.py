"""tk.provenance(): the project as a graph, live, or as a commit set (global ID) holds it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, ClassVar

from markupsafe import Markup
from python_pachyderm import Client

from tycokit.errors import TraceError
from tycokit.lineage import commitsets, project
from tycokit.lineage.commitsets import Held, Holding
from tycokit.lineage.project import Job, Node, Pipeline
from tycokit.processing import following
from tycokit.repos import history
from tycokit.repos.addresses import DEFAULT_PROJECT
from tycokit.widgets import cards
from tycokit.widgets.base import View, request
from tycokit.widgets.cards import Card, Row
from tycokit.wording import counted, sized

REPO = "#repo"  # after a pipeline's key: the repo that it writes
_OWN_STATES = ("paused", "crashing", "failure", "restarting")  # of a pipeline, before its jobs'
_JOBS, _COMMITS, _FAILED = 6, 6, 3  # of a node's details


class Provenance(View):
    """Repos and pipelines from left to right. `pick` shows what a commit set holds of them."""

    NAME: ClassVar[str] = "provenance"
    TITLE: ClassVar[str] = "Provenance"
    EVERY: ClassVar[float] = 2.0
    PARTS: ClassVar[tuple[str, ...]] = ("graph",)

    def __init__(self, project: str | None = None, client: Client | None = None) -> None:
        self._project = project or DEFAULT_PROJECT
        self._picked: str | None = None
        super().__init__(client)

    def read(self) -> dict[str, Any]:
        found = project.read(self.client, self._project)
        with self._lock:
            picked = self._picked
        holding = self._holding(picked)
        made = [_card(node, holding) for node in found.nodes.values()]
        links = [
            (edge.source, edge.target, f"{edge.name}: {edge.source}@{edge.branch} {edge.glob}")
            for edge in found.edges
        ]
        return {
            "project": self._project,
            "graph": cards.draw(made, links),
            "picked": asdict(holding.set) if holding is not None else None,
        }

    def _holding(self, picked: str | None) -> Holding | None:
        if picked is None:
            return None
        try:
            return commitsets.holding(self.client, picked, self._project)
        except TraceError:  # it was deleted meanwhile: then what is shown is what is there now
            with self._lock:
                self._picked = None
            return None

    def static_html(self) -> str:
        picked = self.state["picked"]
        about = (
            Markup("<p>commit set <code>{}</code></p>").format(picked["id"])
            if picked
            else Markup("")
        )
        return about + cards.svg(self.state["graph"])

    @request
    def pick(self, id: str | None) -> dict[str, Any]:  # noqa: A002 (as Pachyderm calls it)
        """Show what a commit set holds; None shows what is there now. Raises TraceError."""
        if id is not None:
            commitsets.holding(self.client, id, self._project)
        with self._lock:
            self._picked = id
        self.refresh()
        return {}

    @request
    def sets(self, after: str, count: int) -> dict[str, Any]:
        """A page of commit sets: those before the set with the id `after`, "" for the newest."""
        found = commitsets.page(self.client, self._project, after=after, count=min(count, 200))
        return asdict(found)

    @request
    def details(self, key: str) -> dict[str, Any]:
        """What there is to know of a node: of a pipeline, or (`<key>#repo`) of its repo."""
        found = project.read(self.client, self._project)
        node = found.nodes.get(key.removesuffix(REPO))
        if node is None:
            return {"kind": "gone"}
        with self._lock:
            picked = self._picked
        holding = self._holding(picked)
        held = holding.held.get(node.key) if holding is not None else None
        edges = [asdict(edge) for edge in found.edges if node.key in (edge.source, edge.target)]
        about = {"node": asdict(node), "edges": edges, "held": asdict(held) if held else None}
        if node.pipeline is None or key.endswith(REPO):
            return about | self._of_repo(node)
        return about | self._of_pipeline(node, held.job if held is not None else None)

    def _of_repo(self, node: Node) -> dict[str, Any]:
        if node.gone:
            return {"kind": "repo", "commits": [], "more": False}
        page = history.page(self.client, node.name, count=_COMMITS, project=node.project)
        return {
            "kind": "repo",
            "commits": [asdict(commit) for commit in page.commits],
            "more": page.more,
        }

    def _of_pipeline(self, node: Node, job: Job | None) -> dict[str, Any]:
        infos = self.client.list_job(node.name, history=-1, number=_JOBS, project_name=node.project)
        jobs = [project.job_of(info) for info in infos]
        shown = job or (jobs[0] if jobs else None)
        return {
            "kind": "pipeline",
            "jobs": [{**asdict(each), "done": each.done} for each in jobs],
            "job": {**asdict(shown), "done": shown.done} if shown is not None else None,
            "failed": self._failed(node, shown) if shown is not None and shown.failed else [],
        }

    def _failed(self, node: Node, job: Job) -> list[dict[str, Any]]:
        ran = [each for each in following.of(self.client, job.id) if each.pipeline == node.name]
        return [
            asdict(datum)
            for each in ran[:1]
            for datum in following.failed(self.client, each, most=_FAILED, lines=3)
        ]


def _card(node: Node, holding: Holding | None) -> Card:
    if holding is not None:
        return _held_card(node, holding.held.get(node.key))
    if node.pipeline is None:
        size = "not there" if node.gone else sized(node.size)
        return Card(
            node.key, "repo", node.key, word="repo", note=size, label=f"repo {node.key}, {size}"
        )
    pipeline, job = node.pipeline, node.pipeline.job
    state = _state(pipeline)
    running = job is not None and not job.ended
    note = ""
    if job is not None and job.datums:
        note = f"{job.done} of {job.datums} datums" if running else counted(job.datums, "datum")
    return Card(
        node.key,
        "pipeline",
        node.key,
        state=state,
        note=note,
        rows=(Row(f"{node.key}{REPO}", "▤", sized(node.size), "output repo"),),
        progress=job.done / job.datums if job is not None and running and job.datums else None,
        label=f"pipeline {node.key}, {state}, {note}",
    )


def _state(pipeline: Pipeline) -> str:
    """The one word for how a pipeline is."""
    if pipeline.state in _OWN_STATES:
        return pipeline.state
    return (pipeline.job.state if pipeline.job is not None else pipeline.last) or pipeline.state


def _held_card(node: Node, held: Held | None) -> Card:
    """A node as a commit set holds it."""
    is_pipeline = node.pipeline is not None
    kind = "pipeline" if is_pipeline else "repo"
    word, state, note = "not in this set", "", ""
    if held is not None:
        word = "new commit" if held.own else "as before"
        state, note = _outcome(held) if is_pipeline and held.own else ("", sized(held.size))
    commit = held.commit[:12] if held is not None else "no commit"
    note_ = "" if held is None or held.own else "earlier"
    row = Row(f"{node.key}{REPO}" if is_pipeline else node.key, "▤", commit, note_)
    rows = (row,) if is_pipeline or held is not None else ()
    tone = "dim" if held is None else "" if held.own else "source"
    label = f"{kind} {node.key}, {state or word}, {note}"
    return Card(node.key, kind, node.key, state, word, note, rows, tone, label=label)


def _outcome(held: Held) -> tuple[str, str]:
    """What a pipeline's job did in a commit set: a state and a few words."""
    job = held.job
    if job is None:
        return ("failed" if held.error else held.state), ""
    if job.failed:
        return job.state, f"{job.failed} of {job.datums} failed"
    if job.state == "success" and job.datums and job.skipped == job.datums:
        return "skipped", f"all {job.datums}"
    if job.skipped:
        return job.state, f"{job.processed} new, {job.skipped} skipped"
    return job.state, counted(job.datums, "datum")
