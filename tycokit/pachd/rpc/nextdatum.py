"""pachyderm.worker.Worker: NextDatum, at a port of this machine for each worker that batches.

The client's own helper sends no token there, so callers are told by the user they belong to.
"""

from __future__ import annotations

import os
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
from python_pachyderm.proto.v2.worker import worker_pb2, worker_pb2_grpc

from tycokit.errors import CannotListen, NotAllowed
from tycokit.pachd.pps.calls import Ask
from tycokit.pachd.rpc.guard import Guard

_HOST = "127.0.0.1"
_THREADS = 4  # one caller at a time waits; those of a killed process take a moment to go
_LOOPBACK = f"{int.from_bytes(bytes([127, 0, 0, 1]), sys.byteorder):08X}"
_MAPPED = f"{int.from_bytes(bytes([0, 0, 255, 255]), sys.byteorder):08X}"
# a client may come from an IPv6 socket with an address that stands for 127.0.0.1
_TABLES = {
    Path("/proc/net/tcp"): _LOOPBACK,
    Path("/proc/net/tcp6"): "0" * 16 + _MAPPED + _LOOPBACK,
}
_PEER = re.compile(r"ipv4:127\.0\.0\.1:(\d+)")


class NextDatumServicer(worker_pb2_grpc.WorkerServicer):
    """Status and Cancel are for Pachyderm's own pods: they answer UNIMPLEMENTED."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def NextDatum(self, request: Any, context: Any) -> Any:
        if not _is_ours(context.peer()):
            raise NotAllowed("NextDatum is only for the user code of this pachd's own user")
        lines = self._ask(request.error, lambda: not context.is_active())
        return worker_pb2.NextDatumResponse(env=lines)


def _is_ours(peer: str) -> bool:
    """Whether the caller's end of the connection belongs to the user who runs this pachd."""
    found = _PEER.fullmatch(peer)
    if found is None:
        return False
    port = f":{int(found[1]):04X}"
    for table, host in _TABLES.items():
        if not table.exists():
            continue
        for line in table.read_text().splitlines()[1:]:
            fields = line.split()
            if fields[1] == host + port:
                return int(fields[7]) == os.getuid()
    return False


class WorkerDoor:
    """Serves NextDatum at a free port of 127.0.0.1 until it is closed. Raises CannotListen."""

    def __init__(self, ask: Ask) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="next-datum")
        self._server = grpc.server(
            self._threads, interceptors=[Guard(None)], options=[("grpc.so_reuseport", 0)]
        )
        worker_pb2_grpc.add_WorkerServicer_to_server(NextDatumServicer(ask), self._server)
        try:
            self.port: int = self._server.add_insecure_port(f"{_HOST}:0")
        except RuntimeError as error:
            raise CannotListen(_HOST, 0) from error
        self._server.start()

    def close(self) -> None:
        self._server.stop(grace=0.1).wait()
        self._threads.shutdown(wait=False, cancel_futures=True)
