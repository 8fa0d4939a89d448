"""The runner's side of the warm executor: find it or start it, send a datum, follow the run."""

from __future__ import annotations

import fcntl
import json
import socket
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from tycokit.errors import ExecutorDied, ExecutorError
from tycokit.stage import blackbox, report, wire
from tycokit.stage.place import Place

START_LIMIT = 60.0
RECORD_LIMIT = 5.0
ATTEMPTS = 5

Write = Callable[[str, str], None]


def run(
    place: Place,
    request: Mapping[str, Any],
    write: Write,
    *,
    env: Mapping[str, str],
    idle: float,
    owner: int | None = None,
) -> wire.Message:
    """Have the request run; its `result` message. `write` gets what the cells print meanwhile.

    A new executor gets the environment, ends after `idle` seconds without a request and with the
    process `owner`. ExecutorError when none can be started, ExecutorDied when it ends in the run.
    """
    for _ in range(ATTEMPTS):
        connection = _connect(place) or _start(place, env, idle, owner)
        with connection:
            try:
                wire.send(connection, {**request, "type": "run", "idle": idle})
                answer = wire.receive(connection)
            except OSError:
                answer = None
            # it was about to end, or it was made for something else and ends now
            if answer is None or answer["type"] == "stale":
                continue
            return _follow(place, connection, answer, write)
    raise ExecutorError(
        f"the warm executor ended {ATTEMPTS} times before it took the datum;"
        f" its log, {place.log}, ends with:\n{report.tail(place.log, 0, 4 << 10)}"
    )


def end(place: Place) -> None:
    """Tell the executor, if there is one, to end after the datum that it runs."""
    connection = _connect(place)
    if connection is not None:
        with connection:
            try:
                wire.send(connection, {"type": "end"})
                wire.receive(connection)
            except OSError:
                return


def _connect(place: Place) -> socket.socket | None:
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(str(place.socket))
    except (FileNotFoundError, ConnectionError):
        connection.close()
        return None
    return connection


def _start(place: Place, env: Mapping[str, str], idle: float, owner: int | None) -> socket.socket:
    import subprocess

    with place.lock.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # another runner may have been quicker
        if connection := _connect(place):
            return connection
        _tidy(place)
        command = [sys.executable, "-m", "tycokit.stage.executor", str(place.folder), str(idle)]
        with place.log.open("a") as log:
            try:
                started = subprocess.run(
                    command + ([str(owner)] if owner else []),
                    cwd=place.folder,
                    env=dict(env),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    timeout=START_LIMIT,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                raise ExecutorError(
                    f"the warm executor was not ready within {START_LIMIT:.0f} s"
                ) from None
        connection = _connect(place)
        if started.returncode or connection is None:
            raise ExecutorError(
                "the warm executor could not be started; its log ends with:\n"
                + report.tail(place.log, 0, 4 << 10)
            )
        return connection


def _tidy(place: Place) -> None:
    """Drop what executors before left; a record stays long enough for its reader."""
    for path in [*place.folder.glob("ended-*"), *place.folder.glob("box-*")]:
        if time.time() - path.stat().st_mtime > 60:
            path.unlink(missing_ok=True)
    place.log.write_text("")


def _follow(
    place: Place, connection: socket.socket, accepted: wire.Message, write: Write
) -> wire.Message:
    while (message := wire.receive(connection)) is not None:
        if message["type"] == "stream":
            write(message["name"], message["text"])
        else:
            for name, text in message["printed"]:
                write(name, text)
            return message
    left = blackbox.read(place.box(accepted["pid"]))
    for name, text in left.printed:
        write(name, text)
    write("stderr", report.tail(place.log, accepted["log"]))
    raise _died(place, accepted["pid"], left.cell)


def _died(place: Place, pid: int, cell: int) -> ExecutorDied:
    path = place.ended(pid)
    limit = time.monotonic() + RECORD_LIMIT
    while not path.exists():
        if time.monotonic() > limit:
            return ExecutorDied("the warm executor ended, and its supervisor left no record")
        time.sleep(0.01)
    record = json.loads(path.read_text())
    where = f" in cell {cell}" if cell else ""
    if record["signal"] is not None:
        how = f"was killed by signal {record['signal']} ({_name(record['signal'])})"
    else:
        how = f"ended with exit code {record['exit_code']}"
    return ExecutorDied(
        f"the warm executor {how}{where}, peak memory {record['peak_mb']} MB", cell=cell, **record
    )


def _name(number: int) -> str:
    import signal

    try:
        return signal.Signals(number).name
    except ValueError:
        return "unknown"
