"""A destination whose disk gets full: the copy says so, and goes on once there is room."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pachd_process
import pytest
from moving_driver import Pair, hashes
from python_pachyderm import Client
from small_disk import SmallDisk

from tycokit.contexts import config
from tycokit.contexts.config import Context

MIB = 1 << 20


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    made = SmallDisk(tmp_path / "disk", 24 * MIB)
    yield made
    made.end()


def test_a_copy_onto_a_full_disk_says_so_and_goes_on_once_there_is_room(
    pair: Pair, disk: SmallDisk
) -> None:
    pair.laptop.client.create_repo("films")
    pair.laptop.put("films", {f"/{at}": os.urandom(4 * MIB) for at in range(4)})
    served = subprocess.Popen(
        disk.inside([sys.executable, pachd_process.__file__, str(disk.path / "pachd")]),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert served.stdout is not None
        port = int(served.stdout.readline())
        config.register(pair.config, Context("small", f"grpc://127.0.0.1:{port}", None))
        disk.fill(leave=12 * MIB)
        said = pair.run("copy", "laptop", "small", code=1)
        assert "context 'small': the disk that holds the data folder is full" in said
        there = Client("127.0.0.1", port)
        (left,) = there.list_commit("films")
        assert not left.HasField("finished")
        disk.relieve()
        pair.run("copy", "laptop", "small")
        found = there.glob_file(("films", "master"), "/**")
        assert {info.file.path: info.hash.hex() for info in found} == hashes(pair.laptop, "films")
        (whole,) = there.list_commit("films")
        assert whole.commit.id == left.commit.id
    finally:
        served.communicate(timeout=60)  # the end of its input tells it
