"""pps_v2.API's part for secrets."""

from __future__ import annotations

import time
from typing import Any

from google.protobuf.empty_pb2 import Empty
from python_pachyderm.proto.v2.pps import pps_pb2

from tycokit.pachd.pps.secrets import SecretInfo, Secrets
from tycokit.pachd.rpc import values as to

Request = Any
Context = Any


class SecretHandlers:
    """No answer, error or log line ever holds a value."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets

    def CreateSecret(self, request: Request, context: Context) -> Any:
        self._secrets.create(request.file, time.time_ns())
        return Empty()

    def DeleteSecret(self, request: Request, context: Context) -> Any:
        self._secrets.delete(request.secret.name)
        return Empty()

    def InspectSecret(self, request: Request, context: Context) -> Any:
        return _message(self._secrets.inspect(request.secret.name))

    def ListSecret(self, request: Request, context: Context) -> Any:
        return pps_pb2.SecretInfos(secret_info=map(_message, self._secrets.list()))


def _message(info: SecretInfo) -> Any:
    return pps_pb2.SecretInfo(
        secret=pps_pb2.Secret(name=info.name),
        type=info.type,
        creation_timestamp=to.timestamp(info.created),
    )
