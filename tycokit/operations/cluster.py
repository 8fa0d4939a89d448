"""Pods and nodes of the Kubernetes cluster that pachd runs in."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from tycokit.errors import KubernetesError
from tycokit.operations import documents
from tycokit.operations.kube import PATIENCE, Kube, refusals
from tycokit.operations.mirror import Mirror
from tycokit.operations.pods import Event, Excerpt, Node, Reading

SELECTOR = "suite=pachyderm"  # the label of all that Pachyderm starts, its workers as well
_METRICS = ("metrics.k8s.io", "v1beta1")


class Cluster:
    """What runs in pachd's namespace. `close` ends its connections.

    Args:
        follow: keep the pods up to date by a watch; else each reading lists them.

    Raises:
        KubernetesError.
    """

    def __init__(self, kube: Kube, *, follow: bool = False) -> None:
        self._kube = kube
        self._mirror = Mirror(kube, SELECTOR) if follow else None

    def close(self) -> None:
        if self._mirror is not None:
            self._mirror.close()
        self._kube.close()

    def read(self) -> Reading:
        """How it is now. Raises KubernetesError where the pods cannot be had; all else may lack."""
        kube, gaps = self._kube, list[str]()
        pods = [documents.pod(one) for one in self._pods()]
        nodes: list[Node] = []
        try:
            nodes = [documents.node(one) for one in kube.get(kube.core.list_node)["items"]]
        except KubernetesError as error:
            gaps.append(f"the nodes are not known: {error}")
        custom = kube.library.client.CustomObjectsApi(kube.api)
        try:
            of_pods = self._metrics(custom.list_namespaced_custom_object, kube.namespace, "pods")
            pods = [documents.used(one, of_pods) for one in pods]
            if nodes:
                of_nodes = self._metrics(custom.list_cluster_custom_object, "nodes")
                nodes = [documents.taken(one, of_nodes) for one in nodes]
        except KubernetesError as error:
            missing = "the cluster has no metrics-server" if error.status == 404 else str(error)
            gaps.append(f"CPU and memory are not known: {missing}")
        where = f"the namespace {kube.namespace} of Kubernetes at {kube.api.configuration.host}"
        found = tuple(sorted(pods, key=lambda one: one.name))
        return Reading(time.time(), where, found, tuple(nodes), gaps=tuple(gaps))

    def events(self) -> tuple[Event, ...]:
        """The warnings of the last hour or so, as long as Kubernetes keeps them, oldest first."""
        kube = self._kube
        found = kube.get(
            kube.core.list_namespaced_event, kube.namespace, field_selector="type=Warning"
        )
        told = [documents.event(one) for one in found["items"]]  # by name, as Kubernetes lists all
        return tuple(sorted(told, key=lambda one: one.at or 0))

    def logs(self, wanted: Excerpt) -> Iterator[str]:
        """The lines of a container's log. Raises KubernetesError."""
        kube = self._kube
        more: dict[str, Any] = {} if wanted.follow else {"_request_timeout": PATIENCE}
        if wanted.tail:
            more["tail_lines"] = wanted.tail
        with refusals(kube.library):
            answer = kube.core.read_namespaced_pod_log(
                wanted.pod,
                kube.namespace,
                container=wanted.container,
                follow=wanted.follow,
                previous=wanted.previous,
                _preload_content=False,
                **more,
            )
            try:
                for line in answer:
                    yield line.decode(errors="replace").rstrip("\n")
            finally:
                answer.close()
                answer.release_conn()

    def _pods(self) -> list[dict[str, Any]]:
        if self._mirror is not None:
            return self._mirror.pods()
        kube = self._kube
        found = kube.get(kube.core.list_namespaced_pod, kube.namespace, label_selector=SELECTOR)
        items: list[dict[str, Any]] = found["items"]
        return items

    def _metrics(self, call: Any, *of: str) -> dict[str, documents.Document]:
        found = self._kube.get(call, *_METRICS, *of)
        return {one["metadata"]["name"]: one for one in found["items"]}
