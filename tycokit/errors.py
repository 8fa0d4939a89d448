"""The one error tree.

TycokitError
├── VisionError      a picture, network, label map or rules file that cannot be used
├── StageError       a notebook stage that cannot run, or whose notebook raised
├── PachdError       what the local pachd answers instead of a result
└── CliError         what a person at the command line should read instead of a traceback

Each error holds the object that it is about; its message names what was wrong and what to do.
"""

from __future__ import annotations


class TycokitError(Exception):
    """Base of everything that tycokit raises on purpose."""


class VisionError(TycokitError):
    """A picture, network, label map or rules file that cannot be used."""


class StageError(TycokitError):
    """A notebook stage that cannot run, or whose notebook raised."""


class PachdError(TycokitError):
    """What the local pachd answers instead of a result."""


class CliError(TycokitError):
    """What a person at the command line should read instead of a traceback."""
