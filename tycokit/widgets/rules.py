"""`tk.rules()`: the alert rules as a form and as JSON, tried on what was seen, then committed."""

from __future__ import annotations

from typing import Any, ClassVar

from markupsafe import Markup
from python_pachyderm import Client

from tycokit import rulesrepo
from tycokit.errors import RulesError
from tycokit.pictures import backtesting
from tycokit.pictures.backtesting import Backtest
from tycokit.repos.addresses import DEFAULT_PROJECT, Address
from tycokit.repos.thumbnails import Thumbnails
from tycokit.vision.labels import COCO
from tycokit.vision.rules import Rules
from tycokit.widgets.base import View, action, request

MOST_PICTURES = 120  # changed ones that are shown
_SIDE = 240  # pixels of a picture's longer side


class RulesView(View):
    """The rules of a project. Until they are committed, nothing runs and nobody is told."""

    NAME: ClassVar[str] = "rules"
    TITLE: ClassVar[str] = "Alert rules"
    EVERY: ClassVar[float] = 5.0

    def __init__(self, client: Client | None = None, project: str = DEFAULT_PROJECT) -> None:
        self._project = project
        super().__init__(client)

    def read(self) -> dict[str, Any]:
        found = rulesrepo.head(self.client, self._project)
        return {"commit": found.commit, "text": found.text, "classes": list(COCO.names.values())}

    @request
    def check(self, text: str) -> dict[str, Any]:
        """What is wrong with rules, or their full form: `{"error"}` or `{"rules", "full"}`."""
        try:
            read = rulesrepo.read(text)
        except RulesError as error:
            return {"error": error.reason}
        return {"rules": read.as_json()["rules"], "full": rulesrepo.written_out(read)}

    @request
    def backtest(self, text: str, since: str = "") -> dict[str, Any]:
        """What rules would have fired, since a day (`YYYY-MM-DD`, UTC) or ever.

        Raises RulesError, BacktestError.
        """
        start = backtesting.day(since) if since else None
        rules = rulesrepo.read(text)
        return _shown(backtesting.backtest(self.client, rules, start, self._project))

    @request
    def picture(self, name: str) -> tuple[dict[str, Any], list[bytes]]:
        """A picture's small JPEG. Raises LookError."""
        at = Address("validate", path=f"/valid/{name}", project=self._project)
        small = Thumbnails(self.client).get(at, _SIDE)
        return {"width": small.width, "height": small.height}, [small.jpeg]

    @action
    def commit(self, text: str, based_on: str) -> dict[str, Any]:
        """Commit rules, made from those of a commit. Raises RulesError, RulesChanged."""
        return {"commit": rulesrepo.commit(self.client, text, based_on, self._project)}

    def static_html(self) -> str:
        try:
            read: Rules = rulesrepo.read(self.state["text"])
        except RulesError as error:
            return str(Markup("<p>{}</p>").format(str(error)))
        rows = Markup("").join(
            Markup("<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>").format(
                rule.id,
                " ".join(rule.devices),
                (" and " if rule.every else " or ").join(map(COCO.name, rule.unsafe)),
                " ".join(rule.notify) or "nobody",
            )
            for rule in read.rules
        )
        head = "<tr><th>rule</th><th>user-devices</th><th>unsafe</th><th>tells</th></tr>"
        return str(
            Markup(
                "<p>Commit {}. What no rule covers is safe.</p>"
                '<table class="tycokit-table">{}{}</table>'
            ).format(self.state["commit"][:12] or "none yet", Markup(head), rows)
        )


def _shown(found: Backtest) -> dict[str, Any]:
    whole = found.as_dict()
    changed = [one for one in whole["pictures"] if one["change"] in {"new", "gone"}]
    return {
        "count": whole["count"],
        "alerts": whole["alerts"],
        "table": [
            {"device": device, "day": day.isoformat(), **dict(counts)}
            for (device, day), counts in found.by_device_and_day().items()
        ][:500],
        "changed": len(changed),
        "pictures": changed[:MOST_PICTURES],
    }
