"""What the commands read from the environment of the process."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

from tycokit.contexts import config


def config_path() -> Path:
    """The Pachyderm config file."""
    return config.find(os.environ, Path.home())


def data_path() -> Path:
    """The folder that holds the local pachd's data where no other is named."""
    return platformdirs.user_data_path("tycokit") / "pachd"


def demo_path() -> Path:
    """The folder below which each kept demo has its data."""
    return platformdirs.user_data_path("tycokit") / "demo"


def watch_path() -> Path:
    """The folder with the ledgers of watched folders."""
    return platformdirs.user_state_path("tycokit") / "watch"


def models_path() -> Path:
    """The folder that holds fetched networks."""
    return platformdirs.user_cache_path("tycokit") / "models"


def cores() -> int:
    """CPU cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def environ_with(**more: str) -> dict[str, str]:
    """The environment for a child process."""
    return {**os.environ, **more}
