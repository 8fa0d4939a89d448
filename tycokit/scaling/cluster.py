"""Kubernetes' list of nodes, of the cluster that a pachd runs in."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from tycokit.errors import KubernetesError, NodesUnknown, NotInstalled
from tycokit.operations import kube


def count(deployment: str, kubeconfig: Path | None = None) -> int:
    """The nodes of the cluster where the pachd with this deployment id runs.

    Asked is the cluster that this process runs in, else that of the kubeconfig file (None: where
    kubectl finds it). Raises NodesUnknown, which says why.
    """
    try:
        with closing(kube.reach(deployment, kubeconfig)) as reached:
            found = len(reached.get(reached.core.list_node)["items"])
    except (KubernetesError, NotInstalled) as error:
        raise NodesUnknown(f"pachd does not tell, and {error}") from error
    if not found:
        raise NodesUnknown("Kubernetes lists no node")
    return found
