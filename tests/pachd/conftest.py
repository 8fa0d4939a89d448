"""A pachd of the module's own, and the real client on a socket to it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from pachd_driver import Driver
from python_pachyderm import Client

from tycokit.pachd.server import Pachd, token


@pytest.fixture(scope="module")
def pachd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pachd]:
    data = tmp_path_factory.mktemp("pachd")
    server = Pachd(data, 0, token(data), os.environ)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def client(pachd: Pachd) -> Client:
    return Client("127.0.0.1", pachd.port, auth_token=token(pachd.data))


@pytest.fixture
def on(client: Client) -> Iterator[Driver]:
    """The module's pachd, through a driver that removes what the test made."""
    driver = Driver(client)
    yield driver
    driver.clean()
