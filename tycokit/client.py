"""The one place that makes a python_pachyderm Client, and that says in plain words why not.

Nothing here knows which pachd answers: the address and the token come from a context of the
Pachyderm config file, or are handed in.
"""

from __future__ import annotations

import base64
import binascii
import io
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from python_pachyderm import BadClusterDeploymentID, Client
from python_pachyderm import ConfigError as PachydermConfigError

from tycokit import config
from tycokit.errors import CliError, ConfigError, NoAnswer, Refused

DEFAULT_ADDRESS = "grpc://localhost:30650"
PATIENCE = 10.0  # seconds until a pachd that does not answer counts as absent


def _is_no_echo(record: logging.LogRecord) -> bool:
    return "_check_connection_error" not in record.getMessage()


# python_pachyderm raises what ended a stream, also that we closed it, a second time in a callback,
# where gRPC can only log it: in a notebook that is an error message for every stream cut short
logging.getLogger("grpc._channel").addFilter(_is_no_echo)


def connect(path: Path, context: str | None = None, timeout: float = PATIENCE) -> Client:
    """A client for a context of the config file at `path` (None: the active one).

    Where the file names no context, pachd's default address is tried, as pachctl does. The
    answer has been waited for: raises NoAnswer, Refused or ConfigError.
    """
    known = config.context(path, context)
    if known is None:
        return connect_to(DEFAULT_ADDRESS, None, timeout)
    entry = known["v2"]["contexts"][known["v2"]["active_context"]]
    forwarded = (entry.get("port_forwarders") or {}).get("pachd", 30650)
    address = entry.get("pachd_address") or f"grpc://localhost:{forwarded}"
    try:
        certificates = base64.b64decode(entry.get("server_cas") or "", validate=True)
        probe(address, entry.get("session_token"), certificates or None, timeout)
        return Client.new_from_config(io.StringIO(json.dumps(known)))
    except BadClusterDeploymentID as error:
        raise Refused(
            address, f"{error}: the context was made for another pachd; `tycokit up` renews it"
        ) from error
    except (binascii.Error, PachydermConfigError, TypeError, ValueError) as error:
        raise ConfigError(path, str(error)) from error


def connect_to(address: str, token: str | None, timeout: float = PATIENCE) -> Client:
    """A client for one address (`grpc://host:port`), past the config file."""
    probe(address, token, None, timeout)
    return Client.new_from_pachd_address(address, auth_token=token)


def in_worker(environ: Mapping[str, str]) -> Client | None:
    """A client of the pachd that runs this worker; None outside one."""
    host = environ.get("PACHD_PEER_SERVICE_HOST")
    if "PACH_DATUM_ID" not in environ or not host:
        return None
    token = environ.get("PACH_PYTHON_AUTH_TOKEN") or environ.get("PACH_TOKEN")
    port = int(environ["PACHD_PEER_SERVICE_PORT"])
    return Client(host, port, auth_token=token, use_default_host=False)


def probe(
    address: str, token: str | None, certificates: bytes | None = None, timeout: float = PATIENCE
) -> None:
    """Wait at most `timeout` seconds for pachd's health; raise NoAnswer or Refused.

    The client's own health_check waits for ever on a pachd that hangs, hence this one.
    """
    if "://" not in address:
        address = f"grpc://{address}"
    parts = urlsplit(address)
    where = f"{parts.hostname}:{parts.port or 30650}"
    if parts.scheme in ("grpcs", "https"):
        channel = grpc.secure_channel(where, grpc.ssl_channel_credentials(certificates))
    else:
        channel = grpc.insecure_channel(where)
    metadata = (("authn-token", token),) if token else ()
    try:
        with channel:
            health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(), timeout=timeout, metadata=metadata
            )
    except grpc.RpcError as error:
        raise translate(error, where) from error


def translate(error: BaseException, address: str = "") -> CliError:
    """The sentence for a gRPC or connection error that a client's method raised."""
    call = _call(error)
    if call is None:
        return CliError(str(error) or type(error).__name__)
    code, details = call.code(), (call.details() or "").strip()
    if code == grpc.StatusCode.UNAVAILABLE:
        return NoAnswer(address, _short(details))
    if code == grpc.StatusCode.DEADLINE_EXCEEDED:
        return NoAnswer(address, "it did not answer in time")
    if code in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED):
        return Refused(address, details)
    if code == grpc.StatusCode.UNIMPLEMENTED:
        return Refused(address, details or "it does not know this call")
    return CliError(details or f"pachd answers {code.name}")


def refusal(error: BaseException) -> str | None:
    """pachd's own reason when it refused a request, None when the error is of another kind.

    A request is refused when pachd itself answered that it will not do it; a connection that
    broke, a missing token and the like say nothing about the request.
    """
    sentence = translate(error)
    return None if type(sentence) is not CliError else str(sentence)


def cut(stream: Any) -> None:
    """End a stream of the client's that has given enough."""
    stream.cancel()


def is_missing(error: BaseException) -> bool:
    """Whether pachd answered that what was asked for is not there."""
    call = _call(error)
    return call is not None and call.code() == grpc.StatusCode.NOT_FOUND


def _call(error: BaseException) -> Any:
    """The call that failed, where an error came of one: python_pachyderm wraps what says why.

    An RpcError that a call raises is a grpc.Call too; the stubs part them, hence the type.
    """
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, grpc.RpcError):
        cause = cause.__cause__
    return cause if hasattr(cause, "code") else None


def _short(details: str) -> str:
    """gRPC's connection errors name each address tried; the last clause is the one to read."""
    return details.rsplit(":", 1)[-1].strip()[:120]
