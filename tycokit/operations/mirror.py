"""The pods of a namespace as they are now, by a watch that outlasts what ends watches.

A list gives them and a resource version, a watch from that version each change after it. A server
ends a watch after minutes, connections drop, servers restart: the next watch goes on from the last
version that was seen, so that nothing is missed. Where that version is too old for the server
(410 Gone), there is a new list. The library's own informer does not pause before it asks a server
again that refuses or is away, and waits for ever on one that hangs.
"""

from __future__ import annotations

import threading
import time
from typing import Any

from tycokit.errors import KubernetesError
from tycokit.operations.kube import PATIENCE, Kube, refusals

WATCH = 240  # seconds after which the server is to end a watch
PAUSES = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)  # seconds before the next watch, by failures so far
_GONE = 410


class Mirror:
    """Owns a thread, which `close` ends.

    Args:
        selector: which labels its pods have, in Kubernetes' words.

    Raises:
        KubernetesError: the first list failed.
    """

    def __init__(self, kube: Kube, selector: str) -> None:
        self._kube = kube
        self._selector = selector
        self._lock = threading.Lock()
        self._pods: dict[str, dict[str, Any]] = {}
        self._version: str | None = None
        self._trouble: KubernetesError | None = None
        self._failures = 0  # since a server has answered
        self._closed = threading.Event()
        self._watch: Any = None
        self._list()
        self._thread = threading.Thread(target=self._run, name="tycokit-pods", daemon=True)
        self._thread.start()

    def pods(self) -> list[dict[str, Any]]:
        """Their documents. Raises KubernetesError while no server answers."""
        with self._lock:
            if self._trouble is not None:
                raise self._trouble
            return list(self._pods.values())

    def close(self) -> None:
        self._closed.set()
        end = time.monotonic() + PATIENCE
        while self._thread.is_alive() and time.monotonic() < end:
            if self._watch is not None:
                self._watch.stop()  # in vain until the server's answer has begun, hence again
            self._thread.join(timeout=0.05)

    def _run(self) -> None:
        while not self._closed.is_set():
            try:
                if self._version is None:
                    self._list()
                self._follow()
            except KubernetesError as error:
                with self._lock:
                    if error.status == _GONE:
                        self._version = None
                    elif self._failures:  # one that drops is nothing to tell
                        self._trouble = error
                    self._failures += 1
            self._closed.wait(PAUSES[min(self._failures, len(PAUSES) - 1)])

    def _list(self) -> None:
        kube = self._kube
        found = kube.get(
            kube.core.list_namespaced_pod, kube.namespace, label_selector=self._selector
        )
        with self._lock:
            self._pods = {one["metadata"]["uid"]: one for one in found["items"]}
            self._version = found["metadata"]["resourceVersion"]

    def _follow(self) -> None:
        """Take in what one watch tells, until it ends."""
        kube = self._kube
        # given a type, it would build a model of each pod; `object` leaves the document as it is
        self._watch = kube.library.watch.Watch(return_type="object")
        with refusals(kube.library):
            # it would ask again by itself, at once and for ever, were it given no end
            for event in self._watch.stream(
                self._opened, resource_version=self._version, timeout_seconds=WATCH
            ):
                if self._closed.is_set():
                    return
                self._take(event["type"], event["raw_object"])

    def _opened(self, **more: Any) -> Any:
        """A watch that the server has begun to answer."""
        kube = self._kube
        answer = kube.core.list_namespaced_pod(
            kube.namespace,
            label_selector=self._selector,
            allow_watch_bookmarks=True,
            _request_timeout=(PATIENCE, WATCH + PATIENCE),
            **more,
        )
        with self._lock:
            self._trouble, self._failures = None, 0
        return answer

    def _take(self, kind: str, document: dict[str, Any]) -> None:
        meta = document["metadata"]
        with self._lock:
            self._version = meta["resourceVersion"]
            if kind == "DELETED":
                self._pods.pop(meta["uid"], None)
            elif kind != "BOOKMARK":
                self._pods[meta["uid"]] = document
