"""Datum batching: one process asks Pachyderm's worker for one datum after the other.

On a cluster the process lives as long as a datum set, on the local pachd as its worker. The warm
executor, which it sends each datum to, outlives it: the next job finds the networks loaded too.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import NoReturn

from tycokit.errors import BatchError

PORT = "PPS_WORKER_GRPC_PORT"
# a datum's own, which Pachyderm gives to every process but one that shall ask for its datums
DATUM = "PACH_DATUM_ID"
LONGEST_ERROR = 2000
# the datum that a process has been given before it became another program
HELD = "TYCOKIT_HELD_DATUM"
METHOD = "/pachyderm.worker.Worker/NextDatum"


def is_on(env: Mapping[str, str]) -> bool:
    """Whether a pipeline's spec has set `datum_batching`, by what its process is told."""
    return PORT in env and DATUM not in env and "PACH_JOB_ID" not in env


def loop(
    env: Mapping[str, str],
    process: Callable[[Mapping[str, str]], str],
    outdated: Callable[[], bool],
) -> NoReturn:
    """Have every datum processed, until Pachyderm's worker ends this process.

    `process` gets each datum's environment and returns what went wrong, "" if nothing did. When
    `outdated` says so, this process starts its program anew, which goes on with the datum.
    BatchError when the worker does not answer, or says that it is over.
    """
    import grpc  # takes longer than a datum: here it is once a process

    own = {name: value for name, value in env.items() if name != HELD}
    error = process(own | variables(json.loads(env[HELD]))) if HELD in env else ""
    with grpc.insecure_channel(f"localhost:{env[PORT]}") as channel:
        next_datum = channel.unary_unary(
            METHOD, request_serializer=written, response_deserializer=read
        )
        while True:
            try:
                lines = next_datum(error[:LONGEST_ERROR])
            except grpc.RpcError as failure:
                raise BatchError(_reason(failure)) from None
            if outdated():
                again = [sys.executable, *sys.orig_argv[1:]]
                with suppress(OSError):  # too many inputs for an environment: then as it is
                    os.execve(sys.executable, again, own | {HELD: json.dumps(lines)})
            error = process(own | variables(lines))


def written(error: str) -> bytes:
    """A NextDatumRequest, whose one field is text; generated messages take 0.1 s to import."""
    data = error.encode("utf-8", "replace")
    return b"\x0a" + _number(len(data)) + data if data else b""


def read(data: bytes) -> list[str]:
    """The lines of a NextDatumResponse, whose one field is repeated text."""
    lines, at = [], 0
    while at < len(data):
        if data[at] != 0x0A:
            raise BatchError(f"it answered with a field that is unknown here ({data[at]})")
        size = shift = 0
        while True:
            at += 1
            size |= (data[at] & 0x7F) << shift
            shift += 7
            if data[at] < 0x80:
                break
        lines.append(data[at + 1 : at + 1 + size].decode("utf-8", "replace"))
        at += 1 + size
    return lines


def _number(value: int) -> bytes:
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)


def variables(lines: list[str]) -> dict[str, str]:
    """A datum's environment from NextDatum's `KEY=VALUE`s; a value may be quoted as in a .env."""
    found = {}
    for line in lines:
        name, _, value = line.partition("=")
        if len(value) > 1 and value[0] == value[-1] == "'":
            value = re.sub(r"\\(.)", r"\1", value[1:-1], flags=re.DOTALL)
        found[name] = value
    return found


def _reason(failure: object) -> str:
    details = getattr(failure, "details", None)
    return str((details() if callable(details) else None) or failure)
