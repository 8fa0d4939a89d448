"""pachd as a process of its own that reclaims garbage all the time: started, killed, started again.

Run as a script it is that process: `pachd_process.py DATA` prints its port and serves.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from pathlib import Path

import psutil
from python_pachyderm import Client

from tycokit.pachd.server import Pachd

IDLE = 0.05  # seconds: garbage is looked for whenever there is a moment


class PachdProcess:
    """The process on one data folder."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.log = data.with_name(f"{data.name}.log")
        self._process: subprocess.Popen[str] | None = None

    def begin(self) -> None:
        """Start it, and do not wait."""
        with self.log.open("a") as log:
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(self.data)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def start(self) -> Client:
        """Start it, unless it was begun already; a client once it serves."""
        if self._process is None:
            self.begin()
        assert self._process is not None
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"pachd did not start:\n{self.log.read_text()}"
        return Client("127.0.0.1", int(line))

    @property
    def process(self) -> psutil.Process:
        assert self._process is not None
        return psutil.Process(self._process.pid)

    def workers(self) -> list[psutil.Process]:
        """All processes that it has started."""
        with contextlib.suppress(psutil.NoSuchProcess):
            return self.process.children(recursive=True)
        return []

    def kill(self) -> None:
        """SIGKILL; back once it and all that it had started are gone."""
        below = self.workers()
        assert self._process is not None
        self._process.kill()
        self._process.communicate()
        self._process = None
        _, alive = psutil.wait_procs(below, timeout=10)
        assert alive == [], "processes outlived the server that had started them"

    def end(self) -> None:
        """End it in good order, if it runs."""
        if self._process is not None:
            self._process.communicate(timeout=30)  # the end of its input tells it
            self._process = None


def serve(data: Path) -> None:
    pachd = Pachd(data, 0, None, dict(os.environ), idle=IDLE)
    sys.stdout.write(f"{pachd.start()}\n")
    sys.stdout.flush()
    ended = threading.Event()
    with contextlib.suppress(KeyboardInterrupt):
        sys.stdin.read()
        ended.set()
    pachd.stop()


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
