"""`tycokit trace`, as a process of its own, on a pachd that stages ran on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pipeline_driver import Site

from tycokit.contexts import config
from tycokit.pachd.server import token

Run = Callable[..., "subprocess.CompletedProcess[str]"]
THREAT = "/cam0/1511891000.json"


@pytest.fixture(scope="module")
def tycokit(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Runs a command on the module's pachd."""
    path = tmp_path_factory.mktemp("config") / "config.json"
    entry = {
        "source": 2,
        "pachd_address": f"grpc://127.0.0.1:{site.pachd.port}",
        "session_token": token(site.pachd.data),
    }
    path.write_text(json.dumps({"v2": {"active_context": "site", "contexts": {"site": entry}}}))
    assert config.context(path, None)

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "tycokit", *words],
            capture_output=True,
            text=True,
            cwd=Path(path).parent,
            env={**os.environ, "PACH_CONFIG": str(path), "COLUMNS": "300"},
            timeout=120,
            check=False,
        )

    return run


def test_a_trace_is_told_in_lines_and_in_json(site: Site, tycokit: Run) -> None:
    head = str(site.client.inspect_branch("weights", "master").head.id)
    done = tycokit("trace", f"threat-detect:{THREAT}", "--box", "0")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].endswith(f":{THREAT}")
    assert [line.split()[0] for line in lines if line[:1].strip()][1:] == [
        "threat-detect",
        "model",
        "validate",
    ]
    assert f"  weights      weights@{head}:/" in lines
    assert any(line.startswith("  parameters") and "threshold=0.5" in line for line in lines)
    assert any(line.startswith("  executed     model@") for line in lines)
    assert any(line.startswith("  object  ") for line in lines)

    told = json.loads(tycokit("trace", f"threat-detect:{THREAT}", "--json").stdout)
    assert told["sources"]["picture"][0]["path"] == "/cam0_1511891000.jpg"


def test_what_a_picture_touched_is_told(site: Site, tycokit: Run) -> None:
    done = tycokit("trace", "images:/cam0_1511891000.jpg", "--forward")
    assert done.returncode == 0, done.stderr
    assert {line.split(":")[-1] for line in done.stdout.splitlines() if "  annotate@" in line} == {
        "/cam0/1511891000.jpg"
    }
    cut = tycokit("trace", "weights", "--forward", "--most", "2")
    assert "model has more; --most gives them" in cut.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["images:/no"], "there is no file /no in images@master"),
        (["no address"], "repo@branch:/path"),
        (["images", "--forward", "--box", "1"], "cannot go with --forward"),
    ],
)
def test_what_cannot_be_traced_is_said_in_a_sentence(
    tycokit: Run, words: list[str], says: str
) -> None:
    done = tycokit("trace", *words)
    assert done.returncode == 1
    assert says in done.stderr
    assert "Traceback" not in done.stderr
