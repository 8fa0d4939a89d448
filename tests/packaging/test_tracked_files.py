"""Git holds text that people read, and small screenshots: no other pictures, no networks."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
BIGGEST = 500_000
SCREENSHOTS = ROOT / "docs" / "screenshots"
BIGGEST_SCREENSHOT = 150_000

# Magic bytes, with their offset.
BINARIES = {
    "a PNG picture": (0, b"\x89PNG"),
    "a JPEG picture": (0, b"\xff\xd8\xff"),
    "a GIF picture": (0, b"GIF8"),
    "a WebP, WAV or AVI file": (0, b"RIFF"),
    "a TIFF picture": (0, b"II*\0"),
    "a zip, npz or keras archive": (0, b"PK\x03\x04"),
    "a gzip archive": (0, b"\x1f\x8b"),
    "an HDF5 file": (0, b"\x89HDF"),
    "a TFLite network": (4, b"TFL3"),
}


def tracked() -> list[Path]:
    # the checkout may belong to another user, as in a container
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    # a file that is deleted but not yet committed is listed too
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


def kind(content: bytes) -> str | None:
    """What kind of binary it is; None for text in UTF-8."""
    for name, (offset, magic) in BINARIES.items():
        if content[offset : offset + len(magic)] == magic:
            return name
    try:
        content.decode()
    except UnicodeDecodeError:
        return "no UTF-8 text"
    return "binary" if b"\0" in content else None


def test_no_tracked_file_is_big() -> None:
    big = {path.name: size for path in tracked() if (size := path.stat().st_size) > BIGGEST}
    assert not big


def test_no_tracked_file_is_a_picture_or_a_network() -> None:
    others = (path for path in tracked() if path.parent != SCREENSHOTS)
    found = {path.name: what for path in others if (what := kind(path.read_bytes()))}
    assert not found


def test_screenshots_are_small_pngs() -> None:
    shots = [path for path in tracked() if path.parent == SCREENSHOTS]
    assert {kind(path.read_bytes()) for path in shots} == {"a PNG picture"}
    assert max(path.stat().st_size for path in shots) <= BIGGEST_SCREENSHOT


def test_binaries_are_recognised() -> None:
    assert kind(b"\x1c\0\0\0TFL3rest") == "a TFLite network"
    assert kind(b"\x0a\x05\x00\xff") == "no UTF-8 text"
    assert kind("a text, with – and ×".encode()) is None
