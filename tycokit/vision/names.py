"""Names of camera pictures: `<user-device>_<unix time>.<ext>`, such as `dev1_1511891098.jpg`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timezone

from tycokit.errors import BadName

_DIGITS = re.compile(r"[0-9]+")  # ASCII only: str.isdigit takes digits of every script
LEAST_DIGITS = 10


@dataclass(frozen=True, slots=True)
class PictureName:
    """What a picture's name tells: which user-device took it, and when.

    `time` is unix time, kept as the digits that the name has, so that results are named alike.
    """

    device: str
    time: str
    ext: str

    def __str__(self) -> str:
        return f"{self.device}_{self.time}.{self.ext}"

    @property
    def key(self) -> str:
        """`<user-device>/<unix time>`: where the results of this picture lie."""
        return f"{self.device}/{self.time}"


def parse(name: str) -> PictureName:
    """Read the name of a picture (without folders); raises BadName, which says which rule and why.

    The rules: exactly two parts around one `_`, the first not empty, the second at least 10 digits,
    then an extension. A user-device becomes a folder's name, so `.` and `..` are no user-devices.
    """
    if not name.isprintable():
        raise BadName(name, "it has characters that do not print")
    if "/" in name or "\\" in name:
        raise BadName(name, "it has a slash")
    stem, dot, ext = name.rpartition(".")
    if not dot or not ext:
        raise BadName(name, "it has no extension")
    parts = stem.split("_")
    if len(parts) != 2:
        raise BadName(name, f"it must have exactly two parts around one '_', and has {len(parts)}")
    device, time = parts
    if not device:
        raise BadName(name, "the user-device before the '_' is empty")
    if device in {".", ".."}:
        raise BadName(name, f"the user-device must not be {device!r}")
    if not _DIGITS.fullmatch(time):
        shown = time if len(time) <= 20 else f"{time[:17]}..."
        raise BadName(name, f"the unix time after the '_' must be digits only, and is {shown!r}")
    if len(time) < LEAST_DIGITS:
        raise BadName(
            name, f"the unix time must have at least {LEAST_DIGITS} digits, and has {len(time)}"
        )
    return PictureName(device, time, ext)


def seconds(time: int | str) -> float:
    """Unix seconds of a picture's time: its first ten digits, the rest being a fraction."""
    digits = str(time)
    return float(f"{digits[:LEAST_DIGITS]}.{digits[LEAST_DIGITS:] or 0}")


def moment(time: int | str) -> datetime:
    """The same as a datetime, UTC. Raises OverflowError, ValueError for years that it has not."""
    return datetime.fromtimestamp(seconds(time), timezone.utc)
