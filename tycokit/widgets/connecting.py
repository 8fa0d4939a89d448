"""The client of a widget that was given none: the active Pachyderm context's."""

from __future__ import annotations

import os
from pathlib import Path

from python_pachyderm import Client

from tycokit.client import PATIENCE, connect
from tycokit.contexts import config


def active(timeout: float = PATIENCE) -> Client:
    """A client of the active context. Raises NoAnswer, Refused or ConfigError."""
    return connect(config.find(os.environ, Path.home()), timeout=timeout)
