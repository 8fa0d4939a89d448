"""Class numbers and their names: COCO's, and label map files that come with a network."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from tycokit.errors import LabelMapError, UnknownClass

# COCO numbers its 80 classes from 1 to 90; the gaps are classes that the data set never used.
_COCO = """
1 person|2 bicycle|3 car|4 motorcycle|5 airplane|6 bus|7 train|8 truck|9 boat|10 traffic light
11 fire hydrant|13 stop sign|14 parking meter|15 bench|16 bird|17 cat|18 dog|19 horse|20 sheep
21 cow|22 elephant|23 bear|24 zebra|25 giraffe|27 backpack|28 umbrella|31 handbag|32 tie
33 suitcase|34 frisbee|35 skis|36 snowboard|37 sports ball|38 kite|39 baseball bat
40 baseball glove|41 skateboard|42 surfboard|43 tennis racket|44 bottle|46 wine glass|47 cup
48 fork|49 knife|50 spoon|51 bowl|52 banana|53 apple|54 sandwich|55 orange|56 broccoli|57 carrot
58 hot dog|59 pizza|60 donut|61 cake|62 chair|63 couch|64 potted plant|65 bed|67 dining table
70 toilet|72 tv|73 laptop|74 mouse|75 remote|76 keyboard|77 cell phone|78 microwave|79 oven
80 toaster|81 sink|82 refrigerator|84 book|85 clock|86 vase|87 scissors|88 teddy bear
89 hair drier|90 toothbrush
"""
_ITEM = re.compile(r"item\s*\{(.*?)\}", re.DOTALL)
_FIELD = re.compile(r"(\w+)\s*:\s*(?:\"([^\"]*)\"|'([^']*)'|(-?\d+))")
_CLASS_0 = {"???", "n/a", "background"}
_UNUSED = _CLASS_0 | {""}
MOST_BYTES = 10_000_000


@dataclass(frozen=True, slots=True)
class Labels:
    """A label map: `names` gives the name of each class number, numbers from 1."""

    names: Mapping[int, str]
    _numbers: Mapping[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", MappingProxyType(dict(self.names)))
        numbers: dict[str, int] = {}
        for number, name in self.names.items():
            numbers.setdefault(name.casefold(), number)
        object.__setattr__(self, "_numbers", numbers)

    def name(self, number: int) -> str:
        """The name of a class; `class 12` for a number that the map leaves open."""
        return self.names.get(number, f"class {number}")

    def number(self, wanted: int | str) -> int:
        """The number of a class given by number or by name (in any case).

        Raises UnknownClass, with those that are most like it.
        """
        if isinstance(wanted, str):
            found = self._numbers.get(wanted.strip().casefold())
            if found is not None:
                return found
            close = difflib.get_close_matches(wanted.strip().casefold(), list(self._numbers), n=3)
            near = [self._numbers[name] for name in close]
        elif wanted in self.names:
            return wanted
        else:
            near = sorted(self.names, key=lambda number: (abs(number - wanted), number))[:3]
        raise UnknownClass(wanted, [f"{number} {self.names[number]}" for number in near])


COCO = Labels(
    {
        int(entry.split(" ", 1)[0]): entry.split(" ", 1)[1]
        for line in _COCO.strip().splitlines()
        for entry in line.split("|")
    }
)


def read(path: Path | str) -> Labels:
    """Read a label map file: TensorFlow's `.pbtxt`, or one name a line. Raises LabelMapError.

    One name a line: the first line is class 1, unless it is `???` or `background`, which is
    class 0; `???` or nothing further down marks numbers without a class.
    """
    path = Path(path)
    try:
        if path.stat().st_size > MOST_BYTES:
            raise LabelMapError(path, f"it has more than {MOST_BYTES} bytes: no label map")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise LabelMapError(path, f"cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise LabelMapError(path, f"it is not UTF-8 text: {error.reason}") from error
    names = _pbtxt(path, text) if path.suffix == ".pbtxt" else _lines(text)
    if not names:
        raise LabelMapError(path, "it names no class")
    return Labels(names)


def beside(folder: Path) -> Path | None:
    """The label map file that lies in a folder with a network or with rules, or None."""
    found = [
        path
        for path in sorted(folder.iterdir())
        if path.is_file() and "label" in path.stem.lower() and path.suffix in {".txt", ".pbtxt"}
    ]
    if len(found) > 1:
        raise LabelMapError(folder, f"several label maps: {', '.join(p.name for p in found)}")
    return found[0] if found else None


def _lines(text: str) -> dict[int, str]:
    lines = [line.strip() for line in text.splitlines()]
    first = 0 if lines and lines[0].casefold() in _CLASS_0 else 1
    return {
        number: name
        for number, name in enumerate(lines, first)
        if number > 0 and name.casefold() not in _UNUSED
    }


def _pbtxt(path: Path, text: str) -> dict[int, str]:
    plain = re.sub(r"#.*", "", text)
    names: dict[int, str] = {}
    for item in _ITEM.finditer(plain):
        fields = {
            key: number or double or single
            for key, double, single, number in _FIELD.findall(item.group(1))
        }
        # display_name is what people read; name may be an identifier such as /m/01g317
        name = fields.get("display_name") or fields.get("name")
        if "id" not in fields or not name:
            line = plain.count("\n", 0, item.start()) + 1
            raise LabelMapError(path, f"line {line}: an item needs an id and a name")
        names[int(fields["id"])] = name
    return {number: name for number, name in names.items() if number > 0}
