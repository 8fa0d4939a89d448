"""When a cron input ticks. All times are UTC; ns since the epoch outside, datetimes inside."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from tycokit.errors import InvalidSpec

_WORDS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
_PART = re.compile(r"(?P<low>\*|\?|\w+)(-(?P<high>\w+))?(/(?P<step>\d+))?")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(h|ms|m|s)")
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
# 29 February falls on each day of the week within 28 years, save around a century without it.
_HORIZON_DAYS = 366 * 41
_NANOSECONDS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Schedule:
    """A parsed cron spec: fixed times of day, or every so many seconds, or (neither) never."""

    every: int | None = None  # seconds
    minutes: tuple[int, ...] = ()
    hours: tuple[int, ...] = ()
    days: frozenset[int] = frozenset()
    months: frozenset[int] = frozenset()
    weekdays: frozenset[int] = frozenset()  # 0 is Sunday
    either_day: bool = False
    """Both kinds of day are restricted: then one of them suffices, as cron has it."""

    def next(self, after: int) -> int | None:
        """The first tick later than `after`, in ns since the epoch; None when there is none."""
        second = after // _NANOSECONDS
        if self.every is not None:
            return (second + self.every) * _NANOSECONDS
        if not self.minutes:
            return None
        start = datetime.fromtimestamp(second, timezone.utc).replace(second=0)
        start += timedelta(minutes=1)
        day = start.replace(hour=0, minute=0)
        for _ in range(_HORIZON_DAYS):
            if self._runs_on(day):
                for hour in self.hours:
                    for minute in self.minutes:
                        tick = day.replace(hour=hour, minute=minute)
                        if tick >= start:
                            return int(tick.timestamp()) * _NANOSECONDS
            day += timedelta(days=1)
        return None

    def _runs_on(self, day: datetime) -> bool:
        if day.month not in self.months:
            return False
        of_month = day.day in self.days
        of_week = day.isoweekday() % 7 in self.weekdays
        return (of_month or of_week) if self.either_day else (of_month and of_week)


def parse(spec: str) -> Schedule:
    """Five fields, a word such as `@daily`, `@every 1h30m` or `@never`. Raises InvalidSpec."""
    if spec == "@never":
        return Schedule()
    if spec.startswith("@every "):
        return Schedule(every=_every(spec))
    parts = _WORDS.get(spec, spec).split()
    if len(parts) != 5:
        raise _bad(spec, f"expected 5 fields, found {len(parts)}")
    minutes, hours, days, months, weekdays = parts
    # Both 0 and 7 are Sunday.
    of_week = {number % 7 for number in _field(spec, weekdays, 0, 7, _DAYS)}
    return Schedule(
        minutes=tuple(sorted(_field(spec, minutes, 0, 59))),
        hours=tuple(sorted(_field(spec, hours, 0, 23))),
        days=frozenset(_field(spec, days, 1, 31)),
        months=frozenset(_field(spec, months, 1, 12, _MONTHS)),
        weekdays=frozenset(of_week),
        either_day=days[0] not in "*?" and weekdays[0] not in "*?",
    )


def _bad(spec: str, reason: str) -> InvalidSpec:
    return InvalidSpec(f"error parsing cron-spec: {reason}: {spec!r}")


def _every(spec: str) -> int:
    text = spec.removeprefix("@every ").strip()
    if not re.fullmatch(f"(?:{_DURATION.pattern})+", text):
        raise _bad(spec, "not a duration")
    return max(1, int(sum(float(n) * _SECONDS[unit] for n, unit in _DURATION.findall(text))))


def _field(spec: str, text: str, low: int, high: int, names: list[str] | None = None) -> set[int]:
    """The numbers that one field stands for."""
    numbers: set[int] = set()
    for part in text.split(","):
        found = _PART.fullmatch(part)
        if found is None:
            raise _bad(spec, f"cannot read {part!r}")
        step = int(found["step"] or 1)
        if found["low"] in "*?":
            first, last = low, high
        else:
            first = _number(spec, found["low"], low, names)
            # `5/15` runs on to the end of the field.
            last = high if found["step"] else first
        if found["high"]:
            last = _number(spec, found["high"], low, names)
        if not low <= first <= last <= high:
            raise _bad(spec, f"{part!r} is not within {low} to {high}")
        if step == 0:
            raise _bad(spec, "a step of 0")
        numbers.update(range(first, last + 1, step))
    return numbers


def _number(spec: str, text: str, low: int, names: list[str] | None) -> int:
    if text.isdecimal():
        return int(text)
    if names and text.lower() in names:
        return names.index(text.lower()) + low
    raise _bad(spec, f"cannot read {text!r}")


def tick_path(tick: int) -> str:
    """The file of a tick: its time in RFC 3339, to the second."""
    moment = datetime.fromtimestamp(tick // _NANOSECONDS, timezone.utc)
    return "/" + moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def tick_time(path: str) -> int | None:
    """The time of a tick's file, in ns since the epoch; None for another file."""
    try:
        moment = datetime.strptime(path, "/%Y-%m-%dT%H:%M:%SZ")
    except ValueError:
        return None
    return int(moment.replace(tzinfo=timezone.utc).timestamp()) * _NANOSECONDS
