"""Kubernetes' list of nodes, of the cluster that a pachd runs in and of no other.

A kubeconfig names whatever cluster its owner looked at last. So nothing is counted before that
cluster has shown the deployment id which pachd gives as its own; Pachyderm's Helm chart keeps it in
a secret of pachd's namespace.
"""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from typing import Any

from tycokit.errors import NodesUnknown

_SECRET, _KEY = "pachyderm-deployment-id-secret", "CLUSTER_DEPLOYMENT_ID"
_NAMESPACES = ("pachyderm", "default")  # where Pachyderm's own instructions put it
_OWN_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_PATIENCE = 5.0  # seconds for each answer


def count(deployment: str, kubeconfig: Path | None = None) -> int:
    """The nodes of the cluster where the pachd with this deployment id runs.

    Asked is the cluster that this process runs in, else that of the kubeconfig file (None: where
    kubectl finds it). Raises NodesUnknown, which says why.
    """
    try:
        import kubernetes as installed
    except ImportError as error:
        raise NodesUnknown(
            "pachd does not tell, and Kubernetes cannot be asked without its client:"
            " pip install 'tycokit[kubernetes]'"
        ) from error
    kubernetes: Any = installed
    try:
        settings, namespaces = _settings(kubernetes, kubeconfig)
        with kubernetes.client.ApiClient(settings) as api:
            core = kubernetes.client.CoreV1Api(api)
            if not deployment or not _runs(kubernetes, core, deployment, namespaces):
                raise NodesUnknown(
                    "pachd does not tell, and the cluster that kubectl leads to is not shown to be"
                    f" the one that it runs in: no secret {_SECRET} with its id in the namespaces"
                    f" {', '.join(namespaces)}"
                )
            found = len(core.list_node(_request_timeout=_PATIENCE).items)
    except kubernetes.config.ConfigException as error:
        raise NodesUnknown(f"pachd does not tell, and no Kubernetes is known: {error}") from error
    except kubernetes.client.ApiException as error:
        raise NodesUnknown(
            f"pachd does not tell, and Kubernetes refuses: {error.status} {error.reason}"
        ) from error
    except kubernetes.client.rest.urllib3.exceptions.HTTPError as error:
        raise NodesUnknown(
            f"pachd does not tell, and no Kubernetes answers: {type(error).__name__}"
        ) from error
    if not found:
        raise NodesUnknown("Kubernetes lists no node")
    return found


def _settings(kubernetes: Any, kubeconfig: Path | None) -> tuple[Any, list[str]]:
    """How to reach Kubernetes, and the namespaces that pachd may be in, likeliest first."""
    settings = kubernetes.client.Configuration()
    settings.retries = False
    first = None
    if kubeconfig is None:
        try:
            kubernetes.config.load_incluster_config(client_configuration=settings)
            first = _OWN_NAMESPACE.read_text().strip() if _OWN_NAMESPACE.is_file() else ""
        except kubernetes.config.ConfigException:  # this is no pod
            pass
    if first is None:
        file = str(kubeconfig) if kubeconfig is not None else None
        kubernetes.config.load_kube_config(
            config_file=file, client_configuration=settings, persist_config=False
        )
        _, active = kubernetes.config.list_kube_config_contexts(config_file=file)
        first = active["context"].get("namespace", "")
    return settings, list(dict.fromkeys(name for name in (first, *_NAMESPACES) if name))


def _runs(kubernetes: Any, core: Any, deployment: str, namespaces: list[str]) -> bool:
    """Whether one of the namespaces holds the pachd with this deployment id."""
    for namespace in namespaces:
        try:
            secret = core.read_namespaced_secret(_SECRET, namespace, _request_timeout=_PATIENCE)
            found = base64.b64decode((secret.data or {}).get(_KEY, ""), validate=True)
        except kubernetes.client.ApiException as error:
            if error.status not in (403, 404):
                raise
            continue
        except binascii.Error:
            continue
        if found.decode(errors="replace") == deployment:
            return True
    return False
