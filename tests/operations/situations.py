"""What a cluster with Pachyderm runs, and what goes wrong there, as Kubernetes' manifests.

Named and labelled as Pachyderm 2.7 does it. The containers have busybox in them, which does what
the situation needs: it stays, ends badly, or asks for more memory than it may have.
"""

from __future__ import annotations

import base64
from typing import Any

NAMESPACE = "pachyderm"
ID = "KhpCZx7c8prdB268SnmXjELG27JDCaji"
IMAGE = "docker.io/library/busybox:1.35.0"
MISSING = "registry.example.com/tycokit/stage:V9"
STAY = "trap 'exit 0' TERM; sleep infinity & wait"
WORK = "trap 'exit 0' TERM; while :; do :; done"
FILL = "exec tail /dev/zero"  # it keeps the line that it reads, which has no end
CRASH = """cat >&2 <<'END'
Traceback (most recent call last):
  File "/usr/local/bin/tycokit", line 5, in <module>
    from tycokit.cli import main
ModuleNotFoundError: No module named 'tycokit'
END
printf 'für immer'
exit 1"""

Manifest = dict[str, Any]


def container(name: str, script: str = STAY, **more: Any) -> Manifest:
    return {
        "name": name,
        "image": IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "command": ["sh", "-c", script],
        "resources": asks(),
        **more,
    }


def asks(cpu: str = "10m", memory: str = "16Mi", **more: Manifest) -> Manifest:
    """A container's resources. The quota `team` wants each to name its memory."""
    return {"requests": {"cpu": cpu, "memory": memory}, **more}


def pod_spec(*containers: Manifest, **more: Any) -> Manifest:
    return {
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 1,
        "containers": list(containers),
        **more,
    }


def application(kind: str, name: str) -> Manifest:
    """One of Pachyderm's own: a Deployment or a StatefulSet."""
    labels = {"app": name, "suite": "pachyderm"}
    template = {"metadata": {"labels": labels}, "spec": pod_spec(container(name))}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    if kind == "StatefulSet":
        spec["serviceName"] = name
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def worker(
    pipeline: str, user: Manifest, *, project: str = "default", version: str = "1", **more: Any
) -> Manifest:
    """The template of a pipeline's workers."""
    names = {
        "pipelineName": pipeline,
        "pipelineProject": project,
        "pipelineVersion": version,
    }
    return {
        "metadata": {
            "labels": {"app": "pipeline", "component": "worker", "suite": "pachyderm", **names},
            "annotations": {"pachVersion": "2.7.8", **names},
        },
        "spec": pod_spec(
            user,
            container("storage", f"echo storage is ready; {STAY}"),
            **{
                "serviceAccountName": "pachyderm-worker",
                "initContainers": [container("init", "true")],
                **more,
            },
        ),
    }


def controller(template: Manifest, replicas: int = 1) -> Manifest:
    """What Pachyderm makes for a pipeline: it makes the workers."""
    labels = template["metadata"]["labels"]
    project, pipeline, version = (
        labels[f"pipeline{what}"] for what in ("Project", "Name", "Version")
    )
    return {
        "apiVersion": "v1",
        "kind": "ReplicationController",
        "metadata": {"name": f"{project}-{pipeline}-v{version}", "labels": labels},
        "spec": {"replicas": replicas, "selector": labels, "template": template},
    }


def lone(name: str, template: Manifest) -> Manifest:
    """A worker that nothing replaces once it has ended."""
    metadata = {"name": name, **template["metadata"]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}


def foundations() -> list[Manifest]:
    made = {"name": "pachyderm-deployment-id-secret", "labels": {"suite": "pachyderm"}}
    data = {"CLUSTER_DEPLOYMENT_ID": base64.b64encode(ID.encode()).decode()}
    return [
        {"apiVersion": "v1", "kind": "Secret", "metadata": made, "data": data},
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": "pachyderm-worker"},
        },
        {
            "apiVersion": "v1",
            "kind": "ResourceQuota",
            "metadata": {"name": "team"},
            "spec": {"hard": {"requests.memory": "2Gi"}},
        },
    ]


def model(script: str, replicas: int) -> Manifest:
    limits = {"cpu": "100m", "memory": "32Mi"}
    user = container("user", script, resources=asks("50m", "32Mi", limits=limits))
    return controller(worker("model", user), replicas)


ONCE = f"[ -e /pach/once ] || {{ touch /pach/once; {FILL}; }}; {WORK}"


def cluster() -> list[Manifest]:
    """Pachyderm, and pipelines that run, crash, wait for what is not there, or do not fit."""
    killed_once = model(ONCE, 1)
    pach: Manifest = {"name": "pach", "emptyDir": {}}
    spec = killed_once["spec"]["template"]["spec"]
    spec["volumes"] = [pach]
    spec["containers"][0]["volumeMounts"] = [{"name": "pach", "mountPath": "/pach"}]
    full = asks(limits={"memory": "16Mi"})
    smtp = [{"secretRef": {"name": "smtp"}}]
    return [
        application("StatefulSet", "etcd"),
        application("Deployment", "pachd"),
        application("Deployment", "pg-bouncer"),
        killed_once,
        controller(worker("validate", container("user", CRASH), version="3")),
        controller(worker("annotate", container("user", image=MISSING))),
        controller(worker("plot", container("user", FILL, resources=full), version="2")),
        controller(worker("alert", container("user", resources=asks(cpu="64")))),
        controller(worker("records", container("user", envFrom=smtp), project="lab")),
        controller(worker("report", container("user", resources=asks("10m", "8Gi")))),
    ]


def moments() -> list[Manifest]:
    """Workers at other moments of their lives, each on its own."""
    stuck = {"name": "weights", "secret": {"secretName": "weights"}}
    scratch = {"name": "scratch", "emptyDir": {"sizeLimit": "1Mi"}}
    writes = container(
        "user",
        "dd if=/dev/zero of=/scratch/big bs=1M count=8; sleep infinity",
        volumeMounts=[{"name": "scratch", "mountPath": "/scratch"}],
    )
    reads = container("user", volumeMounts=[{"name": "weights", "mountPath": "/weights"}])
    stays = worker("going", container("user", "trap '' TERM; while :; do sleep 1; done"))
    stays["spec"]["terminationGracePeriodSeconds"] = 600
    preflight = lone("pachyderm-preflight", worker("", container("user", "true")))
    preflight["metadata"]["labels"] = {"app": "preflight", "suite": "pachyderm"}
    preflight["spec"] = pod_spec(container("preflight", "true"), restartPolicy="Never")
    return [
        lone("default-unpack-v1", first("unpack", image=MISSING)),
        lone("default-prepare-v1", first("prepare", script="echo no space is left >&2; exit 4")),
        lone("default-mount-v1", worker("mount", reads, volumes=[stuck])),
        lone("default-crop-v1", worker("crop", writes, volumes=[scratch])),
        lone("default-going-v1", stays),
        preflight,
    ]


def first(pipeline: str, **more: Any) -> Manifest:
    """Workers whose init container does not come to its end."""
    return worker(pipeline, container("user"), initContainers=[container("init", **more)])
