"""The API of the Kubernetes cluster that a pachd runs in, and of no other.

A kubeconfig names whatever cluster its owner looked at last. So nothing is asked for before that
cluster has shown the deployment id which pachd gives as its own; Pachyderm's Helm chart keeps it in
a secret of pachd's namespace.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tycokit.errors import KubernetesError, NotInstalled

PATIENCE = 5.0  # seconds for each answer
_SECRET, _KEY = "pachyderm-deployment-id-secret", "CLUSTER_DEPLOYMENT_ID"
_NAMESPACES = ("pachyderm", "default")  # where Pachyderm's own instructions put it
_OWN_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


@dataclass(frozen=True, slots=True)
class Kube:
    """`library` is the kubernetes client, `api` its connection, `namespace` that of pachd."""

    library: Any
    api: Any
    namespace: str

    @property
    def core(self) -> Any:
        return self.library.client.CoreV1Api(self.api)

    def get(self, call: Callable[..., Any], *arguments: str, **more: Any) -> dict[str, Any]:
        """The JSON document that a call of the library gets. Raises KubernetesError."""
        with refusals(self.library):
            answer = call(*arguments, _preload_content=False, _request_timeout=PATIENCE, **more)
            try:
                found: dict[str, Any] = json.loads(answer.data)
            finally:
                answer.release_conn()
            return found

    def close(self) -> None:
        self.api.close()


def reach(deployment: str, kubeconfig: Path | None = None) -> Kube:
    """The cluster where the pachd with this deployment id runs; who asks closes it.

    Asked is the cluster that this process runs in, else that of the kubeconfig file (None: where
    kubectl finds it). Raises KubernetesError, which says why not, and NotInstalled.
    """
    try:
        import kubernetes as installed
    except ImportError as error:
        raise NotInstalled("Kubernetes' client", "kubernetes") from error
    library: Any = installed
    with refusals(library):
        settings, namespaces = _settings(library, kubeconfig)
        api = library.client.ApiClient(settings)
        try:
            core = library.client.CoreV1Api(api)
            found = _namespace(library, core, deployment, namespaces)
        except BaseException:
            api.close()
            raise
    return Kube(library, api, found)


@contextlib.contextmanager
def refusals(library: Any) -> Iterator[None]:
    """Say the library's errors in words. Raises KubernetesError."""
    try:
        yield
    except library.config.ConfigException as error:
        raise KubernetesError(f"no Kubernetes is known: {error}") from error
    except library.client.ApiException as error:
        raise KubernetesError(
            f"Kubernetes refuses: {error.status} {error.reason}{_advice(error)}", error.status
        ) from error
    except library.client.rest.urllib3.exceptions.HTTPError as error:
        raise KubernetesError(f"no Kubernetes answers: {type(error).__name__}") from error


def _advice(error: Any) -> str:
    if error.status == 401:
        return " (your credentials for it have expired, or are another cluster's: log in again)"
    if error.status == 403:
        return " (your account there may not look at this: its role needs get, list and watch)"
    try:
        said = json.loads(error.body)["message"]
    except (TypeError, ValueError, KeyError):  # an answer that is not the API's own
        return ""
    return f": {said}"


def _settings(library: Any, kubeconfig: Path | None) -> tuple[Any, list[str]]:
    """How to reach Kubernetes, and the namespaces that pachd may be in, likeliest first."""
    settings = library.client.Configuration()
    settings.retries = False
    first = None
    if kubeconfig is None:
        try:
            library.config.load_incluster_config(client_configuration=settings)
            first = _OWN_NAMESPACE.read_text().strip() if _OWN_NAMESPACE.is_file() else ""
        except library.config.ConfigException:  # this is no pod
            pass
    if first is None:
        file = str(kubeconfig) if kubeconfig is not None else None
        library.config.load_kube_config(
            config_file=file, client_configuration=settings, persist_config=False
        )
        _, active = library.config.list_kube_config_contexts(config_file=file)
        first = active["context"].get("namespace", "")
    return settings, list(dict.fromkeys(name for name in (first, *_NAMESPACES) if name))


def _namespace(library: Any, core: Any, deployment: str, namespaces: list[str]) -> str:
    """The one that holds the pachd with this deployment id. Raises KubernetesError."""
    closed = []
    for namespace in namespaces if deployment else ():
        try:
            secret = core.read_namespaced_secret(_SECRET, namespace, _request_timeout=PATIENCE)
            found = base64.b64decode((secret.data or {}).get(_KEY, ""), validate=True)
        except library.client.ApiException as error:
            if error.status not in (403, 404):
                raise
            if error.status == 403:
                closed.append(namespace)
            continue
        except binascii.Error:
            continue
        if found.decode(errors="replace") == deployment:
            return namespace
    hidden = f" (your account may not read secrets in {', '.join(closed)})" if closed else ""
    raise KubernetesError(
        "the cluster that kubectl leads to is not shown to be the one that pachd runs in: no secret"
        f" {_SECRET} with its id in the namespaces {', '.join(namespaces)}{hidden}"
    )
