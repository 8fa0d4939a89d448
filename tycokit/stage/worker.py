"""The warm executor's worker: runs one notebook again and again, a datum a request."""

from __future__ import annotations

import codecs
import faulthandler
import json
import mmap
import os
import resource
import signal
import socket
import struct
import sys
import time
import traceback
from contextlib import suppress
from pathlib import Path
from threading import Event, Lock, Thread

from tycokit.stage import execute, limits, memory, wire
from tycokit.stage.engine import WarmNotebook
from tycokit.stage.place import Place
from tycokit.stage.state import replace_environ

# a client that connects must say what it wants within this time (seconds)
PATIENCE = 10.0
LOG_LIMIT = 1 << 20
_CELL = struct.Struct("<I")
# macOS counts bytes, Linux kilobytes
KILO = 1 if sys.platform == "darwin" else 1024


class Worker:
    """Serves one place's requests, one after the other, until it is idle for `idle` seconds.

    It is good for the digest of its first request; another one is answered `stale` and ends it, as
    do set-up cells that raise.
    """

    def __init__(
        self, place: Place, listener: socket.socket, control: socket.socket, idle: float
    ) -> None:
        self._place = place
        self._listener = listener
        self._control = control
        self._idle = idle
        self._digest: str | None = None
        self._notebook: WarmNotebook | None = None
        self._retired = False
        self._flusher = _Flusher()
        # written to without a system call, and left as it is when this process is killed
        with place.cell(os.getpid()).open("wb+") as file:
            file.truncate(_CELL.size)
            self._cell = mmap.mmap(file.fileno(), _CELL.size)

    def serve(self) -> None:
        """Returns when it has nothing left to do."""
        faulthandler.enable()
        memory.keep_freed()
        signal.signal(signal.SIGINT, lambda *_: None)
        env = dict(os.environ)
        while True:
            self._listener.settimeout(self._idle)
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                break
            with connection:
                connection.settimeout(PATIENCE)
                try:
                    request = wire.receive(connection)
                    if request is None:
                        continue
                    connection.settimeout(None)
                    if not self._answer(connection, request):
                        break
                except OSError:  # the client is gone, or never said what it wants
                    continue
                finally:
                    os.chdir("/")
                    replace_environ(env)
                    self._trim_log()
        self._retire()
        self._place.cell(os.getpid()).unlink(missing_ok=True)
        if self._notebook is not None:
            self._notebook.close()

    def _retire(self) -> None:
        if self._retired:  # the path may be the next executor's by now
            return
        self._retired = True
        # the path first: who connects from now on finds nothing, and starts a new executor;
        # who waits already is cut off, and does so too
        self._place.socket.unlink(missing_ok=True)
        self._listener.close()

    def _answer(self, connection: socket.socket, request: wire.Message) -> bool:
        """Serve one request. False when it was the last."""
        self._idle = float(request.get("idle") or self._idle)
        if request["type"] == "end" or not self._fits(request):
            self._retire()
            wire.send(connection, {"type": "stale"})
            return False
        start = self._log_size()
        self._note_cell(0)
        wire.send(connection, {"type": "accepted", "pid": os.getpid(), "log": start})
        begin = json.dumps({"what": "begin", "timeout": request["timeout"]}).encode()
        socket.send_fds(self._control, [begin], [connection.fileno()])
        stream = _Stream(connection, limits.LogLimit(request["log_limit"]), self._flusher)
        try:
            answer = self._run(request, stream)
        finally:
            self._control.send(json.dumps({"what": "end"}).encode())
        stream.copy("stderr", self._place.log, start)
        held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KILO
        limit = request["memory_limit"]
        grown = limit is not None and held > limit
        note = limits.memory_note(held, limit) if grown else ""
        stream.close()
        last = grown or self._notebook is None or self._notebook.broken
        if last:
            self._retire()
        wire.send(connection, {"type": "result", "note": note, **answer})
        return not last

    def _fits(self, request: wire.Message) -> bool:
        if self._digest is None:
            self._digest = request["digest"]
        # another mount namespace may have another file at the same path
        try:
            state = Path(request["notebook"]).stat()
        except OSError:
            return False
        same_file = request["inode"] == [state.st_dev, state.st_ino]
        return same_file and bool(request["digest"] == self._digest)

    def _run(self, request: wire.Message, stream: _Stream) -> wire.Message:
        replace_environ(request["env"])
        try:
            os.chdir(request["cwd"])
            if self._notebook is None:
                self._notebook = WarmNotebook(self._place.folder / "ipython")
            self._notebook.on_text = stream.write

            def starts(number: int) -> None:
                # what was printed must not be lost with the process, should this cell end it
                stream.flush()
                self._note_cell(number)

            self._notebook.on_cell = starts
            what = execute.Request(
                notebook=Path(request["notebook"]),
                parameters=request["parameters"],
                out=Path(request["out"]),
                fallback=request["fallback"],
                name=request["name"],
                commits=request["commits"],
            )
            result = execute.warm(what, self._notebook)
        except Exception as error:
            return {"ok": False, "path": None, "text": _explain(error)}
        path = None if result.path is None else str(result.path)
        return {"ok": result.ok, "path": path, "text": result.text}

    def _note_cell(self, number: int) -> None:
        _CELL.pack_into(self._cell, 0, number)

    def _log_size(self) -> int:
        with suppress(OSError):
            return self._place.log.stat().st_size
        return 0

    def _trim_log(self) -> None:
        if self._log_size() > LOG_LIMIT:
            os.truncate(self._place.log, 0)


def _explain(error: Exception) -> str:
    trace = "".join(traceback.format_exception(error))
    return f"the notebook could not be executed: {error}\n{trace}"


class _Flusher:
    """A thread that flushes the stream of the datum that runs, a little after it was written to."""

    DELAY = 0.05

    def __init__(self) -> None:
        self._written = Event()
        self._stream: _Stream | None = None
        Thread(target=self._run, daemon=True).start()

    def watch(self, stream: _Stream) -> None:
        """Flush this one soon."""
        self._stream = stream
        self._written.set()

    def _run(self) -> None:
        while self._written.wait():
            time.sleep(self.DELAY)
            self._written.clear()
            if self._stream is not None:
                self._stream.flush()


class _Stream:
    """Sends what cells print to the client: a little later, so that lines travel together."""

    LIMIT = 1 << 16
    PIECE = 1 << 20

    def __init__(
        self, connection: socket.socket, limit: limits.LogLimit, flusher: _Flusher
    ) -> None:
        self._connection = connection
        self._limit = limit
        self._flusher = flusher
        self._parts: list[tuple[str, str]] = []
        self._size = 0
        self._lock = Lock()
        self._gone = False

    def write(self, name: str, text: str) -> None:
        if not text or self._gone:
            return
        with self._lock:
            kept, note = self._limit.take(text)
            if not kept and not note:
                return
            self._parts += [(name, kept), ("stderr", note)] if note else [(name, kept)]
            self._size += len(kept)
            full = self._size > self.LIMIT
        if full:
            self.flush()
        else:
            self._flusher.watch(self)

    def copy(self, name: str, path: Path, start: int) -> None:
        """Write what a file got since it was `start` bytes long."""
        with suppress(OSError), path.open("rb") as file:
            file.seek(start)
            reader = codecs.getreader("utf-8")(file, "replace")
            while text := reader.read(self.PIECE):
                self.write(name, text)

    def close(self) -> None:
        """Send what is left; nothing is sent any more then."""
        self.flush()
        with self._lock:
            self._gone = True

    def flush(self) -> None:
        with self._lock:
            parts, self._parts, self._size = self._parts, [], 0
            merged: list[tuple[str, list[str]]] = []
            for name, text in parts:
                if merged and merged[-1][0] == name:
                    merged[-1][1].append(text)
                else:
                    merged.append((name, [text]))
            for name, texts in merged:
                text = "".join(texts)
                for at in range(0, len(text), self.PIECE):
                    piece = text[at : at + self.PIECE]
                    self._send({"type": "stream", "name": name, "text": piece})

    def _send(self, message: wire.Message) -> None:
        if not self._gone:
            try:
                wire.send(self._connection, message)
            except OSError:  # the supervisor knows, and interrupts the cell
                self._gone = True
