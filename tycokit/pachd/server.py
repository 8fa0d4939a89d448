"""The composition root: build, start, stop."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

import grpc
from python_pachyderm.proto.v2.pfs import pfs_pb2_grpc

from tycokit.errors import CannotListen, FolderInUse, FolderUnusable
from tycokit.pachd.pfs import repos, schema
from tycokit.pachd.pfs.transaction import Pfs
from tycokit.pachd.rpc import cluster
from tycokit.pachd.rpc.guard import Guard
from tycokit.pachd.rpc.pfs import PfsServicer
from tycokit.pachd.store import maps, packs
from tycokit.pachd.store.database import Database

_HOST = "127.0.0.1"  # create_pipeline runs commands: no other machine may reach it
_THREADS = 256  # each subscription, wait and followed log holds one; idle ones cost nothing
_MIGRATIONS = (*packs.MIGRATIONS, *maps.MIGRATIONS, *schema.MIGRATIONS)


def token(data: Path) -> str:
    """The data folder's access token, made on first use. Raises FolderUnusable."""
    return _kept(data, "token", lambda: secrets.token_urlsafe(32))


def _kept(data: Path, name: str, make: object) -> str:
    path = data / name
    try:
        data.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(make())  # type: ignore[operator]
        return path.read_text()
    except OSError as error:
        raise FolderUnusable(data, error.strerror or str(error)) from error


class Pachd:
    """A single-machine pachd on one data folder.

    Args:
        data: everything it keeps; made when missing.
        port: on 127.0.0.1; 0 takes a free one.
        token: what callers must present; None lets every user of the machine in.
    """

    def __init__(self, data: Path, port: int, token: str | None) -> None:
        self.data = data
        self.port = port
        self._token = token
        self._ends = contextlib.ExitStack()

    def start(self) -> int:
        """Serve; the port.

        Raises:
            FolderUnusable, FolderInUse, NewerData, CannotListen.
        """
        try:
            self._build()
        except BaseException:
            self._ends.close()
            raise
        return self.port

    def stop(self) -> None:
        """End calls, jobs and processes. Unfinished jobs go on at the next start."""
        self._ends.close()

    def _build(self) -> None:
        self._lock()
        database = Database(self.data / "pachd.sqlite", _MIGRATIONS)
        self._ends.callback(database.close)
        store = packs.Packs(self.data / "packs", database)
        self._ends.callback(store.close)
        pfs = Pfs(database, store, maps.Maps())
        with pfs.transaction() as transaction:
            repos.ensure_default_project(transaction)
        self._serve(pfs)

    def _lock(self) -> None:
        try:
            self.data.mkdir(parents=True, exist_ok=True)
            file: IO[str] = self._ends.enter_context((self.data / "lock").open("w"))
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise FolderInUse(self.data) from error
        except OSError as error:
            raise FolderUnusable(self.data, error.strerror or str(error)) from error

    def _serve(self, pfs: Pfs) -> None:
        threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="rpc")
        server = grpc.server(
            threads,
            interceptors=[Guard(self._token)],
            options=[
                ("grpc.max_receive_message_length", -1),
                ("grpc.so_reuseport", 0),
            ],
        )
        pfs_pb2_grpc.add_APIServicer_to_server(PfsServicer(pfs), server)
        cluster.add_all(server, _kept(self.data, "cluster-id", lambda: str(uuid.uuid4())))
        try:
            self.port = server.add_insecure_port(f"{_HOST}:{self.port}")
        except RuntimeError as error:
            raise CannotListen(_HOST, self.port) from error
        if not self.port:
            raise CannotListen(_HOST, self.port)
        server.start()
        self._ends.callback(threads.shutdown, wait=False, cancel_futures=True)
        self._ends.callback(lambda: server.stop(grace=0.5).wait())
