"""A server on a socket that replays what a real Kubernetes API server has answered.

The answers are in operations/recorded/, whose README says how they were recorded.
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
NAMESPACE = "pachyderm"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
NODES = "/api/v1/nodes"
EVENTS = f"/api/v1/namespaces/{NAMESPACE}/events"
POD_METRICS = f"/apis/metrics.k8s.io/v1beta1/namespaces/{NAMESPACE}/pods"
NODE_METRICS = "/apis/metrics.k8s.io/v1beta1/nodes"
REFUSALS = (400, 401, 403, 404, 410)  # recorded; of any other nothing but the status is known
DROP = object()  # in a watch: the connection breaks off there
NO_SUCH_API = object()  # what is answered for an API that the cluster has not


def recorded(name: str) -> Any:
    return json.loads((RECORDED / f"{name}.json").read_text(encoding="utf-8"))


def recorded_watch(name: str) -> list[dict[str, Any]]:
    """The events of a watch, in the order in which they came."""
    return [json.loads(line) for line in (RECORDED / f"{name}.jsonl").read_bytes().splitlines()]


def version(document: dict[str, Any]) -> str:
    """The resource version of a list, or of an object."""
    found: str = document["metadata"]["resourceVersion"]
    return found


def pod_of(group: str, name: str = "pods") -> dict[str, Any]:
    """The first pod of the pipeline or application in a recorded list."""
    for pod in recorded(name)["items"]:
        if group in (pod["metadata"]["labels"].get(key) for key in ("pipelineName", "app")):
            found: dict[str, Any] = pod
            return found
    raise LookupError(group)


def name_of(group: str, name: str = "pods") -> str:
    return str(pod_of(group, name)["metadata"]["name"])


def secret(id_: str) -> dict[str, Any]:
    data = {"CLUSTER_DEPLOYMENT_ID": base64.b64encode(id_.encode()).decode()}
    return {**recorded("secret"), "data": data}


ID = base64.b64decode(recorded("secret")["data"]["CLUSTER_DEPLOYMENT_ID"]).decode()


def secret_of(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/secrets/pachyderm-deployment-id-secret"


def log_of(pod: str, container: str, *, previous: bool = False) -> str:
    return f"{PODS}/{pod}/log?{container}{' before' if previous else ''}"


class Kubernetes:
    """`answers` is by path: what is answered as JSON, text, the status of a refusal, NO_SUCH_API.

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
                elif container := query.get("container"):
                    before = query.get("previous", "").lower() == "true"
                    path = f"{parts.path}?{container}{' before' if before else ''}"
                    self.answer(outer.answers.get(path, 404))
                else:
                    self.answer(outer.answers.get(parts.path, 404))

            def answer(self, found: Any) -> None:
                status = found if isinstance(found, int) else 200
                if found is NO_SUCH_API:
                    status, found = 404, (RECORDED / "no-such-api.txt").read_text()
                kind = "text/plain" if isinstance(found, str) else "application/json"
                if isinstance(found, int):
                    found = recorded(str(found)) if found in REFUSALS else {"kind": "Status"}
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
        """Answer as pachd's cluster did."""
        self.holds(NAMESPACE, recorded("secret"))
        validate = name_of("validate")
        previous, storage = (
            (RECORDED / f"{name}.log").read_text(encoding="utf-8")
            for name in ("user-previous", "storage")
        )
        self.answers |= {
            log_of(validate, "user", previous=True): previous,
            log_of(validate, "storage"): storage,
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
