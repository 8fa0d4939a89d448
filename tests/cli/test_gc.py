"""`tycokit gc` on the folder of a pachd that is up, down, and not there."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from python_pachyderm import Client

from tycokit.client import connect_to
from tycokit.contexts import local
from tycokit.contexts.running import Running


def gc(data: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tycokit", "gc", "--data", str(data)],
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "300"},
        timeout=60,
        check=False,
    )


def probe(running: Running) -> None:
    connect_to(running.address, running.token)


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "data"
    local.stop(tmp_path / "data")


def packed(data: Path) -> int:
    return sum(file.stat().st_size for file in (data / "packs").iterdir())


def test_gc_gives_back_what_a_deleted_repo_had(data: Path) -> None:
    refused = gc(data)
    assert refused.returncode == 1
    assert "there is no pachd's data" in refused.stderr
    assert not data.exists()

    serving, _ = local.start(data, 0, probe=probe)
    client = Client("127.0.0.1", serving.port, auth_token=serving.token)
    for name in ("kept", "gone"):
        client.create_repo(name)
        client.put_file_bytes((name, "master"), "/x", os.urandom(1_000_000))
    client.delete_repo("gone")

    refused = gc(data)
    assert refused.returncode == 1
    assert f"process {serving.pid}" in refused.stderr
    assert "tycokit down" in refused.stderr

    local.stop(data)
    done = gc(data)
    assert done.returncode == 0, done.stderr
    assert "reclaimed 1" in done.stdout
    assert ": 1 chunk, " in done.stdout
    assert packed(data) == 1_000_000
    again = gc(data)
    assert "0 chunks, 0 pages" in again.stdout

    serving, _ = local.start(data, 0, probe=probe)
    client = Client("127.0.0.1", serving.port, auth_token=serving.token)
    assert len(client.get_file(("kept", "master"), "/x").read()) == 1_000_000
