"""How many workers, as a person says it: `4`, or `2x` for twice as many as there are nodes.

Pachyderm 2 knows only the constant. A coefficient is computed into one here, and written into the
pipeline's annotations, so that whoever looks at the pipeline sees what was meant.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from tycokit.errors import ScaleError

COEFFICIENT = "tycokit/parallelism-coefficient"  # annotations of a pipeline
NODES = "tycokit/parallelism-nodes"
MOST = 10_000  # workers, and times; more is a slip of the pen
_CONSTANT = re.compile(r"\d+")
_COEFFICIENT = re.compile(r"(\d+(?:\.\d*)?|\.\d+) ?[x×]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Constant:
    """So many workers."""

    number: int

    def __str__(self) -> str:
        return str(self.number)


@dataclass(frozen=True, slots=True)
class Coefficient:
    """So many workers for each node of the cluster."""

    factor: float

    def __str__(self) -> str:
        return f"{self.text}x"

    @property
    def text(self) -> str:
        """The factor, a whole one without a fraction."""
        return str(float(self.factor)).removesuffix(".0")


Choice = Constant | Coefficient


def parse(text: str) -> Choice:
    """`4`, or `2x`, `0.5x`. Raises ScaleError."""
    text = text.strip()
    if _CONSTANT.fullmatch(text) and 0 < int(text) <= MOST:
        return Constant(int(text))
    found = _COEFFICIENT.fullmatch(text)
    if found and 0 < float(found[1]) <= MOST:
        return Coefficient(float(found[1]))
    raise ScaleError(
        f"{text!r} is no number of workers: give one from 1 to {MOST}, or a multiple of the nodes"
        " such as 2x"
    )


def workers(choice: Choice, nodes: int) -> int:
    """The constant that a choice comes to: rounded down, at least one.

    `nodes` counts only for a coefficient.
    """
    if isinstance(choice, Constant):
        return choice.number
    return max(1, math.floor(choice.factor * nodes))


def annotated(choice: Choice, nodes: object) -> dict[str, str]:
    """The annotations that tell of a choice; none for a constant."""
    if isinstance(choice, Constant):
        return {}
    return {COEFFICIENT: choice.text, NODES: str(nodes)}


def recorded(constant: int, annotations: Mapping[str, str]) -> Choice:
    """The choice that a pipeline was given, by its constant and its annotations."""
    try:
        # .get, since a protobuf map makes the key that it is asked for
        return Coefficient(float(annotations.get(COEFFICIENT, "")))
    except ValueError:  # none, or one that somebody else has written
        return Constant(constant or 1)
