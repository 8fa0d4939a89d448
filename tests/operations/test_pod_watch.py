"""The pods as a watch keeps them, while connections drop and versions grow too old."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from kubernetes_api import DROP, ID, PODS, Kubernetes, recorded
from waiting import until

from tycokit.errors import KubernetesError
from tycokit.operations import kube
from tycokit.operations.cluster import SELECTOR
from tycokit.operations.mirror import Mirror


@pytest.fixture
def mirror(kubernetes: Kubernetes) -> Iterator[Mirror]:
    with (
        closing(kube.reach(ID, kubernetes.kubeconfig)) as reached,
        closing(Mirror(reached, SELECTOR)) as made,
    ):
        yield made


def event(kind: str, version: int, **more: Any) -> dict[str, Any]:
    """About the first pod of the list."""
    document = dict(recorded("pods")["items"][0])
    document["metadata"] = {**document["metadata"], "resourceVersion": str(version)}
    return {"type": kind, "object": {**document, **more}}


def bookmark(version: int) -> dict[str, Any]:
    meta = {"resourceVersion": str(version), "creationTimestamp": None}
    return {
        "type": "BOOKMARK",
        "object": {"kind": "Pod", "apiVersion": "v1", "metadata": meta, "spec": {}, "status": {}},
    }


def expired() -> dict[str, Any]:
    return {"type": "ERROR", "object": recorded("410")}


def phase(mirror: Mirror, uid: str) -> str | None:
    found = {one["metadata"]["uid"]: one for one in mirror.pods()}
    return found[uid]["status"]["phase"] if uid in found else None


UID = recorded("pods")["items"][0]["metadata"]["uid"]


def watches(kubernetes: Kubernetes, count: int) -> list[str]:
    until(lambda: len(kubernetes.watched) >= count, 30)
    return kubernetes.watched


def test_changes_are_taken_in_and_the_next_watch_goes_on_from_them(
    kubernetes: Kubernetes, mirror: Mirror
) -> None:
    assert len(mirror.pods()) == 10
    assert watches(kubernetes, 1) == ["81100"]
    kubernetes.watches.put([event("MODIFIED", 81200, status={"phase": "Failed"})])
    until(lambda: phase(mirror, UID) == "Failed", 30)
    assert watches(kubernetes, 2) == ["81100", "81200"]
    kubernetes.watches.put([event("DELETED", 81300), bookmark(81400)])
    until(lambda: phase(mirror, UID) is None, 30)
    assert watches(kubernetes, 3)[2] == "81400"
    kubernetes.watches.put([event("ADDED", 81500)])
    until(lambda: phase(mirror, UID) == "Running", 30)
    assert watches(kubernetes, 4)[3] == "81500"
    assert kubernetes.asked.count(PODS) == 1 + 4


def test_a_watch_that_drops_is_taken_up_where_it_was(
    kubernetes: Kubernetes, mirror: Mirror
) -> None:
    kubernetes.watches.put([event("MODIFIED", 81200, status={"phase": "Unknown"}), DROP])
    assert watches(kubernetes, 2) == ["81100", "81200"]
    assert phase(mirror, UID) == "Unknown"
    kubernetes.watches.put([DROP])
    assert watches(kubernetes, 3)[2] == "81200"
    kubernetes.watches.put([event("MODIFIED", 81300, status={"phase": "Running"})])
    until(lambda: phase(mirror, UID) == "Running", 30)


@pytest.mark.parametrize("how", ["in the stream", "at once"])
def test_where_the_version_is_too_old_all_is_listed_anew(
    kubernetes: Kubernetes, mirror: Mirror, how: str
) -> None:
    watches(kubernetes, 1)
    later = recorded("pods")
    later["metadata"]["resourceVersion"] = "92417"
    del later["items"][0]
    kubernetes.answers[PODS] = later
    if how == "in the stream":
        kubernetes.watches.put([expired()])
    else:
        kubernetes.refuse(410)
    until(lambda: len(mirror.pods()) == 9, 30)
    until(lambda: "92417" in kubernetes.watched, 30)
    assert set(kubernetes.watched) == {"81100", "92417"}


def test_a_server_that_refuses_is_told_and_comes_back(
    kubernetes: Kubernetes, mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tycokit.operations.mirror.PAUSES", (0.2,))
    watches(kubernetes, 1)
    kubernetes.refuse(*[401] * 8)
    assert "401" in str(until(lambda: refusal(mirror), 30))
    until(lambda: refusal(mirror) is None, 30)
    assert len(mirror.pods()) == 10


def refusal(mirror: Mirror) -> KubernetesError | None:
    try:
        mirror.pods()
    except KubernetesError as error:
        return error
    return None


def test_it_is_closed_while_it_waits(kubernetes: Kubernetes, mirror: Mirror) -> None:
    watches(kubernetes, 1)
    mirror.close()
    assert not mirror._thread.is_alive()
