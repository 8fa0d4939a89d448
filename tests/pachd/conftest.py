"""What a module of tests works on: a pachd of its own and the real client, or its files alone."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from pachd_driver import Driver
from python_pachyderm import Client

from tycokit.pachd.pfs import repos, schema
from tycokit.pachd.pfs.transaction import Pfs
from tycokit.pachd.pfs.values import Repo
from tycokit.pachd.server import Pachd, token
from tycokit.pachd.store import maps, packs
from tycokit.pachd.store.database import Database


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


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pfs]:
    """A file system without a server, with the empty repo `r`."""
    folder = tmp_path_factory.mktemp("pfs")
    migrations = (*packs.MIGRATIONS, *maps.MIGRATIONS, *schema.MIGRATIONS)
    database = Database(folder / "x.sqlite", migrations)
    store = packs.Packs(folder / "packs", database)
    made = Pfs(database, store, maps.Maps())
    with made.transaction() as transaction:
        repos.ensure_default_project(transaction)
        repos.create_repo(transaction, Repo("default", "r"))
    yield made
    store.close()
    database.close()
