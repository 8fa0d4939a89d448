"""The user process of a batching pipeline stays from job to job, for as long as its worker does."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from pathlib import Path
from typing import Any

import psutil
import pytest
from batching_code import batching
from pachd_driver import SUCCESS, Driver, pfs
from pachd_process import PachdProcess
from python_pachyderm.service import pps_proto
from waiting import until

TELL = """
    import json
    (file,) = pathlib.Path("/pfs/in").iterdir()
    told = {key: value for key, value in os.environ.items() if key.startswith(("PACH_", "in"))}
    told |= {"pid": os.getpid(), "parent": os.getppid(), "text": file.read_text()}
    pathlib.Path("/pfs/out", file.name).write_text(json.dumps(told))
    print("worked on", file.name, flush=True)
"""


def told(on: Driver, pipe: str, path: str) -> dict[str, Any]:
    """What the datum of a file saw, in the pipeline's newest job, which has to succeed."""
    job = on.done(pipe)
    assert job.state == SUCCESS, on.logs(pipe, job.job.id)
    found: dict[str, Any] = json.loads(on.read(pipe, path))
    return found


def ended(pid: int) -> bool:
    """Whether a process runs no more, be it that nobody has taken note of its end yet."""
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def test_the_next_job_runs_in_the_same_process_and_is_told_its_own(on: Driver) -> None:
    repo = on.repo({"/a": b"1"})
    pipe = on.pipeline(batching(TELL), pfs(repo, name="in"))
    first = told(on, pipe, "/a")
    on.put(repo, {"/b": b"2"})
    second = told(on, pipe, "/b")
    on.put(repo, {"/b": b"3"})
    third = told(on, pipe, "/b")
    assert first["pid"] == second["pid"] == third["pid"]
    assert [each["text"] for each in (first, second, third)] == ["1", "2", "3"]
    jobs = [info.job.id for info in on.client.list_job(pipe)]
    assert [each["PACH_JOB_ID"] for each in (third, second, first)] == jobs
    assert second["PACH_OUTPUT_COMMIT_ID"] == second["in_COMMIT"] == second["PACH_JOB_ID"]
    assert first["in"] == "/pfs/in/a"
    assert second["in"] == "/pfs/in/b"
    assert len({each["PACH_DATUM_ID"] for each in (first, second)}) == 2


def test_each_line_stands_in_the_log_of_its_own_job_and_datum(on: Driver) -> None:
    repo = on.repo({"/a": b"1"})
    pipe = on.pipeline(batching(TELL), pfs(repo, name="in"))
    first = on.done(pipe).job.id
    on.put(repo, {"/b": b"2"})
    second = on.done(pipe).job.id
    for job, path in ((first, "/a"), (second, "/b")):
        lines = [line for line in on.client.get_job_logs(pipe, job) if line.user]
        (line,) = [each for each in lines if each.message.startswith("worked on")]
        assert line.message == f"worked on {path[1:]}"
        (datum,) = [
            info for info in on.client.list_datum(pipe, job) if info.data[0].file.path == path
        ]
        assert line.datum_id == datum.datum.id
        assert [each.path for each in line.data] == [path]


def test_what_it_writes_between_two_jobs_is_of_no_datum(on: Driver, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    body = f"""
    import threading, time
    def later():
        while not os.path.exists("{gate}"):
            time.sleep(0.01)
        print("from a thread", flush=True)
        os.rename("{gate}", "{gate}.seen")
    threading.Thread(target=later, daemon=True).start()
    """
    repo = on.repo({"/a": b"1"})
    pipe = on.pipeline(batching(body), pfs(repo, name="in"))
    first = on.done(pipe).job.id
    gate.touch()
    until(lambda: gate.with_name("gate.seen").exists(), 60)
    on.put(repo, {"/b": b"2"})
    second = on.done(pipe).job.id
    assert "from a thread" not in on.said(pipe, first)
    (line,) = [
        each
        for each in on.client.get_job_logs(pipe, second)
        if each.user and each.message == "from a thread"
    ]
    assert (line.datum_id, list(line.data)) == ("", [])
    assert line.worker_id


def test_a_changed_spec_gets_a_process_of_its_own(on: Driver) -> None:
    repo = on.repo({"/a": b"1"})
    pipe = on.pipeline(batching(TELL), pfs(repo, name="in"))
    first = told(on, pipe, "/a")["pid"]
    on.client.create_pipeline(
        pipe, batching(TELL + "\n"), input=pfs(repo, name="in"), update=True, reprocess=True
    )
    second = told(on, pipe, "/a")["pid"]
    assert second != first
    until(lambda: ended(first), 60)
    on.put(repo, {"/b": b"2"})
    assert told(on, pipe, "/b")["pid"] == second


@pytest.mark.parametrize("whom", ["pid", "parent"])
def test_one_that_is_killed_while_it_waits_costs_no_datum_a_try(on: Driver, whom: str) -> None:
    """Itself, or the first process of its worker, with which all others end."""
    repo = on.repo({"/a": b"1"})
    pipe = on.pipeline(batching(TELL), pfs(repo, name="in"), datum_tries=1)
    first = told(on, pipe, "/a")
    psutil.Process(first[whom]).send_signal(signal.SIGKILL)
    until(lambda: ended(first[whom]), 60)
    on.put(repo, {"/b": b"2"})
    second = told(on, pipe, "/b")["pid"]
    assert second != first["pid"]
    assert ended(first["pid"])
    on.put(repo, {"/c": b"3"})
    assert told(on, pipe, "/c")["pid"] == second


def test_one_that_ends_between_two_jobs_is_replaced(on: Driver, tmp_path: Path) -> None:
    """Its loop has a thread beside it that ends the process once it is told to."""
    gate = tmp_path / "gate"
    body = f"""
    import threading, time
    def later():
        while not os.path.exists("{gate}"):
            time.sleep(0.01)
        os._exit(3)
    threading.Thread(target=later, daemon=True).start()
    """
    repo = on.repo({"/a": b"1"})
    pipe = on.pipeline(batching(TELL + body), pfs(repo, name="in"), datum_tries=1)
    first = told(on, pipe, "/a")["pid"]
    gate.touch()
    until(lambda: ended(first), 60)
    gate.unlink()
    on.put(repo, {"/b": b"2"})
    assert told(on, pipe, "/b")["pid"] != first


def test_a_failed_datum_ends_it_and_the_next_job_gets_another(on: Driver) -> None:
    repo = on.repo({"/a": b"1"})
    body = TELL + "    if file.read_text() == 'bad': raise ValueError('bad')\n"
    pipe = on.pipeline(batching(body), pfs(repo, name="in"), datum_tries=1)
    first = told(on, pipe, "/a")["pid"]
    on.put(repo, {"/b": b"bad"})
    assert on.done(pipe).state != SUCCESS
    until(lambda: ended(first), 60)
    on.put(repo, {"/b": b"good"})
    assert told(on, pipe, "/b")["pid"] != first


@pytest.mark.parametrize("how", ["stop_pipeline", "delete_pipeline"])
def test_it_ends_with_its_pipeline(on: Driver, how: str) -> None:
    pipe = on.pipeline(batching(TELL), pfs(on.repo({"/a": b"1"}), name="in"))
    pid = told(on, pipe, "/a")["pid"]
    assert not ended(pid)
    getattr(on.client, how)(pipe)
    assert ended(pid)


def test_it_ends_when_an_autoscaling_pipeline_stands_by(on: Driver) -> None:
    repo = on.repo({"/a": b"1"})
    pipe = on.pipeline(batching(TELL), pfs(repo, name="in"), autoscaling=True)
    pid = told(on, pipe, "/a")["pid"]
    until(lambda: ended(pid), 60)
    info = next(on.client.inspect_pipeline(pipe))
    assert info.state == pps_proto.PipelineState.PIPELINE_STANDBY
    on.put(repo, {"/b": b"2"})
    assert told(on, pipe, "/b")["pid"] != pid


def test_it_ends_with_a_pachd_that_is_killed(tmp_path: Path) -> None:
    server = PachdProcess(tmp_path / "data")
    server.data.mkdir()
    on = Driver(server.start())
    repo = on.repo({"/a": b"1"})
    pipe = on.pipeline(batching(TELL), pfs(repo, name="in"))
    pid = told(on, pipe, "/a")["pid"]
    assert not ended(pid)
    server.kill()
    until(lambda: ended(pid), 60)
    on = Driver(server.start())
    on.put(repo, {"/b": b"2"})
    assert told(on, pipe, "/b")["pid"] != pid
    server.end()


def test_many_jobs_leave_one_process_and_no_pipe_more(on: Driver) -> None:
    repo = on.repo({"/f": b"0"})
    pipe = on.pipeline(batching(TELL), pfs(repo, name="in"))
    pids = {told(on, pipe, "/f")["pid"]}
    begin = pipes()
    for turn in range(10):
        on.put(repo, {"/f": b"%d" % turn})
        pids.add(told(on, pipe, "/f")["pid"])
    assert len(pids) == 1
    assert pipes() == begin


def pipes() -> int:
    """How many ends of pipes this process, which is pachd too, has open."""
    names = []
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            names.append(os.readlink(entry))
    return sum(name.startswith("pipe:") for name in names)
