"""What `tk.datums` shows: a pipeline's jobs, or an input."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from markupsafe import Markup
from python_pachyderm import Client

from tycokit import datumlist, datumpreview, joblist, rerunning
from tycokit.datumlist import DatumPage
from tycokit.datumpreview import Survey
from tycokit.errors import RerunError
from tycokit.specs import pfs_inputs
from tycokit.widgets import states

FIRST = 50  # datums that come with the first paint
JOBS = 30  # of a pipeline that can be chosen
Shown = Callable[[DatumPage], dict[str, Any]]


class JobSource:
    """The datums of one job of a pipeline: of `job`, or of the newest one."""

    def __init__(self, pipeline: str, project: str, job: str | None) -> None:
        self.pipeline, self.project = pipeline, project
        self._chosen = job
        self._page: tuple[object, dict[str, Any]] | None = None

    def choose(self, job: str | None) -> None:
        self._chosen = job

    def read(self, client: Client, shown: Shown) -> dict[str, Any]:
        known = joblist.page(client, self.pipeline, count=JOBS, project=self.project).sets
        chosen = self._chosen
        id_ = chosen or (known[0].id if known else "")
        made: dict[str, Any] = {
            "mode": "job",
            "pipeline": self.pipeline,
            "project": self.project,
            "jobs": [
                {"id": each.id, "state": each.state, "created": each.created} for each in known
            ],
            "newest": chosen is None,
            "job": None,
            "working": [],
            "page": {"datums": [], "after": None},
        }
        if not id_:
            return made
        job = joblist.one(client, self.pipeline, id_, self.project)
        made["job"] = {**asdict(job), "ended": job.ended, "done": job.done, "worked": job.worked}
        if not job.ended:
            found = datumlist.working(client, self.pipeline, id_, self.project)
            made["working"] = [asdict(each) for each in found]
        # what a job has done is read again when it has done more
        key = (id_, job.state, job.done)
        if self._page is None or self._page[0] != key:
            self._page = (key, shown(self.page(client, "", FIRST, [], id_)))
        made["page"] = self._page[1]
        return made

    def page(
        self, client: Client, after: str, count: int, wanted: Sequence[str], job: str
    ) -> DatumPage:
        """A page of a job's datums; of the shown job where none is named."""
        if not job:
            newest = joblist.page(client, self.pipeline, count=1, project=self.project).sets
            job = self._chosen or (newest[0].id if newest else "")
        return datumlist.page(
            client,
            self.pipeline,
            job,
            states=wanted,
            after=after,
            count=count,
            project=self.project,
        )

    def restart(self, client: Client, job: str, worker: str) -> dict[str, Any]:
        found = datumlist.working(client, self.pipeline, job, self.project)
        chosen = [each for each in found if each.worker == worker]
        if not chosen:
            raise RerunError("this worker has no datum any more")
        rerunning.restart(client, self.pipeline, job, chosen[0], self.project)
        return {"paths": list(chosen[0].paths)}

    def rerun(self, client: Client, job: str, datums: Sequence[str]) -> dict[str, Any]:
        done = rerunning.rerun(client, self.pipeline, job, datums, self.project)
        self._chosen = None  # the newest is what was asked for
        return asdict(done)

    def heading(self, state: dict[str, Any]) -> Markup:
        job = state["job"]
        if job is None:
            return Markup("<h3>{}</h3><p>no job yet</p>").format(self.pipeline)
        return Markup(
            "<h3>{} {}</h3><p><span class='tycokit-mono'>{}</span> · {} of {} datums done"
            " · {} processed, {} skipped, {} failed, {} recovered</p>"
        ).format(
            self.pipeline,
            states.chip(job["state"]),
            job["id"],
            job["done"],
            job["total"],
            job["processed"],
            job["skipped"],
            job["failed"],
            job["recovered"],
        )


@dataclass(frozen=True, slots=True)
class _Look:
    """What an input makes, while the branches that it reads have these heads."""

    given: Any
    heads: tuple[str, ...]
    survey: Survey
    page: DatumPage
    seconds: float  # that counting them took


class PreviewSource:
    """The datums that an input would make; counted again only when what it reads has changed."""

    def __init__(self, given: Any, project: str) -> None:
        self._given, self._project = given, project
        self._last: _Look | None = None
        self._lock = threading.Lock()

    def change(self, client: Client, given: object) -> dict[str, Any]:
        """Show another input, once pachd has made datums of it. Raises InputUnclear."""
        made = datumpreview.read_input(given, self._project)
        look = _look(client, made)
        with self._lock:
            self._given, self._last = made, look
        return {"datums": look.survey.datums}

    def read(self, client: Client, shown: Shown) -> dict[str, Any]:
        with self._lock:
            given, last = self._given, self._last
        if last is None or last.given != given or last.heads != _heads(client, given):
            last = _look(client, given)
            with self._lock:
                if self._given is given:
                    self._last = last
        survey = last.survey
        leaves = [
            {
                "project": leaf.project,
                "repo": leaf.repo,
                "branch": leaf.branch,
                "glob": leaf.glob,
                "name": leaf.name,
            }
            for leaf in pfs_inputs(given)
        ]
        return {
            "mode": "preview",
            "input": datumpreview.as_json(given),
            "leaves": leaves,
            "single": given.HasField("pfs"),
            "survey": {
                **asdict(survey),
                "shapes": [{"text": str(each), "datums": each.datums} for each in survey.shapes],
                "seconds": round(last.seconds, 3),
            },
            "page": shown(last.page),
        }

    def page(
        self, client: Client, after: str, count: int, wanted: Sequence[str], job: str
    ) -> DatumPage:
        """A page; datums of an input have neither a state nor a job."""
        del wanted, job
        with self._lock:
            given = self._given
        return datumpreview.page(client, given, after=after, count=count)

    def heading(self, state: dict[str, Any]) -> Markup:
        survey = state["survey"]
        globs = ", ".join(
            f"{leaf['repo']}@{leaf['branch']}:{leaf['glob']}" for leaf in state["leaves"]
        )
        return Markup(
            "<h3>{}</h3><p>{}<b>{}</b> datums of {:,} B together, each {:,} to {:,} B</p>"
        ).format(
            globs,
            "" if survey["complete"] else "more than ",
            survey["datums"],
            survey["size"],
            survey["smallest"],
            survey["largest"],
        )


def _look(client: Client, given: Any) -> _Look:
    heads = _heads(client, given)
    begun = time.monotonic()
    survey = datumpreview.survey(client, given)
    took = time.monotonic() - begun
    return _Look(given, heads, survey, datumpreview.page(client, given, count=FIRST), took)


def _heads(client: Client, given: Any) -> tuple[str, ...]:
    """The commits that the input reads now."""
    return tuple(
        client.inspect_branch(leaf.repo, leaf.branch, leaf.project or None).head.id
        for leaf in pfs_inputs(given)
    )
