"""The first process of a worker: starts one command after the other, and ends with all of them.

Run as a script by file name, so that it needs nothing but the standard library, inside the
worker's mount namespace. It talks through the socket whose descriptor is its argument: a request
is a length, JSON and the command's three descriptors; answers are lines of JSON, the process id
first, then how the process ended. When the other side is gone, everything started here is killed.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import signal
import socket
import struct
import sys
from typing import Any

_PR_SET_CHILD_SUBREAPER = 36


def main() -> None:
    link = socket.socket(fileno=int(sys.argv[1]))
    link.set_inheritable(False)
    # a daemon that user code leaves behind becomes a child of this process, and so can be ended
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    for ignored in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ignored, signal.SIG_IGN)
    current = 0
    waited = select.poll()  # select.select takes no descriptor above 1023
    for descriptor in (link.fileno(), wake_read):
        waited.register(descriptor, select.POLLIN)
    try:
        while True:
            ready = [descriptor for descriptor, _ in waited.poll()]
            if link.fileno() in ready:
                request = _receive(link)
                if request is None:
                    return
                current = _start(link, *request)
            if wake_read in ready:
                os.read(wake_read, 4096)
                current = _reap(link, current)
    finally:
        _kill_all()


def _receive(link: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    try:
        head, descriptors, _, _ = socket.recv_fds(link, 4, 3)
    except OSError:
        return None
    if len(head) < 4:
        return None
    (left,) = struct.unpack("<I", head)
    data = b""
    while len(data) < left:
        piece = link.recv(left - len(data))
        if not piece:
            return None
        data += piece
    return json.loads(data), descriptors


def _start(link: socket.socket, request: dict[str, Any], descriptors: list[int]) -> int:
    """Fork and exec rather than subprocess: any child may have to be reaped here."""
    error_read, error_write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.setsid()
            signal.set_wakeup_fd(-1)
            for each in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM, signal.SIGPIPE):
                signal.signal(each, signal.SIG_DFL)
            for target, source in enumerate(descriptors):
                os.dup2(source, target)
            os.closerange(3, error_write)
            os.closerange(error_write + 1, 4096)
            os.chdir(request["cwd"])
            if request["user"] is not None:
                uid, gid = request["user"]
                os.setgroups([])
                os.setgid(gid)
                os.setuid(uid)
            os.execvpe(request["cmd"][0], request["cmd"], request["env"])
        except BaseException as error:
            os.write(error_write, f"{request['cmd'][0]}: {error}".encode())
        finally:
            os._exit(127)
    os.close(error_write)
    for descriptor in descriptors:
        os.close(descriptor)
    failure = b""
    while piece := os.read(error_read, 4096):  # exec closes the other end
        failure += piece
    os.close(error_read)
    _answer(link, {"pid": pid, "error": failure.decode(errors="replace")})
    return pid


def _reap(link: socket.socket, current: int) -> int:
    """Collect what has ended; when that is the command, kill the rest of its group and answer."""
    while True:
        try:
            pid, status, usage = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            return current
        if pid == 0:
            return current
        if pid == current:
            current = 0
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)
            code = os.waitstatus_to_exitcode(status)
            _answer(link, {"exit": code, "peak_kib": usage.ru_maxrss})


def _answer(link: socket.socket, message: dict[str, Any]) -> None:
    with contextlib.suppress(OSError):
        link.sendall(json.dumps(message).encode() + b"\n")


def _kill_all() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    while children := _children(os.getpid()):
        for pid in children:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(-1, 0)


def _children(pid: int) -> list[int]:
    """Direct children; those of a killed one come here in its place."""
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(each) for each in file.read().split()]


if __name__ == "__main__":
    main()
