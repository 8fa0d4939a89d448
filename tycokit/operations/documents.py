"""Kubernetes' JSON documents as values: pods, nodes, events, and what metrics.k8s.io measures.

They are read as they come over the wire. The library's models would be built and checked field by
field, for a thousand pods a second of work, of which nothing is needed here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from tycokit.operations.pods import Container, Event, Node, Pod, group

Document = Mapping[str, Any]
_COMBINED = "(combined from similar events): "  # how the newest of many begins
_TROUBLES = ("DiskPressure", "MemoryPressure", "PIDPressure", "NetworkUnavailable")


def pod(document: Document) -> Pod:
    """A v1 Pod; what it uses is not in it."""
    meta, status = document["metadata"], document.get("status") or {}
    labels = meta.get("labels") or {}
    pipeline = labels.get("pipelineName", "")
    containers = tuple(_containers(document.get("spec") or {}, status))
    state, message = _state(document, containers)
    return Pod(
        name=meta["name"],
        group=group(labels.get("pipelineProject", ""), pipeline)
        if pipeline
        else labels.get("app") or labels.get("app.kubernetes.io/name") or meta["name"],
        worker=bool(pipeline),
        state=state,
        namespace=meta.get("namespace", ""),
        node=(document.get("spec") or {}).get("nodeName", ""),
        message=message,
        started=seconds(status.get("startTime")),
        containers=containers,
    )


def node(document: Document) -> Node:
    """A v1 Node."""
    status = document.get("status") or {}
    conditions = {one["type"]: one for one in status.get("conditions") or ()}
    has = status.get("allocatable") or status.get("capacity") or {}
    ready = conditions.get("Ready") or {}
    troubles = [conditions[name] for name in _TROUBLES if name in conditions]
    found = [f"{one['type']}: {_why(one)}" for one in troubles if one.get("status") == "True"]
    if ready.get("status") != "True":
        found.insert(0, f"NotReady: {_why(ready)}")
    return Node(
        name=document["metadata"]["name"],
        ready=ready.get("status") == "True",
        cores=_quantity(has.get("cpu", "0")),
        memory=int(_quantity(has.get("memory", "0"))),
        troubles=tuple(found),
    )


def event(document: Document) -> Event:
    """A v1 Event; newer ones count and date themselves as a series."""
    about = document.get("involvedObject") or {}
    series = document.get("series") or {}
    at = document.get("lastTimestamp") or series.get("lastObservedTime")
    return Event(
        about=f"{about.get('kind', '')} {about.get('name', '')}",
        reason=document.get("reason") or "",
        message=(document.get("message") or "").removeprefix(_COMBINED),
        count=document.get("count") or series.get("count") or 1,
        at=seconds(at or document.get("eventTime")),
    )


def used(pod: Pod, metrics: Mapping[str, Document]) -> Pod:
    """The pod with what its containers use, by PodMetrics of metrics.k8s.io by name."""
    found = metrics.get(pod.name)
    if found is None:  # it has not run for long enough
        return pod
    usages = [one["usage"] for one in found.get("containers") or ()]
    return replace(
        pod,
        cores=sum(_quantity(usage["cpu"]) for usage in usages),
        memory=int(sum(_quantity(usage["memory"]) for usage in usages)),
    )


def taken(node: Node, metrics: Mapping[str, Document]) -> Node:
    """The node with what is used of it, by NodeMetrics of metrics.k8s.io by name."""
    found = metrics.get(node.name)
    if found is None:
        return node
    usage = found["usage"]
    return replace(
        node,
        used_cores=_quantity(usage["cpu"]),
        used_memory=int(_quantity(usage["memory"])),
    )


def seconds(text: str | None) -> float | None:
    """A time of Kubernetes' (RFC 3339, with or without parts of a second)."""
    if not text:
        return None
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def _containers(spec: Document, status: Document) -> Iterator[Container]:
    """Those that stay, in the order of the spec, also before Kubernetes has begun with them; first
    the init container that they wait for, once it has begun and until it has ended well.
    """
    for found in status.get("initContainerStatuses") or ():
        one = _container(found["name"], found)
        if one.reason not in ("Completed", "PodInitializing"):
            yield one
    known = {one["name"]: one for one in status.get("containerStatuses") or ()}
    for declared in spec.get("containers") or ():
        yield _container(declared["name"], known.get(declared["name"]) or {}, declared)


def _container(name: str, status: Document, declared: Document | None = None) -> Container:
    kind, detail = next(iter((status.get("state") or {"waiting": {}}).items()))
    before = (status.get("lastState") or {}).get("terminated") or {}
    ended = detail if kind == "terminated" else before
    return Container(
        name=name,
        image=status.get("image") or (declared or {}).get("image", ""),
        state={"terminated": "ended"}.get(kind, kind),
        reason=_reason(detail),
        message=detail.get("message") or "",
        ready=bool(status.get("ready")),
        restarts=status.get("restartCount") or 0,
        last=_reason(ended),
        last_code=ended.get("exitCode"),
    )


def _state(document: Document, containers: tuple[Container, ...]) -> tuple[str, str]:
    """The word that kubectl shows for a pod, and the sentence behind it."""
    status = document.get("status") or {}
    if document["metadata"].get("deletionTimestamp"):
        return "Terminating", ""
    if status.get("reason"):  # of the whole pod: Evicted, NodeLost
        return status["reason"], (status.get("message") or "").rstrip()
    for one in status.get("initContainerStatuses") or ():
        kind, detail = next(iter((one.get("state") or {"waiting": {}}).items()))
        reason = _reason(detail)
        failed = kind == "terminated" and detail.get("exitCode")
        if failed or (kind == "waiting" and reason not in ("", "PodInitializing")):
            return reason, detail.get("message") or f"in the container {one['name']}"
    for container in containers:
        if container.state != "running" and container.reason not in ("", "Completed"):
            return container.reason, container.message
    for condition in status.get("conditions") or ():
        if condition.get("reason") == "Unschedulable":
            return "Unschedulable", condition.get("message") or ""
    phase = status.get("phase") or "Unknown"
    return {"Succeeded": "Completed"}.get(phase, phase), status.get("message") or ""


def _reason(detail: Document) -> str:
    return detail.get("reason") or ("Error" if detail.get("exitCode") else "")


def _why(condition: Document) -> str:
    return condition.get("message") or condition.get("reason") or "it does not say why"


def _quantity(text: str) -> float:
    from kubernetes.utils.quantity import parse_quantity

    return float(parse_quantity(text))  # type: ignore[no-untyped-call]
