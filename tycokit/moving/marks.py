"""A copy says of which commit it is one, in its last line: by that a second run knows it."""

from __future__ import annotations

import re

from tycokit.moving.contents import Step

_MARK = re.compile(r"copied from \S+@([0-9a-f]{32})")


def marked(step: Step) -> str:
    """The message of a step's copy."""
    mark = f"copied from {step.repo}@{step.id}"
    return f"{step.message}\n\n{mark}" if step.message else mark


def original(message: str) -> str | None:
    """The id of the commit that one with this message is a copy of, None where it is none."""
    found = _MARK.fullmatch(message.rsplit("\n", 1)[-1])
    return None if found is None else found[1]
