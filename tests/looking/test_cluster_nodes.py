"""Kubernetes' own client, asking a server on a socket that answers as Kubernetes does."""

from __future__ import annotations

import base64
import json
import socket
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tycokit.errors import NodesUnknown
from tycokit.scaling import cluster

ID = "KhpCZx7c8prdB268SnmXjELG27JDCaji"
NODES = {"items": [{"metadata": {"name": f"node{number}"}} for number in range(3)]}


def secret(id_: str) -> dict[str, Any]:
    return {"data": {"CLUSTER_DEPLOYMENT_ID": base64.b64encode(id_.encode()).decode()}}


class Kubernetes:
    """`answers` is by path: what is answered as JSON, or the status of a refusal."""

    def __init__(self, folder: Path) -> None:
        self.answers: dict[str, Any] = {"/api/v1/nodes": NODES}
        self.asked: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = self.path.partition("?")[0]
                outer.asked.append(path)
                found = outer.answers.get(path, 404)
                refused = isinstance(found, int)
                body = json.dumps({"kind": "Status"} if refused else found).encode()
                self.send_response(found if refused else 200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        self.kubeconfig = kubeconfig(folder, self._server.server_address[1])

    def holds(self, namespace: str, found: Any) -> None:
        path = f"/api/v1/namespaces/{namespace}/secrets/pachyderm-deployment-id-secret"
        self.answers[path] = found

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def kubeconfig(folder: Path, port: int, namespace: str = "analysis") -> Path:
    path = folder / "kubeconfig"
    context = {"cluster": "there", "user": "me", "namespace": namespace}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "contexts": [{"name": "here", "context": context}],
        "clusters": [{"name": "there", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "me", "user": {}}],
    }
    path.write_text(json.dumps(document))  # YAML as well
    return path


@pytest.fixture
def kubernetes(tmp_path: Path) -> Iterator[Kubernetes]:
    made = Kubernetes(tmp_path)
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
    assert "/api/v1/nodes" not in kubernetes.asked


def test_a_pachd_without_an_id_is_in_no_cluster(kubernetes: Kubernetes) -> None:
    kubernetes.holds("analysis", secret(""))
    with pytest.raises(NodesUnknown, match="not shown"):
        cluster.count("", kubernetes.kubeconfig)


def test_a_refusal_is_told(kubernetes: Kubernetes) -> None:
    kubernetes.holds("analysis", secret(ID))
    kubernetes.answers["/api/v1/nodes"] = 403
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
