"""The smallest widget: how many repos there are, and one more at the push of a button."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from markupsafe import Markup

from tycokit.widgets.base import View, action, request


class Counter(View):
    NAME: ClassVar[str] = "counter"
    TITLE: ClassVar[str] = "Repos"
    EVERY: ClassVar[float] = 0.2
    STATIC: ClassVar[Path] = Path(__file__).parent / "counter"

    def read(self) -> dict[str, Any]:
        return {"repos": sorted(info.repo.name for info in self.client.list_repo())}

    def static_html(self) -> str:
        return Markup("<ul>{}</ul>").format(
            Markup("").join(Markup("<li>{}</li>").format(name) for name in self.state["repos"])
        )

    @action
    def create(self, name: str) -> dict[str, Any]:
        """Make a repo."""
        self.client.create_repo(name)
        return {"created": name}

    @request
    def echo(self, n: int) -> dict[str, Any]:
        """The same number."""
        return {"n": n}

    @request
    def picture(self) -> tuple[dict[str, Any], list[bytes]]:
        """Bytes of all values."""
        return {"type": "application/octet-stream"}, [bytes(range(256)), b""]
