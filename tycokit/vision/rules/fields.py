"""Values that both forms of `rules.json` hold, each refused by the name of its field."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from tycokit.errors import RulesError, UnknownClass
from tycokit.vision.labels import Labels
from tycokit.vision.rules.rule import DAYS, MINUTES_A_DAY, Window

_CLOCK = re.compile(r"([01]\d|2[0-4]):([0-5]\d)")
_DURATION = re.compile(r"(\d+)\s*([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
# One line, printable, one @ with something on both sides: what can stand in a mail's header.
_EMAIL = re.compile(r"[^\s@<>,;\"]+@[^\s@<>,;\"]+")


def known_keys(value: Iterable[str], keys: Collection[str], path: Path, where: str = "") -> None:
    """Raise RulesError for a key that is none of `keys`, with the one that is most like it."""
    for key in value:
        if key not in keys:
            near = difflib.get_close_matches(key, list(keys), n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"the keys are {', '.join(keys)}"
            raise RulesError(path, f"{where}unknown key {key!r}; {hint}")


def class_number(wanted: Any, path: Path, where: str, labels: Labels) -> int:
    """The number of a class given by number or name."""
    if isinstance(wanted, bool) or not isinstance(wanted, int | str):
        raise RulesError(path, f"{where}: a class is a number or a name, and this is {wanted!r}")
    try:
        return labels.number(wanted)
    except UnknownClass as error:
        raise RulesError(path, f"{where}: {error}") from error


def email(value: Any, path: Path, where: str) -> str:
    """An e-mail address that can stand in a header."""
    address = value.strip() if isinstance(value, str) else ""
    if not _EMAIL.fullmatch(address) or not address.isprintable():
        raise RulesError(path, f"{where} must be an e-mail address, and is {value!r}")
    return address


def duration(value: int | str, path: Path, where: str) -> int:
    """Seconds of `90`, `"90s"`, `"15m"`, `"1h"` or `"2d"`."""
    if isinstance(value, int):
        return value
    found = _DURATION.fullmatch(value.strip())
    if not found:
        raise RulesError(path, f"{where} must be like 90s, 15m, 1h or 2d, and is {value!r}")
    return int(found[1]) * _SECONDS[found[2]]


def time_zone(value: str, path: Path, where: str) -> str:
    """The name of an IANA time zone."""
    try:
        ZoneInfo(value)
    except (ValueError, OSError, LookupError) as error:
        raise RulesError(
            path, f"{where} must name an IANA zone such as Europe/Berlin, and is {value!r}"
        ) from error
    return value


def window(value: dict[str, Any], path: Path, where: str) -> Window:
    """Hours of some days. Refuses those that no clock shows, and a window of no minute."""
    start = _minute(value.get("from", "00:00"), path, f"{where}: from")
    end = _minute(value.get("to", "24:00"), path, f"{where}: to")
    if start % MINUTES_A_DAY == end:
        raise RulesError(path, f"{where}: from and to are the same time: it never begins")
    if start == MINUTES_A_DAY:
        raise RulesError(path, f"{where}: from must be before 24:00")
    days = frozenset(DAYS.index(day) for day in value.get("days", DAYS))
    return Window(days, start, end)


def _minute(value: str, path: Path, where: str) -> int:
    found = _CLOCK.fullmatch(value)
    minute = int(found[1]) * 60 + int(found[2]) if found else MINUTES_A_DAY + 1
    if minute > MINUTES_A_DAY:
        raise RulesError(path, f"{where} must be a time from 00:00 to 24:00, and is {value!r}")
    return minute
