"""The warm executor's life: when it ends, and what is said when it ends in the middle."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import nbformat
import psutil
from stage_worker import Stage, code, wait_for

FOREVER = "open(out + '/started', 'w')\nimport time\ntime.sleep(600)"


def started(stage: Stage, *arguments: str, **env: str) -> subprocess.Popen[str]:
    """A run whose notebook has come to the cell that never ends."""
    process = stage.start(*arguments, **env)
    wait_for((stage.out / "started").exists)
    return process


def worker(stage: Stage) -> psutil.Process:
    (found,) = stage.workers()
    return found


def test_a_killed_executor_is_reported_and_the_next_datum_gets_a_fresh_one(stage: Stage) -> None:
    stage.cells(
        code("out = ''\nforever = False", "parameters"), code(f"if forever:\n    exec({FOREVER!r})")
    )
    with started(stage, "-p", "forever", "True") as process:
        worker(stage).kill()
        _, stderr = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "the warm executor was killed by signal 9 (SIGKILL) in cell 2," in stderr
    peak = int(stderr.split("peak memory ")[1].split(" MB")[0])
    assert 20 < peak < 2000
    wait_for(lambda: not stage.processes())
    stage.ok()
    assert len(stage.workers()) == 1


def test_what_a_killed_executor_left_running_does_not_hold_the_datum(stage: Stage) -> None:
    # a forked process has a copy of the connection, so that the connection alone tells nothing
    stage.cells(
        code(
            "import os, signal, time\nif os.fork() == 0:\n    time.sleep(600)\n"
            "os.kill(os.getpid(), signal.SIGKILL)"
        )
    )
    done = stage.run()
    assert done.returncode == 1
    assert "signal 9" in done.stderr
    wait_for(lambda: not stage.processes())


def test_an_executor_that_exits_is_reported_with_its_code_and_last_words(stage: Stage) -> None:
    stage.cells(code("import os\nos.system('echo last words >&2')\nos._exit(7)"))
    done = stage.run()
    assert done.returncode == 1
    assert "the warm executor ended with exit code 7 in cell 2" in done.stderr
    assert "last words" in done.stderr


def test_a_crash_in_c_shows_where(stage: Stage) -> None:
    stage.cells(code("import ctypes\nctypes.string_at(0)"))
    done = stage.run()
    assert done.returncode == 1
    assert "killed by signal 11 (SIGSEGV)" in done.stderr
    assert "Segmentation fault" in done.stderr


def test_a_killed_client_interrupts_the_cell_and_frees_the_executor(stage: Stage) -> None:
    log = stage.folder / "log"
    stage.cells(
        code("out = ''\nforever = False", "parameters"),
        code(
            f"try:\n    if forever:\n        exec({FOREVER!r})\nexcept KeyboardInterrupt:\n"
            f"    open({str(log)!r}, 'a').write('interrupted\\n')\n    raise"
        ),
        code(f"open({str(log)!r}, 'a').write('went on\\n')"),
    )
    with started(stage, "-p", "forever", "True") as process:
        before = worker(stage)
        os.killpg(process.pid, signal.SIGKILL)
    wait_for(lambda: stage.lines("log") == ["interrupted"])
    stage.ok()
    assert stage.lines("log") == ["interrupted", "went on"]
    assert worker(stage) == before
    # the notebook is kept as far as it got, though nobody was there to be told
    (kept,) = (stage.folder / "state").glob("**/*.ipynb")
    assert "KeyboardInterrupt" in kept.read_text()


def test_a_cell_that_swallows_the_interrupt_does_not_lead_to_the_next(stage: Stage) -> None:
    log = stage.folder / "log"
    stage.cells(
        code(f"try:\n    exec({FOREVER!r})\nexcept KeyboardInterrupt:\n    pass"),
        code(f"open({str(log)!r}, 'a').write('went on\\n')"),
    )
    with started(stage) as process:
        process.kill()
    wait_for(lambda: list((stage.folder / "state").glob("**/*.ipynb")))
    assert stage.lines("log") == []


def test_an_executor_that_cannot_be_interrupted_is_killed(stage: Stage) -> None:
    # one long call in C that holds the interpreter's lock: no Python code runs there any more
    stage.cells(
        code("out = ''\nhang = True", "parameters"),
        code("open(out + '/started', 'w')\nhang and sum(range(10**15))"),
    )
    with started(stage) as process:
        before = worker(stage)
        process.kill()
    stage.ok("-p", "hang", "False")
    assert worker(stage) != before


def test_a_time_limit_interrupts_the_notebook(stage: Stage) -> None:
    stage.cells(code(FOREVER))
    done = stage.run("--timeout", "1")
    assert done.returncode == 1
    assert "cell 2 of work.ipynb raised KeyboardInterrupt" in done.stderr
    assert "stopped after --timeout 1 s" in done.stderr
    assert "executed notebook, as far as it got:" in done.stderr


def test_a_hung_cell_that_holds_the_interpreter_is_killed_after_its_time(stage: Stage) -> None:
    stage.cells(code("print('before')"), code("sum(range(10**15))"), code("print('never')"))
    done = stage.run("--timeout", "1", PACH_JOB_ID="j", PACH_DATUM_ID="d")
    assert done.returncode == 1
    assert "killed by signal 9 (SIGKILL) in cell 3" in done.stderr
    assert "stopped after --timeout 1 s" in done.stderr
    assert not stage.workers()
    # its notebook is kept all the same: what was printed, and the cell that it hung in
    path = stage.folder / "state/tycokit/failed/j-d.ipynb"
    assert f"executed notebook, as far as it got: {path}\n" in done.stderr
    kept = nbformat.read(path, as_version=4)
    nbformat.validate(kept)
    (hung,) = [cell for cell in kept.cells if cell.outputs]
    assert hung.source == "sum(range(10**15))"
    assert hung.outputs[0].text == "before\n"
    assert "killed by signal 9" in hung.outputs[1].evalue


def test_an_executor_ends_after_the_datum_that_passed_its_memory_limit(stage: Stage) -> None:
    stage.cells(
        code("print('set up')"),
        code("out = ''\nmegabytes = 0", "parameters"),
        code("x = b'x' * (megabytes << 20)\ndel x"),
    )
    limit = ("--memory-limit", "400M", "-p", "megabytes")
    assert stage.ok(*limit, "1") == "set up\n"
    assert stage.ok(*limit, "1") == ""
    before = worker(stage)
    done = stage.run(*limit, "500")
    assert done.returncode == 0
    assert "more than its --memory-limit of 400M; the next datum gets a new one" in done.stderr
    wait_for(lambda: not before.is_running())
    assert stage.ok(*limit, "1") == "set up\n"
    assert stage.ok(*limit, "1") == ""


def test_a_full_disk_fails_the_datum_and_not_the_executor(stage: Stage) -> None:
    # /dev/full is a file on a disk without room: the one that the cell writes, the executed
    # notebook beside the result, and the failed one that is kept
    stage.input("picture", "a.jpg")
    stage.cells(
        code("print('set up')"),
        code("picture = out = ''\nfull = False", "parameters"),
        code("if full:\n    with open('/dev/full', 'w') as file:\n        file.write('x')"),
    )
    kept = stage.folder / "state/tycokit/failed/j-d.ipynb"
    kept.parent.mkdir(parents=True)
    kept.symlink_to("/dev/full")
    done = stage.run("-p", "full", "True", PACH_JOB_ID="j", PACH_DATUM_ID="d")
    assert done.returncode == 1
    assert "cell 3 of work.ipynb raised OSError: [Errno 28] No space left on device" in done.stderr
    path = Path(done.stderr.split("executed notebook, as far as it got: ")[1].strip())
    assert path.parent != kept.parent
    assert "No space left on device" in path.read_text()
    before = worker(stage)
    for name in ("a.ipynb", "a.executed.ipynb"):
        (stage.out / name).symlink_to("/dev/full")
    with stage.start() as process:
        _, stderr = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "the executed notebook cannot be written to" in stderr
    assert "a.executed.ipynb: No space left on device\n" in stderr
    assert "Traceback" not in stderr
    stage.ok()
    assert worker(stage) == before


def test_a_changed_notebook_gets_a_new_executor(stage: Stage) -> None:
    stage.cells(code("print('first')"), code("out = ''", "parameters"))
    assert stage.ok() == "first\n"
    assert stage.ok() == ""
    before = worker(stage)
    stage.cells(code("print('second')"), code("out = ''", "parameters"))
    assert stage.ok() == "second\n"
    wait_for(lambda: not before.is_running())
    assert len(stage.workers()) == 1


def test_a_changed_environment_gets_a_new_executor_but_a_datums_own_does_not(stage: Stage) -> None:
    stage.input("picture", "a.jpg")
    stage.cells(code("print('set up')"), code("picture = out = ''", "parameters"))
    assert stage.ok(PACH_JOB_ID="1", picture_COMMIT="1") == "set up\n"
    assert stage.ok(PACH_JOB_ID="2", picture_COMMIT="2") == ""
    assert stage.ok(SETTING="other") == "set up\n"
    assert len(stage.workers()) == 1


def test_workers_do_not_share_an_executor(stage: Stage) -> None:
    stage.cells(code("print('set up')"), code("out = ''", "parameters"))
    assert stage.ok(PPS_POD_NAME="one") == "set up\n"
    assert stage.ok(PPS_POD_NAME="two") == "set up\n"
    assert len(stage.workers()) == 2


def test_an_idle_executor_ends(stage: Stage) -> None:
    stage.cells(code("1"))
    stage.ok("--idle-timeout", "0.3")
    assert stage.workers()
    wait_for(lambda: not stage.processes())
    stage.ok("--idle-timeout", "0.3")
    wait_for(lambda: not stage.processes())
    # nor does it leave files of its own but its log and its lock
    assert not [path for path in stage.tmp.rglob("*") if path.name in ("s", "ipython")]


def test_an_executor_ends_with_the_process_that_owns_it(stage: Stage) -> None:
    stage.cells(code("1"))
    with subprocess.Popen(["sleep", "600"]) as owner:
        stage.ok(TYCOKIT_WORKER_PID=str(owner.pid))
        assert stage.workers()
        owner.kill()
    wait_for(lambda: not stage.processes())


def test_set_up_that_raises_ends_the_executor(stage: Stage) -> None:
    flag = stage.folder / "flag"
    stage.cells(code(f"open({str(flag)!r})"), code("out = ''", "parameters"))
    done = stage.run()
    assert done.returncode == 1
    assert "cell 1 of work.ipynb raised FileNotFoundError" in done.stderr
    wait_for(lambda: not stage.processes())
    flag.touch()
    stage.ok()


def test_a_stale_socket_is_replaced(stage: Stage) -> None:
    stage.cells(code("1"))
    stage.ok()
    for process in stage.processes():
        process.kill()
    wait_for(lambda: not stage.processes())
    assert list(stage.tmp.glob("*/*/s"))
    stage.ok()


def test_an_executor_keeps_none_of_the_datums_files_open(stage: Stage) -> None:
    stage.cells(code("1"))
    stage.ok()
    for process in stage.processes():
        files = [Path(f"/proc/{process.pid}/fd/{n}").resolve() for n in range(3)]
        assert files[0] == Path("/dev/null")
        assert files[1].name == files[2].name == "log"
        assert os.getsid(process.pid) != os.getsid(0)
    assert worker(stage).cwd() == "/"


def test_a_folder_that_others_can_enter_is_not_used(stage: Stage) -> None:
    stage.cells(code("print('ran')"))
    planted = stage.tmp / f"tycokit-{os.getuid()}"
    planted.mkdir()
    planted.chmod(0o777)
    done = stage.run()
    assert done.returncode == 0
    assert "ran" in done.stdout
    assert "no warm executor, so this datum runs cold" in done.stderr
    assert not stage.processes()
