"""The stage fixture, which ends every process that its test made."""

from __future__ import annotations

import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from stage_worker import Stage, wait_for


@pytest.fixture
def stage() -> Iterator[Stage]:
    folder = Path(tempfile.mkdtemp(prefix="tyco-", dir="/tmp"))
    made = Stage(folder)
    yield made
    for process in made.processes():
        # the supervisor ends its worker, and what that started
        process.send_signal(signal.SIGTERM if process not in made.workers() else signal.SIGKILL)
    wait_for(lambda: not made.processes())
    shutil.rmtree(folder)
