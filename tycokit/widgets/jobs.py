"""`tk.jobs()`: the jobs of all pipelines, or of one, with live progress."""

from __future__ import annotations

import time
from dataclasses import asdict
from datetime import datetime, timezone
from typing import Any, ClassVar

from markupsafe import Markup
from python_pachyderm import Client

from tycokit.processing import joblist
from tycokit.processing.joblist import JobRow, JobSet
from tycokit.repos import addresses
from tycokit.repos.addresses import DEFAULT_PROJECT
from tycokit.widgets import states
from tycokit.widgets.base import View, action, request

FIRST = 12  # job sets that come with the first paint
MOST = 100  # in one page
_SAVED = 10  # job sets of the static rendering


class Jobs(View):
    """Jobs, newest first, those of one global ID together.

    `pipeline`, which may name a project too, leaves out the others.
    """

    NAME: ClassVar[str] = "jobs"
    TITLE: ClassVar[str] = "Jobs"
    PARTS: ClassVar[tuple[str, ...]] = ("work",)

    def __init__(
        self,
        pipeline: str | None = None,
        client: Client | None = None,
        *,
        project: str = DEFAULT_PROJECT,
    ) -> None:
        at = None if pipeline is None else addresses.parse(pipeline, project)
        self._pipeline = None if at is None else at.repo
        self._project = project if at is None else at.project
        self._open: set[str] = set()  # sets of older pages that have not ended
        super().__init__(client)

    # for scripts, and for the browser

    @request
    def page(self, before: str | None = None, count: int = 50) -> dict[str, Any]:
        """Job sets before another page's `older` (None: the newest ones)."""
        found = self._listed(None if before is None else int(before), min(count, MOST))
        with self._lock:
            self._open |= {each.id for each in found.sets if not each.ended}
        return _page(found)

    @action
    def stop(
        self,
        job: str,
        pipeline: str | None = None,
        project: str | None = None,
    ) -> dict[str, Any]:
        """End a pipeline's job; without a pipeline, all jobs of the global ID."""
        if pipeline is None:
            return _set(joblist.stop_set(self.client, job))
        return _job(joblist.stop(self.client, pipeline, job, project or self._project))

    def read(self) -> dict[str, Any]:
        newest = self._listed(None, FIRST)
        shown = {each.id for each in newest.sets}
        with self._lock:
            still = sorted(self._open - shown)
        older = [self._one(id_) for id_ in still]
        with self._lock:
            self._open -= {each.id for each in older if each.ended} | shown
        return {
            "pipeline": self._pipeline,
            "project": self._project,
            **_page(newest),
            "changed": [_set(each) for each in older],
        }

    def _listed(self, before: int | None, count: int) -> joblist.JobPage:
        return joblist.page(
            self.client, self._pipeline, before=before, count=count, project=self._project
        )

    def _one(self, id_: str) -> JobSet:
        if self._pipeline is None:
            return joblist.of_set(self.client, id_)
        return JobSet(id_, (joblist.one(self.client, self._pipeline, id_, self._project),))

    def static_html(self) -> str:
        sets = self.state["sets"]
        now = time.time()
        rows = Markup("").join(
            _row(each, job, now, first=not at)
            for each in sets[:_SAVED]
            for at, job in enumerate(each["jobs"])
        )
        hidden = len(sets) > _SAVED or self.state["older"] is not None
        note = "and older ones" if hidden else ("" if sets else "no jobs yet")
        return Markup(
            "<table class='tycokit-table'><tr><th>job</th><th>created</th><th>pipeline</th>"
            "<th>state</th><th class='tycokit-number'>datums</th>"
            "<th class='tycokit-number'>failed</th><th class='tycokit-number'>took</th></tr>"
            "{}</table><p class='tycokit-quiet'>{}</p>"
        ).format(rows, note)


def _page(found: joblist.JobPage) -> dict[str, Any]:
    # a string: nanoseconds are more than a number of JavaScript holds
    older = None if found.older is None else str(found.older)
    return {"sets": [_set(each) for each in found.sets], "older": older}


def _set(found: JobSet) -> dict[str, Any]:
    return {
        "id": found.id,
        "state": found.state,
        "created": found.created,
        "ended": found.ended,
        "jobs": [_job(job) for job in found.jobs],
    }


def _job(job: JobRow) -> dict[str, Any]:
    return {**asdict(job), "ended": job.ended, "done": job.done, "worked": job.worked}


def _row(each: dict[str, Any], job: dict[str, Any], now: float, *, first: bool) -> Markup:
    created = datetime.fromtimestamp(each["created"], timezone.utc).strftime("%Y-%m-%d %H:%M:%S")
    end = now if job["finished"] is None else job["finished"]
    took = "" if job["started"] is None else f"{max(0.0, end - job['started']):.1f} s"
    return Markup(
        "<tr><td class='tycokit-mono'>{}</td><td>{}</td><td>{}</td><td>{}</td>"
        "<td class='tycokit-number'>{}/{}</td><td class='tycokit-number'>{}</td>"
        "<td class='tycokit-number'>{}</td></tr>"
    ).format(
        each["id"][:12] if first else "",
        created if first else "",
        job["pipeline"],
        states.chip(job["state"]),
        job["done"],
        job["total"],
        job["failed"] or "",
        took,
    )
