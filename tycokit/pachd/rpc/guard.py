"""What stands before every handler: the token, room for it, and errors in gRPC's terms."""

from __future__ import annotations

import contextlib
import hmac
import logging
import threading
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
_STREAMS = ("ModifyFile", "GetFile", "GetFileTAR", "Fsck", "SubscribeCommit", "SubscribeJob")


class Guard(grpc.ServerInterceptor):
    """Refuses calls without the token and those that are too many, and translates failures.

    Args:
        token: None = anyone may call.
        most: how many calls may last at the same time (those that wait for something, and those
            that go on as their client does), so that there are threads for all others.
    """

    def __init__(self, token: str | None, most: int) -> None:
        self._token = token
        self._most = most
        self._lasting = 0
        self._lock = threading.Lock()

    def intercept_service(self, continuation: Callable[[Any], Handler], details: Any) -> Handler:
        handler = continuation(details)
        if handler is None:
            return None
        given = dict(details.invocation_metadata).get("authn-token", "")
        allowed = self._token is None or hmac.compare_digest(
            str(given).encode(), self._token.encode()
        )
        return _wrapped(handler, details.method, allowed, self._room)

    @contextlib.contextmanager
    def _room(self, method: str, request: Any, context: Any) -> Iterator[None]:
        if not _lasts(method, request):
            yield
            return
        with self._lock:
            taken = self._lasting < self._most
            self._lasting += taken
        if not taken:
            said = f"{self._most} calls that wait or stream are open already: end some of them"
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, said)
        try:
            yield
        finally:
            with self._lock:
                self._lasting -= 1


def _lasts(method: str, request: Any) -> bool:
    """Whether a call takes as long as something else does."""
    if method.endswith(_STREAMS) or getattr(request, "follow", False):
        return True
    wait = getattr(request, "wait", False)  # a state, in InspectCommit; the first one is there
    return wait is True or wait > 1


Room = Callable[[str, Any, Any], contextlib.AbstractContextManager[None]]


def _wrapped(handler: Handler, method: str, allowed: bool, room: Room) -> Handler:
    if handler.response_streaming:
        inner = handler.stream_stream or handler.unary_stream

        def stream(request: Any, context: Any) -> Iterator[Any]:
            try:
                _check(context, allowed)
                with room(method, request, context):
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
            with room(method, request, context):
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
