"""TLS in front of a plain server, as a cluster's proxy does it, with a CA of the test's own."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import subprocess
import threading
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any


@dataclass(frozen=True, slots=True)
class Certificate:
    """A server's certificate and key, as PEM files."""

    chain: Path
    key: Path


class Authority:
    """A CA; `pem` is its certificate."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder, self._key, self._chain = folder, folder / "ca.key", folder / "ca.pem"
        _openssl(
            *_NEW_KEY, "-keyout", self._key, "-x509", "-days", "30", "-subj", "/CN=a CA",
            "-out", self._chain,
        )  # fmt: skip

    @property
    def pem(self) -> bytes:
        return self._chain.read_bytes()

    def certificate(self, name: str, names: str, days: int = 30) -> Certificate:
        """A certificate for a `subjectAltName`; one of -1 days has expired."""
        key, asked, chain = (self._folder / f"{name}.{end}" for end in ("key", "csr", "pem"))
        extra = self._folder / f"{name}.ext"
        extra.write_text(f"subjectAltName={names}\n")
        _openssl(*_NEW_KEY, "-keyout", key, "-subj", f"/CN={name}", "-out", asked)
        _openssl(
            "x509", "-req", "-in", asked, "-CA", self._chain, "-CAkey", self._key,
            "-CAcreateserial", "-days", str(days), "-extfile", extra, "-out", chain,
        )  # fmt: skip
        return Certificate(chain, key)


class TlsFront:
    """Takes TLS connections on a port of 127.0.0.1 and hands their bytes to another port."""

    def __init__(self, to: int, certificate: Certificate) -> None:
        self._to = to
        self._secure = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._secure.load_cert_chain(certificate.chain, certificate.key)
        self._secure.set_alpn_protocols(["h2"])
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._open: set[asyncio.Task[None]] = set()
        self.port = 0

    def __enter__(self) -> TlsFront:
        self._thread.start()
        self._server = self._do(asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._secure))
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _end(self) -> None:
        self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        inner, outer = await asyncio.open_connection("127.0.0.1", self._to)
        try:
            await asyncio.gather(_pump(reader, outer), _pump(inner, writer))
        except asyncio.CancelledError:
            pass  # the test has ended
        finally:
            self._open.discard(task)
            for each in (outer, writer):
                each.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
        writer.close()


_NEW_KEY = (
    "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
)  # fmt: skip


def _openssl(*words: object) -> None:
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)
