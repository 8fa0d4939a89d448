"""Targets: names that rules use, and the apprise URLs behind them, with their keys.

The URLs come from Pachyderm secrets, each mounted as a folder of its target's name. They stand in
no spec, log or notebook.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

MAIL = "mail"  # the target whose server sends to e-mail addresses
KEY = "url"  # the file of a target's folder, which is the key of its secret
_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,48}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Targets:
    """Apprise URLs by name; `repr` shows the names alone."""

    urls: Mapping[str, str] = field(repr=False)

    @property
    def names(self) -> list[str]:
        return sorted(self.urls)

    def mask(self, text: str) -> str:
        """The text without any key that a target's URL holds."""
        for url in self.urls.values():
            for part in sorted(_parts(url), key=len, reverse=True):
                text = text.replace(part, "***")
        return text


def read(folder: Path) -> Targets:
    """The targets that are mounted below a folder; none where there is no such folder."""
    found = sorted(folder.glob(f"*/{KEY}")) if folder.is_dir() else []
    urls = {file.parent.name: file.read_text("utf-8").strip() for file in found}
    return Targets({name: url for name, url in urls.items() if is_name(name) and url})


def is_name(text: str) -> bool:
    """Whether a target may be called so: it names a secret, a folder, and a rule names it."""
    return _NAME.fullmatch(text) is not None


def _parts(url: str) -> set[str]:
    """What of a URL may be a key: all but its scheme and host, also as it is once unquoted."""
    split = urlsplit(url)
    pieces = {url, split.password or "", split.query, *split.path.split("/")}
    pieces |= {value for pair in split.query.split("&") for value in [pair.partition("=")[2]]}
    if "." not in (split.hostname or "."):
        pieces.add(split.hostname or "")  # a token, for services that have one fixed host
    pieces |= {unquote(piece) for piece in pieces}
    return {piece for piece in pieces if len(piece) >= 5}
