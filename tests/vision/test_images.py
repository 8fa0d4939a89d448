"""Opening pictures that strangers sent."""

from __future__ import annotations

import contextlib
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from tycokit import samples
from tycokit.errors import (
    BrokenPicture,
    EmptyPicture,
    NotAPicture,
    PictureError,
    PictureTooLarge,
)
from tycokit.vision import images


@pytest.fixture(scope="module")
def photograph():
    return samples.PHOTOGRAPHS[0].source


def test_a_photograph_is_rgb_bytes(photograph):
    shot = images.read(photograph)
    assert shot.pixels.shape == (600, 512, 3)
    assert shot.pixels.dtype == np.uint8
    assert (shot.width, shot.height, shot.format, shot.tags_error) == (512, 600, "JPEG", "")


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "1", "CMYK", "I;16", "I", "F"])
def test_every_kind_of_picture_becomes_rgb(tmp_path, mode):
    grey = np.tile(np.arange(0, 256, 4, dtype=np.uint8), (64, 1))
    image = Image.fromarray(grey)
    if mode == "I;16":
        image = Image.fromarray(grey.astype(np.uint16) * 257)
    elif mode in {"I", "F"}:
        image = Image.fromarray(grey.astype(np.int32 if mode == "I" else np.float32))
    else:
        image = image.convert("RGB").convert(mode)
    path = tmp_path / "dev1_1511891098.tif"
    image.save(path)
    pixels = images.load(path)
    assert pixels.shape == (64, 64, 3)
    if mode not in {"1", "P"}:
        assert np.abs(pixels[:, :, 0].astype(int) - grey).max() <= 4


def test_what_is_transparent_looks_white(tmp_path):
    path = tmp_path / "clear.png"
    Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(path)
    assert (images.load(path) == 255).all()


def test_a_picture_is_turned_upright(tmp_path, photograph):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held on its side
    path = tmp_path / "side.jpg"
    Image.open(photograph).save(path, exif=exif)
    shot = images.read(path)
    assert (shot.width, shot.height) == (600, 512)
    assert shot.tags["Orientation"] == 6


def test_a_picture_that_ends_early_is_broken(tmp_path, photograph):
    data = photograph.read_bytes()
    path = tmp_path / "cut.jpg"
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(BrokenPicture, match=r"cut\.jpg.*ends early"):
        images.read(path)


@pytest.mark.parametrize("name", ["dev1_1511891158.png", "dev1_1511891098.jpg"])
def test_damage_anywhere_is_an_error_of_ours_or_a_picture(tmp_path, name):
    source = next(sample.source for sample in samples.PHOTOGRAPHS if sample.name == name)
    whole = source.read_bytes()
    random = np.random.default_rng(7)
    for turn in range(25):
        data = bytearray(whole[: random.integers(10, len(whole))] if turn % 2 else whole)
        for at in random.integers(0, min(len(data), 4000), 20):
            data[at] = random.integers(0, 256)
        path = tmp_path / name
        path.write_bytes(data)
        with contextlib.suppress(PictureError):
            assert images.load(path).ndim == 3


def _png(width, height):
    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(1000)))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("side", [8_000, 12_000, 60_000])
def test_a_decompression_bomb_is_refused_before_it_is_unpacked(tmp_path, side):
    path = tmp_path / "bomb.png"
    path.write_bytes(_png(side, side))
    with pytest.raises(PictureTooLarge, match="decompression bomb"):
        images.read(path)


def test_the_most_pixels_can_be_chosen(photograph):
    with pytest.raises(PictureTooLarge, match="512 x 600 pixels are more than 1000"):
        images.read(photograph, most_pixels=1000)


def test_what_is_no_picture_is_named(tmp_path):
    for name, data, kind, said in [
        ("empty.jpg", b"", EmptyPicture, "zero bytes"),
        ("text.jpg", b"hello, this is no picture", NotAPicture, "starts with b'hello"),
        # Pillow would start Ghostscript for this one
        ("program.jpg", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", NotAPicture, "%!PS"),
    ]:
        path = tmp_path / name
        path.write_bytes(data)
        with pytest.raises(kind, match=name) as error:
            images.read(path)
        assert said in error.value.reason
    with pytest.raises(NotAPicture, match="folder"):
        images.read(tmp_path)
    with pytest.raises(PictureError, match="cannot be opened"):
        images.read(tmp_path / "missing.jpg")
    with pytest.raises(PictureError, match="cannot be opened"):
        images.read(tmp_path / ("x" * 300))
