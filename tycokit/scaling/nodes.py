"""How many nodes a cluster has: what a coefficient multiplies.

Pachyderm's API does not say it. In this order it is what the caller declares, what pachd itself
tells (a single-machine pachd tells its CPU cores), what Kubernetes lists where this is the cluster
that the pachd runs in, and what was recorded with the pipeline the last time. Each comes with its
source, which a person is to see.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from python_pachyderm import Client
from python_pachyderm.service import admin_grpc, admin_proto

from tycokit.errors import NodesUnknown
from tycokit.scaling import cluster
from tycokit.scaling.choices import MOST, NODES, Choice, Coefficient, workers
from tycokit.wording import counted

CORES_KEY = "tycokit-cores"  # in the metadata of InspectCluster's answer
_RECORDED = re.compile(r"(?P<count>\d+) (?P<unit>node|core)s?, (?P<source>.+)")


@dataclass(frozen=True, slots=True)
class Nodes:
    """`count` nodes (or CPU cores, by `unit`), known from `source`."""

    count: int
    unit: str
    source: str

    def __str__(self) -> str:
        return f"{counted(self.count, self.unit)}, {self.source}"


def find(
    client: Client,
    declared: int | None = None,
    annotations: Mapping[str, str] | None = None,
    listed: Callable[[str], int] = cluster.count,
) -> Nodes:
    """The nodes of the cluster that the client's pachd runs in. Raises NodesUnknown.

    Args:
        declared: the caller's word, which stands above all others.
        annotations: those of the pipeline that is about to be scaled.
        listed: asks Kubernetes, given pachd's deployment id.
    """
    if declared is not None:
        if not 0 < declared <= MOST:
            raise NodesUnknown(f"{declared} is no number of nodes")
        return Nodes(declared, "node", "as declared")
    deployment, cores = told(client)
    if cores:
        return Nodes(cores, "core", "as pachd tells")
    try:
        return Nodes(listed(deployment), "node", "as Kubernetes lists them")
    except NodesUnknown:
        known = recorded(annotations or {})
        if known is None:
            raise
        return known


def told(client: Client) -> tuple[str, int]:
    """pachd's deployment id, and its cores where it tells them (0 where not)."""
    # the client's own method drops the metadata
    stub: Any = admin_grpc.APIStub(client._channel)
    answer, call = stub.InspectCluster.with_call(admin_proto.InspectClusterRequest())
    metadata = dict(call.initial_metadata() or ())
    return answer.deployment_id, _number(metadata.get(CORES_KEY, ""))


def recorded(annotations: Mapping[str, str]) -> Nodes | None:
    """What an annotation of the pipeline says, None where it says nothing."""
    found = _RECORDED.fullmatch(annotations.get(NODES, ""))
    if found is None:
        return None
    return Nodes(int(found["count"]), found["unit"], "as recorded when it was last scaled")


def outdated(choice: Choice, annotations: Mapping[str, str], now: Nodes) -> str:
    """Where a pipeline's coefficient was multiplied with another number of nodes than there are
    now: what it came to, and what it would come to; else nothing.
    """
    was = recorded(annotations)
    if not isinstance(choice, Coefficient) or was is None or was.count == now.count:
        return ""
    return (
        f"the cluster's size has changed: {choice} was {workers(choice, was.count)} of"
        f" {was.count}, and is {workers(choice, now.count)} of {now.count} now"
    )


def _number(text: str | bytes) -> int:
    try:
        return max(0, min(MOST, int(text)))
    except ValueError:
        return 0
