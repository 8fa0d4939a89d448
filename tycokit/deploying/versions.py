"""Which Pachyderm a plan can be made for; pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tycokit.errors import PachdUnfit
from tycokit.pipelines.specs import Spec


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """A Pachyderm's version."""

    major: int
    minor: int
    micro: int = 0

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.micro}"


OLDEST = Version(2, 5)  # it brought projects, which each of our requests names
BATCHING = Version(2, 6)  # NextDatum: an older pachd drops `datum_batching` without a word
BEYOND = Version(3, 0)


def require_served(version: Version) -> None:
    """Raise PachdUnfit for a pachd that does not speak Pachyderm 2's API as we use it."""
    if not OLDEST <= version < BEYOND:
        raise PachdUnfit(
            str(version),
            f"what is deployed here are pipelines of Pachyderm {OLDEST.major}.{OLDEST.minor}"
            f" and later, below {BEYOND.major}.0",
        )


def require_fit(version: Version, specs: Iterable[Spec]) -> None:
    """Raise PachdUnfit for a pachd that is too old for one of these specs."""
    batching = [str(spec.output) for spec in specs if spec.request.transform.datum_batching]
    if batching and version < BATCHING:
        raise PachdUnfit(
            str(version),
            f"datum_batching, which {', '.join(batching)} set, came with"
            f" {BATCHING.major}.{BATCHING.minor}; take it out of their transform, and each datum"
            " starts a process of its own",
        )
