"""Two pachds are spoken with at once: whatever goes wrong names the one that it went wrong with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import grpc

from tycokit.client import translate


@contextmanager
def speaking(context: str) -> Iterator[None]:
    """Turn what the client raises into a sentence that names the context."""
    try:
        yield
    except (grpc.RpcError, ConnectionError) as error:
        raise translate(error, context=context) from error
