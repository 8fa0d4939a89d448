"""The local pachd as a background process: start it and stop it."""

from __future__ import annotations

import contextlib
import errno
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from tycokit.contexts.running import HOST, Running, find, log_path, process
from tycokit.errors import DiedAtStart, LocalError, NoAnswer, PortInUse

PORT = 30650
START_SECONDS = 90.0
STOP_SECONDS = 20.0
LOG_BYTES = 10_000_000  # a longer log is set aside at the next start
_POLL = 0.05

# Processes that this one started and has not yet seen end: subprocess wants them waited for.
_children: dict[int, subprocess.Popen[bytes]] = {}


def start(
    data: Path,
    port: int | None = None,
    *,
    no_token: bool = False,
    probe: Callable[[Running], None],
    seconds: float = START_SECONDS,
) -> tuple[Running, bool]:
    """The local pachd of this data folder, started if need be, and whether it was.

    `port` None is the usual one, 0 lets it choose a free one. Returns once `probe`, which raises
    NoAnswer while pachd is not ready, has come back. Raises PortInUse, DiedAtStart, or LocalError
    when it already runs in another way than asked for.
    """
    if (already := find(data)) is not None:
        _same(already, port, no_token)
        probe(already)
        return already, False
    port = PORT if port is None else port
    if port:
        _free(port)
    log = log_path(data)
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        if log.exists() and log.stat().st_size > LOG_BYTES:
            log.replace(log.with_suffix(".log.1"))
        with log.open("ab") as stream:
            begin = stream.tell()
            child = _spawn(data, port, no_token, stream.fileno())
    except OSError as error:
        raise LocalError(f"cannot start the local pachd in {data}: {error}") from error
    _children[child.pid] = child
    end = time.monotonic() + seconds
    while True:
        found = find(data)
        if found is not None:
            try:
                probe(found)
            except NoAnswer:
                pass
            else:
                return found, found.pid == child.pid
        if (code := child.poll()) is not None and find(data) is None:
            # (another `up` may have won the race for the folder: then that one's answer counts)
            _children.pop(child.pid, None)
            how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
            raise DiedAtStart(f"{how} while starting", log, tail(log, begin))
        if time.monotonic() > end:
            _end(psutil.Process(child.pid), 1.0)
            raise DiedAtStart(f"was not ready after {seconds:.0f} s", log, tail(log, begin))
        time.sleep(_POLL)


def stop(data: Path, seconds: float = STOP_SECONDS) -> Running | None:
    """End the local pachd of this data folder and answer what ran, None when none did.

    It is asked to end (SIGTERM); after `seconds` it is killed, with everything that it started.
    """
    found = find(data)
    if found is None:
        return None
    if (serving := process(found)) is not None:
        _end(serving, seconds)
    (data / "pachd.json").unlink(missing_ok=True)
    return found


def tail(log: Path, begin: int = 0, lines: int = 15) -> str:
    """The last lines of a log file, of what stands after byte `begin`."""
    try:
        with log.open("rb") as stream:
            stream.seek(begin)
            text = stream.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


def owner(port: int) -> str | None:
    """Which process listens on a port of this machine, as far as we may know."""
    try:
        for connection in psutil.net_connections(kind="tcp"):
            here = getattr(connection.laddr, "port", None) == port
            if here and connection.status == psutil.CONN_LISTEN and connection.pid:
                words = " ".join(psutil.Process(connection.pid).cmdline())
                return f"process {connection.pid} ({words[:80]})"
    except (psutil.Error, OSError):
        return None
    return None


def _spawn(data: Path, port: int, no_token: bool, log: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tycokit", "pachd", "--data", str(data.resolve())]
    command += ["--port", str(port)]
    if no_token:
        command.append("--no-token")
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,  # Ctrl-C in the terminal is not meant for it
        cwd=data,  # `-m` looks for modules in the current folder first: not in the user's
    )


def _free(port: int) -> None:
    """Raise PortInUse when the port is taken, LocalError when it cannot be had otherwise."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((HOST, port))
            trial.listen(1)
        except (OSError, OverflowError) as error:
            if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
                raise PortInUse(port, owner(port)) from error
            raise LocalError(f"cannot listen on port {port}: {error}") from error


def _same(running: Running, port: int | None, no_token: bool) -> None:
    if port and running.port != port:
        raise LocalError(
            f"the local pachd of {running.data} already runs, on port {running.port};"
            f" `tycokit down` it before you start it on {port}"
        )
    if no_token and not running.open:
        raise LocalError(
            f"the local pachd of {running.data} already runs, with a token;"
            " `tycokit down` it before you start it without"
        )


def _end(process: psutil.Process, seconds: float) -> None:
    child = _children.pop(process.pid, None)
    try:
        below = process.children(recursive=True)
        process.terminate()
        if not _gone(process, child, seconds):
            for one in [process, *below]:
                _kill(one)
            if not _gone(process, child, 10):
                raise LocalError(f"the local pachd (process {process.pid}) cannot be killed")
    except psutil.NoSuchProcess:
        pass
    except psutil.AccessDenied as error:
        raise LocalError(f"process {process.pid} belongs to somebody else") from error
    if child is not None:
        child.wait()


def _gone(process: psutil.Process, child: subprocess.Popen[bytes] | None, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while True:
        if child is not None:
            child.poll()
        try:
            # a zombie that nobody reaps (PID 1 of many containers does not) has ended too
            if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        if time.monotonic() > end:
            return False
        time.sleep(_POLL)


def _kill(process: psutil.Process) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.kill()
