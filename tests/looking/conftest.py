"""A pachd of the module's own, without pipelines until a test makes some."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pipeline_driver import Site


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = Site(tmp_path_factory.mktemp("site"))
    yield made
    made.pachd.stop()
