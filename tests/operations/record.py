"""Record what a Kubernetes API server answers, from a cluster on which all is brought about.

    python tests/operations/record.py --kubeconfig FILE --throwaway

The cluster wants two nodes: one with room for pods, one whose kubelet finds its disk full (as with
`--eviction-hard 'nodefs.available<99%'`); metrics-server; the image `busybox:1.35.0` on the first
node; and an API server that has been started again some minutes ago, so that it knows the first
versions no more. The namespace `pachyderm` is made, and deleted in the end; where there is one,
nothing is done.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import situations
from come_about import killed_once, moments_have_come, settled, tried_again, workers
from plain_api import Api
from situations import NAMESPACE

RECORDED = Path(__file__).parent / "recorded"
BASE = f"/api/v1/namespaces/{NAMESPACE}"
PODS = f"{BASE}/pods?labelSelector=suite%3Dpachyderm"
EVENTS = f"{BASE}/events?fieldSelector=type%3DWarning"
METRICS = "/apis/metrics.k8s.io/v1beta1"
MODEL = f"{BASE}/replicationcontrollers/default-model-v1"
AS_PRINTED = "application/json;as=Table;v=v1;g=meta.k8s.io"
PATIENCE = 900  # seconds: a container that crashes is started again after up to five minutes
# who manages which field is half of each document, the rest tells one machine from another
LEFT_OUT = {"managedFields", "machineID", "systemUUID", "bootID", "kernelVersion"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--throwaway", action="store_true", help="nobody needs this cluster")
    given = parser.parse_args()
    api = Api.of(given.kubeconfig, NAMESPACE)
    status, _ = api.ask("GET", BASE)
    if status != 404 or not given.throwaway:
        parser.error(
            f"{api.host} is left as it is: it must be a cluster that nobody needs (--throwaway),"
            f" without a namespace {NAMESPACE} (asked for that, it answers {status})"
        )
    api.make({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    try:
        record(api)
    finally:
        api.ask("DELETE", f"{BASE}/pods", {"gracePeriodSeconds": 0})  # one would stay for minutes
        api.ask("DELETE", BASE)


def record(api: Api) -> None:
    for manifest in situations.foundations() + situations.cluster():
        api.make(manifest)
    until("a worker of model works again", lambda: killed_once(workers(api)))
    api.change(MODEL, {"spec": situations.model(situations.WORK, replicas=2)["spec"]})
    until("alert has been tried again", lambda: tried_again(api))
    until("all is as it is to be", lambda: settled(api))
    pods = keep_pods(api, "pods")
    keep("events", api.get(EVENTS))
    keep("nodes", api.get("/api/v1/nodes"))
    keep("node-metrics", api.get(f"{METRICS}/nodes"))
    keep("pod-metrics", api.get(f"{METRICS}/namespaces/{NAMESPACE}/pods"))
    keep("secret", api.get(f"{BASE}/secrets/pachyderm-deployment-id-secret"))
    logs_and_refusals(api)
    watches(api, pods["metadata"]["resourceVersion"])
    for manifest in situations.moments():
        api.make(manifest)
    until("the others are there too", lambda: moments_have_come(api))
    keep_pods(api, "pods-later")
    keep("events-later", api.get(EVENTS))


def keep_pods(api: Api, name: str) -> Any:
    """The pods, and how the server would have them printed at the same moment."""
    while True:
        pods, printed = api.get(PODS), api.get(f"{PODS}&includeObject=None", Accept=AS_PRINTED)
        if pods["metadata"]["resourceVersion"] == printed["metadata"]["resourceVersion"]:
            keep(f"{name}-printed", printed)
            return keep(name, pods)


def logs_and_refusals(api: Api) -> None:
    found = workers(api)
    crashed, waiting = found["validate"][0]["metadata"]["name"], found["annotate"][0]
    log = f"{BASE}/pods/{crashed}/log"
    for file, path in {
        "user-previous": f"{log}?container=user&previous=true",
        "storage": f"{log}?container=storage",
    }.items():
        status, body = api.ask("GET", path)
        assert status == 200, body
        (RECORDED / f"{file}.log").write_bytes(body)
    secret = "secrets/pachyderm-deployment-id-secret"
    refusals = {
        400: api.ask("GET", f"{BASE}/pods/{waiting['metadata']['name']}/log?container=user"),
        401: api.ask_as_nobody("/api/v1/nodes"),
        403: api.ask("GET", "/api/v1/nodes", headers={"Impersonate-User": "analyst"}),
        404: api.ask("GET", f"/api/v1/namespaces/default/{secret}"),
        410: api.ask("GET", f"{PODS}&resourceVersion=1&resourceVersionMatch=Exact"),
    }
    for expected, (status, body) in refusals.items():
        assert status == expected, body
        keep(str(status), json.loads(body))
    status, body = api.ask("GET", "/apis/nowhere.k8s.io/v1/pods")
    assert status == 404, body
    (RECORDED / "no-such-api.txt").write_bytes(body)


def watches(api: Api, version: str) -> None:
    """One that drops once a new worker runs, the next, which tells its end, and one too late."""
    api.change(MODEL, {"spec": {"replicas": 3}})
    before, new = list[bytes](), ""
    for line in api.watch(PODS, version, 120):
        before.append(line)
        event = json.loads(line)
        if event["type"] == "ADDED":
            new = event["object"]["metadata"]["name"]
        elif new and event["object"]["metadata"].get("name") == new and runs(event["object"]):
            break
    api.change(MODEL, {"spec": {"replicas": 2}})
    until("it is gone again", lambda: api.ask("GET", f"{BASE}/pods/{new}")[0] == 404)
    last = json.loads(before[-1])["object"]["metadata"]["resourceVersion"]
    after = list[bytes]()
    for line in api.watch(PODS, last, 300):
        after.append(line)
        if json.loads(line)["type"] == "BOOKMARK":  # one a minute
            break
    assert "DELETED" in [json.loads(line)["type"] for line in after]
    expired = list(api.watch(PODS, "1", 10))
    assert [json.loads(line)["type"] for line in expired] == ["ERROR"]
    for name, lines in {"": before, "-resumed": after, "-expired": expired}.items():
        (RECORDED / f"watch{name}.jsonl").write_bytes(b"".join(lines))


def runs(pod: Any) -> bool:
    statuses = pod["status"].get("containerStatuses")
    return bool(statuses) and all(one["ready"] for one in statuses)


def keep(name: str, document: Any) -> Any:
    text = json.dumps(without(document), indent=1, ensure_ascii=False)
    (RECORDED / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    return document


def without(part: Any) -> Any:
    if isinstance(part, dict):
        return {name: without(value) for name, value in part.items() if name not in LEFT_OUT}
    return [without(one) for one in part] if isinstance(part, list) else part


def until(what: str, come: Callable[[], bool]) -> None:
    sys.stderr.write(f"until {what} …\n")
    end = time.monotonic() + PATIENCE
    while not come():
        if time.monotonic() > end:
            raise SystemExit(f"in vain: {what}")
        time.sleep(2)


if __name__ == "__main__":
    main()
