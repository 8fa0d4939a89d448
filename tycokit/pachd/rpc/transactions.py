"""transaction_v2.API."""

from __future__ import annotations

import time
import uuid
from typing import Any

from google.protobuf.empty_pb2 import Empty
from python_pachyderm.proto.v2.transaction import transaction_pb2, transaction_pb2_grpc

from tycokit.errors import NotAllowed
from tycokit.pachd.pfs import queue
from tycokit.pachd.pfs.queue import OpenTransaction
from tycokit.pachd.pfs.transaction import Pfs
from tycokit.pachd.rpc import values as to
from tycokit.pachd.rpc.changes import CHANGES, request_message, response_message, run

Request = Any
Context = Any


class TransactionServicer(transaction_pb2_grpc.APIServicer):
    def __init__(self, pfs: Pfs) -> None:
        self._pfs = pfs

    def StartTransaction(self, request: Request, context: Context) -> Any:
        with self._pfs.database.write() as connection:
            made = queue.start(connection, time.time_ns())
        return transaction_pb2.Transaction(id=made.id)

    def InspectTransaction(self, request: Request, context: Context) -> Any:
        with self._pfs.database.read() as connection:
            return _info(queue.inspect(connection, request.transaction.id))

    def ListTransaction(self, request: Request, context: Context) -> Any:
        with self._pfs.database.read() as connection:
            found = queue.list_all(connection)
        return transaction_pb2.TransactionInfos(transaction_info=map(_info, found))

    def DeleteTransaction(self, request: Request, context: Context) -> Any:
        with self._pfs.database.write() as connection:
            queue.delete(connection, request.transaction.id)
        return Empty()

    def DeleteAll(self, request: Request, context: Context) -> Any:
        with self._pfs.database.write() as connection:
            for each in queue.list_all(connection):
                queue.delete(connection, each.id)
        return Empty()

    def FinishTransaction(self, request: Request, context: Context) -> Any:
        with self._pfs.transaction(request.transaction.id) as transaction:
            waiting = queue.inspect(transaction.connection, request.transaction.id)
            requests = [request_message(each) for each in waiting.queued]
            answers = run(transaction, requests)
            queue.delete(transaction.connection, waiting.id)
        return _message(waiting.id, waiting.started, requests, answers)

    def BatchTransaction(self, request: Request, context: Context) -> Any:
        requests = list(request.requests)
        for each in requests:
            if len(each.ListFields()) != 1 or not any(each.HasField(kind) for kind in CHANGES):
                raise NotAllowed("each request of a transaction must have exactly one field set")
        set_id = uuid.uuid4().hex
        with self._pfs.transaction(set_id) as transaction:
            answers = run(transaction, requests)
        return _message(set_id, time.time_ns(), requests, answers)


def _message(id_: str, started: int, requests: list[Any], answers: list[Any]) -> Any:
    return transaction_pb2.TransactionInfo(
        transaction=transaction_pb2.Transaction(id=id_),
        requests=requests,
        responses=map(response_message, answers),
        started=to.timestamp(started),
        version=len(requests),
    )


def _info(found: OpenTransaction) -> Any:
    return transaction_pb2.TransactionInfo(
        transaction=transaction_pb2.Transaction(id=found.id),
        requests=map(request_message, found.queued),
        responses=[
            transaction_pb2.TransactionResponse.FromString(each.response) for each in found.queued
        ],
        started=to.timestamp(found.started),
        version=len(found.queued),
    )
