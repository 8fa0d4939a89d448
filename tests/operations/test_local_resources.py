"""The workers of the local pachd as pods: their processes, found by what they say of themselves."""

from __future__ import annotations

import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path

import psutil
import pytest
from gates import Gates, constant, one_a_set, pipeline
from pipeline_driver import Site, wait_for

from tycokit.errors import OperationsError
from tycokit.operations import metrics, podlogs, sources, survey
from tycokit.operations.checks import check
from tycokit.operations.machine import Machine
from tycokit.operations.pods import Pod, Reading


def newest(site: Site, name: str) -> str:
    return str(next(site.client.list_job(name)).job.id)


def of(reading: Reading, group: str) -> list[Pod]:
    return [pod for pod in reading.pods if pod.group == group]


def test_each_worker_is_a_pod_with_what_its_processes_use(site: Site, tmp_path: Path) -> None:
    gates = Gates(tmp_path / "gates")
    site.client.create_repo("letters")
    site.put("letters", {f"/{letter}": b"" for letter in "ab"})
    spin = "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done"
    lines = [*gates.lines[:2], f"  {spin}", *gates.lines[3:]]
    more = {"parallelism_spec": constant(2), "datum_set_spec": one_a_set()}
    pipeline(site, "spin", "letters", *lines, **more)
    pipeline(site, "rest", "letters", *gates.lines)
    with closing(sources.find(site.client)) as source:
        wait_for(lambda: len(of(source.read(), "spin")) == 2 and of(source.read(), "rest"))
        reading = source.read()
        busy = wait_for(
            lambda: [pod for pod in of(source.read(), "spin") if (pod.cores or 0) > 0.05]
        )
        assert all(pod.worker and pod.state == "Running" and pod.ready for pod in busy)
        assert all(pod.name.startswith("default-spin-v1-") for pod in busy)
        (resting,) = of(reading, "rest")
        assert resting.memory is not None
        assert resting.memory > 10**5
        (pachd,) = of(reading, "pachd")
        assert (pachd.worker, pachd.restarts) == (False, 0)
        (node,) = reading.nodes
        assert node.memory == psutil.virtual_memory().total
        assert node.used_memory is not None
        assert 0 < node.used_memory < node.memory
        assert any(disk.total > disk.free > 0 for disk in reading.disks)
        usages = metrics.by_group(reading.pods, ["rest", "spin", "idle"])
        assert [one.group for one in usages] == ["idle", "rest", "spin", "pachd"]
        assert source.events() == ()
        with pytest.raises(OperationsError, match=r"it is no pod.*tycokit logs --all"):
            list(source.logs(podlogs.excerpts(reading, "rest")[0]))
    gates.open()
    for name in ("spin", "rest"):
        site.job(name, newest(site, name))


def test_a_worker_that_was_lost_and_began_again_counts_a_restart(
    site: Site, tmp_path: Path
) -> None:
    gates = Gates(tmp_path / "gates")
    site.client.create_repo("lost")
    site.put("lost", {"/a": b""})
    pipeline(site, "lose", "lost", *gates.lines)
    with closing(sources.find(site.client)) as source:
        (pod,) = wait_for(lambda: of(source.read(), "lose"))
        assert pod.restarts == 0
        for process in psutil.Process().children():
            inside = process.children(recursive=True)
            if any(env.get("PPS_POD_NAME") == pod.name for env in map(environment, inside)):
                for one in (*inside, process):
                    with suppress(psutil.NoSuchProcess):
                        one.kill()
        again = wait_for(lambda: [one for one in of(source.read(), "lose") if one.restarts])
        assert [one.name for one in again] == [pod.name]
    gates.open()
    site.job("lose", newest(site, "lose"))


def environment(process: psutil.Process) -> dict[str, str]:
    try:
        return process.environ()
    except psutil.Error:
        return {}


def test_a_pachd_elsewhere_is_not_looked_for_here() -> None:
    with pytest.raises(OperationsError, match="listens on port 1: pachd runs elsewhere"):
        Machine(1)


def test_a_pachd_that_has_ended_is_told() -> None:
    program = (
        "import socket, time; found = socket.create_server(('127.0.0.1', 0));"
        "print(found.getsockname()[1], flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        machine = Machine(int(process.stdout.readline()))
        (pachd,) = machine.read().pods
        assert (pachd.name, pachd.cores) == ("pachd", None)
        (pachd,) = machine.read().pods
        assert pachd.cores is not None
        process.kill()
        process.wait()
        with pytest.raises(OperationsError, match="no process of this machine"):
            machine.read()


def test_a_failed_job_is_found_and_named(site: Site) -> None:
    site.client.create_repo("bad")
    site.put("bad", {"/a": b""})
    pipeline(site, "fail", "bad", "echo too bad >&2", "exit 3")
    id_ = newest(site, "fail")
    site.job("fail", id_)
    facts = survey.look(site.client)
    found = {one.subject: one for one in check(facts) if one.level == "wrong"}
    assert f"job fail@{id_}" in found
    assert facts.version == (2, 7, 8)
    assert facts.unseen == ""
