"""Where to look for what runs: chosen by what answers for a client's pachd.

As for the number of nodes: a single-machine pachd tells its CPU cores, so its workers are processes
of this machine; any other is asked for in the Kubernetes cluster that shows its deployment id.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from python_pachyderm import Client

from tycokit.operations import kube
from tycokit.operations.cluster import Cluster
from tycokit.operations.machine import Machine
from tycokit.operations.pods import Event, Excerpt, Reading
from tycokit.scaling import nodes


class Source(Protocol):
    """A place where pachd and its workers run; who finds it closes it."""

    def read(self) -> Reading:
        """How it is now. Raises OperationsError."""

    def events(self) -> tuple[Event, ...]:
        """Warnings about it. Raises OperationsError."""

    def logs(self, wanted: Excerpt) -> Iterator[str]:
        """The lines of a container's log. Raises OperationsError."""

    def close(self) -> None:
        """Let go of connections."""


def find(client: Client, *, follow: bool = False, kubeconfig: Path | None = None) -> Source:
    """The place where the client's pachd runs.

    Args:
        follow: it will be read again and again.
        kubeconfig: None: where kubectl finds it.

    Raises:
        OperationsError: neither this machine nor Kubernetes shows it; NotInstalled.
    """
    deployment, cores = nodes.told(client)
    if cores:
        return Machine(int(client.address.rpartition(":")[2]))
    return in_kubernetes(deployment, follow=follow, kubeconfig=kubeconfig)


def in_kubernetes(
    deployment: str, *, follow: bool = False, kubeconfig: Path | None = None
) -> Source:
    """Where the pachd with this deployment id runs, also while it does not answer.

    Raises:
        KubernetesError, NotInstalled.
    """
    return Cluster(kube.reach(deployment, kubeconfig), follow=follow)
