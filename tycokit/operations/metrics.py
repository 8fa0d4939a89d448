"""CPU and memory by pipeline, and how they were over time."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from tycokit.operations.pods import Pod

MOST = 120  # readings that are remembered


@dataclass(frozen=True, slots=True)
class Usage:
    """What the pods of a pipeline, or of another application, use together.

    `cores` and `memory` (bytes) are None where nobody tells, 0 where there is no pod.
    """

    group: str
    worker: bool
    pods: tuple[Pod, ...]

    @property
    def restarts(self) -> int:
        return sum(pod.restarts for pod in self.pods)

    @property
    def ready(self) -> int:
        return sum(pod.ready for pod in self.pods)

    @property
    def cores(self) -> float | None:
        known = [pod.cores for pod in self.pods if pod.cores is not None]
        return sum(known) if known or not self.pods else None

    @property
    def memory(self) -> int | None:
        known = [pod.memory for pod in self.pods if pod.memory is not None]
        return sum(known) if known or not self.pods else None


@dataclass(frozen=True, slots=True)
class Series:
    """How a group was at each of the history's times, None where it was not there."""

    cores: tuple[float | None, ...]
    memory: tuple[int | None, ...]


def by_group(pods: Iterable[Pod], pipelines: Iterable[str] = ()) -> tuple[Usage, ...]:
    """The pods by what they work for: pipelines first, also those that have no pod now."""
    found: dict[tuple[bool, str], list[Pod]] = {(True, name): [] for name in pipelines}
    for pod in pods:
        found.setdefault((pod.worker, pod.group), []).append(pod)
    order = sorted(found, key=lambda key: (not key[0], key[1]))
    return tuple(Usage(name, worker, tuple(found[worker, name])) for worker, name in order)


class History:
    """The last readings of every group that was in one of them."""

    def __init__(self, most: int = MOST) -> None:
        self._readings: deque[tuple[float, dict[tuple[bool, str], Usage]]] = deque(maxlen=most)

    def add(self, at: float, usages: Iterable[Usage]) -> None:
        self._readings.append((at, {(one.worker, one.group): one for one in usages}))

    @property
    def times(self) -> tuple[float, ...]:
        """When the readings were made (seconds since the epoch), oldest first."""
        return tuple(at for at, _ in self._readings)

    def of(self, usage: Usage) -> Series:
        """How a group was at these times."""
        key = (usage.worker, usage.group)
        seen = [found.get(key) for _, found in self._readings]
        return Series(
            tuple(None if one is None else one.cores for one in seen),
            tuple(None if one is None else one.memory for one in seen),
        )
