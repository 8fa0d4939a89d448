"""One run of a notebook by `tycokit stage`, as a pipeline's worker would run it, in a process.

The kernel goes on meanwhile. The cells above the parameters stay warm from one run to the next: the
executor ends with the keeper, when it is idle, and when the notebook changes.
"""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tycokit.processing import following
from tycokit.trial.folder import Laid

IDLE = 300  # seconds that set-up cells stay warm
MOST_PRINTED = 200_000  # characters that are kept of what cells print
_CELL = re.compile(r"tycokit stage: cell (\d+)\n")
_SAID = re.compile(r"^tycokit stage: ", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Status:
    """How a run stands: `state` is running, success, failed or stopped.

    `cell` is the number of the cell that runs or ran last, from 1, 0 before the first. `printed` is
    what cells printed, `error` what the stage said of a failure. `executed` is the executed
    notebook, once there is one.
    """

    state: str
    cell: int
    seconds: float
    printed: str
    error: str
    executed: Path | None


class Keeper:
    """A process that lives as long as its owner, or until it is closed; what follows it ends too.

    It waits for the end of a pipe, which also comes when the owner is killed.
    """

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            ["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def close(self) -> None:
        """End it; again does nothing."""
        if self._process.returncode is None:
            self._process.communicate()


class Run:
    """A run that goes on; `stop` ends it."""

    def __init__(self, laid: Laid, words: Sequence[str], keeper: Keeper, scratch: Path) -> None:
        """`words`: options of `tycokit stage`. `scratch`: where a failed notebook is kept."""
        self._laid = laid
        self._begun = time.monotonic()
        self._ended: float | None = None
        self._stopped = False
        self._lock = threading.Lock()
        self._cell = 0
        self._printed = ""
        self._said = ""
        variables = {
            "TYCOKIT_PFS": str(laid.root),
            "TYCOKIT_WORKER_PID": str(keeper.pid),
            "XDG_STATE_HOME": str(scratch),
            **laid.variables,
        }
        stage = [sys.executable, "-m", "tycokit", "stage", "--cells", "--idle-timeout", str(IDLE)]
        self._process = subprocess.Popen(
            ["env", *(f"{name}={value}" for name, value in variables.items()), *stage, *words],
            cwd=laid.out.parent,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,  # the kernel's interrupt is not for it
        )
        readers = [
            threading.Thread(target=work, args=[pipe], name="tycokit-run", daemon=True)
            for work, pipe in (
                (self._print, self._process.stdout),
                (self._listen, self._process.stderr),
            )
        ]
        for reader in readers:
            reader.start()
        threading.Thread(target=self._wait, args=[readers], name="tycokit-run", daemon=True).start()

    def status(self) -> Status:
        with self._lock:
            ended, code = self._ended, self._process.returncode
            printed, said, cell = self._printed, self._said, self._cell
        seconds = (time.monotonic() if ended is None else ended) - self._begun
        if ended is None:
            state = "running"
        elif self._stopped:
            state = "stopped"
        else:
            state = "success" if code == 0 else "failed"
        executed = None if ended is None else self._executed(state, said)
        return Status(state, cell, seconds, printed, _SAID.sub("", said).strip(), executed)

    def stop(self) -> None:
        """Interrupt the cell that runs; a cell that does not mind is killed after some seconds."""
        with self._lock:
            if self._ended is None:
                self._stopped = True
                self._process.terminate()

    def wait(self, seconds: float | None = None) -> Status:
        """How it went, once it has ended, or after so many seconds."""
        end = None if seconds is None else time.monotonic() + seconds
        while (found := self.status()).state == "running":
            if end is not None and time.monotonic() > end:
                break
            time.sleep(0.02)
        return found

    def _print(self, pipe: IO[str]) -> None:
        with pipe:
            while text := pipe.readline():
                self._keep(text)

    def _listen(self, pipe: IO[str]) -> None:
        """What the cells and the stage itself say on standard error."""
        with pipe:
            while line := pipe.readline():
                found = _CELL.search(line)
                if found is None:
                    with self._lock:
                        self._said = (self._said + line)[-MOST_PRINTED:]
                    self._keep(line)
                    continue
                with self._lock:
                    self._cell = int(found[1])
                    self._said = ""  # what earlier cells said is no error
                if before := line[: found.start()]:
                    self._keep(before)

    def _keep(self, text: str) -> None:
        with self._lock:
            self._printed = (self._printed + text)[-MOST_PRINTED:]

    def _wait(self, readers: Sequence[threading.Thread]) -> None:
        for reader in readers:
            reader.join()
        self._process.wait()
        with self._lock:
            self._ended = time.monotonic()

    def _executed(self, state: str, said: str) -> Path | None:
        if state == "failed":
            kept = following.executed_notebook(said.splitlines())
            return None if kept is None else Path(kept)
        found = sorted(self._laid.out.rglob("*.ipynb"), key=lambda path: path.stat().st_mtime)
        return found[-1] if state == "success" and found else None


def results(out: Path, executed: Path | None) -> Mapping[str, int]:
    """The sizes of the files that a run left, by their path below its folder."""
    return {
        path.relative_to(out).as_posix(): path.stat().st_size
        for path in sorted(out.rglob("*"))
        if path.is_file() and path != executed
    }
