"""When a pipeline would be done with another number of workers, from what was measured.

A datum takes a part within a worker, which n workers share, and a part of the job's own, which
stays. Both are measured. For a number of workers that the pipeline had before, the forecast is what
was measured then; for any other it is an estimate from the nearest number that was measured, on the
assumption that a datum takes as long whatever the number of workers, which holds while there are
cores for them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from tycokit.scaling.choices import Choice, Coefficient, Constant, workers
from tycokit.scaling.nodes import Nodes
from tycokit.scaling.speed import Speed
from tycokit.scaling.standing import Standing
from tycokit.wording import counted

Basis = Literal["measured", "estimated", "unknown"]


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a choice would bring: `seconds` until all `datums` are done.

    `per_second` is datums a second. Both are None where nothing was measured yet (`basis` unknown);
    `measured` is the speed that they come from. `current` is the pipeline's present choice, for
    which nothing has to be updated; for the others, `datums` counts what would run again as well.
    """

    choice: Choice
    workers: int
    datums: int
    per_second: float | None
    seconds: float | None
    basis: Basis
    measured: Speed | None
    current: bool

    @property
    def label(self) -> str:
        """Where the numbers come from, for a person."""
        if self.measured is None:
            return "not measured yet: no datum has been processed"
        of = self.measured
        what = counted(of.datums, "datum")
        with_ = counted(of.workers, "worker")
        if self.basis == "measured":
            return f"measured: {what} with {with_}"
        return f"estimated from {what} with {with_}"


def forecast(standing: Standing, choice: Choice, nodes: Nodes | None = None) -> Forecast:
    """What a choice would bring; a coefficient needs `nodes`."""
    assert nodes is not None or isinstance(choice, Constant), choice
    number = workers(choice, nodes.count if nodes is not None else 0)
    current = number == standing.workers
    datums = standing.work.waiting + (0 if current else standing.work.again)
    one = nearest(standing.speeds, number)
    if one is None:
        return Forecast(choice, number, datums, None, None, "unknown", None, current)
    # more workers than datums have nothing to do
    rounds = math.ceil(datums / number)
    return Forecast(
        choice=choice,
        workers=number,
        datums=datums,
        per_second=1 / (one.alone + one.shared / number),
        seconds=datums * one.alone + rounds * one.shared,
        basis="measured" if one.workers == number else "estimated",
        measured=one,
        current=current,
    )


def nearest(speeds: Sequence[Speed], number: int) -> Speed | None:
    """The speed with so many workers, else with the number that differs by the least factor."""
    return min(speeds, key=lambda one: abs(math.log(one.workers / number)), default=None)


def choices(standing: Standing, nodes: Nodes | None) -> list[Choice]:
    """What to show a person: the present one, usual numbers around it, multiples of the nodes."""
    most = max(8, 2 * standing.workers, 2 * nodes.count if nodes is not None else 0)
    numbers = {standing.workers, *(2**power for power in range(int(math.log2(most)) + 1))}
    found: list[Choice] = [Constant(number) for number in sorted(numbers) if number <= most]
    if nodes is not None:
        factors = {0.5, 1.0, 2.0}
        if isinstance(standing.choice, Coefficient):
            factors.add(standing.choice.factor)
        found += [Coefficient(factor) for factor in sorted(factors)]
    return found


def forecasts(standing: Standing, nodes: Nodes | None, of: Iterable[Choice]) -> list[Forecast]:
    """What each choice would bring."""
    return [forecast(standing, choice, nodes) for choice in of]
