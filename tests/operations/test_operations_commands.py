"""top, doctor and logs --pods through the command line, on this machine and on a cluster."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from gates import Gates, pipeline
from kubernetes_api import EVENTS, ID, NODES, PODS, Kubernetes, log_of, name_of, recorded
from pipeline_driver import Site, wait_for
from waiting import until

from tycokit.cli import main
from tycokit.contexts import config
from tycokit.pachd import server
from tycokit.pachd.rpc import cluster

VALIDATE = name_of("validate")


def context(folder: Path, port: int, token: str | None, deployment: str | None = None) -> Path:
    path = folder / "config.json"
    found = config.Context("here", f"grpc://127.0.0.1:{port}", token, deployment)
    config.register(path, found)
    return path


@pytest.fixture
def here(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A config file that leads to the local pachd."""
    path = context(tmp_path, site.pachd.port, site.client.auth_token)
    monkeypatch.setenv("PACH_CONFIG", str(path))
    monkeypatch.setenv("COLUMNS", "300")
    return path


@pytest.fixture
def in_cluster(
    tmp_path: Path, kubernetes: Kubernetes, monkeypatch: pytest.MonkeyPatch
) -> Iterator[server.Pachd]:
    """A pachd that tells what one in that cluster tells: the cluster's id, and no cores."""

    class Servicer(cluster.AdminServicer):
        def __init__(self, *_: object) -> None:
            super().__init__(ID, 0)

    monkeypatch.setattr(cluster, "AdminServicer", Servicer)
    made = server.Pachd(tmp_path / "data", 0, None, dict(os.environ))
    path = context(tmp_path, made.start(), None, ID)
    monkeypatch.setenv("PACH_CONFIG", str(path))
    monkeypatch.setenv("KUBECONFIG", str(kubernetes.kubeconfig))
    monkeypatch.setattr(
        "kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(kubernetes.kubeconfig)
    )
    monkeypatch.setenv("COLUMNS", "300")
    yield made
    made.stop()


def test_top_shows_this_machines_workers(
    site: Site, here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gates = Gates(tmp_path / "gates")
    site.client.create_repo("held")
    site.put("held", {"/a": b""})
    pipeline(site, "hold", "held", *gates.lines)

    def groups() -> dict[str, dict[str, object]]:
        assert main(["top", "--json"]) == 0
        document = json.loads(capsys.readouterr().out)
        return {one["group"]: one for one in document["groups"]}

    found = wait_for(lambda: groups() if groups()["hold"]["pods"] else None)
    assert found["hold"]["pipeline"] is True
    assert found["hold"]["memory"] > 0
    assert found["hold"]["cores"] is not None
    assert found["pachd"]["pipeline"] is False
    assert main(["top", "--once"]) == 0
    shown = capsys.readouterr().out
    assert "this machine" in shown
    row = next(line for line in shown.splitlines() if line.startswith("hold"))
    assert row.split()[1:4] == ["1/1", "Running", "0"]
    assert main(["logs", "hold", "--pods"]) == 1
    assert "tycokit logs --all" in capsys.readouterr().err
    gates.open()
    site.job("hold", next(site.client.list_job("hold")).job.id)


def test_top_is_live_on_a_terminal_until_it_is_interrupted(site: Site, here: Path) -> None:
    controller, terminal = pty.openpty()
    command = [sys.executable, "-m", "tycokit", "top", "--every", "0.5"]
    process = subprocess.Popen(
        command,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "120", "LINES": "40"},
    )
    os.close(terminal)
    seen = b""

    def drawn() -> bool:
        nonlocal seen
        seen += os.read(controller, 65536)
        return seen.count(b"memory over time") >= 3

    try:
        until(drawn, 60)
        process.send_signal(signal.SIGINT)
        while True:  # it writes until the terminal is as it was
            try:
                seen += os.read(controller, 65536)
            except OSError:
                break
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
        os.close(controller)
    assert b"Traceback" not in seen
    assert seen.count(b"\x1b[?1049l") == 1  # the screen from before is back


def test_doctor_tells_a_failed_job_and_its_next_step(
    site: Site, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor"]) in (0, 1)
    assert "looked at Pachyderm 2.7.8" in capsys.readouterr().out
    site.client.create_repo("bad")
    site.put("bad", {"/a": b""})
    pipeline(site, "fail", "bad", "exit 3")
    job = next(site.client.list_job("fail")).job.id
    site.job("fail", job)
    assert main(["doctor"]) == 1
    shown = capsys.readouterr().out
    assert f"✖ job fail@{job}: failure" in shown
    assert f"→ `tycokit logs fail@{job}` shows the cell" in shown
    assert main(["doctor", "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert any(one["subject"] == f"job fail@{job}" for one in document["findings"])


def test_doctor_without_a_pachd(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PACH_CONFIG", str(context(tmp_path, 1, None)))
    assert main(["doctor"]) == 1
    shown = capsys.readouterr().out
    assert "✖ pachd: " in shown
    assert "`tycokit up` starts one" in shown


def test_the_clusters_pods_are_shown_judged_and_heard(
    kubernetes: Kubernetes, in_cluster: server.Pachd, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["top", "--once"]) == 0
    shown = capsys.readouterr().out
    assert "the namespace pachyderm of Kubernetes" in shown
    assert "node-a: 2.00 of 2 cores, 6.8 GB of " in shown
    row = next(line for line in shown.splitlines() if line.startswith("validate"))
    assert row.split()[1:5] == ["0/1", "✖", "CrashLoopBackOff", "6"]

    assert main(["doctor"]) == 1
    shown = capsys.readouterr().out
    assert f"✖ pod {VALIDATE}: CrashLoopBackOff" in shown
    assert "✖ node node-b: DiskPressure" in shown
    assert "looked at Pachyderm 2.7.8, 0 pipelines, 10 pods, 2 nodes" in shown

    assert main(["logs", "validate", "--pods", "--tail", "3"]) == 0
    shown = capsys.readouterr().out
    before = f"{VALIDATE} user (before it crashed)"
    assert f"{before} ModuleNotFoundError: No module named 'tycokit'" in shown
    assert f"{before} für immer" in shown
    assert f"{VALIDATE} storage storage is ready" in shown
    assert main(["logs", VALIDATE, "--pods", "--follow"]) == 0
    assert set(capsys.readouterr().out.splitlines()) == set(shown.splitlines())
    followed = [
        one["container"] for one in kubernetes.queries if one.get("follow", "").lower() == "true"
    ]
    assert followed == ["storage"]  # the other one has ended
    assert main(["logs", "alert", "--pods"]) == 1
    assert "no container of alert has begun" in capsys.readouterr().err

    # a pipeline of another project, whose worker has not begun and so has said nothing
    assert main(["logs", "lab/records", "--pods"]) == 0
    assert main(["logs", "records", "--pods", "--project", "lab"]) == 0
    assert main(["logs", "records", "--pods"]) == 1
    assert "there is no pod records" in capsys.readouterr().err


def test_a_healthy_cluster_is_called_so(
    kubernetes: Kubernetes, in_cluster: server.Pachd, capsys: pytest.CaptureFixture[str]
) -> None:
    pods, nodes = recorded("pods"), recorded("nodes")
    well = ("etcd-0", name_of("pachd"), name_of("pg-bouncer"))
    running = [one for one in pods["items"] if one["metadata"]["name"] in well]
    kubernetes.answers[PODS] = {**pods, "items": running}
    kubernetes.answers[NODES] = {**nodes, "items": nodes["items"][:1]}
    kubernetes.answers[EVENTS] = 403  # which it does without
    assert main(["doctor"]) == 0
    assert "✔ nothing is wrong: looked at" in capsys.readouterr().out


def test_why_a_clusters_pachd_is_away_is_looked_for_in_its_pods(
    kubernetes: Kubernetes, in_cluster: server.Pachd, capsys: pytest.CaptureFixture[str]
) -> None:
    in_cluster.stop()
    pods = recorded("pods")
    pachd = next(one for one in pods["items"] if one["metadata"]["name"].startswith("pachd"))
    (status,) = pachd["status"]["containerStatuses"]
    status |= {
        "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m0s"}},
        "ready": False,
        "restartCount": 3,
    }
    kubernetes.answers[PODS] = pods
    assert main(["doctor"]) == 1
    shown = capsys.readouterr().out
    name = pachd["metadata"]["name"]
    assert shown.startswith("✖ pachd: ")
    assert f"✖ pod {name}: CrashLoopBackOff: back-off 5m0s" in shown
    assert f"`tycokit logs {name} --pods`" in shown
    kubernetes.answers[log_of(name, "pachd", previous=True)] = "cannot reach postgres\n"
    assert main(["logs", "pachd", "--pods"]) == 0
    assert "cannot reach postgres" in capsys.readouterr().out


def test_without_the_extra_it_is_named(
    in_cluster: server.Pachd,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, "kubernetes", None)
    assert main(["top", "--once"]) == 1
    assert "pip install 'tycokit[kubernetes]'" in capsys.readouterr().err
    assert main(["doctor"]) == 0
    shown = capsys.readouterr().out
    assert "▲ pods and nodes: cannot be looked at" in shown
    assert "tycokit[kubernetes]" in shown


def test_a_pachd_that_is_away_is_told_also_without_the_extra(
    in_cluster: server.Pachd,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, "kubernetes", None)
    in_cluster.stop()
    assert main(["logs", "pachd", "--pods"]) == 1
    said = capsys.readouterr().err
    assert "no pachd answers" in said
    assert "is not installed" not in said
