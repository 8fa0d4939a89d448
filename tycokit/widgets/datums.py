"""`tk.datums(…)`: the datums of a pipeline's job, or those that an input would make."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, ClassVar

from markupsafe import Markup
from python_pachyderm import Client

from tycokit.errors import AddressError
from tycokit.processing import datumlist, datumpreview, joblist
from tycokit.processing.datumlist import DatumPage, DatumRow
from tycokit.repos import addresses, browsing
from tycokit.repos.addresses import DEFAULT_PROJECT, Address
from tycokit.widgets import states
from tycokit.widgets.base import View, action, request
from tycokit.widgets.datumsources import JobSource, PreviewSource

MOST = 500  # in one page
MOST_TRIES = 40  # datums whose attempts are counted at once
_SAVED = 20  # datums of the static rendering
_FILES = 3  # of a datum that are named there


class Datums(View):
    """Datums of a job, or of an input before there is a pipeline.

    `of` is a pipeline (`model`, its newest job), one job of it (`model@<job>`), or an input: a glob
    as `images:/*` or `images@branch:/*`, or what a spec has as its `input`, as a dict or JSON.
    Raises InputUnclear.
    """

    NAME: ClassVar[str] = "datums"
    TITLE: ClassVar[str] = "Datums"
    PARTS: ClassVar[tuple[str, ...]] = ("work",)

    def __init__(
        self, of: object, client: Client | None = None, *, project: str = DEFAULT_PROJECT
    ) -> None:
        self._source = source(of, project)
        super().__init__(client)

    @request
    def page(
        self, after: str = "", count: int = 200, states: list[str] | None = None, job: str = ""
    ) -> dict[str, Any]:
        """A page of datums; of a job (the shown one unless named), only those in some states."""
        found = self._source.page(self.client, after, min(count, MOST), states or [], job)
        return shown(found)

    @request
    def folder(self, project: str, repo: str, commit: str, path: str) -> dict[str, Any]:
        """What lies in a folder of a datum: the first files."""
        found = browsing.folder(self.client, Address(repo, commit, path, project), count=100)
        entries = [{"name": each.name, **asdict(each)} for each in found.entries]
        return {"entries": entries, "more": bool(found.after)}

    def close(self) -> None:
        """Take the widget away, and count no more."""
        if hasattr(self, "_source"):  # also called for what could not be made
            self._source.close()
        super().close()

    # of a job

    @action
    def choose(self, job: str | None) -> dict[str, Any]:
        """Show another job of the pipeline; None follows the newest one."""
        self._jobs.choose(job)
        return {}

    @request
    def attempts(self, job: str, datums: list[str]) -> dict[str, Any]:
        """How often each of these datums was tried in a job, by its log."""
        at = self._jobs
        return {
            "attempts": {
                datum: datumlist.attempts(self.client, at.pipeline, job, datum, at.project)
                for datum in datums[:MOST_TRIES]
            }
        }

    @action
    def restart(self, job: str, worker: str) -> dict[str, Any]:
        """Let a worker begin again with the datum that it has now. Raises RerunError."""
        return self._jobs.restart(self.client, job, worker)

    @action
    def rerun(self, job: str, datums: list[str]) -> dict[str, Any]:
        """Run datums that did not end well again, in a new job. Raises RerunError."""
        return self._jobs.rerun(self.client, job, datums)

    @action
    def stop(self, job: str) -> dict[str, Any]:
        """End a job."""
        at = self._jobs
        found = joblist.stop(self.client, at.pipeline, job, at.project)
        return {"state": found.state, "reason": found.reason}

    # of an input

    @action
    def preview(self, given: dict[str, Any] | str) -> dict[str, Any]:
        """Show what another input would make. Raises InputUnclear, and what pachd says of it."""
        return self._input.change(self.client, given)

    @request
    def repos(self) -> dict[str, Any]:
        """The repos that an input may read: {"repos": ["project/name", ...]}."""
        found = (
            (info.repo.project.name or DEFAULT_PROJECT, info.repo.name)
            for info in self.client.list_repo()
        )
        return {"repos": [f"{project}/{name}" for project, name in sorted(found)]}

    @property
    def _jobs(self) -> JobSource:
        assert isinstance(self._source, JobSource), "these are the datums of an input"
        return self._source

    @property
    def _input(self) -> PreviewSource:
        assert isinstance(self._source, PreviewSource), "these are the datums of a job"
        return self._source

    def read(self) -> dict[str, Any]:
        return self._source.read(self.client, shown)

    def static_html(self) -> str:
        state = self.state
        rows = state["page"]["datums"]
        body = Markup("").join(_row(row) for row in rows[:_SAVED])
        hidden = len(rows) > _SAVED or state["page"]["after"] is not None
        return Markup(
            "{}<table class='tycokit-table'><tr><th>datum</th><th>state</th><th>files</th>"
            "<th class='tycokit-number'>size</th><th class='tycokit-number'>took</th></tr>{}"
            "</table><p class='tycokit-quiet'>{}</p>"
        ).format(
            self._source.heading(state),
            body,
            "and more" if hidden else ("" if rows else "no datums"),
        )


def source(of: object, project: str) -> JobSource | PreviewSource:
    """What datums are of. Raises InputUnclear."""
    if isinstance(of, str):
        try:
            at = addresses.parse(of, project)
        except AddressError:
            at = None  # it may be JSON
        if at is not None and not at.path:
            named = "@" in of
            return JobSource(at.repo, at.project, at.commit if named else None)
    return PreviewSource(datumpreview.read_input(of, project), project)


def shown(page: DatumPage) -> dict[str, Any]:
    """A page as JSON."""
    return {"datums": [_datum(row) for row in page.datums], "after": page.after}


def _datum(row: DatumRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "state": row.state,
        "size": row.size,
        "times": [row.download, row.process, row.upload],
        "files": [
            [file.project, file.repo, file.commit or file.branch, file.path, file.size]
            for file in row.files
        ],
    }


def _row(row: dict[str, Any]) -> Markup:
    names = [f"{repo}:{path}" for _, repo, _, path, _ in row["files"][:_FILES]]
    more = len(row["files"]) - _FILES
    seconds = sum(row["times"])
    return Markup(
        "<tr><td class='tycokit-mono'>{}</td><td>{}</td><td>{}</td>"
        "<td class='tycokit-number'>{:,} B</td><td class='tycokit-number'>{}</td></tr>"
    ).format(
        row["id"][:12],
        "" if row["state"] == "unknown" else states.chip(row["state"]),
        ", ".join(names) + (f" and {more} more" if more > 0 else ""),
        row["size"],
        f"{seconds:.2f} s" if seconds else "",
    )
