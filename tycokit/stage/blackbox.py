"""What is left to read when a worker's process is gone: where it was, and what it had to tell.

It is written without a system call or another process's waking up, and stays when this one is
killed.
"""

from __future__ import annotations

import json
import mmap
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

Printed = tuple[str, str]
"""A stream's name, and text that was written to it."""

_HEAD = struct.Struct("<II")  # the cell's number, the length of what follows
_SIZE = 1 << 17


@dataclass(frozen=True, slots=True)
class Left:
    """`cell`: the number of the cell that ran, 0 if none did; `printed`: what was not sent yet."""

    cell: int
    printed: tuple[Printed, ...]


class BlackBox:
    """One worker's, in a file. OSError when there is no room for it."""

    def __init__(self, path: Path) -> None:
        with path.open("wb+") as file:
            # a hole that the disk has no room for later would end this process
            file.write(bytes(_SIZE))
            file.flush()
            self._memory = mmap.mmap(file.fileno(), _SIZE)
        self._cell = self._length = 0

    def enter(self, cell: int) -> None:
        """A cell begins; 0: none runs."""
        self._cell = cell
        self._write_head()

    def keep(self, printed: Sequence[Printed]) -> bool:
        """Keep this text instead of what was kept; False, and nothing kept, when it is too long."""
        data = json.dumps(printed).encode("ascii") if printed else b""
        fits = len(data) <= _SIZE - _HEAD.size
        self._length = len(data) if fits else 0
        self._memory[_HEAD.size : _HEAD.size + self._length] = data if fits else b""
        self._write_head()
        return fits

    def _write_head(self) -> None:
        _HEAD.pack_into(self._memory, 0, self._cell, self._length)


def read(path: Path) -> Left:
    """What a worker left; nothing when its box is gone too."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return Left(0, ())
    cell, length = _HEAD.unpack_from(data)
    text = data[_HEAD.size : _HEAD.size + length]
    printed = json.loads(text) if text else ()
    return Left(cell, tuple((name, part) for name, part in printed))
