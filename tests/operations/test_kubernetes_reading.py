"""Pods, nodes, what they use and what they say, through Kubernetes' own client."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from kubernetes_api import (
    EVENTS,
    ID,
    NODE_METRICS,
    NODES,
    POD_METRICS,
    PODS,
    Kubernetes,
    kubeconfig,
    log_of,
    recorded,
    secret,
    secret_of,
)

from tycokit.errors import KubernetesError, NotInstalled, OperationsError
from tycokit.operations import documents, metrics, podlogs, sources
from tycokit.operations.pods import Excerpt, Pod
from tycokit.operations.sources import Source

MODEL = "default-model-v1-4vj2p"
VALIDATE = "default-validate-v3-zz7xr"


@pytest.fixture
def source(kubernetes: Kubernetes) -> Iterator[Source]:
    with closing(sources.in_kubernetes(ID, kubeconfig=kubernetes.kubeconfig)) as found:
        yield found


def states(pods: tuple[Pod, ...]) -> dict[str, str]:
    return {pod.name: pod.state for pod in pods}


def test_the_pods_are_those_of_pachds_namespace_in_kubectls_words(
    kubernetes: Kubernetes, source: Source
) -> None:
    reading = source.read()
    assert states(reading.pods) == {
        "default-alert-v1-t5n6b": "Unschedulable",
        "default-annotate-v1-q9w2c": "ImagePullBackOff",
        "default-model-v1-4vj2p": "Running",
        "default-model-v1-h8s6k": "Running",
        "default-plot-v2-m3k8d": "CrashLoopBackOff",
        "default-validate-v3-zz7xr": "CrashLoopBackOff",
        "etcd-0": "Running",
        "lab-records-v1-r2d2x": "CreateContainerConfigError",
        "pachd-7d9c5bd9c8-x2vqp": "Running",
        "pg-bouncer-6c5f9d7b9-klmwz": "Running",
    }
    assert "the namespace pachyderm of Kubernetes at http://127.0.0.1:" in reading.where
    assert reading.gaps == ()
    at = kubernetes.asked.index(PODS)
    assert kubernetes.queries[at]["labelSelector"] == "suite=pachyderm"
    by_name = {pod.name: pod for pod in reading.pods}
    validate = by_name[VALIDATE]
    assert (validate.group, validate.worker, validate.node) == ("validate", True, "node-a")
    assert (validate.restarts, validate.ready) == (7, False)
    user, storage = validate.containers
    assert (user.name, user.state, user.last, user.last_code) == ("user", "waiting", "Error", 1)
    assert (storage.name, storage.state, storage.ready) == ("storage", "running", True)
    assert by_name["lab-records-v1-r2d2x"].group == "lab/records"
    assert by_name["pachd-7d9c5bd9c8-x2vqp"].group == "pachd"
    assert not by_name["etcd-0"].worker


def test_cpu_and_memory_are_summed_by_pipeline(source: Source) -> None:
    reading = source.read()
    usages = {one.group: one for one in metrics.by_group(reading.pods, ["model", "asleep"])}
    model = usages["model"]
    assert model.cores == pytest.approx(0.987654321 + 0.012345679 + 0.5)
    assert model.memory == (1536 + 64 + 1024 + 64) * 2**20
    assert (model.ready, len(model.pods), model.restarts) == (2, 2, 1)
    assert usages["annotate"].cores is None  # it has never run
    assert (usages["asleep"].pods, usages["asleep"].cores) == ((), 0)
    assert list(usages)[-3:] == ["etcd", "pachd", "pg-bouncer"]  # below the pipelines
    first, second = reading.nodes
    assert (first.name, first.ready, first.cores) == ("node-a", True, 3.92)
    assert first.used_cores == pytest.approx(1.712345678)
    assert (first.memory, first.used_memory) == (15368192 * 1024, 5242880 * 1024)
    assert second.troubles == ("DiskPressure: kubelet has disk pressure",)


def test_what_may_not_be_seen_is_a_gap_and_the_rest_is_there(
    kubernetes: Kubernetes, source: Source
) -> None:
    kubernetes.answers[NODES] = 403
    kubernetes.answers[POD_METRICS] = "404 page not found\n"
    del kubernetes.answers[POD_METRICS]
    reading = source.read()
    nodes, usage = reading.gaps
    assert nodes.startswith("the nodes are not known: Kubernetes refuses: 403")
    assert "its role needs get, list and watch" in nodes
    assert usage == "CPU and memory are not known: the cluster has no metrics-server"
    assert len(reading.pods) == 10
    assert {pod.cores for pod in reading.pods} == {None}
    kubernetes.answers |= {NODES: recorded("nodes"), POD_METRICS: recorded("pod-metrics")}
    kubernetes.answers[NODE_METRICS] = 503
    assert "Kubernetes refuses: 503" in source.read().gaps[0]


def test_without_the_pods_there_is_nothing(kubernetes: Kubernetes, source: Source) -> None:
    kubernetes.answers[PODS] = 401
    with pytest.raises(KubernetesError, match=r"401 .*credentials .* have expired.* log in again"):
        source.read()
    kubernetes.answers[secret_of("pachyderm")] = secret("another")
    with pytest.raises(KubernetesError, match="not shown to be the one that pachd runs in"):
        sources.in_kubernetes(ID, kubeconfig=kubernetes.kubeconfig)


def test_events_of_both_forms_are_read(kubernetes: Kubernetes, source: Source) -> None:
    back_off, scheduling, quota = source.events()
    assert (back_off.about, back_off.reason, back_off.count) == (f"Pod {VALIDATE}", "BackOff", 31)
    assert (scheduling.count, scheduling.reason) == (12, "FailedScheduling")
    assert scheduling.at == documents.seconds("2026-11-24T11:01:00.654321Z")
    assert quota.about == "ReplicationController lab-report-v1"
    assert kubernetes.queries[kubernetes.asked.index(EVENTS)]["fieldSelector"] == "type=Warning"


def test_logs_are_those_of_all_containers_and_of_the_crashed_one_before(
    kubernetes: Kubernetes, source: Source
) -> None:
    reading = source.read()
    wanted = podlogs.excerpts(reading, "validate", follow=True, tail=4)
    assert wanted == (
        Excerpt(VALIDATE, "user", False, 4, previous=True),
        Excerpt(VALIDATE, "storage", True, 4),
    )
    text = (Path(__file__).parent / "recorded" / "validate.log").read_text()
    kubernetes.answers[log_of(VALIDATE)] = text + "ünd no newline"
    assert list(source.logs(wanted[0])) == [*text.splitlines(), "ünd no newline"]
    query = kubernetes.queries[-1]
    assert (query["container"], query["tailLines"]) == ("user", "4")
    assert query["previous"].lower() == "true"
    assert {one.pod for one in podlogs.excerpts(reading, "model")} == {
        MODEL,
        "default-model-v1-h8s6k",
    }
    assert podlogs.excerpts(reading, MODEL)[0] == Excerpt(MODEL, "user")
    assert podlogs.excerpts(reading, "annotate") == (
        Excerpt("default-annotate-v1-q9w2c", "storage"),
    )
    with pytest.raises(OperationsError, match=r"no pod missing .*those of: alert, annotate"):
        podlogs.excerpts(reading, "missing")
    with pytest.raises(KubernetesError, match="404"):
        list(source.logs(Excerpt(MODEL, "user")))


def test_a_pod_before_and_after_its_life() -> None:
    document = next(one for one in recorded("pods")["items"] if one["metadata"]["name"] == MODEL)
    status = document["status"]
    starting = {**document, "status": {"phase": "Pending"}}
    assert documents.pod(starting).state == "Pending"
    assert [one.state for one in documents.pod(starting).containers] == ["waiting", "waiting"]
    waits = {"name": "init", "state": {"waiting": {"reason": "ErrImagePull", "message": "no"}}}
    init = {**document, "status": {**status, "initContainerStatuses": [waits]}}
    assert (documents.pod(init).state, documents.pod(init).message) == ("ErrImagePull", "no")
    evicted = {"phase": "Failed", "reason": "Evicted", "message": "The node was low on memory."}
    assert documents.pod({**document, "status": evicted}).state == "Evicted"
    going = {**document["metadata"], "deletionTimestamp": "2026-11-24T11:03:00Z"}
    assert documents.pod({**document, "metadata": going}).state == "Terminating"
    bare = {"metadata": {"name": "odd"}}
    assert (documents.pod(bare).state, documents.pod(bare).group) == ("Unknown", "odd")


def test_no_client_and_no_server_are_said(
    kubernetes: Kubernetes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "away"
    folder.mkdir()
    with pytest.raises(KubernetesError, match="no Kubernetes answers"):
        sources.in_kubernetes(ID, kubeconfig=kubeconfig(folder, 1))
    monkeypatch.setitem(sys.modules, "kubernetes", None)
    with pytest.raises(NotInstalled, match=r"pip install 'tycokit\[kubernetes\]'"):
        sources.in_kubernetes(ID, kubeconfig=kubernetes.kubeconfig)
