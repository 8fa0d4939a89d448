"""A pachd on this machine, and a Kubernetes API that replays a cluster's answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from kubernetes_api import Kubernetes
from pipeline_driver import Site


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Without pipelines until a test makes some."""
    made = Site(tmp_path_factory.mktemp("site"))
    yield made
    made.pachd.stop()


@pytest.fixture
def kubernetes(tmp_path: Path) -> Iterator[Kubernetes]:
    made = Kubernetes(tmp_path)
    made.replay()
    yield made
    made.close()
