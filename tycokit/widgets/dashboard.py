"""tk.dashboard(): all the widgets on one project, each in a tab, made when it is first opened."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from importlib import import_module
from typing import Any, ClassVar

from markupsafe import Markup
from python_pachyderm import Client

from tycokit import inventory
from tycokit.errors import UnknownRequest
from tycokit.repos.addresses import DEFAULT_PROJECT
from tycokit.widgets import VIEWS
from tycokit.widgets.base import View, request
from tycokit.widgets.states import chip


@dataclass(frozen=True, slots=True)
class Tab:
    """`subject` is what the widget is about, as the browser lets one choose it: "" (nothing),
    repo, pipeline, notebook or path; `all` where it may also be left open. `project`: it takes one.
    """

    view: str
    title: str
    subject: str = ""
    all: bool = False
    project: bool = True


TABS = (
    Tab("provenance", "Provenance"),
    Tab("commits", "Commits", "repo"),
    Tab("gallery", "Pictures", "repo"),
    Tab("jobs", "Jobs", "pipeline", all=True),
    Tab("datums", "Datums", "pipeline"),
    Tab("logs", "Logs", "pipeline", all=True),
    Tab("parallelism", "Parallelism", "pipeline"),
    Tab("resources", "Resources", project=False),
    Tab("trace", "Trace", "path"),
    Tab("rules", "Rules"),
    Tab("run", "Run", "notebook"),
)


class Dashboard(View):
    """Tabs with the other widgets. `show` makes one, as clicking its tab does; `views` are those
    that are open, by tab.
    """

    NAME: ClassVar[str] = "dashboard"
    TITLE: ClassVar[str] = "Dashboard"
    EVERY: ClassVar[float] = 2.0

    def __init__(self, project: str | None = None, client: Client | None = None) -> None:
        self._project = project or DEFAULT_PROJECT
        self.views: dict[str, View] = {}
        self._subjects: dict[str, str] = {}
        super().__init__(client)

    def read(self) -> dict[str, Any]:
        found = inventory.read(self.client, self._project)
        return {
            "project": self._project,
            "tabs": [asdict(tab) for tab in TABS if tab.view in VIEWS],
            **asdict(found),
        }

    @request
    def show(self, tab: str, subject: str = "") -> dict[str, Any]:
        """Make a tab's widget on a subject, in place of the one that it had: `{"model": id}`.

        Raises what making the widget raises.
        """
        with self._lock:
            there = self.views.get(tab)
            if there is not None and self._subjects[tab] == subject:
                return {"model": there.model_id}
        made = self._make(tab, subject)
        with self._lock:
            old = self.views.pop(tab, None)
            self.views[tab], self._subjects[tab] = made, subject
        if old is not None:
            old.close()
        return {"model": made.model_id}

    def _make(self, name: str, subject: str) -> View:
        tab = next((one for one in TABS if one.view == name), None)
        if tab is None:
            raise UnknownRequest(self.NAME, f"show {name}")
        module, view = VIEWS[name]
        about = {"project": self._project} if tab.project else {}
        made: View = getattr(import_module(module), view)(
            *([subject] if subject else []), client=self.client, **about
        )
        return made

    def static_html(self) -> str:
        rows = [
            Markup("<tr><td>{}</td><td>{}</td><td>{}</td></tr>").format(
                one["name"], chip(one["state"]), chip(one["last"]) if one["last"] else "no job yet"
            )
            for one in self.state["pipelines"]
        ]
        html = Markup(
            '<p>Repos: {}</p><table class="tycokit-table"><thead><tr><th>Pipeline</th>'
            "<th>State</th><th>Last job</th></tr></thead><tbody>{}</tbody></table>"
        ).format(", ".join(self.state["repos"]) or "none", Markup("").join(rows))
        with self._lock:
            opened = [(tab.title, self.views[tab.view]) for tab in TABS if tab.view in self.views]
        for title, view in opened:
            if view.state:
                html += Markup("<h3>{}</h3>{}").format(title, Markup(view.static_html()))
        return html

    def close(self) -> None:
        """Take it away, with the widgets in it."""
        for view in list(self.views.values()):
            view.close()
        super().close()
