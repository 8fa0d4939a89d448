"""A Jupyter-centric toolkit around a home-security picture pipeline on Pachyderm."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from os import PathLike

    from tycokit.stage.parameters import Parameter

__version__ = "0.1.0"


def parameters(notebook: str | PathLike[str]) -> tuple[Parameter, ...]:
    """What a notebook's `parameters` cell declares, in order: names, types, defaults, help.

    Raises tycokit.errors.NotebookError when it is no notebook, or has no such cell.
    """
    from pathlib import Path

    from tycokit.stage import source

    return source.read(Path(notebook), help=True).parameters
