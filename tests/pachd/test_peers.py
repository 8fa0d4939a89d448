"""Who is at the other end of a connection: asked of the kernel, and read in its tables."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tycokit.pachd.rpc import peer

NOBODY = 65534


@pytest.fixture(params=["service", "tables"], autouse=True)
def kernel(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "tables":
        monkeypatch.setattr(peer, "_SOCK_DIAG", 999)  # as on a kernel that has no such service


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


def user(listener: socket.socket, port: int) -> int | None:
    return peer.user_of(f"ipv4:127.0.0.1:{port}", listener.getsockname()[1])


@pytest.mark.parametrize(
    ("family", "host"),
    [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::ffff:127.0.0.1")],
)
def test_our_own_end(listener: socket.socket, family: int, host: str) -> None:
    with socket.socket(family) as ours:
        ours.connect((host, listener.getsockname()[1]))
        assert user(listener, ours.getsockname()[1]) == os.getuid()


def test_one_who_has_gone_is_nobody(listener: socket.socket) -> None:
    """Also root's pachd must not take it for root, which such sockets seem to belong to."""
    with socket.create_connection(listener.getsockname()) as ours:
        port = ours.getsockname()[1]
    accepted, _ = listener.accept()
    with accepted:
        assert user(listener, port) is None
    assert user(listener, port) is None


def test_another_machine_is_nobody(listener: socket.socket) -> None:
    for name in ("ipv4:192.0.2.1:80", "ipv6:[::1]:80", "unix:/tmp/x"):
        assert peer.user_of(name, listener.getsockname()[1]) is None


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_another_user(listener: socket.socket) -> None:
    program = (
        # what a connection needs is loaded first: nobody may not read root's Python
        "import encodings.idna, os, socket\n"
        f"os.setuid({NOBODY})\n"
        f"with socket.create_connection({listener.getsockname()}) as mine:\n"
        "    print(mine.getsockname()[1], flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        assert user(listener, int(other.stdout.readline())) == NOBODY
        other.stdin.write("\n")
