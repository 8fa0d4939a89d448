"""A Jupyter-centric toolkit around a home-security picture pipeline on Pachyderm."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from os import PathLike
    from typing import Any

    from tycokit.stage.parameters import Parameter

__version__ = "0.1.0"


def parameters(notebook: str | PathLike[str]) -> tuple[Parameter, ...]:
    """What a notebook's `parameters` cell declares, in order: names, types, defaults, help.

    Raises tycokit.errors.NotebookError when it is no notebook, or has no such cell.
    """
    from pathlib import Path

    from tycokit.stage import source

    return source.read(Path(notebook), help=True).parameters


def __getattr__(name: str) -> Any:
    """A widget, imported when it is first asked for: a stage's container cannot show any.

    Raises tycokit.errors.NotInstalled where the extra `lab` is missing.
    """
    from importlib import import_module

    from tycokit.errors import NotInstalled
    from tycokit.widgets import VIEWS

    if name not in VIEWS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, view = VIEWS[name]
    try:
        return getattr(import_module(module), view)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("tycokit"):
            raise
        raise NotInstalled("what shows widgets", "lab") from error


def __dir__() -> list[str]:
    from tycokit.widgets import VIEWS

    return [*globals(), *VIEWS]
