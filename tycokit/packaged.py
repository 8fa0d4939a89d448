"""Where the specs and notebooks lie that come with tycokit: in a checkout, or in the wheel."""

from __future__ import annotations

import shutil
from pathlib import Path

import tycokit

_PACKAGE = Path(tycokit.__file__).parent


def specs() -> Path:
    """The folder with the pipelines' specs."""
    return _folder("specs", "*.json")


def notebooks() -> Path:
    """The folder with the stages' notebooks, and with those for people."""
    return _folder("notebooks", "*.ipynb")


def to_work_on(here: Path) -> Path:
    """The notebooks that a person opens from the folder `here`: those in its `notebooks`, else a
    checkout's. What is installed is nobody's to write to: it is copied to `here`, notebooks and,
    unless there are some, specs, so that `tycokit deploy` there takes what was changed.
    """
    own = here / "notebooks"
    if any(own.glob("*.ipynb")):
        return own
    if _PACKAGE not in notebooks().parents:
        return notebooks()
    shutil.copytree(notebooks(), own, copy_function=shutil.copyfile, dirs_exist_ok=True)
    if not any((here / "specs").glob("*.json")):
        shutil.copytree(specs(), here / "specs", copy_function=shutil.copyfile, dirs_exist_ok=True)
    return own


def _folder(name: str, holds: str) -> Path:
    packaged, checkout = _PACKAGE / "_data" / name, _PACKAGE.parent / name
    is_checkout = (_PACKAGE.parent / "pyproject.toml").is_file() and any(checkout.glob(holds))
    return checkout if is_checkout else packaged
