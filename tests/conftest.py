"""What all tests share: nothing of the person's own is touched, and no process is left behind."""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import Iterator

import psutil
import pytest
from hypothesis import settings

# Every process that the tests start inherits it, also one that has left for a session of its own.
MARK = "TYCOKIT_TEST_RUN"
SECONDS_TO_END = 10.0

# The longer search of the tests by hypothesis: pytest --hypothesis-profile=thorough --timeout=0
settings.register_profile("thorough", max_examples=4000)


def pytest_configure() -> None:
    """Let Ctrl-C, and the end of a terminal, reach what the tests start.

    A shell's background job, and what nohup starts, begin without.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session", autouse=True)
def own_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Point what the toolkit would read and write in the home folder at temporary folders."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("CACHE", "CONFIG", "DATA", "STATE"):
            folder = tmp_path_factory.mktemp(name.lower())
            patch.setenv(f"XDG_{name}_HOME", str(folder))
        patch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("run")))
        patch.setenv("PACH_CONFIG", str(tmp_path_factory.mktemp("pachyderm") / "config.json"))
        for name in list(os.environ):
            # python_pachyderm would connect to what these name
            if name.startswith(("PACH_PYTHON_", "PACHD_")):
                patch.delenv(name)
        patch.setenv("MPLBACKEND", "agg")
        yield


@pytest.fixture(scope="session", autouse=True)
def no_process_left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Fail the run if a process of the tests is still alive at its end, and name it."""
    mark = uuid.uuid4().hex
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(MARK, mark)
        yield
    left = started_here(mark, str(tmp_path_factory.getbasetemp()))
    names = {process.pid: named(process) for process in left}
    _, alive = psutil.wait_procs(left, timeout=SECONDS_TO_END)
    for process in alive:
        process.kill()
    psutil.wait_procs(alive, timeout=SECONDS_TO_END)
    if alive:
        lines = [f"  {process.pid}: {names[process.pid]}" for process in alive]
        pytest.fail("the tests left processes behind:\n" + "\n".join(lines), pytrace=False)


def started_here(mark: str, folder: str) -> list[psutil.Process]:
    """Descendants, and detached processes that carry the mark or name a folder of this run."""
    me = psutil.Process()
    found: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        try:
            if (
                process == me
                or process.environ().get(MARK) == mark
                or folder in " ".join(process.cmdline())
            ):
                family = [process, *process.children(recursive=True)]
                found.update((member.pid, member) for member in family)
        except psutil.Error:  # ended meanwhile, or another user's
            continue
    found.pop(me.pid, None)
    return [process for process in found.values() if not is_dead(process)]


def is_dead(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def named(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline()) or process.name()
    except psutil.Error:
        return "(ended)"
