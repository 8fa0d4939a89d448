"""What is wrong, by the facts, and what to do next about each. Pure: values in, findings out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from tycokit.operations import pods
from tycokit.operations.pods import Container, Disk, Event, Node, Pod
from tycokit.operations.survey import Facts, Job, Pipeline
from tycokit.wording import counted

SPEAKS = (2, 7)  # the Pachyderm that this python_pachyderm is generated from
_BEGINNING = ("Pending", "ContainerCreating", "PodInitializing")
PATIENCE = 600.0  # seconds after which what has not moved is stuck
OFTEN = 5  # restarts that are worth a word
FULL, NEARLY = 10**9, 5 * 10**9  # bytes that are left on a disk

_NODES = {
    "NotReady": "`kubectl describe node {node}` tells when it was last heard of; restart or replace"
    " it: its pods move to others",
    "DiskPressure": "free its disk (old images, logs), or give it a larger one: Kubernetes evicts"
    " pods meanwhile",
    "MemoryPressure": "give pipelines with large pods a resource_limits.memory in their specs, or"
    " add nodes",
    "PIDPressure": "some pod starts processes without end: `tycokit top` shows which is busy",
    "NetworkUnavailable": "the network of the node is not set up: `kubectl describe node {node}`",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """`level` is wrong, or note for what need not be; `subject` is what it is about, `next` what
    a person can do.
    """

    level: Literal["wrong", "note"]
    subject: str
    what: str
    next: str


def check(facts: Facts) -> tuple[Finding, ...]:
    """All findings, what is wrong first, in the order in which to look at them."""
    found = list(_all(facts))
    return tuple(sorted(found, key=lambda one: one.level == "note"))


def _all(facts: Facts) -> Iterator[Finding]:
    if facts.silent:
        said = f"its log is {facts.log}; " if facts.log is not None else ""
        yield Finding("wrong", "pachd", facts.silent, f"{said}then `tycokit doctor` once more")
    if facts.version is not None:
        yield from _version(facts.version)
    if facts.reading is not None:
        for node in facts.reading.nodes:
            yield from _node(node)
        for disk in facts.reading.disks:
            yield from _disk(disk)
        for pod in facts.reading.pods:
            yield from _pod(pod, facts.events, facts.now)
        yield from _unmade(facts.events)
    if facts.unseen:
        yield Finding("note", "pods and nodes", f"cannot be looked at: {facts.unseen}", _UNSEEN)
    for pipeline in facts.pipelines:
        yield from _pipeline(pipeline, facts.now)
        if pipeline.job is not None:
            yield from _job(pipeline, pipeline.job, facts.now)


def _version(version: tuple[int, int, int]) -> Iterator[Finding]:
    if version[:2] == SPEAKS:
        return
    ours, theirs = ".".join(map(str, SPEAKS)), ".".join(map(str, version))
    what = f"it is Pachyderm {theirs}, and this client speaks {ours}"
    if version[0] == SPEAKS[0] and version[1] > SPEAKS[1]:
        yield Finding("note", "version", f"{what}: calls that have changed since fail", _UPGRADE)
    else:
        todo = f"upgrade pachd to {ours}: Pachyderm's Helm chart, `--version {ours}`"
        yield Finding("wrong", "version", what, todo if version[:2] < SPEAKS else _UPGRADE)


_UNSEEN = (
    "where pachd runs in Kubernetes, lead kubectl to that cluster, with an account that may look;"
    " where it is a process, look on its machine, as its user"
)
_UPGRADE = "install the tycokit that is made for it: pip install --upgrade tycokit"


def _node(node: Node) -> Iterator[Finding]:
    for trouble in node.troubles:
        todo = _NODES[trouble.partition(":")[0]].format(node=node.name)
        yield Finding("wrong", f"node {node.name}", trouble, todo)


def _disk(disk: Disk) -> Iterator[Finding]:
    if disk.free > NEARLY:
        return
    left = f"{disk.free / 1e9:.1f} GB of {disk.total / 1e9:.0f} GB are left"
    todo = "`tycokit gc` gives back what nothing leads to any more; else make room, or move it"
    yield Finding("wrong" if disk.free <= FULL else "note", f"disk {disk.path}", left, todo)


def _pod(pod: Pod, events: tuple[Event, ...], now: float) -> Iterator[Finding]:
    subject = f"pod {pod.name}"
    logs = f"`tycokit logs {pod.group if pod.worker else pod.name} --pods` shows its last words"
    killed = [one for one in pod.containers if "OOMKilled" in (one.reason, one.last)]
    for container in killed:
        ready = container.ready and pod.state == "Running"
        what = f"{container.name} was killed for its memory (OOMKilled){_again(container)}"
        yield Finding("note" if ready else "wrong", subject, what, _memory(pod))
    what = f"{pod.state}{f': {pod.message}' if pod.message else ''}"
    if pod.state in pods.PULLING:
        pulled = {one.image for one in pod.containers if one.reason in pods.PULLING}
        images = ", ".join(sorted(pulled))
        todo = (
            f"does {images} exist under that name, and may the cluster pull it? Else mend"
            " transform.image, or name transform.image_pull_secrets, and `tycokit deploy`"
        )
        yield Finding("wrong", subject, what, todo)
    elif pod.state in pods.CRASHED and not killed:
        ended = [one for one in pod.containers if one.last_code]
        codes = "".join(f"; {one.name} ended with code {one.last_code}" for one in ended)
        yield Finding("wrong", subject, f"{what}{codes}{_again(*pod.containers)}", logs)
    elif pod.state in pods.UNMADE:
        todo = "make what it names (a secret, a volume), or take it out of the pipeline's spec"
        yield Finding("wrong", subject, what, todo)
    elif pod.state == "Unschedulable":
        todo = f"`tycokit scale {pod.group} N` with fewer workers, " if pod.worker else ""
        todo += "smaller resource_requests, or more nodes"
        yield Finding("wrong", subject, what, todo)
    elif pod.state == "Evicted":
        todo = f"{_memory(pod)}; or a larger disk, where that was what lacked"
        yield Finding("wrong", subject, what, todo)
    elif pod.state in _BEGINNING and pod.started is not None and now - pod.started > PATIENCE:
        said = [one for one in events if one.about == f"Pod {pod.name}"]
        why = f": {said[-1].reason}, {said[-1].message}" if said else ""
        todo = (
            f"`kubectl --namespace {pod.namespace} describe pod {pod.name}` tells what it waits for"
        )
        yield Finding("wrong", subject, f"{pod.state} for {_minutes(now - pod.started)}{why}", todo)
    elif pod.state == "Running" and not pod.ready and not killed:
        yield Finding("note", subject, "runs, and is not ready", logs)
    elif pod.restarts >= OFTEN and not killed:
        # Kubernetes keeps last words; a worker that is a process has said all to Pachyderm's log
        all_ = f"`tycokit logs {pod.group} --all` tells what it did; " if pod.worker else ""
        yield Finding("note", subject, f"has been restarted {pod.restarts} times", f"{all_}{logs}")


def _memory(pod: Pod) -> str:
    if pod.worker:
        return (
            f"raise resource_limits.memory in the spec of {pod.group}, and `tycokit deploy`;"
            f" `tycokit top` shows how much it takes"
        )
    return "raise its memory in the values of Pachyderm's Helm chart"


def _again(*containers: Container) -> str:
    count = sum(one.restarts for one in containers)
    return f", {counted(count, 'restart')}" if count else ""


def _unmade(events: tuple[Event, ...]) -> Iterator[Finding]:
    """Pods that could not even be made, the last word about each maker."""
    failed = {one.about: one for one in events if one.reason == "FailedCreate"}
    todo = "a quota or a policy of the cluster forbids it: ask who runs it, or ask for less"
    for one in failed.values():
        yield Finding("wrong", one.about, f"its pods cannot be made: {one.message}", todo)


def _pipeline(pipeline: Pipeline, now: float) -> Iterator[Finding]:
    subject = f"pipeline {pipeline.name}"
    what = f"{pipeline.state}{f': {pipeline.reason}' if pipeline.reason else ''}"
    if pipeline.state == "failure":
        yield Finding("wrong", subject, what, "mend its spec, and `tycokit deploy`")
    elif pipeline.state == "crashing":
        todo = f"`tycokit logs {pipeline.name} --pods` shows the last words of its workers"
        yield Finding("wrong", subject, what, todo)
    elif pipeline.state in ("starting", "restarting") and now - pipeline.created > PATIENCE:
        todo = f"`tycokit logs {pipeline.name} --all`, and what is said of its pods"
        yield Finding("wrong", subject, f"is stuck, {what}", todo)
    elif pipeline.stopped:
        project, _, name = pipeline.name.rpartition("/")
        where = f" --project {project}" if project else ""
        todo = f"`pachctl start pipeline {name}{where}` lets it go on"
        yield Finding("note", subject, "is paused: what it reads waits", todo)


def _job(pipeline: Pipeline, job: Job, now: float) -> Iterator[Finding]:
    row, address = job.row, f"{pipeline.name}@{job.row.id}"
    subject = f"job {address}"
    what = f"{row.state}{f': {row.reason}' if row.reason else ''}"
    if row.state == "failure":
        todo = f"`tycokit logs {address}` shows the cell, and where the executed notebook lies"
        yield Finding("wrong", subject, what, todo)
    elif row.state == "unrunnable":
        yield Finding("note", subject, what, "it runs once the job that it waits for is mended")
    elif row.state in ("starting", "running") and not job.working and not pipeline.stopped:
        since = now - (row.created if row.started is None else row.started)
        if since > PATIENCE:
            what = f"{row.state} for {_minutes(since)}, and no worker has any of its datums"
            todo = f"`tycokit logs {pipeline.name} --all`, and what is said of its pods"
            yield Finding("wrong", subject, what, todo)


def _minutes(seconds: float) -> str:
    minutes = int(seconds // 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"
