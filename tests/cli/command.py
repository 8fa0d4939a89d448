"""The command line as its own process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def tycokit(
    folder: Path, config: Path, *words: str, typed: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder, with a Pachyderm config file of its own; no traceback shows."""
    done = subprocess.run(
        [sys.executable, "-m", "tycokit", *words],
        capture_output=True,
        text=True,
        input=typed,
        cwd=folder,
        env={**os.environ, "PACH_CONFIG": str(config), "COLUMNS": "300"},
        timeout=120,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done
