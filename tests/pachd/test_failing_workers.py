"""What goes wrong around user code, on pachd's side, is neither hidden nor left behind."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tycokit.errors import ChunkDamaged
from tycokit.pachd.pfs.filetree import Content
from tycokit.pachd.pps.container import Container
from tycokit.pachd.pps.namespace import Namespace, folder
from tycokit.pachd.pps.pipes import Pipes
from tycokit.pachd.store import packs
from tycokit.pachd.store.database import Database

SIZE = 1 << 20


@pytest.fixture
def damaged(tmp_path: Path) -> Iterator[tuple[packs.Packs, Content]]:
    """A file of two chunks, the second of which has a flipped byte."""
    database = Database(tmp_path / "x.sqlite", packs.MIGRATIONS)
    store = packs.Packs(tmp_path / "packs", database)
    stage = store.stage()
    chunks = (stage.put(b"a" * SIZE), stage.put(b"b" * SIZE))
    stage.seal()
    with database.write() as connection:
        stage.record(connection)
    (pack,) = (tmp_path / "packs").iterdir()
    with pack.open("r+b") as file:
        file.seek(SIZE + 5)
        file.write(b"x")
    yield store, Content(2 * SIZE, chunks)
    store.close()
    database.close()


def test_a_lazy_file_that_ends_early_is_not_taken_for_a_whole_one(
    damaged: tuple[packs.Packs, Content], tmp_path: Path
) -> None:
    store, content = damaged
    pipes = Pipes(store, {tmp_path / "pipe": content})
    assert (tmp_path / "pipe").read_bytes() == b"a" * SIZE
    with pytest.raises(ChunkDamaged):
        pipes.close()


def test_a_command_that_cannot_start_leaves_no_descriptor_open(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    container = Container(Namespace("folder", False, folder), {})
    try:
        before = len(os.listdir("/proc/self/fd"))
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
        for _ in range(3):
            with pytest.raises(FileNotFoundError):
                container.start(["true"], env={}, cwd="/", stdin=b"x", emit=lambda *_: None)
        assert len(os.listdir("/proc/self/fd")) == before
    finally:
        container.close()


def test_a_line_that_cannot_be_handed_on_leaves_no_descriptor_open(tmp_path: Path) -> None:
    def refuse(*_: str) -> None:
        raise OSError(28, "no space")

    container = Container(Namespace("folder", False, folder), {})
    try:
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(3):
            with pytest.raises(OSError, match="no space"):
                container.run(
                    ["sh", "-c", "printf half; sleep 100"],
                    env=dict(os.environ),
                    cwd=tmp_path,
                    stdin=b"",
                    emit=refuse,
                    timeout=0.3,
                    cancelled=threading.Event().is_set,
                )
        assert len(os.listdir("/proc/self/fd")) == before
    finally:
        container.close()


def test_workers_run_in_a_server_with_many_open_files(tmp_path: Path) -> None:
    program = """
        import os, sys
        from pathlib import Path
        held = [os.open("/dev/null", os.O_RDONLY) for _ in range(1100)]
        from tycokit.pachd.pps.container import Container
        from tycokit.pachd.pps.namespace import Namespace, folder
        container = Container(Namespace("folder", False, folder), {})
        container.run(
            ["echo", "ran"], env=dict(os.environ), cwd="/", stdin=b"", timeout=10,
            emit=lambda _, line: print(line), cancelled=lambda: False,
        )
        container.close()
    """
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (2048, hard)),
    )
    assert ran.stdout == "ran\n"
