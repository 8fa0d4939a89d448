"""Whether what the situations are to bring about has come about."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from plain_api import Api

Pods = Mapping[str, list[dict[str, Any]]]


def workers(api: Api) -> Pods:
    """The pods by the pipeline, or the application, that they belong to."""
    found = defaultdict(list)
    for pod in api.get(f"/api/v1/namespaces/{api.namespace}/pods")["items"]:
        labels = pod["metadata"]["labels"]
        found[labels.get("pipelineName") or labels["app"]].append(pod)
    return found


def killed_once(found: Pods) -> bool:
    return [restarts(pod) for pod in found["model"] if ready(pod)] == [1]


def tried_again(api: Api) -> bool:
    """Whether the worker that does not fit was tried once more; makes room for a moment, else."""
    events = api.get(f"/api/v1/namespaces/{api.namespace}/events")["items"]
    if any(one["reason"] == "FailedScheduling" and one.get("series") for one in events):
        return True
    api.ask("DELETE", f"/api/v1/namespaces/{api.namespace}/pods/etcd-0")
    return False


def settled(api: Api) -> bool:
    found = workers(api)
    events = api.get(f"/api/v1/namespaces/{api.namespace}/events")["items"]
    user = {name: container(pods[0], "user") for name, pods in found.items()}
    return (
        all(ready(pod) for name in ("etcd", "pachd", "pg-bouncer", "model") for pod in found[name])
        and len(found["model"]) == 2
        and "back-off 5m0s" in waits(user["validate"], "CrashLoopBackOff")
        and bool(waits(user["plot"], "CrashLoopBackOff"))
        and user["plot"]["restartCount"] >= 4
        and bool(waits(user["annotate"], "ImagePullBackOff"))
        and bool(waits(user["records"], "CreateContainerConfigError"))
        and not found["alert"][0]["spec"].get("nodeName")
        and any(one["reason"] == "FailedCreate" for one in events)
        and measured(api) >= {pod["metadata"]["name"] for pod in found["model"]}
    )


def measured(api: Api) -> set[str]:
    """The pods that metrics-server tells something of."""
    path = f"/apis/metrics.k8s.io/v1beta1/namespaces/{api.namespace}/pods"
    status, body = api.ask("GET", path)
    items = json.loads(body)["items"] if status == 200 else ()
    return {one["metadata"]["name"] for one in items}


def moments_have_come(api: Api) -> bool:
    """Makes the one that is to end end, too."""
    found = {name: pods[0] for name, pods in workers(api).items()}
    going = found["going"]
    if ready(going) and "deletionTimestamp" not in going["metadata"]:
        api.ask("DELETE", f"/api/v1/namespaces/{api.namespace}/pods/{going['metadata']['name']}")
    events = api.get(f"/api/v1/namespaces/{api.namespace}/events")["items"]
    return (
        bool(waits(container(found["unpack"], "init"), "ImagePullBackOff"))
        and bool(waits(container(found["prepare"], "init"), "CrashLoopBackOff"))
        and found["crop"]["status"].get("reason") == "Evicted"
        and found["preflight"]["status"]["phase"] == "Succeeded"
        and "deletionTimestamp" in going["metadata"]
        and any(one["reason"] == "FailedMount" for one in events)
    )


def container(pod: dict[str, Any], name: str) -> dict[str, Any]:
    """Its status, {} before there is one."""
    status = pod["status"]
    found = [*status.get("containerStatuses", ()), *status.get("initContainerStatuses", ())]
    return next((one for one in found if one["name"] == name), {})


def waits(status: dict[str, Any], reason: str) -> str:
    """What a container that waits for this reason says, else ""."""
    waiting = status.get("state", {}).get("waiting") or {}
    return waiting.get("message") or "" if waiting.get("reason") == reason else ""


def ready(pod: dict[str, Any]) -> bool:
    return any(
        one["type"] == "Ready" and one["status"] == "True"
        for one in pod["status"].get("conditions", ())
    )


def restarts(pod: dict[str, Any]) -> int:
    return sum(one["restartCount"] for one in pod["status"].get("containerStatuses", ()))
