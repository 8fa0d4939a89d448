"""How many threads a network may use, so that N workers on N cores do not fight for them."""

from __future__ import annotations

import os
from pathlib import Path

# what OpenMP, oneDNN and OpenBLAS go by too; the local pachd sets it to cores / workers
VARIABLE = "OMP_NUM_THREADS"
_CGROUP = Path("/sys/fs/cgroup/cpu.max")


def count() -> int:
    """OMP_NUM_THREADS where it is set, else the cores that this process, or its container, has."""
    told = os.environ.get(VARIABLE, "").split(",")[0].strip()
    if told.isdecimal() and int(told) > 0:
        return int(told)
    return max(1, min(_cores(), _quota(_CGROUP) or _cores()))


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _quota(file: Path) -> int:
    """The whole cores of a container's limit, 0 where there is none."""
    try:
        limit, period = file.read_text().split()
        return max(1, int(limit) // int(period))
    except (OSError, ValueError):  # no such file, or "max"
        return 0
