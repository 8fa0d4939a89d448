"""Where the specs and notebooks lie that come with tycokit: in a checkout, or in the wheel."""

from __future__ import annotations

from pathlib import Path

import tycokit

_PACKAGE = Path(tycokit.__file__).parent


def specs() -> Path:
    """The folder with the pipelines' specs."""
    return _folder("specs", "*.json")


def notebooks() -> Path:
    """The folder with the stages' notebooks."""
    return _folder("notebooks", "*.ipynb")


def _folder(name: str, holds: str) -> Path:
    packaged, checkout = _PACKAGE / "_data" / name, _PACKAGE.parent / name
    is_checkout = (_PACKAGE.parent / "pyproject.toml").is_file() and any(checkout.glob(holds))
    return checkout if is_checkout else packaged
