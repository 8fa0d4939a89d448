"""Real receivers on loopback: a mail server, and web endpoints that behave well or badly."""

from __future__ import annotations

import email
import email.policy
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller


class MailServer:
    """An SMTP server that keeps what it accepts; `refuse` answers an error so many times first."""

    def __init__(self, refuse: int = 0) -> None:
        self.refuse = refuse
        self.messages: list[EmailMessage] = []
        self.receivers: list[list[str]] = []
        self.asked = 0

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.asked += 1
        if self.asked <= self.refuse:
            return "451 try again later"
        made = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(made, EmailMessage)
        self.messages.append(made)
        self.receivers.append(envelope.rcpt_tos)
        return "250 OK"


@contextmanager
def mail_server(refuse: int = 0) -> Iterator[tuple[MailServer, str]]:
    """The server, and the apprise URL that sends to it."""
    handler = MailServer(refuse)
    controller = Controller(handler, hostname="127.0.0.1", port=free_port())
    controller.start()
    try:
        yield handler, f"mailto://127.0.0.1:{controller.port}?from=server@example.com&to=all@x.org"
    finally:
        controller.stop()


class Hook:
    """A web endpoint: `manner` is ok, refuses (500), slow (never answers in time) or drops."""

    def __init__(self, manner: str) -> None:
        self.manner = manner
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []


@contextmanager
def web_hook(manner: str = "ok") -> Iterator[tuple[Hook, str]]:
    """The endpoint, and the apprise URL that posts JSON to it."""
    hook, ended = Hook(manner), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            hook.bodies.append(body)
            hook.headers.append(dict(self.headers.items()))
            if hook.manner == "drops":
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            if hook.manner == "slow":
                ended.wait(20)
            self.send_response(500 if hook.manner == "refuses" else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            pass  # whoever asked has gone

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield hook, f"json://127.0.0.1:{server.server_address[1]}/hook/s3cret-token"
    finally:
        ended.set()
        server.shutdown()
        thread.join()
        server.server_close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for(messages: list[Any], count: int, seconds: float = 30) -> None:
    """Back once so many have arrived; AssertionError if they do not."""
    end = time.monotonic() + seconds
    while len(messages) < count:
        assert time.monotonic() < end, f"{len(messages)} of {count} messages arrived"
        time.sleep(0.02)
