"""One worker's process tree: a private /pfs, and commands run in it one after the other."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tycokit.errors import WorkerLost
from tycokit.pachd.pps import init
from tycokit.pachd.pps.command import POLL, Command, Emit, Lines, Outcome
from tycokit.pachd.pps.namespace import Mounts, Namespace
from tycokit.pachd.pps.users import Account

_READ = 1 << 16


class Container:
    """Starts on construction; `close` ends every process that ever started in it.

    Args:
        account: who its commands run as; None: who pachd does.

    Raises:
        WorkerLost: it cannot be started.
    """

    def __init__(
        self, namespace: Namespace, mounts: Mounts, account: Account | None = None
    ) -> None:
        self._account = account
        ours, theirs = socket.socketpair()
        self._link = ours
        self._answers = b""
        command = [sys.executable, "-I", "-S", init.__file__, str(theirs.fileno())]
        with theirs:
            try:
                self._process = subprocess.Popen(
                    [*namespace.wrap(mounts, account is not None), *command],
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    cwd="/",
                    start_new_session=True,  # a terminal's Ctrl-C is pachd's to handle
                )
            except OSError as error:
                ours.close()
                raise WorkerLost(str(error)) from error

    def run(
        self,
        cmd: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path | str,
        stdin: bytes,
        emit: Emit,
        timeout: float | None,
        cancelled: Callable[[], bool],
    ) -> Outcome:
        """Run a command to its end, its output handed on line by line.

        Args:
            timeout: seconds after which its process group is killed.
            cancelled: asked now and then; once true, the same happens.

        Raises:
            WorkerLost: the container has died.
        """
        started = time.monotonic()
        with self.start(cmd, env=env, cwd=cwd, stdin=stdin, emit=emit) as command:
            while command.outcome is None:
                command.attend(POLL)
                if timeout is not None and time.monotonic() - started > timeout:
                    command.kill(f"timed out after {timeout:g} s")
                elif cancelled():
                    command.kill("cancelled")
            return command.outcome

    def start(
        self,
        cmd: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path | str,
        stdin: bytes,
        emit: Emit,
    ) -> Command:
        """Start a command; one at a time. Raises WorkerLost."""
        account = self._account
        user = [account.uid, account.gid] if account is not None else None
        asked = {"cmd": list(cmd), "env": dict(env), "cwd": str(cwd), "user": user}
        request = json.dumps(asked).encode()
        with contextlib.ExitStack() as handed_over, contextlib.ExitStack() as on_failure:
            source = handed_over.enter_context(tempfile.TemporaryFile())
            source.write(stdin)
            source.seek(0)
            pipes: dict[int, Lines] = {}
            descriptors = [source.fileno()]
            for stream in ("stdout", "stderr"):
                read, write = os.pipe()
                on_failure.callback(os.close, read)
                handed_over.callback(os.close, write)
                pipes[read] = Lines(stream, emit)
                descriptors.append(write)
            try:
                head = struct.pack("<I", len(request))
                socket.send_fds(self._link, [head], descriptors)
                self._link.sendall(request)
            except OSError as error:
                raise WorkerLost(str(error)) from error
            on_failure.pop_all()
        return Command(self._link, self._receive, pipes)

    def _receive(self) -> list[dict[str, Any]]:
        try:
            data = self._link.recv(_READ)
        except OSError as error:
            raise WorkerLost(str(error)) from error
        if not data:
            raise WorkerLost(f"its first process ended with exit code {self._process.wait()}")
        *lines, self._answers = (self._answers + data).split(b"\n")
        return [json.loads(line) for line in lines]

    def close(self) -> bool:
        """End everything and wait for it; False when its first process was killed meanwhile.

        Then what user code had sent to a session of its own may live on.
        """
        self._link.close()
        try:
            return self._process.wait(timeout=10) == 0
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            return False
