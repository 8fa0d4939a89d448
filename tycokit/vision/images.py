"""Opening pictures that strangers sent: upright RGB, or an error that says what was wrong."""

from __future__ import annotations

import struct
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageFile, ImageOps, UnidentifiedImageError

from tycokit.errors import (
    BrokenPicture,
    EmptyPicture,
    NotAPicture,
    PictureError,
    PictureTooLarge,
)

# Camera formats only: Pillow also knows formats that start other programs or run code (EPS, WMF).
# JPEG covers MPO, the JPEG with further pictures behind it that some phones write.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
MOST_PIXELS = 50_000_000
# What Pillow's decoders raise on damaged bytes, beside OSError.
_DAMAGE = (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError,
           struct.error, OverflowError, MemoryError)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that could be read whole.

    `pixels` is RGB, uint8 [height, width, 3], turned upright as its EXIF orientation says.
    `format` is Pillow's name of the format; `tags` are the EXIF tags of the main directory and of
    the camera's, by name; `tags_error` says why they could not be read, and is empty if they could.
    """

    path: Path
    format: str
    pixels: NDArray[np.uint8]
    tags: Mapping[str, Any]
    tags_error: str = ""

    @property
    def height(self) -> int:
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])


def read(path: Path | str, most_pixels: int = MOST_PIXELS, enough: int = 0) -> Picture:
    """Read a picture of at most `most_pixels` pixels, its first frame where it has several.

    With `enough`, a JPEG may come out smaller than it is, but each side at least so many pixels:
    for thumbnails, since that is several times as fast.

    Raises PictureError, in one of its kinds: EmptyPicture, NotAPicture, BrokenPicture (truncated or
    damaged), PictureTooLarge (seen in the header, before anything is unpacked).
    """
    path = Path(path)
    try:
        if path.is_dir():
            raise NotAPicture(path, "it is a folder, not a picture")
        if path.stat().st_size == 0:
            raise EmptyPicture(path, "it is empty (zero bytes)")
    except OSError as error:
        raise PictureError(path, f"cannot be opened: {error.strerror}") from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # damaged EXIF warns; the bomb's limit is ours, below
        return _decode(path, most_pixels, enough)


def load(path: Path | str, most_pixels: int = MOST_PIXELS) -> NDArray[np.uint8]:
    """The pixels alone: RGB, uint8 [height, width, 3], upright. Raises as `read` does."""
    return read(path, most_pixels).pixels


def _decode(path: Path, most_pixels: int, enough: int) -> Picture:
    try:
        with Image.open(path, formats=FORMATS) as image:
            if image.width * image.height > most_pixels:
                raise PictureTooLarge(
                    path,
                    f"{image.width} x {image.height} pixels are more than {most_pixels} "
                    "(a decompression bomb?)",
                )
            kind = str(image.format)
            if enough:
                image.draft(None, (enough, enough))
            image.load()
            tags, tags_error = _tags(image)
            pixels = _upright_rgb(image, bool(tags_error))
    except UnidentifiedImageError as error:
        raise NotAPicture(path, _not_a_picture(path)) from error
    except Image.DecompressionBombError as error:
        raise PictureTooLarge(path, f"a decompression bomb: {error}") from error
    except _DAMAGE as error:
        raise BrokenPicture(path, f"the picture is damaged or ends early: {error}") from error
    return Picture(path, kind, pixels, tags, tags_error)


def _upright_rgb(image: ImageFile.ImageFile, broken_tags: bool) -> NDArray[np.uint8]:
    upright: Image.Image = image
    if not broken_tags:
        ImageOps.exif_transpose(upright, in_place=True)
    if upright.mode in {"I", "F"} or upright.mode.startswith("I;16"):
        # Pillow clips deeper grey to 255; a 16-bit camera frame would come out white.
        grey = np.asarray(upright, dtype=np.float64)
        if upright.mode == "F":
            grey = grey * 255 if float(grey.max()) <= 1 else grey
        else:
            grey = grey / 257 if float(grey.max()) > 255 else grey
        flat = np.clip(grey, 0, 255).astype(np.uint8)
        return np.repeat(flat[:, :, None], 3, axis=2)
    if "transparency" in upright.info:
        upright = upright.convert("RGBA")
    if upright.mode in {"RGBA", "LA", "PA"}:
        # What is transparent looks white in every viewer, whatever colour lies below.
        layer = upright.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        upright = Image.alpha_composite(white, layer)
    return np.array(upright if upright.mode == "RGB" else upright.convert("RGB"), dtype=np.uint8)


def _tags(image: ImageFile.ImageFile) -> tuple[dict[str, Any], str]:
    try:
        exif = image.getexif()
        found = dict(exif) | dict(exif.get_ifd(ExifTags.IFD.Exif))
    except _DAMAGE as error:
        return {}, f"{type(error).__name__}: {error}"
    return {ExifTags.TAGS.get(number, str(number)): value for number, value in found.items()}, ""


def _not_a_picture(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(12)
    return f"it is no picture (none of {', '.join(FORMATS)}); it starts with {start!r}"
