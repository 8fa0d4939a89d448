"""Sample pictures without a download: photographs that Matplotlib and scikit-image ship.

Names and times are fixed, so that every run over them gives the same results.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from tycokit.errors import VisionError
from tycokit.vision import results
from tycokit.vision.detectors.detection import Detection
from tycokit.vision.rules import parse

_MATPLOTLIB = ("matplotlib", "mpl-data/sample_data")
_SKIMAGE = ("skimage", "data")


@dataclass(frozen=True, slots=True)
class Sample:
    """A photograph that another package ships, and the name that it gets as a camera's picture."""

    name: str
    package: str
    folder: str
    file: str
    person: bool

    @property
    def source(self) -> Path:
        """Where the photograph lies. Raises VisionError where the package left it out."""
        spec = importlib.util.find_spec(self.package)
        if spec is None or spec.origin is None:
            raise VisionError(f"sample pictures need the package {self.package}")
        path = Path(spec.origin).parent / self.folder / self.file
        if not path.is_file():
            raise VisionError(f"{self.package} was installed without its photograph {path}")
        return path


PHOTOGRAPHS = (
    Sample("dev1_1511891098.jpg", *_MATPLOTLIB, "grace_hopper.jpg", person=True),
    Sample("dev1_1511891158.png", *_SKIMAGE, "coffee.png", person=False),
    Sample("dev2_1511891218.png", *_SKIMAGE, "astronaut.png", person=True),
    Sample("dev2_1511891278.png", *_SKIMAGE, "chelsea.png", person=False),
    Sample("dev2_1511891338.png", *_SKIMAGE, "camera.png", person=True),
    Sample("dev3_1511891398.jpg", *_SKIMAGE, "rocket.jpg", person=False),
    Sample("dev3_1511891458.png", *_SKIMAGE, "motorcycle_right.png", person=False),
)
BAD_NAME = "frontdoor.jpg"  # no user-device, no time
BLANK = "dev1_1511891518.png"  # a covered lens: one grey all over
TRUNCATED = "dev3_1511891578.jpg"  # an upload that broke off
REFUSED = (BAD_NAME, BLANK, TRUNCATED)


def write(folder: Path | str) -> list[Path]:
    """Write the sample pictures into a folder (made where missing); their paths, by name.

    Seven photographs from three user-devices, three of them with a person, and three pictures that
    validation must refuse. Raises VisionError where a photograph is not installed.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for sample in PHOTOGRAPHS:
        shutil.copyfile(sample.source, folder / sample.name)
    first = PHOTOGRAPHS[0].source
    shutil.copyfile(first, folder / BAD_NAME)
    Image.new("RGB", (640, 480), (117, 117, 117)).save(folder / BLANK)
    whole = first.read_bytes()
    (folder / TRUNCATED).write_bytes(whole[: len(whole) // 2])
    return sorted(folder / name for name in (*(s.name for s in PHOTOGRAPHS), *REFUSED))


def picture(folder: Path | str) -> Path:
    """Write one sample picture, with a person in it, into a folder; its path."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copyfile(PHOTOGRAPHS[0].source, folder / PHOTOGRAPHS[0].name))


def rules() -> dict[str, Any]:
    """Sample rules: an alert for persons, and for cars and trucks."""
    return {
        "from_email": "alerts@example.com",
        "to_email": "guard@example.com",
        "threat_classes": [1, 3, "truck"],
    }


def detections() -> dict[str, Any]:
    """What the model stage says of `picture`, with the offline detector."""
    return {
        "picture": "dev1_1511891098.jpg",
        "device": "dev1",
        "time": "1511891098",
        "threshold": 0.5,
        "objects": [
            {
                "class": 1,
                "name": "person",
                "score": 0.98924,
                "box": [0.183333, 0.347656, 0.55, 0.685547],
            }
        ],
    }


def threat() -> dict[str, Any]:
    """What the threat-detect stage says of `picture`, with the sample rules."""
    seen = detections()
    about = {key: seen[key] for key in ("picture", "device", "time", "objects")}
    objects = [Detection.from_json(item) for item in seen["objects"]]
    (match,) = parse(json.dumps(rules()), Path("rules.json")).match(
        seen["device"], seen["time"], objects
    )
    return {**about, "rules": [match.as_json(objects)]}


def records(folder: Path | str) -> Path:
    """Write a day's records of the sample picture into a folder; the day's folder."""
    from tycokit.recording import events, table  # pyarrow takes a while, and few need it

    folder = Path(folder)
    place = "seen/dev1", "threats/dev1"
    for name, value in zip(place, (detections(), threat()), strict=True):
        write_json(folder / name, "1511891098.json", value)
    none = folder / "none"
    rows = events.rows(none, folder / "seen", none, folder / "threats", none, none)
    (path,) = table.write(rows, folder, "0")
    return path.parent


def write_json(folder: Path | str, name: str, value: dict[str, Any]) -> Path:
    """Write one of the samples above as a JSON file into a folder; the file's path."""
    return results.write_json(Path(folder) / name, value)
