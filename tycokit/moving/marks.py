"""A copy says of which commit of which pachd it is one, in its last line: a second run knows it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tycokit.moving.contents import Origin, Step

_MARK = re.compile(r"copied from \S+@([0-9a-f]{32})(?: of (\S+) \((\S+)\))?")
_UNFIT = re.compile(r"[^\w.:-]")


@dataclass(frozen=True, slots=True)
class Mark:
    """What a copy says of itself; `origin` is None where it was made before copies said it."""

    id: str
    origin: Origin | None

    def is_of(self, source: Origin) -> bool:
        """Whether it can have come from there; what an older archive is of, nobody knows."""
        return self.origin is None or source.cluster == self.origin.cluster


def marked(step: Step, origin: Origin) -> str:
    """The message of a step's copy."""
    mark = f"copied from {step.repo}@{step.id}"
    if origin.cluster:
        name = _UNFIT.sub("_", origin.name) or "pachd"
        mark += f" of {name} ({origin.cluster})"
    return f"{step.message}\n\n{mark}" if step.message else mark


def read(message: str) -> Mark | None:
    """What the message of a commit says of where it is from, None where it is no copy."""
    found = _MARK.fullmatch(message.rsplit("\n", 1)[-1])
    if found is None:
        return None
    return Mark(found[1], None if found[3] is None else Origin(found[2], found[3]))
