"""What runs for a pachd that is one process of this machine: its workers' processes.

Each worker is a process below pachd's, and all that runs in it names it, its pipeline and its pachd
in its environment, as in Pachyderm's own containers. A worker stands for a pod: its name is the
pod's, its CPU time is that of all its processes, also of those that have ended since.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from tycokit.errors import OperationsError
from tycokit.operations.pods import Container, Disk, Event, Excerpt, Node, Pod, Reading, group

PACHD = "pachd"


@dataclass(frozen=True, slots=True)
class _Worker:
    name: str
    group: str


@dataclass(frozen=True, slots=True)
class _Spent:
    """Seconds of CPU time up to a moment."""

    cpu: float
    at: float


class Machine:
    """Looks at this machine's processes; keeps what it needs to see differences in time.

    Args:
        port: where pachd listens.

    Raises:
        OperationsError: no process of this machine that can be seen listens there.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._pachd = _listening(port)
        self._spent: dict[psutil.Process, _Spent] = {}
        self._workers: dict[psutil.Process, _Worker] = {}
        self._begun: defaultdict[str, set[psutil.Process]] = defaultdict(set)
        self._total = _Spent(sum(_busy()), time.monotonic())

    def close(self) -> None:
        """Nothing is held."""

    def read(self) -> Reading:
        """How it is now. CPU is the mean since the reading before, so the first one has none.

        Raises OperationsError where pachd's process has ended.
        """
        try:
            pods = [self._of_pachd(), *self._of_workers()]
            disks = tuple(_disks(file.path for file in self._pachd.open_files()))
        except psutil.NoSuchProcess as error:
            self._pachd = _listening(self._port)  # started again, or gone
            raise OperationsError("pachd's process has ended") from error
        except psutil.AccessDenied as error:
            raise OperationsError(f"pachd's process is another user's: {error}") from error
        return Reading(
            time.time(), "this machine", tuple(pods), (self._node(),), disks, tuple(_gaps(pods))
        )

    def events(self) -> tuple[Event, ...]:
        """There is nothing that would record any."""
        return ()

    def logs(self, wanted: Excerpt) -> Iterator[str]:
        """Raises OperationsError: no pod, no log of one."""
        raise OperationsError(
            f"{wanted.pod} is made of processes of this machine, it is no pod: all that it says is"
            " in Pachyderm's log, which `tycokit logs --all` shows"
        )

    def _of_pachd(self) -> Pod:
        times = self._pachd.cpu_times()
        return Pod(
            PACHD,
            PACHD,
            worker=False,
            state="Running",
            node=socket.gethostname(),
            started=self._pachd.create_time(),
            containers=(Container(PACHD, "", "running", ready=True),),
            cores=self._rate(self._pachd, times.user + times.system),
            memory=_memory(self._pachd),
        )

    def _of_workers(self) -> Iterator[Pod]:
        for root in self._pachd.children():
            with contextlib.suppress(psutil.Error):  # it has ended meanwhile
                family = [root, *root.children(recursive=True)]
                worker = self._worker(root, family)
                if worker is not None:
                    yield self._pod(worker, root, family)

    def _worker(self, root: psutil.Process, family: Iterable[psutil.Process]) -> _Worker | None:
        """Which worker's they are; none where nothing of a worker's has ever run in them."""
        if root not in self._workers:
            for process in family:
                env: dict[str, str] = {}
                with contextlib.suppress(psutil.Error):  # ended, or another user's
                    env = process.environ()
                if env.get("PACHD_PEER_SERVICE_PORT") == str(self._port) and "PPS_POD_NAME" in env:
                    of = group(env.get("PPS_PROJECT_NAME", ""), env.get("PPS_PIPELINE_NAME", ""))
                    self._workers[root] = _Worker(env["PPS_POD_NAME"], of)
                    break
        return self._workers.get(root)

    def _pod(self, worker: _Worker, root: psutil.Process, family: list[psutil.Process]) -> Pod:
        spent, memory = 0.0, 0
        for process in family:
            with contextlib.suppress(psutil.Error):
                times = process.cpu_times()
                # that of ended processes is with whoever has waited for them
                spent += times.user + times.system + times.children_user + times.children_system
                memory += _memory(process)
        # under its name it begins again when all its processes were lost
        begun = self._begun[worker.name]
        begun.add(root)
        container = Container("user", "", "running", ready=True, restarts=len(begun) - 1)
        return Pod(
            worker.name,
            worker.group,
            worker=True,
            state="Running",
            node=socket.gethostname(),
            started=root.create_time(),
            containers=(container,),
            cores=self._rate(root, spent),
            memory=memory,
        )

    def _rate(self, process: psutil.Process, cpu: float) -> float | None:
        """Cores that were busy with it since the reading before."""
        now = time.monotonic()
        before = self._spent.get(process)
        self._spent[process] = _Spent(cpu, now)
        return None if before is None else _cores(before, self._spent[process])

    def _node(self) -> Node:
        memory, before = psutil.virtual_memory(), self._total
        self._total = _Spent(sum(_busy()), time.monotonic())
        return Node(
            name=socket.gethostname(),
            ready=True,
            cores=float(psutil.cpu_count() or 1),
            memory=memory.total,
            used_cores=_cores(before, self._total),
            used_memory=memory.total - memory.available,
        )


def _cores(before: _Spent, now: _Spent) -> float:
    return max(0.0, now.cpu - before.cpu) / max(now.at - before.at, 0.001)


def _busy() -> Iterator[float]:
    times = psutil.cpu_times()
    idle = ("idle", "iowait", "guest", "guest_nice")  # a guest's time is in user's already
    yield from (getattr(times, name) for name in times._fields if name not in idle)


def _memory(process: psutil.Process) -> int:
    """What it holds; of pages that it shares with others its part, so that sums are right."""
    try:
        return int(process.memory_full_info().pss)
    except psutil.AccessDenied:
        return int(process.memory_info().rss)


def _gaps(pods: list[Pod]) -> Iterator[str]:
    if any(pod.cores is None for pod in pods):
        yield "CPU is known from the second look on"


def _disks(files: Iterable[str]) -> Iterator[Disk]:
    """The file systems that these files are on, each once."""
    seen = set()
    for folder in sorted({str(Path(file).parent) for file in files}):
        with contextlib.suppress(OSError):  # it was removed while it was open
            device = os.stat(folder).st_dev
            if device not in seen:
                seen.add(device)
                usage = shutil.disk_usage(folder)
                yield Disk(folder, usage.free, usage.total)


def _listening(port: int) -> psutil.Process:
    """The process that listens on a port. Raises OperationsError."""
    try:
        for connection in psutil.net_connections("tcp"):
            at = getattr(connection.laddr, "port", None)
            if connection.status == psutil.CONN_LISTEN and at == port and connection.pid:
                return psutil.Process(connection.pid)
    except psutil.Error as error:
        raise OperationsError(f"this machine's processes cannot be seen: {error}") from error
    raise OperationsError(
        f"no process of this machine, or none of yours, listens on port {port}: pachd runs"
        " elsewhere"
    )
