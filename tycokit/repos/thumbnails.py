"""Pictures of a repo made small: what goes to a browser is a JPEG of some kB."""

from __future__ import annotations

import tempfile
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from python_pachyderm import Client

from tycokit.errors import LookError, PictureError
from tycokit.repos import browsing
from tycokit.repos.addresses import Address
from tycokit.vision import images, results

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".mpo"})
MOST_BYTES = 40_000_000  # a larger file is not fetched to be looked at
_KEPT_BYTES = 64_000_000
_one_at_a_time = threading.Lock()  # reading a picture sets aside the warnings of the whole process


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A small JPEG; `width` and `height` are its own, in pixels."""

    jpeg: bytes
    width: int
    height: int


def make(data: bytes, longest_side: int, name: str = "picture") -> Thumbnail:
    """A picture's bytes as a JPEG with no side longer than `longest_side`, upright.

    Raises LookError, which says what is wrong with the picture.
    """
    with tempfile.NamedTemporaryFile(prefix="tycokit-") as file:
        file.write(data)
        file.flush()
        try:
            with _one_at_a_time:
                picture = images.read(file.name, enough=longest_side)
        except PictureError as error:
            raise LookError(f"{name}: {error.reason}") from error
    small = results.preview(picture.pixels, longest_side=longest_side)
    return Thumbnail(small.jpeg, small.width, small.height)


class Thumbnails:
    """Thumbnails of one pachd's pictures, those looked at last kept in memory."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, Thumbnail] = OrderedDict()
        self._bytes = 0

    def get(self, at: Address, longest_side: int) -> Thumbnail:
        """The picture at `at.path`, no side longer than `longest_side` pixels.

        Raises LookError: no such file, too large, or no picture that can be read.
        """
        found = browsing.entry(self._client, at)
        if found is None or found.folder:
            raise LookError(f"there is no file {at.path} in {at.below('')}")
        key = f"{found.hash}/{longest_side}"
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        if found.size > MOST_BYTES:
            raise LookError(f"{at.path}: {found.size:,} bytes are too many to look at")
        data = browsing.read_entry(self._client, at, found, MOST_BYTES).data
        made = make(data, longest_side, Path(at.path).name)
        with self._lock:
            if key not in self._kept:
                self._kept[key] = made
                self._bytes += len(made.jpeg)
            while self._bytes > _KEPT_BYTES:
                _, gone = self._kept.popitem(last=False)
                self._bytes -= len(gone.jpeg)
        return made
