"""How many threads a network gets."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tycokit.vision.detectors import threads


@pytest.mark.parametrize(("told", "count"), [("1", 1), ("3", 3), ("2,4", 2)])
def test_a_worker_is_told(monkeypatch: pytest.MonkeyPatch, told: str, count: int) -> None:
    monkeypatch.setenv(threads.VARIABLE, told)
    assert threads.count() == count


@pytest.mark.parametrize("told", ["", "0", "many"])
def test_without_that_it_is_the_cores_that_there_are(
    monkeypatch: pytest.MonkeyPatch, told: str
) -> None:
    monkeypatch.setenv(threads.VARIABLE, told)
    assert 1 <= threads.count() <= len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("text", "count"),
    [("200000 100000", 2), ("50000 100000", 1), ("max 100000", 0), ("", 0)],
)
def test_a_containers_limit_counts(tmp_path: Path, text: str, count: int) -> None:
    file = tmp_path / "cpu.max"
    file.write_text(text)
    assert threads._quota(file) == count
    assert threads._quota(tmp_path / "absent") == 0


def test_tensorflow_gets_that_many() -> None:
    code = (
        "from tycokit.vision.detectors.quiet import tensorflow; tf = tensorflow()\n"
        "print(tf.config.threading.get_intra_op_parallelism_threads(), tf.ones(3).numpy().sum())"
    )
    env = {**os.environ, threads.VARIABLE: "3"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout == "3 3.0\n"
