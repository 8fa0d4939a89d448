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
    NO_SUCH_API,
    NODE_METRICS,
    NODES,
    POD_METRICS,
    PODS,
    Kubernetes,
    kubeconfig,
    log_of,
    name_of,
    pod_of,
    recorded,
    secret,
    secret_of,
)

from tycokit.errors import KubernetesError, NotInstalled, OperationsError
from tycokit.operations import documents, metrics, podlogs, sources
from tycokit.operations.pods import Excerpt, Pod
from tycokit.operations.sources import Source

ALERT, ANNOTATE, MODEL, PLOT, RECORDS, VALIDATE = (
    name_of(group) for group in ("alert", "annotate", "model", "plot", "records", "validate")
)


@pytest.fixture
def source(kubernetes: Kubernetes) -> Iterator[Source]:
    with closing(sources.in_kubernetes(ID, kubeconfig=kubernetes.kubeconfig)) as found:
        yield found


def states(pods: tuple[Pod, ...]) -> dict[str, str]:
    return {pod.name: pod.state for pod in pods}


def words_of_kubectl(name: str) -> dict[str, str]:
    """The column STATUS by pod, as the server printed it."""
    table = recorded(f"{name}-printed")
    at = [column["name"] for column in table["columnDefinitions"]].index("Status")
    return {row["cells"][0]: row["cells"][at] for row in table["rows"]}


def test_the_pods_are_those_of_pachds_namespace_in_kubectls_words(
    kubernetes: Kubernetes, source: Source
) -> None:
    reading = source.read()
    assert states(reading.pods) == words_of_kubectl("pods") | {ALERT: "Unschedulable"}
    assert states(reading.pods) | {MODEL: "Running"} == {
        ALERT: "Unschedulable",
        ANNOTATE: "ImagePullBackOff",
        **{pod.name: "Running" for pod in reading.pods if pod.group == "model"},
        PLOT: "CrashLoopBackOff",
        VALIDATE: "CrashLoopBackOff",
        name_of("etcd"): "Running",
        RECORDS: "CreateContainerConfigError",
        name_of("pachd"): "Running",
        name_of("pg-bouncer"): "Running",
    }
    assert "the namespace pachyderm of Kubernetes at http://127.0.0.1:" in reading.where
    assert reading.gaps == ()
    at = kubernetes.asked.index(PODS)
    assert kubernetes.queries[at]["labelSelector"] == "suite=pachyderm"
    by_name = {pod.name: pod for pod in reading.pods}
    validate = by_name[VALIDATE]
    assert (validate.group, validate.worker, validate.node) == ("validate", True, "node-a")
    assert (validate.restarts, validate.ready) == (6, False)
    user, storage = validate.containers
    assert (user.name, user.state, user.last, user.last_code) == ("user", "waiting", "Error", 1)
    assert (storage.name, storage.state, storage.ready) == ("storage", "running", True)
    assert by_name[RECORDS].group == "lab/records"
    assert by_name[name_of("pachd")].group == "pachd"
    assert not by_name["etcd-0"].worker


def test_pods_at_other_moments_of_their_lives(kubernetes: Kubernetes, source: Source) -> None:
    kubernetes.answers[PODS] = recorded("pods-later")
    pods = {pod.group: pod for pod in source.read().pods}
    later = {group: pod.state for group, pod in pods.items()}
    assert (later["unpack"], later["prepare"]) == ("ImagePullBackOff", "CrashLoopBackOff")
    assert (later["mount"], later["crop"]) == ("PodInitializing", "Evicted")
    assert pods["crop"].message.endswith('exceeds the limit "1Mi".')
    assert (later["going"], later["preflight"]) == ("Terminating", "Completed")
    # the words are kubectl's, but for what tells more
    printed = words_of_kubectl("pods-later")
    assert printed[pods["crop"].name] in ("Error", "ContainerStatusUnknown")  # as it ended
    del pods["crop"]
    assert {
        group: printed[pod.name] for group, pod in pods.items() if pod.state != printed[pod.name]
    } == {
        "alert": "Pending",
        "unpack": "Init:ImagePullBackOff",
        "prepare": "Init:CrashLoopBackOff",
        "mount": "Init:0/1",
    }
    init, user, storage = pods["prepare"].containers
    assert (init.name, init.last, init.last_code) == ("init", "Error", 4)
    assert pods["prepare"].restarts == init.restarts > 0
    assert (user.state, storage.state) == ("waiting", "waiting")
    assert [one.name for one in pods["mount"].containers] == ["user", "storage"]


def test_cpu_and_memory_are_summed_by_pipeline(source: Source) -> None:
    reading = source.read()
    usages = {one.group: one for one in metrics.by_group(reading.pods, ["model", "asleep"])}
    model = usages["model"]
    assert model.cores == pytest.approx(0.095851589 + 0.095809956)
    assert model.memory == (360 + 224 + 348 + 228) * 1024
    assert (model.ready, len(model.pods), model.restarts) == (2, 2, 1)
    assert usages["alert"].cores is None  # it has never run
    assert (usages["asleep"].pods, usages["asleep"].cores) == ((), 0)
    assert list(usages)[-3:] == ["etcd", "pachd", "pg-bouncer"]  # below the pipelines
    first, second = reading.nodes
    assert (first.name, first.ready, first.cores) == ("node-a", True, 2)
    assert first.used_cores == pytest.approx(1.999015587)
    assert (first.memory, first.used_memory) == (24057396 * 1024, 6665444 * 1024)
    assert second.troubles == ("DiskPressure: kubelet has disk pressure",)


def test_what_may_not_be_seen_is_a_gap_and_the_rest_is_there(
    kubernetes: Kubernetes, source: Source
) -> None:
    kubernetes.answers[NODES] = 403
    kubernetes.answers[POD_METRICS] = NO_SUCH_API
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
    kubernetes.answers[secret_of("pachyderm")] = 403
    with pytest.raises(
        KubernetesError, match=r"\(your account may not read secrets in pachyderm\)"
    ):
        sources.in_kubernetes(ID, kubeconfig=kubernetes.kubeconfig)


def test_events_of_both_forms_are_read(kubernetes: Kubernetes, source: Source) -> None:
    events = source.events()
    assert len(events) == len(recorded("events")["items"])
    times = [one.at for one in events]
    assert None not in times
    assert times == sorted(times, key=lambda at: at or 0)  # Kubernetes lists them by name
    by_subject = {(one.about, one.reason): one for one in events}
    back_off = by_subject[f"Pod {VALIDATE}", "BackOff"]
    assert back_off.count > 5
    assert back_off.message.startswith("Back-off restarting failed container user in pod")
    scheduling = by_subject[f"Pod {ALERT}", "FailedScheduling"]
    assert scheduling.count == 2
    (as_series,) = (one for one in recorded("events")["items"] if one.get("series"))
    assert scheduling.at == documents.seconds(as_series["series"]["lastObservedTime"])
    quota = by_subject["ReplicationController default-report-v1", "FailedCreate"]
    assert quota.message.startswith("Error creating: pods ")
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
    lines = list(source.logs(wanted[0]))
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-2:] == ["ModuleNotFoundError: No module named 'tycokit'", "für immer"]
    query = kubernetes.queries[-1]
    assert (query["container"], query["tailLines"]) == ("user", "4")
    assert query["previous"].lower() == "true"
    assert list(source.logs(wanted[1])) == ["storage is ready"]
    assert {one.pod for one in podlogs.excerpts(reading, "model")} == {
        pod.name for pod in reading.pods if pod.group == "model"
    }
    assert podlogs.excerpts(reading, MODEL)[0] == Excerpt(MODEL, "user")
    assert podlogs.excerpts(reading, "annotate") == (Excerpt(ANNOTATE, "storage"),)
    with pytest.raises(OperationsError, match=r"no pod missing .*those of: alert, annotate"):
        podlogs.excerpts(reading, "missing")
    kubernetes.answers[log_of(ANNOTATE, "user")] = 400
    with pytest.raises(KubernetesError, match=r"400 .* is waiting to start: trying and failing"):
        list(source.logs(Excerpt(ANNOTATE, "user")))


def test_the_log_of_an_init_container_that_fails_is_among_them(
    kubernetes: Kubernetes, source: Source
) -> None:
    kubernetes.answers[PODS] = recorded("pods-later")
    reading = source.read()
    prepare = name_of("prepare", "pods-later")
    assert podlogs.excerpts(reading, "prepare") == (Excerpt(prepare, "init", previous=True),)
    for waits in ("unpack", "alert"):
        with pytest.raises(OperationsError, match=rf"no container of {waits} has begun.*doctor"):
            podlogs.excerpts(reading, waits)


def test_a_pod_of_which_little_is_known() -> None:
    document = pod_of("model")
    starting = {**document, "status": {"phase": "Pending"}}
    assert documents.pod(starting).state == "Pending"
    assert [one.state for one in documents.pod(starting).containers] == ["waiting", "waiting"]
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
