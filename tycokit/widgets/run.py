"""`tk.run`: a form of a notebook's parameters, its runs, and the values put into a spec."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

from python_pachyderm import Client

from tycokit.errors import LookError, TrialError
from tycokit.processing import joblist
from tycokit.processing.joblist import JobRow
from tycokit.repos import browsing, cells, previews
from tycokit.repos.addresses import DEFAULT_PROJECT
from tycokit.trial import specchange, stages
from tycokit.trial.process import Status
from tycokit.trial.specchange import Applied, Change
from tycokit.trial.stages import Stage
from tycokit.trial.trying import Trial
from tycokit.widgets import runsaved, runshown, showing
from tycokit.widgets.base import Answer, View, action, request
from tycokit.widgets.showing import Blobs

LOOK_EVERY = 3.0  # seconds between two looks at the notebook and at its pipelines
MOST_SHOWN = 20_000_000  # bytes of a result that is looked at
MOST_KEPT = 50_000_000  # bytes of a result that is downloaded


@dataclass(frozen=True, slots=True)
class Plan:
    """The newest plan; a yes names its number: another view may have made another meanwhile."""

    number: int
    change: Change


@dataclass(frozen=True, slots=True)
class Made:
    """The last change of a spec that was made here; `back`: it took the one before back."""

    applied: Applied
    back: bool


class RunView(View):
    """A notebook, run on a datum or a file with values of one's own.

    `notebook` is a path, or the name of one that a pipeline runs or that lies in the notebooks'
    repo. `pipeline`: which of the
    pipelines that run it is meant.
    """

    NAME: ClassVar[str] = "run"
    TITLE: ClassVar[str] = "Run a notebook"
    EVERY: ClassVar[float] = 0.5
    PARTS: ClassVar[tuple[str, ...]] = ("boxes", "cells", "files", "work", "runform", "runresult")

    def __init__(
        self,
        notebook: str | os.PathLike[str],
        pipeline: str | None = None,
        *,
        project: str = DEFAULT_PROJECT,
        client: Client | None = None,
    ) -> None:
        self._trial = Trial(Path(notebook), project)
        self._wanted = pipeline
        self._looked = -LOOK_EVERY
        self._planned = 0  # plans so far
        self._plan: Plan | None = None
        self._made: Made | None = None
        self._ended: JobRow | None = None  # its job, once that has ended
        super().__init__(client)

    # for scripts

    @property
    def trial(self) -> Trial:
        """The notebook, its form and its newest run."""
        return self._trial

    def start(self, inputs: Mapping[str, str], values: Mapping[str, str]) -> None:
        """Run it. Files are paths or `repo@commit:/path`, values texts. Raises TrialError."""
        self._trial.start(self.client, inputs, values)

    def wait(self, seconds: float | None = None) -> Status:
        """How the newest run went. Raises TrialError when there is none."""
        if self._trial.run is None:
            raise TrialError("it has not run yet")
        return self._trial.run.wait(seconds)

    def close(self) -> None:
        """Take the widget away, and end what it started."""
        super().close()
        if hasattr(self, "_trial"):  # also called for what could not be made
            self._trial.close()

    # what is shown

    def read(self) -> dict[str, Any]:
        now = time.monotonic()
        if now - self._looked >= LOOK_EVERY:
            self._trial.look(self.client)
            if self._wanted is not None:
                self._stage(self._wanted)
            self._looked = now
        trial = self._trial
        every: list[Stage | None] = [
            one for one in trial.stages if self._wanted in (None, one.pipeline)
        ]
        return {
            "notebook": trial.name,
            "origin": trial.origin,
            "stages": [runshown.stage(trial, one) for one in every or [None]],
            "run": runshown.run(trial),
            "done": self._done(),
        }

    def _done(self) -> dict[str, Any] | None:
        """The last change that was made here; `undo`: whether it can be taken back."""
        made = self._made
        if made is None:
            return None
        done = made.applied
        job = None if done.job is None else self._job(done.pipeline, done.job, done.project)
        versions = {one.pipeline: one.version for one in self._trial.stages}
        return {
            "pipeline": done.pipeline,
            "version": done.version,
            "reprocess": done.reprocess,
            "job": job and {**asdict(job), "ended": job.ended, "done": job.done},
            "back": made.back,
            "undo": not made.back and versions.get(done.pipeline) == done.version,
        }

    def _job(self, pipeline: str, id_: str, project: str) -> JobRow:
        job = self._ended
        if job is None or job.id != id_:
            job = joblist.one(self.client, pipeline, id_, project)
            self._ended = job if job.ended else None
        return job

    def static_html(self) -> str:
        """The values, how the newest run went, and what it printed and drew."""
        run = self.state["run"]
        try:
            executed = self._executed() if run is not None and run["executed"] else ()
        except LookError:  # another run has begun since
            executed = ()
        return runsaved.saved(self.state, executed)

    # what the browser asks for: a run

    @request
    def datums(self, pipeline: str, text: str) -> dict[str, Any]:
        """Datums to choose from."""
        found = stages.datums(self.client, self._stage(pipeline), text=text)
        return {"datums": [asdict(one) for one in found]}

    @request
    def pick(self, pipeline: str, datum: str, job: str) -> dict[str, Any]:
        """The files of a datum, by the parameters that they go to."""
        chosen = stages.Choice(datum, job, "", ())
        found = stages.files(self.client, self._stage(pipeline), chosen)
        return {"files": {name: str(address) for name, address in found.items()}}

    @request
    def check(self, inputs: dict[str, str], values: dict[str, str]) -> dict[str, Any]:
        """Why files and values cannot be used, by name."""
        return {"wrong": self._trial.wrong(self.client, inputs, values)}

    @action
    def begin(self, inputs: dict[str, str], values: dict[str, str]) -> dict[str, Any]:
        """Start a run, unless something is wrong, as `check` says it."""
        wrong = self._trial.wrong(self.client, inputs, values)
        if not wrong:
            self.start(inputs, values)
            self.refresh()
        return {"wrong": wrong}

    @action
    def stop(self) -> dict[str, Any]:
        """Stop it."""
        if self._trial.run is not None:
            self._trial.run.stop()
        return {}

    @request
    def outputs(self) -> Answer:
        """The executed notebook; `at` is the cell that failed."""
        blobs = Blobs()
        shown = [showing.cell(one, blobs) for one in self._executed()]
        at = next((index for index, cell in enumerate(shown) if cell["failed"]), -1)
        return {"cells": shown, "at": at}, blobs.found

    @request
    def look_at(self, path: str) -> Answer:
        """A file that the run left."""
        found = self._result(path)
        with found.open("rb") as file:
            content = browsing.Content(file.read(MOST_SHOWN), found.stat().st_size)
        blobs = Blobs()
        return showing.preview(previews.of_bytes(path, content), blobs), blobs.found

    @request
    def keep(self, path: str) -> Answer:
        """A file that the run left, whole."""
        found = self._result(path)
        if found.stat().st_size > MOST_KEPT:
            raise TrialError(f"{path} is too large for the browser; it lies at {found}")
        return {"name": found.name}, [found.read_bytes()]

    # and the spec

    @request
    def plan(self, pipeline: str, values: dict[str, str]) -> dict[str, Any]:
        """What putting values into the pipeline's spec would change."""
        self._trial.look(self.client)
        stage = self._stage(pipeline)
        change = specchange.plan(self.client, stage, values, self._trial.data)
        with self._lock:
            self._planned += 1
            self._plan = made = Plan(self._planned, change)
        return {"number": made.number, **runshown.change(change, stage)}

    @action
    def apply(self, number: int, reprocess: bool) -> dict[str, Any]:
        """Do what the plan with this number says. Raises TrialError when there is a newer one."""
        plan = self._plan
        if plan is None or plan.number != number:
            raise TrialError("this plan is no longer the newest; look at it again")
        done = specchange.apply(self.client, plan.change, reprocess=reprocess)
        self._done_so(Made(done, back=False))
        return {}

    @action
    def undo(self) -> dict[str, Any]:
        """Take it back."""
        made = self._made
        if made is None or made.back:
            raise TrialError("nothing was applied here")
        self._done_so(Made(specchange.take_back(self.client, made.applied), back=True))
        return {}

    def _done_so(self, made: Made) -> None:
        self._made, self._plan = made, None
        self._looked = -LOOK_EVERY
        self.refresh()

    def _stage(self, pipeline: str) -> Stage:
        for stage in self._trial.stages:
            if stage.pipeline == pipeline:
                return stage
        raise TrialError(f"no pipeline {pipeline} runs {self._trial.name}")

    def _executed(self) -> tuple[cells.Cell, ...]:
        run = self._trial.run
        path = None if run is None else run.status().executed
        if path is None or not path.is_file():
            raise LookError("there is no executed notebook")
        return cells.read(path.read_bytes())

    def _result(self, path: str) -> Path:
        laid = self._trial.laid
        if laid is not None:
            found = (laid.out / path).resolve()
            if found.is_relative_to(laid.out.resolve()) and found.is_file():
                return found
        raise TrialError(f"the run left no file {path}")
