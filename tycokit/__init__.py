"""A Jupyter-centric toolkit around a home-security picture pipeline on Pachyderm."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date, datetime
    from os import PathLike
    from pathlib import Path
    from typing import Any

    from pandas import DataFrame
    from python_pachyderm import Client

    from tycokit.pictures.backtesting import Backtest
    from tycokit.stage.parameters import Parameter
    from tycokit.vision.rules import Rules

__version__ = "0.1.0"


def set_up(client: Client | None = None) -> list[str]:
    """Make what is missing of the stages' repos and pipelines, with a first network and rules.

    What is there stays as it is. Answers what was done, as `tycokit deploy --samples` says it.
    """
    from tycokit.deploying import starters
    from tycokit.widgets.connecting import active

    return starters.set_up(client or active())


def parameters(notebook: str | PathLike[str]) -> tuple[Parameter, ...]:
    """What a notebook's `parameters` cell declares, in order: names, types, defaults, help.

    Raises tycokit.errors.NotebookError when it is no notebook, or has no such cell.
    """
    from pathlib import Path

    from tycokit.stage import source

    return source.read(Path(notebook), help=True).parameters


def records(
    day: str | date | None = None,
    device: str | None = None,
    client: Client | None = None,
    project: str = "default",
) -> DataFrame:
    """What became of every picture, a row each, in the order of time; of one day (UTC) or of all.

    The columns are those of `tycokit.recording.table.SCHEMA`, and `day`. Raises
    tycokit.errors.RecordsError for a day that is none, NotInstalled without the extra `lab`.
    """
    from tycokit.recording.reading import frame
    from tycokit.widgets.connecting import active

    return frame(client or active(), day, device, project)


def backtest(
    rules: Rules | dict[str, Any] | str | Path,
    since: datetime | None = None,
    client: Client | None = None,
    project: str = "default",
) -> Backtest:
    """What rules would have fired on the pictures seen so far, against what the present ones did.

    `rules` are read ones, the value or text of a file, or its path; `since` is taken for UTC
    without a zone. Nothing runs, nobody is told. Raises tycokit.errors.RulesError, BacktestError.
    """
    from tycokit.pictures import backtesting
    from tycokit.widgets.connecting import active

    read, start = backtesting.read_rules(rules), since and backtesting.utc(since)
    return backtesting.backtest(client or active(), read, start, project)


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
