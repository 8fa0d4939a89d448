"""The warm executor's worker: runs one notebook again and again, a datum a request."""

from __future__ import annotations

import faulthandler
import json
import os
import resource
import signal
import socket
import sys
import traceback
from contextlib import suppress
from pathlib import Path

from tycokit.stage import execute, limits, memory, wire
from tycokit.stage.blackbox import BlackBox
from tycokit.stage.engine import WarmNotebook
from tycokit.stage.place import Place
from tycokit.stage.state import replace_environ
from tycokit.stage.stream import Flusher, Stream

# a client that connects must say what it wants within this time (seconds)
PATIENCE = 10.0
LOG_LIMIT = 1 << 20
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
        self._flusher = Flusher()
        self._box = BlackBox(place.box(os.getpid()))

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
        self._place.box(os.getpid()).unlink(missing_ok=True)
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
        self._box.enter(0)
        wire.send(connection, {"type": "accepted", "pid": os.getpid(), "log": start})
        begin = json.dumps({"what": "begin", "timeout": request["timeout"]}).encode()
        socket.send_fds(self._control, [begin], [connection.fileno()])
        limit = limits.LogLimit(request["log_limit"])
        stream = Stream(connection, limit, self._flusher, self._box)
        try:
            answer = self._run(request, stream)
        finally:
            self._control.send(json.dumps({"what": "end"}).encode())
        stream.copy("stderr", self._place.log, start)
        held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KILO
        most = request["memory_limit"]
        grown = most is not None and held > most
        note = limits.memory_note(held, most) if grown else ""
        last = grown or self._notebook is None or self._notebook.broken
        if last:
            self._retire()
        printed = stream.close()
        wire.send(connection, {"type": "result", "printed": printed, "note": note, **answer})
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

    def _run(self, request: wire.Message, stream: Stream) -> wire.Message:
        replace_environ(request["env"])
        try:
            os.chdir(request["cwd"])
            if self._notebook is None:
                self._notebook = WarmNotebook(self._place.folder / "ipython")
            self._notebook.on_text = stream.write

            def starts(number: int) -> None:
                # what was printed must not be lost with the process, should this cell end it
                if request["cells"]:
                    stream.write("stderr", f"tycokit stage: cell {number}\n")
                stream.secure()
                self._box.enter(number)

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
