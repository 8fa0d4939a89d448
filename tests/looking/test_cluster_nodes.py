"""Kubernetes' own client, asking a server on a socket that answers as Kubernetes does."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes_api import ID, NODES, Kubernetes, kubeconfig, secret

from tycokit.errors import NodesUnknown
from tycokit.scaling import cluster


@pytest.fixture
def kubernetes(tmp_path: Path) -> Iterator[Kubernetes]:
    made = Kubernetes(tmp_path)
    made.answers[NODES] = {"items": [{"metadata": {"name": f"node{at}"}} for at in range(3)]}
    yield made
    made.close()


@pytest.mark.parametrize("namespace", ["analysis", "pachyderm", "default"])
def test_the_nodes_of_pachds_cluster_are_counted(kubernetes: Kubernetes, namespace: str) -> None:
    kubernetes.holds("analysis", 403)  # not to be looked into
    kubernetes.holds(namespace, secret(ID))
    assert cluster.count(ID, kubernetes.kubeconfig) == 3


@pytest.mark.parametrize("found", [secret("another"), {"data": {}}, {}, secret(""), 404])
def test_those_of_another_cluster_are_not(kubernetes: Kubernetes, found: Any) -> None:
    for namespace in ("analysis", "default"):
        kubernetes.holds(namespace, found)
    with pytest.raises(NodesUnknown, match="not shown to be the one"):
        cluster.count(ID, kubernetes.kubeconfig)
    assert NODES not in kubernetes.asked


def test_a_pachd_without_an_id_is_in_no_cluster(kubernetes: Kubernetes) -> None:
    kubernetes.holds("analysis", secret(""))
    with pytest.raises(NodesUnknown, match="not shown"):
        cluster.count("", kubernetes.kubeconfig)


def test_a_refusal_is_told(kubernetes: Kubernetes) -> None:
    kubernetes.holds("analysis", secret(ID))
    kubernetes.answers[NODES] = 403
    with pytest.raises(NodesUnknown, match=r"refuses: 403.*--nodes N"):
        cluster.count(ID, kubernetes.kubeconfig)


def test_no_kubernetes_is_no_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NodesUnknown, match="no Kubernetes is known"):
        cluster.count(ID, tmp_path / "missing")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(NodesUnknown, match="no Kubernetes answers"):
        cluster.count(ID, kubeconfig(tmp_path, port))
    monkeypatch.setitem(sys.modules, "kubernetes", None)
    with pytest.raises(NodesUnknown, match=r"pip install 'tycokit\[kubernetes\]'"):
        cluster.count(ID)
