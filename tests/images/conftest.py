"""The folder that images are made from, once for all tests."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from base_image import debootstrap


@pytest.fixture(scope="session")
def debian(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with this machine's Debian or Ubuntu, and Python."""
    folder = tmp_path_factory.mktemp("debian")
    folder.chmod(0o755)  # an image's root, through which its user goes
    debootstrap(folder)
    yield folder
    shutil.rmtree(folder)
