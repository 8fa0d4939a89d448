"""Timing: repetitions, medians, and ratios against a baseline of the same run."""

from __future__ import annotations

import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds of each repetition, or whatever `unit` says."""

    name: str
    seconds: tuple[float, ...]
    unit: str = "s"

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    def __str__(self) -> str:
        spread = f"{min(self.seconds):.4f} to {max(self.seconds):.4f}"
        return (
            f"{self.name:<52} {self.median:9.4f} {self.unit}  ({spread}, {len(self.seconds)} times)"
        )


def _nothing() -> None:
    pass


def timed(
    name: str,
    work: Callable[[], object],
    repetitions: int = 5,
    warm_up: int = 1,
    prepare: Callable[[], object] = _nothing,
) -> Times:
    """Time some work; the first `warm_up` runs and what `prepare` does do not count."""
    return alternated({name: work}, repetitions, warm_up, prepare)[name]


def alternated(
    works: Mapping[str, Callable[[], object]],
    repetitions: int = 5,
    warm_up: int = 1,
    prepare: Callable[[], object] = _nothing,
) -> dict[str, Times]:
    """Time several works in turns, so that what else the machine does meets all of them alike.

    `prepare` comes before each, and does not count.
    """
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(warm_up + repetitions):
        for name, work in works.items():
            prepare()
            begin = time.perf_counter()
            work()
            if turn >= warm_up:
                seconds[name].append(time.perf_counter() - begin)
    found = {name: Times(name, tuple(each)) for name, each in seconds.items()}
    for times in found.values():
        print(times, flush=True)
    return found


def compare(what: str, times: Times, baseline: Times, bar: float | None = None) -> bool:
    """Print the ratio of two medians and whether it is within its bar, if there is one."""
    ratio = times.median / baseline.median
    within = bar is None or ratio <= bar
    verdict = "" if bar is None else f" (bar {bar:g}): {'ok' if within else 'TOO SLOW'}"
    print(f"  {times.name} = {ratio:.3f} times {what}{verdict}", flush=True)
    return within


def faster(what: str, times: Times, baseline: Times, bar: float | None = None) -> bool:
    """Print how many times as fast the first is, and whether that reaches its bar."""
    ratio = baseline.median / times.median
    reached = bar is None or ratio >= bar
    verdict = "" if bar is None else f" (bar {bar:g}): {'ok' if reached else 'TOO SLOW'}"
    print(f"  {times.name} = {ratio:.3g} times as fast as {what}{verdict}", flush=True)
    return reached


def say(text: str) -> None:
    print(text, flush=True)


def machine() -> None:
    """Print what machine this is."""
    print(machine_line(), flush=True)


def machine_line() -> str:
    """The machine, and how busy it is: others' work spoils every figure."""
    model = platform.processor() or platform.machine()
    for line in _lines(Path("/proc/cpuinfo")):
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    python = platform.python_version()
    return f"{model}, {os.cpu_count()} CPUs, load {load}; {platform.system()}, Python {python}"


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []


def ended(results: list[bool]) -> None:
    """End the script: exit code 1 when a bar was missed."""
    sys.exit(0 if all(results) else 1)
