"""The stage fixture, which ends every process that its test made."""

from __future__ import annotations

import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from stage_worker import Stage, wait_for


@pytest.fixture
def stage() -> Iterator[Stage]:
    folder = Path(tempfile.mkdtemp(prefix="tyco-", dir="/tmp"))
    made = Stage(folder)
    yield made
    workers = made.workers()
    for process in made.processes():
        # a supervisor ends its worker, and what that started
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGKILL if process in workers else signal.SIGTERM)
    wait_for(lambda: not made.processes())
    shutil.rmtree(folder)
