"""One alert rule, and which objects of a picture fire it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from tycokit.vision.detectors.detection import Detection
from tycokit.vision.names import moment

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MINUTES_A_DAY = 24 * 60


@dataclass(frozen=True, slots=True)
class Window:
    """Hours in which a rule is awake: from `start` on until before `end`, minutes of the day.

    Where `end` is not after `start` the window goes on past midnight, and belongs to the day on
    which it began. `days` are 0 (Monday) to 6.
    """

    days: frozenset[int]
    start: int
    end: int

    def holds(self, local: datetime) -> bool:
        """Whether a time, in the rule's time zone, lies within."""
        minute = local.hour * 60 + local.minute
        today = local.weekday() in self.days
        if self.start < self.end:
            return today and self.start <= minute < self.end
        yesterday = (local - timedelta(days=1)).weekday() in self.days
        return (today and minute >= self.start) or (yesterday and minute < self.end)

    def as_json(self) -> dict[str, Any]:
        days = [name for number, name in enumerate(DAYS) if number in self.days]
        return {"days": days, "from": _clock(self.start), "to": _clock(self.end)}


@dataclass(frozen=True, slots=True)
class Rule:
    """What is unsafe, where, when, and who is told.

    `unsafe` are class numbers, in rising order; `every` asks for an object of each of them (ALL)
    instead of any. An object counts when its score is above the `probability` of its class (0..1)
    and its box fills at least `least_area` of the picture (0..1). No window means always.
    `cool_down` is in seconds, counted by user-device. `notify` are names of targets or e-mail
    addresses.
    """

    id: int | str
    unsafe: tuple[int, ...]
    devices: tuple[str, ...] = ("*",)
    every: bool = False
    probability: float = 0.0
    probabilities: Mapping[int, float] = field(default_factory=dict)
    least_area: float = 0.0
    windows: tuple[Window, ...] = ()
    time_zone: str = "UTC"
    cool_down: int = 0
    notify: tuple[str, ...] = ()
    from_email: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "probabilities", MappingProxyType(dict(self.probabilities)))

    def covers(self, device: str) -> bool:
        """Whether the rule is about this user-device."""
        return any(fnmatchcase(device, pattern) for pattern in self.devices)

    def awake(self, time: int | str) -> bool:
        """Whether the rule holds at a unix time."""
        if not self.windows:
            return True
        local = moment(time).astimezone(ZoneInfo(self.time_zone))
        return any(window.holds(local) for window in self.windows)

    def counts(self, item: Detection) -> bool:
        """Whether an object is of an unsafe class, sure enough and large enough."""
        least = self.probabilities.get(item.class_number, self.probability)
        large = item.box.area >= self.least_area
        return item.class_number in self.unsafe and item.score > least and large

    def match(self, device: str, time: int | str, objects: Iterable[Detection]) -> list[Detection]:
        """The objects that fire the rule, in the order in which they came; none: it is safe."""
        if not (self.covers(device) and self.awake(time)):
            return []
        found = [item for item in objects if self.counts(item)]
        if self.every and {item.class_number for item in found} != set(self.unsafe):
            return []
        return found

    def as_json(self) -> dict[str, Any]:
        """The rule in full form, classes by number."""
        return {
            "id": self.id,
            "devices": list(self.devices),
            "unsafe": list(self.unsafe),
            "match": "ALL" if self.every else "ANY",
            "probability": {
                "default": self.probability,
                **{str(number): least for number, least in sorted(self.probabilities.items())},
            },
            "least_area": self.least_area,
            "windows": [window.as_json() for window in self.windows],
            "time_zone": self.time_zone,
            "cool_down": self.cool_down,
            "notify": list(self.notify),
            "from_email": self.from_email,
        }


@dataclass(frozen=True, slots=True)
class Match:
    """A rule that a picture fires, and the objects that it fires for."""

    rule: Rule
    objects: tuple[Detection, ...]

    def as_json(self, objects: Sequence[Detection]) -> dict[str, Any]:
        """What threat-detect writes: the rule, with the places of its objects in `objects`."""
        places = [place for place, item in enumerate(objects) if item in self.objects]
        return {**self.rule.as_json(), "objects": places}


@dataclass(frozen=True, slots=True)
class Rules:
    """All rules of a file, in its order. What none of them covers is safe."""

    rules: tuple[Rule, ...]

    def match(self, device: str, time: int | str, objects: Iterable[Detection]) -> list[Match]:
        """The rules that one picture fires. Cool-downs span pictures: see `cooling`."""
        seen = list(objects)
        found = [(rule, tuple(rule.match(device, time, seen))) for rule in self.rules]
        return [Match(rule, objects) for rule, objects in found if objects]

    def as_json(self) -> dict[str, Any]:
        """The full form of the file."""
        return {"rules": [rule.as_json() for rule in self.rules]}


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
