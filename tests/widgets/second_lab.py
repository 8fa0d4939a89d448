"""Another minor of JupyterLab, with ipykernel 6, in a virtual environment of its own."""

from __future__ import annotations

import re
import subprocess
import sysconfig
import venv
from pathlib import Path

import pytest
from platformdirs import user_cache_path

LAB, KERNEL = "4.4.10", "6.30.1"
# what has a part in Lab, or in the kernel, is installed there; the rest is this environment's
PACKAGES = (f"jupyterlab=={LAB}", f"ipykernel=={KERNEL}", "ipywidgets==8.1.9", "anywidget==0.11.0")
ROOT = Path(__file__).parents[2]
# read before the tests' own cache folder takes its place: it is kept from run to run
HOME = user_cache_path("tycokit") / "tests" / f"jupyterlab-{LAB}-ipykernel-{KERNEL}"
NO_INDEX = re.compile(
    r"Failed to establish a new connection|Temporary failure in name resolution|timed out"
    r"|Max retries exceeded|Network is unreachable|Connection refused"
)


def python() -> str:
    """The Python of that environment, made once for each pair of versions."""
    found = str(HOME / "bin" / "python")
    ready = HOME / "ready"
    if not ready.exists():
        venv.create(HOME, clear=True, with_pip=True)
        pip = [found, "-m", "pip", "--disable-pip-version-check"]
        done = subprocess.run(
            [*pip, "install", "--quiet", "--retries", "1", *PACKAGES],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode and NO_INDEX.search(done.stdout + done.stderr):
            pytest.skip(f"PyPI cannot be reached, so JupyterLab {LAB} cannot be installed")
        assert done.returncode == 0, done.stderr
        ready.touch()
    return found


def environment(folder: Path) -> dict[str, str]:
    """What the rest is found by: after that environment's own, so that its Lab and kernel win."""
    more = dict.fromkeys((sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), str(ROOT)))
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(f"import sys\n\nsys.path += {list(more)!r}\n")
    return {"PYTHONPATH": str(folder)}
