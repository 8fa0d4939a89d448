"""Messages between runner and warm executor: a length, then that much JSON.

A stream socket keeps no borders between messages, and a cell may print more than any buffer
holds, so each message says how long it is.
"""

from __future__ import annotations

import json
import socket
import struct
from typing import Any

_LENGTH = struct.Struct(">Q")

Message = dict[str, Any]


def send(sock: socket.socket, message: Message) -> None:
    """Send one message; OSError when the other side is gone."""
    body = json.dumps(message).encode("ascii")
    sock.sendall(_LENGTH.pack(len(body)) + body)


def receive(sock: socket.socket) -> Message | None:
    """The next message, or None when the other side is gone (also in the middle of one)."""
    head = _exactly(sock, _LENGTH.size)
    if head is None:
        return None
    body = _exactly(sock, _LENGTH.unpack(head)[0])
    return None if body is None else json.loads(body)


def _exactly(sock: socket.socket, size: int) -> bytes | None:
    parts = bytearray()
    while len(parts) < size:
        try:
            part = sock.recv(min(size - len(parts), 1 << 20))
        except ConnectionError:
            return None
        if not part:
            return None
        parts += part
    return bytes(parts)
