"""A server on a socket that answers as Kubernetes' API does.

The documents in operations/recorded/ have the form of the answers of a Kubernetes 1.27 with
Pachyderm 2.7 on it, field for field as far as kubectl shows them; names and numbers are made up.
"""

from __future__ import annotations

import base64
import contextlib
import json
import queue
import threading
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

RECORDED = Path(__file__).parent / "operations" / "recorded"
ID = "KhpCZx7c8prdB268SnmXjELG27JDCaji"
NAMESPACE = "pachyderm"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
NODES = "/api/v1/nodes"
EVENTS = f"/api/v1/namespaces/{NAMESPACE}/events"
POD_METRICS = f"/apis/metrics.k8s.io/v1beta1/namespaces/{NAMESPACE}/pods"
NODE_METRICS = "/apis/metrics.k8s.io/v1beta1/nodes"
DROP = object()  # in a watch: the connection breaks off there


def recorded(name: str) -> Any:
    return json.loads((RECORDED / f"{name}.json").read_text())


def secret(id_: str) -> dict[str, Any]:
    return {"data": {"CLUSTER_DEPLOYMENT_ID": base64.b64encode(id_.encode()).decode()}}


def secret_of(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/secrets/pachyderm-deployment-id-secret"


def log_of(pod: str) -> str:
    return f"{PODS}/{pod}/log"


class Kubernetes:
    """`answers` is by path: what is answered as JSON, text, or the status of a refusal.

    A watch sends the next of `watches`, events with DROP where it breaks off, as soon as there is
    one. `refuse` ends it, and has the next ones refused. `asked` has each request's path, `watched`
    the resource version that each watch began with.
    """

    def __init__(self, folder: Path) -> None:
        self.answers: dict[str, Any] = {}
        self.watches: queue.Queue[Iterable[Any]] = queue.Queue()
        self.asked: list[str] = []
        self.queries: list[dict[str, str]] = []
        self.watched: list[str] = []
        self._refusals: list[int] = []
        self._closed = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
                outer.asked.append(parts.path)
                outer.queries.append(query)
                if query.get("watch", "").lower() == "true":
                    outer.watched.append(query.get("resourceVersion", ""))
                    self.watch()
                else:
                    self.answer(outer.answers.get(parts.path, 404))

            def answer(self, found: Any) -> None:
                status = found if isinstance(found, int) else 200
                kind = "text/plain" if isinstance(found, str) else "application/json"
                if isinstance(found, int):
                    found = recorded(str(found)) if found in (401, 403, 410) else {"kind": "Status"}
                body = found.encode() if isinstance(found, str) else json.dumps(found).encode()
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def watch(self) -> None:
                self.close_connection = True
                if outer._refusals:
                    self.answer(outer._refusals.pop(0))
                    return
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                for event in outer._next():
                    if event is DROP:
                        self.wfile.write(b'400\r\n{"type":"MODIF')
                        return
                    line = json.dumps(event).encode() + b"\n"
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
                self.wfile.write(b"0\r\n\r\n")

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        self.kubeconfig = kubeconfig(folder, self._server.server_address[1])

    def refuse(self, *statuses: int) -> None:
        self._refusals += statuses
        self.watches.put(())

    def _next(self) -> Iterable[Any]:
        while not self._closed.is_set():
            with contextlib.suppress(queue.Empty):
                return self.watches.get(timeout=0.05)
        return ()

    def holds(self, namespace: str, found: Any) -> None:
        self.answers[secret_of(namespace)] = found

    def replay(self) -> None:
        """Answer with all that was recorded, as pachd's cluster."""
        self.holds(NAMESPACE, secret(ID))
        self.answers |= {
            PODS: recorded("pods"),
            NODES: recorded("nodes"),
            EVENTS: recorded("events"),
            POD_METRICS: recorded("pod-metrics"),
            NODE_METRICS: recorded("node-metrics"),
        }

    def close(self) -> None:
        self._closed.set()
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
