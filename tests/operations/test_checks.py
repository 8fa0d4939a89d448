"""What is wrong, by the facts: one finding each, with its next step."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from kubernetes_api import name_of, pod_of, recorded

from tycokit.operations import checks, documents
from tycokit.operations.checks import Finding, check
from tycokit.operations.pods import Container, Disk, Node, Pod, Reading
from tycokit.operations.survey import Facts, Job, Pipeline
from tycokit.processing.joblist import JobRow

NOW = 1_795_000_000.0
READING = Reading(NOW, "somewhere", ())
HEALTHY = Facts(NOW, (2, 7, 8), "", (), READING, (), "")
EVENTS = tuple(documents.event(one) for one in recorded("events")["items"])


def pipeline(state: str = "running", job: Job | None = None, **more: Any) -> Pipeline:
    given = {"reason": "", "created": NOW - 3600, "stopped": False, "available": 1}
    return Pipeline(name="model", state=state, job=job, **{**given, **more})


def job(state: str, age: float = 3600, working: int = 0, reason: str = "") -> Job:
    row = JobRow(
        *("model", "default", "3f9a1c04", state, reason, 1),
        *(NOW - age, NOW - age, None, 4, 0, 0, 0, 0),
    )
    return Job(row, working)


def one(facts: Facts) -> Finding:
    (found,) = check(facts)
    return found


def test_where_all_is_well_nothing_is_said() -> None:
    assert check(HEALTHY) == ()
    working = pipeline(job=job("running", working=1))
    assert check(replace(HEALTHY, pipelines=(working, pipeline("standby")))) == ()
    young = pipeline(job=job("starting", age=20))
    assert check(replace(HEALTHY, pipelines=(young,))) == ()


def test_the_pods_of_the_recorded_cluster() -> None:
    pods = tuple(documents.pod(each) for each in recorded("pods")["items"])
    found = check(replace(HEALTHY, reading=replace(READING, pods=pods), events=EVENTS))
    by_subject = {each.subject: each for each in found}
    assert len(by_subject) == len(found) == 7

    crashed = by_subject[f"pod {name_of('validate')}"]
    assert crashed.what.startswith("CrashLoopBackOff: back-off 5m0s restarting")
    assert crashed.what.endswith("; user ended with code 1, 6 restarts")
    assert crashed.next == "`tycokit logs validate --pods` shows its last words"
    killed = by_subject[f"pod {name_of('plot')}"]
    assert killed.what == "user was killed for its memory (OOMKilled), 6 restarts"
    assert "resource_limits.memory in the spec of plot" in killed.next
    image = by_subject[f"pod {name_of('annotate')}"]
    assert "ImagePullBackOff: Back-off pulling image" in image.what
    assert "does registry.example.com/tycokit/stage:V9 exist" in image.next
    full = by_subject[f"pod {name_of('alert')}"]
    assert "1 Insufficient cpu" in full.what
    assert "`tycokit scale alert N`" in full.next
    secret = by_subject[f"pod {name_of('records')}"]
    assert 'secret "smtp" not found' in secret.what
    quota = by_subject["ReplicationController default-report-v1"]
    assert "exceeded quota" in quota.what
    assert {each.level for each in found[:6]} == {"wrong"}
    # it was killed once, and has been well since
    again = found[6]
    assert (again.level, again.subject.startswith("pod default-model-v1-")) == ("note", True)
    assert again.what == "user was killed for its memory (OOMKilled), 1 restart"
    assert all(each.next for each in found)


def of_later(group: str) -> Finding:
    """What is found about a pod that was recorded later."""
    pod = documents.pod(pod_of(group, "pods-later"))
    return one(replace(HEALTHY, reading=replace(READING, pods=(pod,))))


def test_a_pod_that_does_not_get_beyond_its_init_container() -> None:
    fails = of_later("prepare")
    assert (fails.level, "; init ended with code 4, " in fails.what) == ("wrong", True)
    assert fails.next == "`tycokit logs prepare --pods` shows its last words"
    missing = of_later("unpack")
    assert missing.what.startswith("ImagePullBackOff: ")
    # of the three images that the pod wants it is this one
    assert missing.next.startswith("does registry.example.com/tycokit/stage:V9 exist under that")


def test_a_pod_that_ends_is_as_it_is_to_be_and_one_that_was_put_out_is_not() -> None:
    ending = [documents.pod(pod_of(group, "pods-later")) for group in ("going", "preflight")]
    assert check(replace(HEALTHY, reading=replace(READING, pods=tuple(ending)))) == ()
    evicted = of_later("crop")
    assert evicted.what.startswith("Evicted: ")
    assert "exceeds the limit" in evicted.what


def test_a_container_that_has_just_crashed_for_the_first_time_is_told_with_its_code() -> None:
    document = pod_of("validate")
    for status in document["status"]["containerStatuses"]:
        if status["name"] == "user":
            status |= {"state": status["lastState"], "lastState": {}, "restartCount": 0}
    found = one(replace(HEALTHY, reading=replace(READING, pods=(documents.pod(document),))))
    assert found.what == "Error; user ended with code 1"


def test_pipelines_are_called_as_the_contexts_project_wants_them() -> None:
    pods = tuple(documents.pod(each) for each in recorded("pods")["items"])
    usual, lab = (replace(READING, pods=pods).seen_from(home) for home in ("default", "lab"))
    assert usual.pods == pods
    names = {pod.group for pod in lab.pods if pod.worker}
    assert names > {"records", "default/validate", "default/model"}
    assert [pod for pod in lab.pods if not pod.worker] == [pod for pod in pods if not pod.worker]
    found = {each.subject: each for each in check(replace(HEALTHY, reading=lab))}
    crashed = found[f"pod {name_of('validate')}"]
    assert "`tycokit logs default/validate --pods`" in crashed.next


def test_a_pod_that_waits_too_long_is_told_with_its_last_warning() -> None:
    pod = documents.pod(pod_of("mount", "pods-later"))
    assert pod.started is not None
    events = [documents.event(each) for each in recorded("events-later")["items"]]
    about = tuple(each for each in events if each.about == f"Pod {pod.name}")
    facts = replace(HEALTHY, reading=replace(READING, pods=(pod,)), events=about)
    assert check(replace(facts, now=pod.started + 60)) == ()
    found = one(replace(facts, now=pod.started + 3600))
    assert found.what.startswith("PodInitializing for 60 min: FailedMount, MountVolume.SetUp ")
    assert 'secret "weights" not found' in found.what
    assert found.next.startswith("`kubectl --namespace pachyderm describe pod default-mount-v1`")


@pytest.mark.parametrize(
    ("version", "level", "todo"),
    [
        ((2, 6, 4), "wrong", "upgrade pachd to 2.7"),
        ((1, 13, 0), "wrong", "upgrade pachd to 2.7"),
        ((3, 0, 0), "wrong", "pip install --upgrade tycokit"),
        ((2, 8, 1), "note", "pip install --upgrade tycokit"),
    ],
)
def test_another_version_of_pachd(version: tuple[int, int, int], level: str, todo: str) -> None:
    found = one(replace(HEALTHY, version=version))
    assert (found.level, found.subject) == (level, "version")
    assert "this client speaks 2.7" in found.what
    assert todo in found.next


def test_nodes_and_disks() -> None:
    nodes = tuple(documents.node(each) for each in recorded("nodes")["items"])
    found = one(replace(HEALTHY, reading=replace(READING, nodes=nodes)))
    assert (found.level, found.subject) == ("wrong", "node node-b")
    assert "free its disk" in found.next
    gone = Node("node-c", False, 4, 10**9, troubles=("NotReady: Kubelet stopped posting",))
    found = one(replace(HEALTHY, reading=replace(READING, nodes=(gone,))))
    assert "kubectl describe node node-c" in found.next
    for free, level in [(4 * 10**9, "note"), (10**8, "wrong")]:
        disk = Disk("/data", free, 10**12)
        found = one(replace(HEALTHY, reading=replace(READING, disks=(disk,))))
        assert (found.level, found.subject) == (level, "disk /data")
        assert "tycokit gc" in found.next
    roomy = Disk("/data", 6 * 10**9, 10**12)
    assert check(replace(HEALTHY, reading=replace(READING, disks=(roomy,)))) == ()


def test_a_worker_that_is_restarted_often_is_a_note() -> None:
    user = Container("user", "", "running", ready=True, restarts=checks.OFTEN)
    pod = Pod("lab-model-v1-0", "lab/model", True, "Running", containers=(user,))
    found = one(replace(HEALTHY, reading=replace(READING, pods=(pod,))))
    assert (found.level, found.what) == ("note", "has been restarted 5 times")
    assert found.next.startswith("`tycokit logs lab/model --all` tells what it did; ")
    assert "`tycokit logs lab/model --pods`" in found.next


@pytest.mark.parametrize(
    ("state", "reason", "what", "todo"),
    [
        ("failure", "bad glob", "failure: bad glob", "tycokit deploy"),
        ("crashing", "workers crash", "crashing: workers crash", "tycokit logs model --pods"),
        ("starting", "", "is stuck, starting", "tycokit logs model --all"),
        ("restarting", "why", "is stuck, restarting: why", "tycokit logs model --all"),
    ],
)
def test_a_pipeline_that_does_not_run(state: str, reason: str, what: str, todo: str) -> None:
    found = one(replace(HEALTHY, pipelines=(pipeline(state, reason=reason),)))
    assert (found.level, found.subject, found.what) == ("wrong", "pipeline model", what)
    assert todo in found.next
    if state.endswith("starting"):
        young = pipeline(state, created=NOW - checks.PATIENCE + 1)
        assert check(replace(HEALTHY, pipelines=(young,))) == ()


def test_a_paused_pipeline_is_a_note() -> None:
    found = one(replace(HEALTHY, pipelines=(pipeline("paused", stopped=True),)))
    assert (found.level, found.what) == ("note", "is paused: what it reads waits")
    assert found.next == "`pachctl start pipeline model` lets it go on"
    other = replace(pipeline("paused", stopped=True), name="lab/model")
    found = one(replace(HEALTHY, pipelines=(other,)))
    assert found.next == "`pachctl start pipeline model --project lab` lets it go on"


def test_jobs_that_failed_and_jobs_that_stand_still() -> None:
    failed = pipeline(job=job("failure", reason="datum x failed"))
    found = one(replace(HEALTHY, pipelines=(failed,)))
    assert (found.subject, found.what) == ("job model@3f9a1c04", "failure: datum x failed")
    assert "tycokit logs model@3f9a1c04" in found.next
    below = one(replace(HEALTHY, pipelines=(pipeline(job=job("unrunnable")),)))
    assert below.level == "note"
    still = one(replace(HEALTHY, pipelines=(pipeline(job=job("running")),)))
    assert still.level == "wrong"
    assert still.what == "running for 60 min, and no worker has any of its datums"


def test_a_pachd_that_is_away_comes_first_and_what_cannot_be_seen_is_said() -> None:
    pods = (documents.pod(pod_of("validate")),)
    facts = Facts(NOW, None, "no pachd answers", (), replace(READING, pods=pods), (), "")
    first, second = check(facts)
    assert (first.subject, first.level) == ("pachd", "wrong")
    assert second.subject == f"pod {name_of('validate')}"
    assert first.next == "then `tycokit doctor` once more"
    log = Path("/data/pachd.log")
    (alone,) = check(Facts(NOW, None, "no pachd answers", (), None, (), "", log))
    assert alone.next == "its log is /data/pachd.log; then `tycokit doctor` once more"
    unseen = one(replace(HEALTHY, reading=None, unseen="no Kubernetes is known"))
    assert (unseen.level, unseen.subject) == ("note", "pods and nodes")
    assert "no Kubernetes is known" in unseen.what
    assert unseen.next.startswith("where pachd runs in Kubernetes, lead kubectl to that cluster")
