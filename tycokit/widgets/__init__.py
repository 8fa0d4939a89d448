"""Widgets for JupyterLab: what a pachd holds and does, live. They talk to a client only."""

from __future__ import annotations

# The widgets by the name that `import tycokit as tk` gives them: the module, and the class in it.
VIEWS: dict[str, tuple[str, str]] = {
    "commits": ("tycokit.widgets.commits", "Commits"),
    "dashboard": ("tycokit.widgets.dashboard", "Dashboard"),
    "datums": ("tycokit.widgets.datums", "Datums"),
    "gallery": ("tycokit.widgets.gallery", "Gallery"),
    "jobs": ("tycokit.widgets.jobs", "Jobs"),
    "logs": ("tycokit.widgets.logs", "Logs"),
    "parallelism": ("tycokit.widgets.parallelism", "Parallelism"),
    "provenance": ("tycokit.widgets.provenance", "Provenance"),
    "resources": ("tycokit.widgets.resources", "Resources"),
    "rules": ("tycokit.widgets.rules", "RulesView"),
    "run": ("tycokit.widgets.run", "RunView"),
    "trace": ("tycokit.widgets.trace", "TraceView"),
}
