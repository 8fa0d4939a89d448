"""What runs where pachd runs: pods with their containers, the nodes below them, their disks.

Times are seconds since the epoch, memory and disks are bytes, CPU is in cores. None is what nobody
tells. On a single machine a worker's processes are its pod.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from tycokit.repos.addresses import called

PULLING = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"})
CRASHED = frozenset({"CrashLoopBackOff", "OOMKilled", "Error", "Failed"})
UNMADE = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})
BAD = PULLING | CRASHED | UNMADE | {"Evicted", "Unschedulable"}
"""The words for pods that do not get better by themselves."""


@dataclass(frozen=True, slots=True)
class Container:
    """A container of a pod.

    `state` is running, waiting or ended, `reason` and `message` are Kubernetes' own about it;
    `last` and `last_code` say how it ended last, "" and None where it never has.
    """

    name: str
    image: str
    state: str
    reason: str = ""
    message: str = ""
    ready: bool = False
    restarts: int = 0
    last: str = ""
    last_code: int | None = None

    @property
    def crashed(self) -> bool:
        """It has ended badly, and waits to be started again."""
        return self.state == "waiting" and self.reason in CRASHED


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod. `group` is the pipeline that it works for (as `project/pipeline` outside the project
    default), else the application that it belongs to; `worker` tells which.

    `state` is the word that kubectl shows, `message` the sentence behind it. Before the others
    `containers` has the init container that keeps them waiting, where one does.
    """

    name: str
    group: str
    worker: bool
    state: str
    namespace: str = ""
    node: str = ""
    message: str = ""
    started: float | None = None
    containers: tuple[Container, ...] = ()
    cores: float | None = None
    memory: int | None = None

    @property
    def restarts(self) -> int:
        return sum(one.restarts for one in self.containers)

    @property
    def ready(self) -> bool:
        return bool(self.containers) and all(one.ready for one in self.containers)


@dataclass(frozen=True, slots=True)
class Node:
    """A machine. `cores` and `memory` are what it has, `used_…` what is taken of them.

    `troubles` are the conditions that it reports against itself, as "DiskPressure: why".
    """

    name: str
    ready: bool
    cores: float
    memory: int
    used_cores: float | None = None
    used_memory: int | None = None
    troubles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Disk:
    """A file system that pachd writes to, by one of the folders on it."""

    path: str
    free: int
    total: int


@dataclass(frozen=True, slots=True)
class Event:
    """A warning of Kubernetes about the object `about`: `Pod name`, seen `count` times."""

    about: str
    reason: str
    message: str
    count: int
    at: float | None


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The log of a container of a pod: the last `tail` lines of it (0: all), and more as they come
    with `follow`; `previous` is the one before it, which has ended.
    """

    pod: str
    container: str
    follow: bool = False
    tail: int = 0
    previous: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """All of it at one moment. `gaps` are sentences about what could not be known, and why."""

    at: float
    where: str
    pods: tuple[Pod, ...]
    nodes: tuple[Node, ...] = ()
    disks: tuple[Disk, ...] = ()
    gaps: tuple[str, ...] = ()

    def seen_from(self, home: str) -> Reading:
        """The same, each pipeline called as where `home` is the project meant."""
        return replace(self, pods=tuple(_seen_from(pod, home) for pod in self.pods))


def group(project: str, pipeline: str) -> str:
    """How a pipeline is called: its project stands before it unless that is the usual one."""
    return called(project, pipeline)


def _seen_from(pod: Pod, home: str) -> Pod:
    project, _, pipeline = pod.group.rpartition("/")
    return replace(pod, group=called(project, pipeline, home)) if pod.worker else pod
