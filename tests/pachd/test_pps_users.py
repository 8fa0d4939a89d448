"""transform.user: user code runs as another user where pachd can do that."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pachd_driver import SUCCESS, Driver, Refusal, pfs, transform
from python_pachyderm import Client
from python_pachyderm.service import pps_proto

from tycokit.pachd.pps import namespace
from tycokit.pachd.pps.users import Account, find

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


@pytest.fixture(scope="module")
def _private(tmp_path_factory: pytest.TempPathFactory) -> None:
    if not namespace.choose(tmp_path_factory.mktemp("probe")).private:
        pytest.skip("user code has no private /pfs here")


def run(on: Driver, script: str, user: str, **more: Any) -> tuple[str, Any]:
    repo = on.repo({"/d/a": b"1"})
    name = on.pipeline(transform(script, user=user, **more), pfs(repo, name="in"))
    return name, on.done(name)


@root_only
@pytest.mark.usefixtures("_private")
@pytest.mark.parametrize(
    ("user", "ids"),
    [
        ("nobody", "65534 65534 65534"),
        ("12345:23456", "12345 23456 23456"),
        ("12345", "12345 0 0"),
        ("nobody:root", "65534 0 0"),
        ("", "0 0 0"),
        ("root", "0 0 0"),
    ],
)
def test_user_code_is_that_user_and_may_write_its_pfs(on: Driver, user: str, ids: str) -> None:
    script = """
        echo $(id -u) $(id -g) $(id -G)
        echo 2 >> /pfs/in/d/a
        echo more > /pfs/in/d/new
        mkdir /pfs/out/made
        cp /pfs/in/d/* /pfs/out/made/
        touch here
        cat /pfs/.env | grep -q PACH_JOB_ID
    """
    name, info = run(on, script, user)
    assert info.state == SUCCESS, on.logs(name, info.job.id)
    said = on.said(name)
    assert said[0].split()[:2] == ids.split()[:2]
    if user not in ("", "root"):
        assert said == [ids]
    assert on.files(name) == {"/made/a": b"12\n", "/made/new": b"more\n"}


@root_only
@pytest.mark.usefixtures("_private")
def test_secrets_home_lazy_files_and_what_is_left_behind(on: Driver, client: Client) -> None:
    client.create_secret("of-nobody", {"key": "value"})
    try:
        script = """
            test $HOME = /nonexistent
            test $(cat /secret/key) = value
            sh -c 'sleep 1000' &
            chmod 000 /pfs/in
        """
        secret = pps_proto.SecretMount(name="of-nobody", mount_path="/secret")
        name, info = run(on, script, "nobody", secrets=[secret])
        assert info.state == SUCCESS, on.logs(name, info.job.id)
    finally:
        client.delete_secret("of-nobody")
    repo = on.repo({"/a": b"lazy", "/b": b"b"})
    made = transform("cp /pfs/in/* /pfs/out/", user="nobody")
    lazy = on.pipeline(made, pfs(repo, name="in", lazy=True))
    assert on.done(lazy).state == SUCCESS, on.logs(lazy, on.latest(lazy))
    assert on.files(lazy) == {"/a": b"lazy", "/b": b"b"}


@root_only
@pytest.mark.usefixtures("_private")
def test_a_process_that_hangs_is_ended_though_it_is_anothers(on: Driver) -> None:
    repo = on.repo({"/a": b"1"})
    made = transform("sh -c 'trap \"\" TERM; sleep 1000' & wait", user="nobody")
    name = on.pipeline(made, pfs(repo), datum_tries=1, datum_timeout={"seconds": 1})
    info = on.done(name)
    assert info.reason.endswith("failed")
    assert any("timed out after 1 s" in line for line in on.logs(name, info.job.id))


@pytest.mark.parametrize(
    ("user", "said"),
    [
        ("who-is-this", "the transform's user who-is-this is unknown on this machine"),
        ("root:no-such-group", "the transform's group no-such-group is unknown on this machine"),
    ],
)
def test_who_is_unknown_is_refused(on: Driver, user: str, said: str) -> None:
    with Refusal() as refusal:
        on.pipeline(transform("true", user=user), pfs(on.repo()))
    assert refusal.text == said


def test_only_root_can_change_the_user(tmp_path: Path) -> None:
    """Asked as an ordinary user, in a user namespace where this is not already one."""
    code = "from tycokit.pachd.pps.users import find; print(find('')); find('root')"
    command = [sys.executable, "-c", code]
    if os.geteuid() == 0:
        command = ["unshare", "--user", "--map-user=1000", "--map-group=1000", *command]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout == "None\n"
    assert "user code cannot run as user root: the local pachd runs as user" in done.stderr


def test_whoever_pachd_is_needs_no_change() -> None:
    assert find(f"{os.geteuid()}:{os.getegid()}") is None
    if os.geteuid() == 0:
        assert find("nobody") == Account(65534, 65534, "/nonexistent")
