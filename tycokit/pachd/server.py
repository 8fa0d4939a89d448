"""The composition root: build, start, stop."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import secrets
import shutil
import sqlite3
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

import grpc

from tycokit.errors import CannotListen, FolderInUse, FolderUnusable
from tycokit.pachd.pfs import references, repos, schema
from tycokit.pachd.pfs.transaction import Pfs
from tycokit.pachd.pps import namespace
from tycokit.pachd.pps import schema as pps_schema
from tycokit.pachd.pps.calls import not_batching
from tycokit.pachd.pps.logs import Logs
from tycokit.pachd.pps.master import Master
from tycokit.pachd.pps.secrets import Secrets
from tycokit.pachd.pps.task import Surroundings
from tycokit.pachd.rpc.guard import Guard
from tycokit.pachd.rpc.nextdatum import WorkerDoor
from tycokit.pachd.rpc.register import register
from tycokit.pachd.store import maps, packs
from tycokit.pachd.store.database import Database
from tycokit.pachd.store.durable import make_private, write_private
from tycokit.pachd.store.garbage import Collected
from tycokit.pachd.upkeep import IDLE_SECONDS, Upkeep

_LOG = logging.getLogger(__name__)
_HOST = "127.0.0.1"  # create_pipeline runs commands: no other machine may reach it
_THREADS = 1024  # each subscription, wait and followed log holds one; idle ones cost nothing
_LASTING = 900  # calls that may hold one for long
_DATABASE = "pachd.sqlite"
_MIGRATIONS = (
    *packs.MIGRATIONS,
    *maps.MIGRATIONS,
    *schema.MIGRATIONS,
    *pps_schema.MIGRATIONS,
    *references.MIGRATIONS,
)


def token(data: Path) -> str:
    """The data folder's access token, made on first use. Raises FolderUnusable."""
    return _kept(data, "token", lambda: secrets.token_urlsafe(32))


def reclaim(data: Path) -> Collected:
    """Remove what nothing leads to from the folder of a pachd that does not run.

    Raises:
        FolderUnusable; FolderInUse: it does run; NewerData; StoreDamaged: nothing was removed.
    """
    with _usable(data), contextlib.ExitStack() as ends:
        _lock(data, ends)
        pfs, trees = _open(data, ends)
        done = Upkeep(pfs, trees).collect()
        pfs.database.compact()
        return done


@contextlib.contextmanager
def _usable(data: Path) -> Iterator[None]:
    """A disk that is full, or may not be written, said of the folder."""
    try:
        yield
    except OSError as error:
        raise FolderUnusable(data, error.strerror or str(error)) from error
    except sqlite3.OperationalError as error:
        raise FolderUnusable(data, str(error)) from error


def _lock(data: Path, ends: contextlib.ExitStack) -> None:
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        file: IO[str] = ends.enter_context((data / "lock").open("w"))
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # the folder itself may be one that somebody made, and that others can enter
        for name in ("packs", "logs"):
            make_private(data / name)
        for each in data.glob(f"{_DATABASE}*"):
            each.chmod(0o600)
        (data / _DATABASE).touch(mode=0o600)
    except BlockingIOError as error:
        raise FolderInUse(data) from error


def _open(data: Path, ends: contextlib.ExitStack) -> tuple[Pfs, maps.Maps]:
    database = Database(data / _DATABASE, _MIGRATIONS)
    ends.callback(database.close)
    store = packs.Packs(data / "packs", database)
    ends.callback(store.close)
    trees = maps.Maps()
    return Pfs(database, store, trees), trees


def _kept(data: Path, name: str, make: Callable[[], str]) -> str:
    path = data / name
    with _usable(data):
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder = os.open(data, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)  # of two who make it at once, one does
            if not path.exists() or not path.stat().st_size:
                write_private(path, make())
        finally:
            os.close(folder)
        return path.read_text()


def _for_user_code(environment: Mapping[str, str], token: str | None) -> dict[str, str]:
    """The environment of workers: `tycokit` and `python3` are ours, and so is the token."""
    found = dict(environment)
    found["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), found.get("PATH", "")])
    if token is not None:
        found["PACH_PYTHON_AUTH_TOKEN"] = token
    return found


class Pachd:
    """A single-machine pachd on one data folder.

    Args:
        data: everything it keeps; made when missing.
        port: on 127.0.0.1; 0 takes a free one.
        token: what callers must present; None lets every user of the machine in.
        environment: what user code inherits.
        idle: seconds without a change after which it reclaims garbage.
    """

    def __init__(
        self,
        data: Path,
        port: int,
        token: str | None,
        environment: Mapping[str, str],
        idle: float = IDLE_SECONDS,
    ) -> None:
        self.data = data
        self._idle = idle
        self._environment = _for_user_code(environment, token)
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
        with _usable(self.data):
            _lock(self.data, self._ends)
            pfs, trees = _open(self.data, self._ends)
            with pfs.transaction() as transaction:
                repos.ensure_default_project(transaction)
        # pachd must know its port before the first job, whose user code is told of it
        server = self._bind()
        master = Master(pfs, trees, Logs(self.data / "logs"), self._surroundings(pfs))
        upkeep = Upkeep(pfs, trees, master.scheduler.held, self._idle)
        cluster_id = _kept(self.data, "cluster-id", lambda: str(uuid.uuid4()))
        cores = len(os.sched_getaffinity(0))
        register(server, pfs, master, upkeep.check, cluster_id, cores)
        server.start()
        self._ends.callback(master.stop)
        master.start()
        self._ends.callback(upkeep.stop)
        upkeep.start()

    def _surroundings(self, pfs: Pfs) -> Surroundings:
        scratch = self.data / "workers"
        shutil.rmtree(scratch, ignore_errors=True)  # what a killed server left
        make_private(scratch)
        chosen = namespace.choose(scratch)
        if not chosen.private:
            _LOG.warning(
                "no private /pfs for workers: neither bubblewrap nor unshare works here. Commands"
                " with literal /pfs paths will fail; stages find their files through TYCOKIT_PFS."
                " Installing bubblewrap helps."
            )
        shut = WorkerDoor(not_batching)
        self._ends.callback(shut.close)
        return Surroundings(
            pfs=pfs,
            namespace=chosen,
            scratch=scratch,
            environment=self._environment,
            address=(_HOST, self.port),
            secrets=Secrets(self.data / "secrets", pfs.database),
            open_door=WorkerDoor,
            shut_port=shut.port,
        )

    def _bind(self) -> grpc.Server:
        threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="rpc")
        server = grpc.server(
            threads,
            interceptors=[Guard(self._token, _LASTING)],
            options=[("grpc.max_receive_message_length", -1), ("grpc.so_reuseport", 0)],
        )
        try:
            self.port = server.add_insecure_port(f"{_HOST}:{self.port}")
        except RuntimeError as error:
            raise CannotListen(_HOST, self.port) from error
        if not self.port:
            raise CannotListen(_HOST, self.port)
        self._ends.callback(threads.shutdown, wait=False, cancel_futures=True)
        self._ends.callback(lambda: server.stop(grace=0.5).wait())
        return server
