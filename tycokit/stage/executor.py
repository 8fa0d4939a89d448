"""The warm executor's process: binds the socket, starts the worker and watches over it.

`python -m tycokit.stage.executor FOLDER IDLE_SECONDS [PID]` ends as soon as the socket listens.
What it leaves is a supervisor, which imports nothing heavy, and its child, the worker, which runs
the notebooks. A cell can hang in C, exhaust the memory or crash the worker: none of it reaches the
supervisor. It interrupts the worker's cell when the client is gone or the time is up, kills it if
that does not help, and records how it ended. PID: a process whose end is theirs too.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path

from tycokit.stage.place import Place

# how long a cell may take to end after it was interrupted
GRACE = 5.0


def main(arguments: list[str]) -> int:
    """Bind, go into the background, run. Returns only in the process that was started."""
    place = Place(Path(arguments[0]))
    idle = float(arguments[1])
    owner = int(arguments[2]) if len(arguments) > 2 else None
    listener = socket.socket(socket.AF_UNIX)
    place.socket.unlink(missing_ok=True)
    listener.bind(str(place.socket))
    listener.listen(64)
    if os.fork():
        return 0
    os.setsid()
    ours, workers = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    worker = os.fork()
    if worker == 0:
        os.setpgid(0, 0)
        ours.close()
        _work(place, listener, workers, idle)
    with suppress(OSError):
        os.setpgid(worker, worker)
    listener.close()
    workers.close()
    Supervisor(place, worker, ours, owner).watch()
    os._exit(0)


def _work(place: Place, listener: socket.socket, control: socket.socket, idle: float) -> None:
    code = 1
    try:
        # the place's folder, which -m put there
        sys.path[:] = [path for path in sys.path if path != str(place.folder)]
        from tycokit.stage.worker import Worker

        Worker(place, listener, control, idle).serve()
        code = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        with suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        # not sys.exit: libraries' threads and exit handlers may hang
        os._exit(code)


class Supervisor:
    """Watches one worker until it ends.

    The worker says `begin` (with the client's connection and a time limit in seconds) and `end`
    over `control`, a datagram each.
    """

    def __init__(
        self, place: Place, worker: int, control: socket.socket, owner: int | None
    ) -> None:
        self._place = place
        self._worker = worker
        self._control = control
        self._client: socket.socket | None = None
        self._deadline: float | None = None
        self._kill_at: float | None = None
        self._stop = False
        self._owner = _pidfd(owner) if owner else None
        self._poll = select.poll()

    def watch(self) -> None:
        """Returns when the worker has ended and its end is on record."""
        woken, wake = socket.socketpair()
        woken.setblocking(False)
        wake.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self._terminate)
        signal.set_wakeup_fd(wake.fileno())
        self._control.setblocking(False)
        for file in (woken, self._control):
            self._poll.register(file, select.POLLIN)
        if self._owner is not None:
            self._poll.register(self._owner, select.POLLIN)
        while True:
            ended, status, usage = os.wait4(self._worker, os.WNOHANG)
            if ended:
                self._record(status, usage.ru_maxrss)
                return
            client = self._client
            events = dict(self._poll.poll(self._patience()))
            with suppress(BlockingIOError):
                woken.recv(4096)
            self._listen()
            # the next datum's client may have come to the number of the one that left
            known = self._client is not None and self._client is client
            if known and client is not None and client.fileno() in events:
                self._forget_client()
                self._interrupt()
            now = time.monotonic()
            if self._deadline is not None and now >= self._deadline:
                self._interrupt()
            if self._owner is not None and self._owner in events:
                self._stop = True
            if self._stop or (self._kill_at is not None and now >= self._kill_at):
                self._kill(signal.SIGKILL)

    def _terminate(self, *_: object) -> None:
        self._stop = True

    def _patience(self) -> float | None:
        """Milliseconds until something must be done anyway."""
        times = [at for at in (self._deadline, self._kill_at) if at is not None]
        return max(0.0, min(times) - time.monotonic()) * 1000 + 1 if times else None

    def _listen(self) -> None:
        while True:
            try:
                text, files, _, _ = socket.recv_fds(self._control, 4096, 1)
            except (BlockingIOError, ConnectionError):
                return
            if not text:
                return
            self._forget_client()
            self._deadline = self._kill_at = None
            message = json.loads(text)
            if message["what"] == "begin":
                self._client = socket.socket(fileno=files[0])
                # nothing to wait for but the end of the connection
                self._poll.register(self._client, 0)
                if message["timeout"] is not None:
                    self._deadline = time.monotonic() + message["timeout"]

    def _forget_client(self) -> None:
        if self._client is not None:
            self._poll.unregister(self._client)
            self._client.close()
            self._client = None

    def _interrupt(self) -> None:
        self._deadline = None
        self._kill_at = time.monotonic() + GRACE
        self._kill(signal.SIGINT)

    def _kill(self, number: int) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._worker, number)

    def _record(self, status: int, peak: int) -> None:
        code = os.waitstatus_to_exitcode(status)
        record = {
            "signal": -code if code < 0 else None,
            "exit_code": code if code >= 0 else None,
            # macOS counts bytes, Linux kilobytes
            "peak_mb": peak >> (20 if sys.platform == "darwin" else 10),
        }
        path = self._place.ended(self._worker)
        part = path.with_suffix(".part")
        part.write_text(json.dumps(record))
        part.replace(path)
        # what the worker's cells started and left, which may hold the client's connection
        self._kill(signal.SIGKILL)
        if self._client is not None:
            with suppress(OSError):
                self._client.shutdown(socket.SHUT_RDWR)


def _pidfd(pid: int) -> int | None:
    """A file that becomes readable when the process ends; None where there is no such thing."""
    with suppress(AttributeError, OSError):
        return os.pidfd_open(pid)
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
