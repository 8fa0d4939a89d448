"""Secrets: kept for user code alone."""

from __future__ import annotations

import logging
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from pachd_driver import Driver, Refusal, pfs, transform
from python_pachyderm.service import pps_proto

from tycokit.errors import NotServed, SecretKeyMissing
from tycokit.pachd.pps.mounts import mount
from tycokit.pachd.pps.namespace import Namespace, can_mount, folder
from tycokit.pachd.pps.schema import MIGRATIONS
from tycokit.pachd.pps.secrets import Secrets
from tycokit.pachd.pps.spec import SecretMount, Transform
from tycokit.pachd.server import Pachd
from tycokit.pachd.store.database import Database

VALUE = "correct-horse battery staple"


@pytest.fixture
def secret(on: Driver) -> Iterator[str]:
    name = on.name("secret").replace("_", "-")
    on.client.create_secret(name, {"password": VALUE, "raw.bin": b"\0\xff"}, {"team": "a"})
    yield name
    on.client.delete_secret(name)


def test_a_secret_is_listed_and_inspected_without_its_values(on: Driver, secret: str) -> None:
    (info,) = on.client.list_secret()
    inspected = on.client.inspect_secret(secret)
    for each in (info, inspected):
        assert each.secret.name == secret
        assert each.type == "Opaque"
        assert each.creation_timestamp.seconds > 0
        assert VALUE not in str(each)


def test_a_deleted_secret_is_gone(on: Driver) -> None:
    on.client.create_secret("gone", {"key": "x"})
    on.client.delete_secret("gone")
    assert list(on.client.list_secret()) == []
    with Refusal() as refusal:
        on.client.inspect_secret("gone")
    assert refusal.text == 'failed to get secret: secrets "gone" not found'
    with Refusal() as refusal:
        on.client.delete_secret("gone")
    assert refusal.text == 'failed to delete secret: secrets "gone" not found'


def test_only_this_user_can_read_the_files(on: Driver, secret: str, pachd: Pachd) -> None:
    folder = pachd.data / "secrets"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    files = list(folder.iterdir())
    assert [file.name for file in files] == [f"{secret}.json"]
    assert stat.S_IMODE(files[0].stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (b"not json", "the file is not JSON"),
        (b'{"metadata": {"name": "a"}, "data": "s3cr3t!"}', "its data must be an object"),
        (b'{"metadata": {"name": "a", "labels": [1]}}', "its labels must be an object"),
        (b"[]", "not the JSON of a Kubernetes Secret"),
        (b'{"metadata": {"name": "../x"}}', "its name must be"),
        (b'{"metadata": {"name": "a", "labels": {"suite": "other"}}}', "suite=other"),
        (b'{"kind": "Pod", "metadata": {"name": "a"}}', "'Pod'"),
        (b'{"metadata": {"name": "a"}, "data": {"a/b": ""}}', "its key 'a/b'"),
        (b'{"metadata": {"name": "a"}, "data": {"k": "s3cr3t!"}}', "its key 'k' is not base64"),
    ],
)
def test_a_file_that_is_no_secret_is_refused(on: Driver, file: bytes, said: str) -> None:
    with Refusal() as refusal:
        on.stub.CreateSecret(pps_proto.CreateSecretRequest(file=file))
    assert said in refusal.text
    assert "s3cr3t" not in refusal.text
    assert list(on.client.list_secret()) == []


def test_the_same_name_twice_is_refused(on: Driver, secret: str) -> None:
    with Refusal() as refusal:
        on.client.create_secret(secret, {"password": "other"})
    assert refusal.text == f'failed to create secret: secrets "{secret}" already exists'


def test_user_code_gets_a_variable_and_files(
    on: Driver, secret: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    repo = on.repo({"/a": b"a"})
    mounts = [
        pps_proto.SecretMount(name=secret, key="password", env_var="PASSWORD"),
        pps_proto.SecretMount(name=secret, mount_path="/secrets/mine"),
        pps_proto.SecretMount(name=secret, mount_path="/opt/deep/er"),
    ]
    script = """
        printf %s "$PASSWORD" > /pfs/out/variable
        cp /secrets/mine/raw.bin /opt/deep/er/password /pfs/out/
        stat -c %a /secrets/mine/password > /pfs/out/mode
    """
    pipe = on.pipeline(transform(script, secrets=mounts), pfs(repo))
    assert on.done(pipe).reason == ""
    assert on.files(pipe) == {
        "/variable": VALUE.encode(),
        "/password": VALUE.encode(),
        "/raw.bin": b"\0\xff",
        "/mode": b"600\n",
    }
    told = next(on.client.inspect_pipeline(pipe, details=True)).details.transform.secrets
    assert [each.mount_path for each in told] == ["", "/secrets/mine", "/opt/deep/er"]
    assert not Path("/secrets").exists()
    assert not Path("/opt/deep").exists()
    everything = on.logs(pipe, on.latest(pipe)) + [record.message for record in caplog.records]
    assert not [line for line in everything if VALUE in line]


def test_a_pipeline_needs_its_secrets(on: Driver) -> None:
    repo = on.repo()
    mounts = [pps_proto.SecretMount(name="absent", key="a", env_var="A")]
    with Refusal() as refusal:
        on.pipeline(transform("true", secrets=mounts), pfs(repo))
    assert refusal.text == "missing Kubernetes secret absent"


def test_a_mount_path_that_cannot_be_is_refused(on: Driver, secret: str) -> None:
    repo = on.repo()
    mounts = [pps_proto.SecretMount(name=secret, mount_path="/proc/secret")]
    with Refusal() as refusal:
        on.pipeline(transform("true", secrets=mounts), pfs(repo))
    assert "'/proc/secret' is not served" in refusal.text


def test_a_secret_deleted_since_fails_the_datum(on: Driver) -> None:
    on.client.create_secret("short-lived", {"a": "1"})
    repo = on.repo()
    mounts = [pps_proto.SecretMount(name="short-lived", key="a", env_var="A")]
    pipe = on.pipeline(transform("true", secrets=mounts), pfs(repo))
    on.done(pipe)
    on.client.delete_secret("short-lived")
    on.put(repo, {"/a": b"a"})
    assert on.done(pipe).state == pps_proto.JobState.JOB_FAILURE
    log = "\n".join(on.logs(pipe, on.latest(pipe)))
    assert 'secrets "short-lived" not found' in log


@pytest.mark.parametrize(
    "path", ["relative", "/", "/a/../b", "/pfs/x", "/dev/shm/x", "/etc/passwd"]
)
def test_where_nothing_can_be_mounted(path: str) -> None:
    assert not can_mount(path)


def test_a_file_that_a_crash_left_is_removed(tmp_path: Path) -> None:
    database = Database(tmp_path / "x.sqlite", MIGRATIONS)
    folder = tmp_path / "secrets"
    Secrets(folder, database).create(b'{"metadata": {"name": "kept"}, "data": {"k": "dg=="}}', 1)
    (folder / "left.json").write_text("{}")
    (folder / "half.new").write_text("{}")
    again = Secrets(folder, database)
    assert [path.name for path in folder.iterdir()] == ["kept.json"]
    assert again.values("kept") == {"k": b"v"}
    database.close()


def test_without_a_namespace_files_are_refused_in_words(tmp_path: Path) -> None:
    database = Database(tmp_path / "x.sqlite", MIGRATIONS)
    secrets = Secrets(tmp_path / "secrets", database)
    secrets.create(b'{"metadata": {"name": "plain"}, "data": {"k": "dg=="}}', 1)
    nowhere = Namespace("folder", False, folder)
    files = Transform(secrets=(SecretMount("plain", mount_path="/secret"),))
    with pytest.raises(NotServed, match="needs bubblewrap or unshare"):
        mount(secrets, files, nowhere, tmp_path / "here")
    variable = Transform(secrets=(SecretMount("plain", key="k", env_var="K"),))
    assert mount(secrets, variable, nowhere, tmp_path / "here").env == {"K": "v"}
    missing = Transform(secrets=(SecretMount("plain", key="other", env_var="K"),))
    with pytest.raises(SecretKeyMissing):
        mount(secrets, missing, nowhere, tmp_path / "here")
    database.close()
