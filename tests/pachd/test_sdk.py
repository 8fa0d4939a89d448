"""pachyderm-sdk 2.12, the newer client, in a virtual environment of its own."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import own_python
import pytest

from tycokit.pachd.server import Pachd, token

VERSION = "2.12.2"
SESSION = Path(__file__).with_name("sdk_session.py")


@pytest.fixture(scope="module")
def sdk() -> str:
    """The Python that has the SDK."""
    return own_python.python(f"pachyderm-sdk-{VERSION}", f"pachyderm-sdk=={VERSION}")


@pytest.fixture(scope="module")
def found(sdk: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What the session got."""
    data = tmp_path_factory.mktemp("pachd")
    pachd = Pachd(data, 0, token(data), dict(os.environ))
    port = pachd.start()
    try:
        done = subprocess.run(
            [sdk, str(SESSION), str(port), token(data)],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        yield json.loads(done.stdout)
    finally:
        pachd.stop()


def test_projects_and_repos(found: dict[str, Any]) -> None:
    assert found["projects"] == ["default", "second"]
    assert found["described"] == "another"
    assert found["repos"] == ["images"]
    assert found["repo"] == "pictures"
    assert found["exist"] == [True, False]


def test_commits(found: dict[str, Any]) -> None:
    assert found["finished"]
    assert found["size"] == 5_000_010
    assert found["commits"] == 2
    assert found["newest"]
    assert found["branches"] == ["master"]


def test_files(found: dict[str, Any]) -> None:
    assert found["files"] == [["/a.txt", 5], ["/b.txt", 5], ["/d/", 5_000_000]]
    assert found["walked"] == ["/", "/a.txt", "/b.txt", "/d/", "/d/large"]
    assert found["globbed"] == ["/a.txt", "/b.txt"]
    assert found["read"] == "hello"
    assert found["whole"]
    assert found["tar"] == ["a.txt", "b.txt", "d/large"]
    assert found["paths"] == [True, False]


def test_pipelines(found: dict[str, Any]) -> None:
    assert found["pipelines"] == ["copy"]
    assert found["pipeline"] == [1, "copies", "images"]
    assert found["pipelines exist"] == [True, False]
    assert found["left"] == 0


def test_jobs_and_logs(found: dict[str, Any]) -> None:
    assert found["job"] == ["JOB_SUCCESS", 1, ["sh"]]
    assert found["all jobs"] == [True]
    assert found["set"] == ["copy"]
    assert found["sets"] == 1
    assert found["datums"] == ["SUCCESS"]
    assert found["logs"] == [["done"], ["done"]]
    assert found["output"] == "hello"
