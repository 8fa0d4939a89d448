"""Keep the memory that one datum frees for the next one, which wants as much again."""

from __future__ import annotations

import contextlib
import ctypes

# malloc.h of glibc, which has no names for them in Python
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_LARGEST = 32 << 20  # what is larger goes back to the kernel at once; glibc allows no more
_KEPT = 64 << 20


def keep_freed() -> None:
    """Leave freed memory with this process, up to `_KEPT` bytes.

    A camera's picture is some MB. Given back each time, it costs a page fault for every 4 kB of it,
    which together take as long as decoding it. Does nothing with another C library than glibc.
    """
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_MMAP_THRESHOLD, _LARGEST)
        mallopt(_TRIM_THRESHOLD, _KEPT)
