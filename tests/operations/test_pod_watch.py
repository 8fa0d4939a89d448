"""The pods as a watch keeps them, while connections drop and versions grow too old."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from kubernetes_api import DROP, ID, PODS, Kubernetes, recorded, recorded_watch, version
from waiting import until

from tycokit.errors import KubernetesError
from tycokit.operations import documents, kube
from tycokit.operations.cluster import SELECTOR
from tycokit.operations.mirror import Mirror
from tycokit.operations.pods import Pod


@pytest.fixture
def mirror(kubernetes: Kubernetes) -> Iterator[Mirror]:
    with (
        closing(kube.reach(ID, kubernetes.kubeconfig)) as reached,
        closing(Mirror(reached, SELECTOR)) as made,
    ):
        yield made


PODS_AT_FIRST = recorded("pods")
AT_FIRST = version(PODS_AT_FIRST)
# a third worker of model comes; the connection drops when it runs; the next watch tells its end
BEFORE_THE_DROP, AFTER_IT = recorded_watch("watch"), recorded_watch("watch-resumed")
LAST_SEEN, BOOKMARK = version(BEFORE_THE_DROP[-1]["object"]), version(AFTER_IT[-1]["object"])
(NEW,) = {one["object"]["metadata"]["name"] for one in BEFORE_THE_DROP if one["type"] == "ADDED"}


def watches(kubernetes: Kubernetes, count: int) -> list[str]:
    """From which versions these many watches began."""
    until(lambda: len(kubernetes.watched) >= count, 30)
    return kubernetes.watched[:count]


def names(mirror: Mirror) -> set[str]:
    return {one["metadata"]["name"] for one in mirror.pods()}


def of_the_new(mirror: Mirror) -> Pod | None:
    return next((documents.pod(one) for one in mirror.pods() if named(one) == NEW), None)


def named(document: dict[str, Any]) -> str:
    return str(document["metadata"]["name"])


def test_changes_are_taken_in_and_the_next_watch_goes_on_from_them(
    kubernetes: Kubernetes, mirror: Mirror
) -> None:
    first = {named(one) for one in PODS_AT_FIRST["items"]}
    assert names(mirror) == first
    assert watches(kubernetes, 1) == [AT_FIRST]
    states = list[str]()
    for event in BEFORE_THE_DROP:  # each in a watch of its own, which ends as servers end them
        kubernetes.watches.put([event])
        until(lambda event=event: kubernetes.watched[-1] == version(event["object"]), 30)
        if named(event["object"]) == NEW:
            pod = of_the_new(mirror)
            assert pod is not None
            states += [pod.state] if states[-1:] != [pod.state] else []
    assert states == ["Pending", "PodInitializing", "Running"]
    assert names(mirror) == first | {NEW}
    kubernetes.watches.put(AFTER_IT)
    until(lambda: kubernetes.watched[-1] == BOOKMARK, 30)
    assert names(mirror) == first
    assert kubernetes.asked.count(PODS) == 1 + len(kubernetes.watched)  # it was listed once


def test_a_watch_that_drops_is_taken_up_where_it_was(
    kubernetes: Kubernetes, mirror: Mirror
) -> None:
    kubernetes.watches.put([*BEFORE_THE_DROP, DROP])
    assert watches(kubernetes, 2) == [AT_FIRST, LAST_SEEN]
    pod = of_the_new(mirror)
    assert pod is not None
    assert (pod.state, pod.ready) == ("Running", True)
    kubernetes.watches.put([DROP])
    assert watches(kubernetes, 3)[2] == LAST_SEEN
    kubernetes.watches.put([*AFTER_IT, DROP])
    assert watches(kubernetes, 4)[3] == BOOKMARK
    assert of_the_new(mirror) is None


@pytest.mark.parametrize("how", ["in the stream", "at once"])
def test_where_the_version_is_too_old_all_is_listed_anew(
    kubernetes: Kubernetes, mirror: Mirror, how: str
) -> None:
    watches(kubernetes, 1)
    later = recorded("pods-later")
    kubernetes.answers[PODS] = later
    if how == "in the stream":
        expired = recorded_watch("watch-expired")
        assert [one["object"]["code"] for one in expired] == [410]
        kubernetes.watches.put(expired)
    else:
        kubernetes.refuse(410)
    until(lambda: names(mirror) == {named(one) for one in later["items"]}, 30)
    until(lambda: version(later) in kubernetes.watched, 30)
    assert set(kubernetes.watched) == {AT_FIRST, version(later)}


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
