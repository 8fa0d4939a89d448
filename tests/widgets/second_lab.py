"""Another minor of JupyterLab, with ipykernel 6, in a virtual environment of its own."""

from __future__ import annotations

import sysconfig
from pathlib import Path

import own_python

LAB, KERNEL = "4.4.10", "6.30.1"
# what has a part in Lab, or in the kernel, is installed there; the rest is this environment's
PACKAGES = (f"jupyterlab=={LAB}", f"ipykernel=={KERNEL}", "ipywidgets==8.1.9", "anywidget==0.11.0")
ROOT = Path(__file__).parents[2]


def python() -> str:
    """The Python of that environment."""
    return own_python.python(f"jupyterlab-{LAB}-ipykernel-{KERNEL}", *PACKAGES)


def environment(folder: Path) -> dict[str, str]:
    """What the rest is found by: after that environment's own, so that its Lab and kernel win."""
    more = dict.fromkeys((sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), str(ROOT)))
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(f"import sys\n\nsys.path += {list(more)!r}\n")
    return {"PYTHONPATH": str(folder)}
