"""Cool-downs: which of the matches over time are fired, and which only repeat the last."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tycokit.vision.detectors.detection import Detection
from tycokit.vision.names import seconds
from tycokit.vision.rules.rule import Match, Rules


@dataclass(frozen=True, slots=True)
class Event:
    """One picture's detections; `time` is unix time, as digits or as a number."""

    device: str
    time: str
    objects: tuple[Detection, ...]


@dataclass(frozen=True, slots=True)
class Firing:
    """A match at an event; while `cooling`, so soon after the last one, nobody is told."""

    event: Event
    match: Match
    cooling: bool


def cools(cool_down: int, last: float | None, now: float) -> bool:
    """Whether a rule that fired `last` is still quiet `now`, all in (unix) seconds."""
    return last is not None and 0 <= now - last < cool_down


def firings(rules: Rules, events: Iterable[Event]) -> Iterator[Firing]:
    """What the rules make of events, in the order of time whatever order they come in."""
    last: dict[tuple[str, str], float] = {}
    for event in sorted(events, key=lambda event: (seconds(event.time), event.device)):
        now = seconds(event.time)
        for match in rules.match(event.device, event.time, event.objects):
            key = (str(match.rule.id), event.device)
            cooling = cools(match.rule.cool_down, last.get(key), now)
            if not cooling:
                last[key] = now
            yield Firing(event, match, cooling)
