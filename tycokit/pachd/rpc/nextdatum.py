"""pachyderm.worker.Worker: NextDatum, at a port of this machine for each worker that batches.

The client's own helper sends no token there, so callers are told by the user they belong to.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from python_pachyderm.proto.v2.worker import worker_pb2, worker_pb2_grpc

from tycokit.errors import CannotListen, NotAllowed
from tycokit.pachd.pps.calls import Ask
from tycokit.pachd.rpc.guard import Guard
from tycokit.pachd.rpc.peer import user_of

_HOST = "127.0.0.1"
_THREADS = 4  # one caller at a time waits; those of a killed process take a moment to go


class NextDatumServicer(worker_pb2_grpc.WorkerServicer):
    """Status and Cancel are for Pachyderm's own pods: they answer UNIMPLEMENTED."""

    def __init__(self, ask: Ask) -> None:
        self.port = 0  # where it is served
        self._ask = ask

    def NextDatum(self, request: Any, context: Any) -> Any:
        if user_of(context.peer(), self.port) != os.getuid():
            raise NotAllowed("NextDatum is only for the user code of this pachd's own user")
        lines = self._ask(request.error, context.add_callback)
        return worker_pb2.NextDatumResponse(env=lines)


class WorkerDoor:
    """Serves NextDatum at a free port of 127.0.0.1 until it is closed. Raises CannotListen."""

    def __init__(self, ask: Ask) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="next-datum")
        self._server = grpc.server(
            self._threads, interceptors=[Guard(None, _THREADS)], options=[("grpc.so_reuseport", 0)]
        )
        servicer = NextDatumServicer(ask)
        worker_pb2_grpc.add_WorkerServicer_to_server(servicer, self._server)
        try:
            self.port: int = self._server.add_insecure_port(f"{_HOST}:0")
        except RuntimeError as error:
            raise CannotListen(_HOST, 0) from error
        servicer.port = self.port
        self._server.start()

    def close(self) -> None:
        self._server.stop(grace=0.1).wait()
        self._threads.shutdown(wait=False, cancel_futures=True)
