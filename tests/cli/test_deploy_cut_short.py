"""A deploy that is cut short, and the one after it."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import psutil
import pytest
from command import tycokit
from deploy_place import Folder, Looked, Place, versions
from python_pachyderm import Client
from waiting import until

from tycokit.client import connect
from tycokit.contexts import local, running
from tycokit.deploying.actions import UpdatePipeline
from tycokit.deploying.apply import apply


@pytest.mark.parametrize("done", range(6))
def test_a_deploy_that_is_stopped_is_finished_by_the_next(place: Place, done: int) -> None:
    """By Ctrl-C, after so many of its steps."""
    place.look.apply()
    place.both("two", "60s")
    place.spec("c", "doorbells")
    place.notebook("c", "one")
    (place.folder / "specs" / "a.json").unlink()
    place.spec("b", "images", datum_timeout="60s")
    before = place.state()
    steps: list[str] = []

    def step(action: object = "the last look") -> None:
        if len(steps) == done:
            raise KeyboardInterrupt
        steps.append(str(action))

    with pytest.raises(KeyboardInterrupt):
        place.told(repos=["doorbells"], prune=True).apply(report=step, before=step)
    after = place.state()
    assert after["branches"] == ["master"]
    if done < 2:  # the repo, at most
        assert (after | {"repos": 0}) == (before | {"repos": 0})

    place.told(repos=["doorbells"], prune=True).apply()
    assert place.told(prune=True).plan.empty
    assert place.state()["pipelines"] == {"b": (2, False), "c": (1, False)}
    assert place.state()["b.ipynb"] == b"two"


class Crashing(Folder):
    """With a pachd that can be killed and started again on its data."""

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def start(self) -> Client:
        config = self.folder / "config.json"
        done = tycokit(self.folder, config, "up", "--data", str(self.data), "--port", "0")
        assert done.returncode == 0, done.stderr
        return connect(config)

    def kill(self) -> None:
        found = running.find(self.data)
        assert found is not None
        process = psutil.Process(found.pid)
        process.kill()
        until(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE)


@pytest.fixture
def crashing(tmp_path: Path) -> Iterator[Crashing]:
    made = Crashing(tmp_path)
    yield made
    local.stop(made.data)


@pytest.mark.parametrize("changed", [False, True])
def test_a_deploy_whose_pachd_is_killed_is_finished_by_the_next(
    crashing: Crashing, changed: bool
) -> None:
    """Right before everything changes, and after that, when pipelines are to be deleted yet."""
    client = crashing.start()
    Looked(client, crashing.folder).apply()
    crashing.notebook("b", "two")
    crashing.spec("b", "images", datum_timeout="60s")
    (crashing.folder / "specs" / "a.json").unlink()
    looked = Looked(client, crashing.folder, prune=True)

    def kill(action: object = None) -> None:
        if changed == isinstance(action, UpdatePipeline):
            crashing.kill()

    with pytest.raises((grpc.RpcError, ConnectionError)):
        apply(client, looked.plan.actions, report=kill, still=kill)
    client = crashing.start()
    with client.get_file(("notebooks", "master"), "/b.ipynb") as file:
        assert file.read() == (b"two" if changed else b"one")
    assert versions(client) == {"a": 1, "b": 2 if changed else 1}
    assert list(client.list_transaction()) == []

    Looked(client, crashing.folder, prune=True).apply()
    assert versions(client) == {"b": 2}
    assert Looked(client, crashing.folder, prune=True).plan.empty


def test_ctrl_c_at_the_question_changes_nothing(place: Place) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "tycokit", "deploy"],
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=place.folder,
        env={**os.environ, "PACH_CONFIG": str(place.config)},
    ) as deploying:
        assert deploying.stdout is not None
        said = b""
        while b"[y/N]" not in said:
            piece = os.read(deploying.stdout.fileno(), 1000)
            assert piece, said
            said += piece
        deploying.send_signal(signal.SIGINT)
        rest, _ = deploying.communicate(timeout=120)
    os.close(ours)
    os.close(theirs)
    assert (deploying.returncode, rest.strip()) == (2, b"tycokit: nothing was changed")
    assert list(place.site.client.list_repo()) == []


def test_ctrl_c_in_the_middle_says_how_to_go_on(
    place: Place, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    assert place.run_here(monkeypatch, "--yes", at="created repo images", do=stop) == 130
    assert "tycokit: stopped: what is not listed as done may be missing" in capfd.readouterr().err
    assert versions(place.site.client) == {}
    place.look.apply()
    assert versions(place.site.client) == {"a": 1, "b": 1}
