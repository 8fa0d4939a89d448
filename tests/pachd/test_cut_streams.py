"""Streams of file changes whose client goes away in the middle leave nothing at all."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from pachd_driver import Driver
from python_pachyderm import Client
from python_pachyderm.service import pfs_proto

from tycokit.pachd.server import Pachd, token

TIMES = 60  # what goes wrong here does so in some of a hundred


class Wire:
    """One connection to a server, that can be cut as a killed client's is."""

    def __init__(self, port: int) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._there = port
        self._ends: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        self._ends = [
            self._listener.accept()[0],
            socket.create_connection(("127.0.0.1", self._there)),
        ]
        pairs = [(self._ends[0], self._ends[1]), (self._ends[1], self._ends[0])]
        self._threads += [threading.Thread(target=self._pump, args=pair) for pair in pairs]
        for thread in self._threads[1:]:
            thread.start()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                target.sendall(data)

    def cut(self) -> None:
        self._listener.close()
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        for thread in self._threads:
            thread.join()


def half_a_stream(
    repo: str, branch: str, half: threading.Event, gone: threading.Event
) -> Iterator[Any]:
    where = pfs_proto.Repo(name=repo, type="user")
    yield pfs_proto.ModifyFileRequest(
        set_commit=pfs_proto.Commit(repo=where, branch=pfs_proto.Branch(name=branch, repo=where))
    )
    for number in range(20):
        add = pfs_proto.AddFile(path=f"f{number}")
        add.raw.value = b"x"
        yield pfs_proto.ModifyFileRequest(add_file=add)
    half.set()
    gone.wait(10)  # more would come
    yield pfs_proto.ModifyFileRequest(delete_file=pfs_proto.DeleteFile(path="f0"))


def test_half_a_stream_is_never_committed(on: Driver, pachd: Pachd) -> None:
    repo = on.repo()
    for number in range(TIMES):
        wire, half, gone = Wire(pachd.port), threading.Event(), threading.Event()
        client = Client("127.0.0.1", wire.port, auth_token=token(pachd.data))
        stub = client._PFSMixin__stub  # type: ignore[attr-defined]
        call = stub.ModifyFile.future(half_a_stream(repo, f"b{number}", half, gone))
        assert half.wait(10)
        time.sleep(0.05)  # until the server waits for the next message
        wire.cut()
        with pytest.raises(grpc.RpcError):
            call.result()
        gone.set()
    assert [info.branch.name for info in on.client.list_branch(repo)] == []
