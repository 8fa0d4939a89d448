"""What Pachyderm tells user code in its environment and in /pfs/.env."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from tycokit.pachd.pps.task import Surroundings, Task

_PLAIN = re.compile(r"[A-Za-z0-9_./:@%+,=-]*")


def of_worker(
    around: Surroundings, task: Task, worker: str, port: int, root: str
) -> dict[str, str]:
    """What stays the same from datum to datum.

    Args:
        worker: the worker's name.
        port: where it serves NextDatum.
        root: the folder that stands for /pfs.
    """
    host, peer = around.address
    env = {
        **around.environment,
        "PPS_PIPELINE_NAME": task.job.pipeline.name,
        "PPS_PROJECT_NAME": task.job.pipeline.project,
        "PPS_SPEC_COMMIT": task.spec_commit,
        "PPS_POD_NAME": worker,
        "PPS_WORKER_IP": host,
        "PPS_WORKER_GRPC_PORT": str(port),
        "PACH_NAMESPACE": "default",
        "PACH_IN_WORKER": "true",
        "PEER_PORT": str(peer),
        "PACHD_PEER_SERVICE_HOST": host,
        "PACHD_PEER_SERVICE_PORT": str(peer),
    }
    # a pod sees its own cores only; workers here share the machine's
    cores = (os.cpu_count() or 1) // max(1, task.spec.workers)
    env.setdefault("OMP_NUM_THREADS", str(max(1, cores)))
    if not around.namespace.private:
        env["TYCOKIT_PFS"] = root
    return {**env, **task.transform.env}


def of_datum(task: Task, root: str) -> dict[str, str]:
    """What is told of one datum."""
    found: dict[str, str] = {}
    for each in task.planned.datum.inputs:
        found[each.name] = f"{root}/{each.name}{each.path}".rstrip("/")
        found[f"{each.name}_COMMIT"] = each.commit_id
        if each.join_on:
            found[f"PACH_DATUM_{each.name}_JOIN_ON"] = each.join_on
        if each.group_by:
            found[f"PACH_DATUM_{each.name}_GROUP_BY"] = each.group_by
    found["PACH_DATUM_ID"] = task.planned.datum.id
    found["PACH_JOB_ID"] = found["PACH_OUTPUT_COMMIT_ID"] = task.job.id
    return found


def lines(variables: Mapping[str, str]) -> list[str]:
    """`KEY=VALUE` each, quoted where a reader of .env files would else change the value."""
    return [f"{key}={_quoted(value)}" for key, value in variables.items()]


def _quoted(value: str) -> str:
    if _PLAIN.fullmatch(value):
        return value
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
