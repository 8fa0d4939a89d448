"""The one place that gives each failure its gRPC status."""

from __future__ import annotations

import errno
import sqlite3

import grpc

from tycokit.errors import (
    AlreadyExists,
    CommitNotFinished,
    NotFound,
    NotServed,
    PachdError,
    ProjectNotEmpty,
    RequestFailed,
    StoreError,
)

_CODES: tuple[tuple[type[PachdError], grpc.StatusCode], ...] = (
    (NotFound, grpc.StatusCode.NOT_FOUND),
    (AlreadyExists, grpc.StatusCode.ALREADY_EXISTS),
    (ProjectNotEmpty, grpc.StatusCode.FAILED_PRECONDITION),
    (NotServed, grpc.StatusCode.UNIMPLEMENTED),
    (CommitNotFinished, grpc.StatusCode.UNAVAILABLE),
    (StoreError, grpc.StatusCode.DATA_LOSS),
)


def status_of(error: Exception, method: str) -> tuple[grpc.StatusCode, str] | None:
    """Code and text for a client; None for an error that nobody foresaw."""
    if isinstance(error, RequestFailed):
        inner = status_of(error.cause, method)
        return (inner[0] if inner else grpc.StatusCode.UNKNOWN), str(error)
    if isinstance(error, PachdError):
        for kind, code in _CODES:
            if isinstance(error, kind):
                return code, str(error)
        return grpc.StatusCode.UNKNOWN, str(error)  # Pachyderm's code for what its rules forbid
    if isinstance(error, NotImplementedError):
        return grpc.StatusCode.UNIMPLEMENTED, f"{method} is not served by the local pachd"
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    if full or (isinstance(error, sqlite3.OperationalError) and "full" in str(error)):
        text = "the disk that holds the data folder is full: nothing of this call was kept"
        return grpc.StatusCode.RESOURCE_EXHAUSTED, text
    return None
