"""Two pachds of the module's own, as two contexts of one config file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from moving_driver import Pair


@pytest.fixture
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    made = Pair(tmp_path_factory.mktemp("pair"))
    yield made
    made.stop()
