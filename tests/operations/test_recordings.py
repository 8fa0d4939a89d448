"""The recordings, and the command that makes them: it touches no cluster that somebody needs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from kubernetes_api import NAMESPACE, RECORDED, Kubernetes, recorded, recorded_watch, version

WHERE = f"/api/v1/namespaces/{NAMESPACE}"


@pytest.mark.parametrize(("throwaway", "there"), [([], False), (["--throwaway"], True)])
def test_a_cluster_that_may_be_needed_is_left_as_it_is(
    kubernetes: Kubernetes, throwaway: list[str], there: bool
) -> None:
    if there:
        kubernetes.answers[WHERE] = {"kind": "Namespace"}
    program = Path(__file__).with_name("record.py")
    command = [sys.executable, program, "--kubeconfig", kubernetes.kubeconfig, *throwaway]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "is left as it is" in done.stderr
    assert kubernetes.asked == [WHERE]


def test_the_readme_has_every_file() -> None:
    table = (RECORDED / "README.md").read_text()
    listed = set(re.findall(r"`([\w.-]+\.(?:json|jsonl|log|txt))`", table))
    listed |= {f"{status}.json" for status in (401, 403, 404)}  # in "400 … 410"
    assert listed == {path.name for path in RECORDED.iterdir()} - {"README.md"}


def test_nothing_secret_is_in_them() -> None:
    for path in RECORDED.iterdir():
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"BEGIN [A-Z ]*(KEY|CERTIFICATE)|[Bb]earer|eyJ[\w-]{20}", text), path


def test_the_watches_are_those_of_a_drop_and_of_a_version_that_is_forgotten() -> None:
    before, after = recorded_watch("watch"), recorded_watch("watch-resumed")
    (come,) = (one["object"]["metadata"]["uid"] for one in before if one["type"] == "ADDED")
    gone = [one["object"]["metadata"]["uid"] for one in after if one["type"] == "DELETED"]
    assert gone == [come]
    assert after[-1]["type"] == "BOOKMARK"
    versions = [version(one["object"]) for one in before + after]
    assert versions == sorted(versions, key=int)
    assert int(version(recorded("pods"))) < int(versions[0])
    (expired,) = recorded_watch("watch-expired")
    assert (expired["type"], expired["object"]["code"]) == ("ERROR", 410)
    assert recorded("410")["reason"] == expired["object"]["reason"] == "Expired"


def test_they_are_written_as_the_command_writes_them() -> None:
    for path in RECORDED.glob("*.json"):
        text = path.read_text(encoding="utf-8")
        assert text == json.dumps(json.loads(text), indent=1, ensure_ascii=False) + "\n"
