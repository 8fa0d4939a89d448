"""A Kubernetes API server, asked without a client's opinion of its answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kubernetes
import urllib3

Headers = dict[str, str]


@dataclass(frozen=True, slots=True)
class Api:
    """`headers` show who asks; a client certificate, where there is one, is in `pool`."""

    pool: Any
    host: str
    headers: Headers
    namespace: str

    @classmethod
    def of(cls, kubeconfig: Path, namespace: str) -> Api:
        settings = kubernetes.client.Configuration()
        kubernetes.config.load_kube_config(str(kubeconfig), client_configuration=settings)
        pool = kubernetes.client.ApiClient(settings).rest_client.pool_manager
        headers = {one["key"]: one["value"] for one in settings.auth_settings().values()}
        return cls(pool, settings.host, headers, namespace)

    def ask(
        self, method: str, path: str, body: Any = None, headers: Headers | None = None
    ) -> tuple[int, bytes]:
        """The status and the body."""
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        answer = self.pool.request(
            method,
            self.host + path,
            headers={**self.headers, "Content-Type": kind, **(headers or {})},
            body=None if body is None else json.dumps(body).encode(),
        )
        return answer.status, answer.data

    def ask_as_nobody(self, path: str) -> tuple[int, bytes]:
        """With a token that the server has not given."""
        with urllib3.PoolManager(ca_certs=self.pool.connection_pool_kw.get("ca_certs")) as pool:
            headers = {"Authorization": "Bearer of-another-cluster"}
            answer = pool.request("GET", self.host + path, headers=headers)
            return answer.status, answer.data

    def get(self, path: str, **headers: str) -> Any:
        status, body = self.ask("GET", path, headers=headers)
        assert status == 200, f"{path}: {status} {body.decode()}"
        return json.loads(body)

    def make(self, manifest: dict[str, Any]) -> None:
        version, kind = manifest["apiVersion"], manifest["kind"]
        group = f"/{'api' if version == 'v1' else 'apis'}/{version}"
        where = "" if kind == "Namespace" else f"/namespaces/{self.namespace}"
        status, body = self.ask("POST", f"{group}{where}/{kind.lower()}s", manifest)
        assert status == 201, f"{kind} {manifest['metadata']['name']}: {status} {body.decode()}"

    def change(self, path: str, part: dict[str, Any]) -> None:
        status, body = self.ask("PATCH", path, part)
        assert status == 200, f"{path}: {status} {body.decode()}"

    def watch(self, path: str, version: str, seconds: int) -> Iterator[bytes]:
        """The lines of a watch, until the server ends it after so many seconds.

        Who stops before that has the connection broken off.
        """
        answer = self.pool.request(
            "GET",
            f"{self.host}{path}&watch=true&allowWatchBookmarks=true"
            f"&resourceVersion={version}&timeoutSeconds={seconds}",
            headers=self.headers,
            preload_content=False,
        )
        assert answer.status == 200, answer.data
        try:
            yield from answer
        finally:
            answer.close()
