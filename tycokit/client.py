"""The one place that makes a python_pachyderm Client, and that says in plain words why not.

Nothing here knows which pachd answers: the address and the token come from a context of the
Pachyderm config file, or are handed in.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from python_pachyderm import Client
from python_pachyderm.service import Service, auth_proto

from tycokit.contexts import config
from tycokit.contexts.config import Context
from tycokit.contexts.reaching import fault
from tycokit.errors import CliError, NoAnswer, Refused, in_context

DEFAULT_ADDRESS = "grpc://localhost:30650"
PATIENCE = 10.0  # seconds until a pachd that does not answer counts as absent
_RENEW = "`pachctl auth login` renews a cluster's session token, `tycokit up` this machine's"


def _is_no_echo(record: logging.LogRecord) -> bool:
    return "_check_connection_error" not in record.getMessage()


# python_pachyderm raises what ended a stream, also that we closed it, a second time in a callback,
# where gRPC can only log it: in a notebook that is an error message for every stream cut short
logging.getLogger("grpc._channel").addFilter(_is_no_echo)


def connect(path: Path, context: str | None = None, timeout: float = PATIENCE) -> Client:
    """A client for a context of the config file at `path` (None: the active one).

    Where the file names no context, pachd's default address is tried, as pachctl does. The
    answer has been waited for: raises NoAnswer, Refused or ConfigError, each with the context's
    name.
    """
    found = config.context(path, context)
    return connect_to(DEFAULT_ADDRESS, None, timeout) if found is None else reach(found, timeout)


def reach(context: Context, timeout: float = PATIENCE) -> Client:
    """A client for a context, as python_pachyderm makes it. Raises NoAnswer or Refused."""
    client = Client.new_from_pachd_address(
        context.address,
        auth_token=context.token,
        root_certs=context.roots,
        transaction_id=context.transaction,
    )
    _probe(client, timeout, context.name)
    if context.deployment:
        actual = client.inspect_cluster().deployment_id
        if actual != context.deployment:
            raise Refused(
                client.address,
                f"connected to the wrong cluster ({context.deployment!r} vs {actual!r}): the"
                " context was made for another pachd; `tycokit up` renews this machine's",
                context=context.name,
            )
    return client


def connect_to(address: str, token: str | None, timeout: float = PATIENCE) -> Client:
    """A client for one address (`grpc://host:port`), past the config file."""
    client = Client.new_from_pachd_address(address, auth_token=token)
    _probe(client, timeout)
    return client


def in_worker(environ: Mapping[str, str]) -> Client | None:
    """A client of the pachd that runs this worker; None outside one."""
    host = environ.get("PACHD_PEER_SERVICE_HOST")
    if "PACH_DATUM_ID" not in environ or not host:
        return None
    token = environ.get("PACH_PYTHON_AUTH_TOKEN") or environ.get("PACH_TOKEN")
    port = int(environ["PACHD_PEER_SERVICE_PORT"])
    return Client(host, port, auth_token=token, use_default_host=False)


def _probe(client: Client, timeout: float, context: str = "") -> None:
    """Wait at most `timeout` seconds for pachd's health; raise NoAnswer or Refused.

    The client's own health_check waits for ever on a pachd that hangs, hence this one. Health is
    answered to everybody, so whether the token still counts is asked as well.
    """
    if client.root_certs is None:
        channel = grpc.insecure_channel(client.address)
    else:
        channel = grpc.secure_channel(
            client.address, grpc.ssl_channel_credentials(client.root_certs)
        )
    metadata = (("authn-token", client.auth_token),) if client.auth_token else ()
    try:
        with channel:
            health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(), timeout=timeout, metadata=metadata
            )
            _who_am_i(channel, timeout, metadata)
    except grpc.RpcError as error:
        sentence = translate(error, client.address, context)
        if isinstance(sentence, NoAnswer):
            found = fault(client.address, client.root_certs)
            if found is not None:
                sentence = NoAnswer(
                    client.address, found.detail, advice=found.advice, context=context
                )
        raise sentence from error


def _who_am_i(channel: Any, timeout: float, metadata: Any) -> None:
    try:
        Service.AUTH.stub(channel).WhoAmI(
            auth_proto.WhoAmIRequest(), timeout=timeout, metadata=metadata
        )
    except grpc.RpcError as error:
        if error.code() == grpc.StatusCode.UNAUTHENTICATED:
            raise  # any other answer says that auth is off, or who we are


def translate(error: BaseException, address: str = "", context: str = "") -> CliError:
    """The sentence for a gRPC or connection error that a client's method raised.

    `address` and `context` (its name) are told where they are known.
    """
    call = _call(error)
    if call is None:
        return CliError(f"{in_context(context)}{str(error) or type(error).__name__}")
    code, details = call.code(), (call.details() or "").strip()
    if code == grpc.StatusCode.UNAVAILABLE:
        return NoAnswer(address, _short(details), context=context)
    if code == grpc.StatusCode.DEADLINE_EXCEEDED:
        return NoAnswer(address, "it did not answer in time", context=context)
    if code == grpc.StatusCode.UNAUTHENTICATED:
        return Refused(address, f"{details}; {_RENEW}", context=context)
    if code == grpc.StatusCode.PERMISSION_DENIED:
        return Refused(address, details, context=context)
    if code == grpc.StatusCode.UNIMPLEMENTED:
        return Refused(address, details or "it does not know this call", context=context)
    return CliError(f"{in_context(context)}{details or f'pachd answers {code.name}'}")


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
