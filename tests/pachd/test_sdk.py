"""pachyderm-sdk 2.12, the newer client, in a virtual environment of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from platformdirs import user_cache_path

from tycokit.pachd.server import Pachd, token

VERSION = "2.12.2"
# read before the tests' own cache folder takes its place: it is kept from run to run
HOME = user_cache_path("tycokit") / "tests" / f"pachyderm-sdk-{VERSION}"
SESSION = Path(__file__).with_name("sdk_session.py")
NO_INDEX = re.compile(
    r"Failed to establish a new connection|Temporary failure in name resolution|timed out"
    r"|Max retries exceeded|Network is unreachable|Connection refused"
)


@pytest.fixture(scope="module")
def sdk() -> str:
    """The Python that has the SDK; made once for each version of it."""
    python = str(HOME / "bin" / "python")
    ready = HOME / "ready"
    if not ready.exists():
        venv.create(HOME, clear=True, with_pip=True)
        pip = [python, "-m", "pip", "--disable-pip-version-check"]
        done = subprocess.run(
            [*pip, "install", "--retries", "1", f"pachyderm-sdk=={VERSION}"],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode and NO_INDEX.search(done.stdout + done.stderr):
            pytest.skip(f"PyPI cannot be reached, so pachyderm-sdk {VERSION} cannot be installed")
        assert done.returncode == 0, done.stderr
        ready.touch()
    return python


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
