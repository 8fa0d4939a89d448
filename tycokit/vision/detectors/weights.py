"""Finding the network in what a person put into the weights repo."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tycokit.errors import WeightsError
from tycokit.vision import labels as label_maps

Kind = Literal["tflite", "frozen graph", "SavedModel", "mtcnn"]
EXPECTED = (
    "a network: a .tflite file, a frozen TensorFlow graph .pb, a SavedModel's folder, "
    "or a file called mtcnn"
)
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Weights:
    """A network that was found: its kind, its file or folder, and the label map beside it.

    The built-in `mtcnn` needs no file: its path may not exist.
    """

    kind: Kind
    path: Path
    label_map: Path | None

    def files(self) -> list[Path]:
        """Every file that decides what the network says, in a fixed order."""
        own = sorted(self.path.rglob("*")) if self.kind == "SavedModel" else [self.path]
        if self.kind == "mtcnn":
            own = []  # the file's name is all that counts
        beside = [self.label_map] if self.label_map else []
        return [path for path in [*own, *beside] if path.is_file()]

    def stamp(self) -> tuple[object, ...]:
        """Changes whenever a file does, and costs one stat a file."""
        stats = [(path, path.stat()) for path in self.files()]
        return (
            self.kind,
            *((p.name, s.st_dev, s.st_ino, s.st_mtime_ns, s.st_size) for p, s in stats),
        )

    def digest(self) -> str:
        """SHA-256 (hex) over kind, names and bytes of the files: the same weights anywhere."""
        whole = hashlib.sha256(self.kind.encode())
        for path in self.files():
            relative = path.relative_to(self.path) if path.is_relative_to(self.path) else path.name
            whole.update(f"\0{relative}\0{path.stat().st_size}\0".encode())
            whole.update(file_sha256(path).encode())
        return whole.hexdigest()


def file_sha256(path: Path) -> str:
    """SHA-256 of one file, hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def find(path: Path) -> Weights:
    """The one network at a file, or in a folder and the folders below. Raises WeightsError."""
    if path.name == "mtcnn" and not path.is_dir():
        return Weights("mtcnn", path, None)
    if not path.exists():
        raise WeightsError(path, EXPECTED, "nothing: there is no such file or folder")
    found = _in_folder(path) if path.is_dir() else [_file(path)]
    if not found:
        names = sorted(str(file.relative_to(path)) for file in path.rglob("*") if file.is_file())
        more = ", ..." if len(names) > 8 else ""
        raise WeightsError(
            path, EXPECTED, f"{', '.join(names[:8])}{more}" if names else "an empty folder"
        )
    if len(found) > 1:
        several = ", ".join(str(weights.path.relative_to(path)) for weights in found)
        raise WeightsError(path, f"one network, and not several ({EXPECTED})", several)
    return found[0]


def _in_folder(folder: Path) -> list[Weights]:
    if (folder / "saved_model.pb").is_file():
        return [Weights("SavedModel", folder, _label_map(folder))]
    found: list[Weights] = []
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            found += _in_folder(path)
        elif path.suffix.lower() in {".tflite", ".pb"} or path.name == "mtcnn":
            found.append(_file(path))
    only = found[0] if len(found) == 1 else None
    if only and only.label_map is None and only.kind != "mtcnn":
        return [Weights(only.kind, only.path, _label_map(folder))]
    return found


def _file(path: Path) -> Weights:
    if path.name == "mtcnn":
        return Weights("mtcnn", path, None)
    if path.name == "saved_model.pb":
        return Weights("SavedModel", path.parent, _label_map(path.parent))
    if path.suffix.lower() == ".tflite":
        return Weights("tflite", path, _label_map(path.parent))
    if path.suffix.lower() == ".pb":
        return Weights("frozen graph", path, _label_map(path.parent))
    raise WeightsError(path, EXPECTED, f"a file called {path.name}")


def _label_map(folder: Path) -> Path | None:
    return label_maps.beside(folder) or (
        label_maps.beside(folder / "assets") if (folder / "assets").is_dir() else None
    )
