"""What `tk.datums` shows: a pipeline's jobs, or an input."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import grpc
from markupsafe import Markup
from python_pachyderm import Client

from tycokit.errors import RerunError
from tycokit.pipelines.specs import pfs_inputs
from tycokit.processing import datumlist, datumpreview, joblist, rerunning
from tycokit.processing.datumlist import DatumPage
from tycokit.widgets import states

FIRST = 50  # datums that come with the first paint
JOBS = 30  # of a pipeline that can be chosen
_WAIT = 0.3  # seconds that a look waits for the count
_TELL_EVERY = 0.5  # seconds between two counts that are told
Shown = Callable[[DatumPage], dict[str, Any]]


class JobSource:
    """The datums of one job of a pipeline: of `job`, or of the newest one."""

    def __init__(self, pipeline: str, project: str, job: str | None) -> None:
        self.pipeline, self.project = pipeline, project
        self._chosen = job
        self._page: tuple[object, dict[str, Any]] | None = None

    def close(self) -> None:
        """Nothing goes on by itself."""

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


class PreviewSource:
    """The datums that an input would make; looked at again only when what it reads has changed."""

    def __init__(self, given: Any, project: str) -> None:
        self._given, self._project = given, project
        self._last: _Look | None = None
        self._lock = threading.Lock()

    def close(self) -> None:
        with self._lock:
            if self._last is not None:
                self._last.stop()

    def change(self, client: Client, given: object) -> dict[str, Any]:
        """Show another input, once pachd has made datums of it. Raises InputUnclear."""
        made = datumpreview.read_input(given, self._project)
        look = _Look(client, made)
        with self._lock:
            self._given = made
            self._keep(look)
        return {"datums": look.survey.datums, "complete": look.survey.complete}

    def read(self, client: Client, shown: Shown) -> dict[str, Any]:
        with self._lock:
            given, last = self._given, self._last
        if last is None or last.failed or last.heads != _heads(client, given):
            last = _Look(client, given)
            with self._lock:
                if self._given is given:
                    self._keep(last)
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
                "counting": last.counting,
            },
            "page": shown(last.page),
        }

    def _keep(self, look: _Look) -> None:
        if self._last is not None:
            self._last.stop()
        self._last = look

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
            "" if survey["complete"] else "at least ",
            survey["datums"],
            survey["size"],
            survey["smallest"],
            survey["largest"],
        )


class _Look:
    """What an input makes while its branches have these heads: the first page, then the count.

    Counting goes on in a thread of its own; a look at few datums waits for it.
    """

    def __init__(self, client: Client, given: Any) -> None:
        self.heads = _heads(client, given)
        self.page = datumpreview.page(client, given, count=FIRST)
        self.survey = datumpreview.Survey(0, False, 0, 0, 0, 0, 0, ())
        self.failed = False  # it has to be counted again
        self._stopped = threading.Event()
        self._thread = threading.Thread(
            target=self._count, args=(client, given), name="tycokit-datums-count", daemon=True
        )
        self._thread.start()
        self._thread.join(_WAIT)

    @property
    def counting(self) -> bool:
        return self._thread.is_alive()

    def stop(self) -> None:
        self._stopped.set()

    def _count(self, client: Client, given: Any) -> None:
        try:
            known = datumpreview.counting(
                client, given, every=_TELL_EVERY, stop=self._stopped.is_set
            )
            for survey in known:
                self.survey = survey
        except (grpc.RpcError, ConnectionError):  # the next read says what is wrong
            self.failed = True


def _heads(client: Client, given: Any) -> tuple[str, ...]:
    """The commits that the input reads now."""
    return tuple(
        client.inspect_branch(leaf.repo, leaf.branch, leaf.project or None).head.id
        for leaf in pfs_inputs(given)
    )
