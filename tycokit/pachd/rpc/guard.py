"""What stands before every handler: the token, and errors in gRPC's terms."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Callable, Iterator
from typing import Any

import grpc

from tycokit.pachd.rpc.status import status_of

_LOG = logging.getLogger(__name__)
_HOW = (
    "this pachd asks for its token: connect with python_pachyderm.Client() and the context that"
    " `tycokit up` wrote, or set PACH_PYTHON_AUTH_TOKEN to that context's session_token"
)
Handler = Any  # grpc.RpcMethodHandler; the package carries no types


class Guard(grpc.ServerInterceptor):
    """Refuses calls without the token (None = anyone may call) and translates failures."""

    def __init__(self, token: str | None) -> None:
        self._token = token

    def intercept_service(self, continuation: Callable[[Any], Handler], details: Any) -> Handler:
        handler = continuation(details)
        if handler is None:
            return None
        given = dict(details.invocation_metadata).get("authn-token", "")
        allowed = self._token is None or hmac.compare_digest(
            str(given).encode(), self._token.encode()
        )
        return _wrapped(handler, details.method, allowed)


def _wrapped(handler: Handler, method: str, allowed: bool) -> Handler:
    if handler.response_streaming:
        inner = handler.stream_stream or handler.unary_stream

        def stream(request: Any, context: Any) -> Iterator[Any]:
            try:
                _check(context, allowed)
                yield from inner(request, context)
            except Exception as error:
                _fail(error, method, context)

        make = (
            grpc.stream_stream_rpc_method_handler
            if handler.request_streaming
            else grpc.unary_stream_rpc_method_handler
        )
        return make(stream, handler.request_deserializer, handler.response_serializer)

    inner = handler.stream_unary or handler.unary_unary

    def single(request: Any, context: Any) -> Any:
        try:
            _check(context, allowed)
            return inner(request, context)
        except Exception as error:
            _fail(error, method, context)

    make = (
        grpc.stream_unary_rpc_method_handler
        if handler.request_streaming
        else grpc.unary_unary_rpc_method_handler
    )
    return make(single, handler.request_deserializer, handler.response_serializer)


def _check(context: Any, allowed: bool) -> None:
    if not allowed:
        context.abort(grpc.StatusCode.UNAUTHENTICATED, _HOW)


def _fail(error: Exception, method: str, context: Any) -> None:
    if context.code() is not None and not isinstance(error, NotImplementedError):
        raise error  # the handler has said its own status
    if not context.is_active():
        # nobody to tell, and nothing that went wrong here: gRPC would log a plain raise
        context.abort(grpc.StatusCode.CANCELLED, "the client has gone")
    known = status_of(error, method)
    if known is None:
        _LOG.exception("%s failed", method)
        known = grpc.StatusCode.INTERNAL, f"{method} failed: {type(error).__name__}: {error}"
    context.abort(*known)
