"""The local pachd as a process of its own, through the command line, in temporary folders."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from command import tycokit
from python_pachyderm import Client

from tycokit.client import connect, connect_to
from tycokit.contexts import local, running
from tycokit.errors import DiedAtStart, NoAnswer, Refused

ANSI = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


class Machine:
    """A home of its own: config file and data folder; `run` runs the command line in it."""

    def __init__(self, folder: Path) -> None:
        self.config = folder / "pachyderm" / "config.json"
        self.data = folder / "data"
        self.port = free_port()
        self.folder = folder

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return tycokit(self.folder, self.config, *words)

    def up(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.run("up", "--data", str(self.data), "--port", str(self.port), *words)

    def contexts(self) -> dict[str, object]:
        return dict(json.loads(self.config.read_text())["v2"]["contexts"])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path)
    yield made
    local.stop(made.data)


def test_up_serves_and_down_leaves_all_as_it_was(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.config.parent.mkdir()
    before = {
        "v2": {"active_context": "prod", "contexts": {"prod": {"pachd_address": "grpc://p:1"}}}
    }
    machine.config.write_text(json.dumps(before))

    done = machine.up()

    assert done.returncode == 0, done.stderr
    assert f"pachd started at 127.0.0.1:{machine.port}" in done.stdout
    assert "restores prod" in done.stdout
    assert stat.S_IMODE((machine.data / "token").stat().st_mode) == 0o600
    monkeypatch.setenv("PACH_CONFIG", str(machine.config))
    assert list(Client().list_repo()) == []  # what a notebook writes

    again = machine.up()
    assert again.returncode == 0
    assert "was already running" in again.stdout

    done = machine.run("down", "--data", str(machine.data))
    assert done.returncode == 0
    assert "the active Pachyderm context is prod" in done.stdout
    assert json.loads(machine.config.read_text()) == before
    assert running.find(machine.data) is None

    done = machine.run("down", "--data", str(machine.data))
    assert done.returncode == 0
    assert "no pachd was running" in done.stdout


def test_the_port_of_another_process_is_named_with_it(machine: Machine) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", machine.port))
        taken.listen()
        done = machine.up()
    assert done.returncode == 1
    assert f"port {machine.port} is in use by process {os.getpid()}" in done.stderr
    assert "--port" in done.stderr
    assert not machine.config.exists()


def test_a_call_without_the_token_is_refused_and_without_a_pachd_unanswered(
    machine: Machine,
) -> None:
    with pytest.raises(NoAnswer, match=f"127.0.0.1:{machine.port}.*tycokit up"):
        connect_to(f"grpc://127.0.0.1:{machine.port}", None)
    assert machine.up().returncode == 0
    with pytest.raises(Refused):
        connect_to(f"grpc://127.0.0.1:{machine.port}", "wrong")
    with pytest.raises(Refused):
        connect_to(f"grpc://127.0.0.1:{machine.port}", None)
    assert connect(machine.config).health_check().status == 1


def test_a_context_of_another_cluster_is_refused(machine: Machine) -> None:
    assert machine.up().returncode == 0
    known = json.loads(machine.config.read_text())
    known["v2"]["contexts"]["tycokit"]["cluster_deployment_id"] = "another"
    machine.config.write_text(json.dumps(known))
    with pytest.raises(Refused, match="wrong cluster"):
        connect(machine.config)


def test_a_killed_pachd_starts_again_and_its_context_goes_with_down(machine: Machine) -> None:
    assert machine.up().returncode == 0
    first = running.find(machine.data)
    assert first is not None
    os.kill(first.pid, signal.SIGKILL)
    gone(first.pid)
    assert running.find(machine.data) is None
    done = machine.run("status", "--data", str(machine.data))
    assert done.returncode == 1
    assert "no pachd is running" in done.stdout

    assert machine.up().returncode == 0
    second = running.find(machine.data)
    assert second is not None
    assert second.pid != first.pid
    os.kill(second.pid, signal.SIGKILL)
    gone(second.pid)
    assert machine.run("down", "--data", str(machine.data)).returncode == 0
    assert not machine.config.exists()


def gone(pid: int) -> None:
    for _ in range(200):
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return
        except psutil.NoSuchProcess:
            return
        time.sleep(0.02)
    raise AssertionError(f"process {pid} is still there")


def test_doctor_leads_to_the_log_of_a_killed_pachd_and_to_no_cluster(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(machine.folder))
    machine.data = machine.folder / "tycokit" / "pachd"  # where a bare `up` puts it
    up = ("up", "--port", str(machine.port))
    assert machine.run(*up).returncode == 0
    kill(machine)
    done = machine.run("doctor")
    assert done.returncode == 1
    assert "✖ pachd: " in done.stdout
    assert "(nothing listens there); `tycokit up` starts one on this machine" in done.stdout
    assert f"→ its log is {machine.data / 'pachd.log'}; then `tycokit doctor`" in done.stdout
    assert "kubectl" not in done.stdout
    assert "Kubernetes" not in done.stdout
    assert str(machine.data / "pachd.log") in machine.run("status").stdout

    # another context with its address, such as a cluster's by a port-forward, is not that pachd
    known = json.loads(machine.config.read_text())
    contexts = known["v2"]["contexts"]
    contexts["prod"] = {**contexts["tycokit"], "cluster_deployment_id": "0" * 32}
    machine.config.write_text(json.dumps(known))
    monkeypatch.setenv("KUBECONFIG", str(machine.folder / "none"))
    done = machine.run("doctor", "--context", "prod")
    assert "its log is" not in done.stdout
    assert "→ where pachd runs in Kubernetes, lead kubectl to that cluster" in done.stdout

    assert machine.run(*up).returncode == 0
    assert machine.run("doctor").returncode == 0


def test_doctor_speaks_of_both_where_it_cannot_know_what_was_killed(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(machine.folder / "none"))
    assert machine.up().returncode == 0  # on data of which a bare command knows nothing
    kill(machine)
    done = machine.run("doctor")
    assert done.returncode == 1
    assert "`tycokit up` starts one on this machine, `pachctl port-forward`" in done.stdout
    assert "→ where pachd runs in Kubernetes, lead kubectl to that cluster" in done.stdout
    assert "where it is a process, look on its machine" in done.stdout


def kill(machine: Machine) -> None:
    """End pachd as a crash would."""
    found = running.find(machine.data)
    assert found is not None
    os.kill(found.pid, signal.SIGKILL)
    gone(found.pid)


def test_a_recycled_process_id_is_not_taken_for_pachd(machine: Machine) -> None:
    machine.data.mkdir()
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        stale = {"pid": other.pid, "created": 1.0, "port": 1, "open": False}
        (machine.data / "pachd.json").write_text(json.dumps(stale))
        assert running.find(machine.data) is None
        assert local.stop(machine.data) is None
        assert other.poll() is None
    finally:
        other.communicate(b"\n")


def test_a_start_that_dies_shows_the_end_of_its_log(machine: Machine) -> None:
    machine.data.mkdir()
    (machine.data / "pachd.sqlite").mkdir()
    done = machine.up()
    assert done.returncode == 1
    assert "while starting" in done.stderr
    assert "pachd.log" in done.stderr
    assert not machine.config.exists()


def test_a_start_that_hangs_is_ended(machine: Machine) -> None:
    def never(_: running.Running) -> None:
        raise NoAnswer("nowhere")

    with pytest.raises(DiedAtStart, match="was not ready after 2 s"):
        local.start(machine.data, 0, probe=never, seconds=2)
    assert running.find(machine.data) is None


def test_without_a_token_everybody_is_let_in_and_warned(machine: Machine) -> None:
    done = machine.up("--no-token")
    assert done.returncode == 0
    assert "every user of this machine" in done.stderr
    assert machine.contexts().keys() == {"tycokit"}
    assert "session_token" not in json.dumps(machine.contexts())
    assert list(connect_to(f"grpc://127.0.0.1:{machine.port}", None).list_repo()) == []


def test_a_running_pachd_is_not_moved_to_another_port(machine: Machine) -> None:
    assert machine.up().returncode == 0
    done = machine.run("up", "--data", str(machine.data), "--port", str(free_port()))
    assert done.returncode == 1
    assert f"already runs, on port {machine.port}" in done.stderr
    assert machine.run("up", "--data", str(machine.data)).returncode == 0


def test_a_broken_config_file_is_named_before_anything_starts(machine: Machine) -> None:
    machine.config.parent.mkdir()
    machine.config.write_text("{")
    done = machine.up()
    assert done.returncode == 1
    assert f"{machine.config}: line 1 is not JSON" in done.stderr
    assert running.find(machine.data) is None
    assert machine.config.read_text() == "{"


@pytest.mark.parametrize(
    ("words", "code"), [(["--help"], 0), (["nonsense"], 2), (["up", "--port", "x"], 2), ([], 2)]
)
def test_wrong_usage_is_told_and_has_its_own_exit_code(
    machine: Machine, words: list[str], code: int
) -> None:
    done = machine.run(*words)
    assert done.returncode == code
    assert "Usage" in ANSI.sub("", done.stdout + done.stderr)


def test_the_stage_command_imports_nothing_of_the_terminal() -> None:
    code = (
        "import sys; from tycokit.cli import main; main(['stage', '--help']);"
        "print([name for name in ('typer', 'rich', 'grpc', 'tensorflow') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def fetched(url: str) -> Any:
    """JSON from a server that says where it is a moment before it listens there."""
    for _ in range(100):
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.URLError:
            time.sleep(0.1)
    raise AssertionError(f"nothing answers at {url}")


def test_lab_has_the_notebooks_and_the_token(machine: Machine) -> None:
    assert machine.up().returncode == 0
    serving = running.find(machine.data)
    assert serving is not None
    words = ["lab", "--data", str(machine.data), "--no-browser", f"--port={free_port()}"]
    if os.geteuid() == 0:
        words.append("--allow-root")
    env = {**os.environ, "PACH_CONFIG": str(machine.config)}
    for name in ("CONFIG", "DATA", "RUNTIME"):
        env[f"JUPYTER_{name}_DIR"] = str(machine.folder / name.lower())
    lab = subprocess.Popen(
        [sys.executable, "-m", "tycokit", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=env,
    )
    try:
        assert lab.stderr is not None
        found = None
        for line in lab.stderr:
            if found := re.search(
                r"(http://127\.0\.0\.1:\d+)/lab/tree/tour\.ipynb\?token=(\w+)", line
            ):
                break
        assert found is not None
        # in its own environment, which its kernels inherit: Client("localhost", port) works there
        assert psutil.Process(lab.pid).environ()["PACH_PYTHON_AUTH_TOKEN"] == serving.token
        url = f"{found[1]}/api/contents?token={found[2]}"
        names = {entry["name"] for entry in fetched(url)["content"]}
        assert {"validate.ipynb", "model.ipynb"} <= names
    finally:
        lab.terminate()
        lab.communicate(timeout=30)
    assert running.find(machine.data) is not None  # Lab comes and goes, pachd stays
