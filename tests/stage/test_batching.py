"""Datum batching: one process that asks a real gRPC server for one datum after the other."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from python_pachyderm.proto.v2.worker import worker_pb2, worker_pb2_grpc
from stage_worker import Stage, code

from tycokit.errors import BatchError
from tycokit.stage import batch

CELLS = (
    code("print('set up')"),
    code("picture = out = ''", "parameters"),
    code("import os\nname = os.path.basename(picture)\nprint(name, os.environ['PACH_DATUM_ID'])"),
    code("if name == 'bad.jpg':\n    raise ValueError('it is bad')"),
    code("open(f'{out}/{name}.json', 'w').write('{}')"),
)


class Server(worker_pb2_grpc.WorkerServicer):
    """Pachyderm's side: hands out datums, hears how each ended, then lets the process wait."""

    def __init__(self, datums: list[list[str]]) -> None:
        self._datums = iter(datums)
        self.errors: list[str] = []
        self.over = threading.Event()
        self.released = threading.Event()

    def NextDatum(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.errors.append(request.error)
        for datum in self._datums:
            return worker_pb2.NextDatumResponse(env=datum)
        self.over.set()
        self.released.wait(60)
        context.abort(grpc.StatusCode.UNKNOWN, "the datum set has ended")
        return None


@pytest.fixture
def serve() -> Iterator[Any]:
    servers: list[tuple[Server, grpc.Server]] = []

    def start(datums: list[list[str]]) -> tuple[Server, str]:
        server = grpc.server(ThreadPoolExecutor(2))
        servicer = Server(datums)
        worker_pb2_grpc.add_WorkerServicer_to_server(servicer, server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        servers.append((servicer, server))
        return servicer, str(port)

    yield start
    for servicer, server in servers:
        servicer.released.set()
        server.stop(0).wait()


def datums(stage: Stage, *names: str) -> list[list[str]]:
    """The environments of datums with a picture each."""
    found = []
    for name in names:
        path = stage.input("picture", name)
        found.append([f"picture={path}", f"PACH_DATUM_ID=d-{name}", "PACH_JOB_ID=j"])
    del stage.env["picture"]
    return found


def run(stage: Stage, server: Server, port: str) -> tuple[str, str]:
    """Run the stage until it waits for more than there is, then kill it, as Pachyderm does."""
    with stage.start(PPS_WORKER_GRPC_PORT=port) as process:
        assert server.over.wait(60)
        assert process.poll() is None
        process.kill()
        return process.communicate()


def test_one_process_runs_every_datum_of_a_set_in_one_executor(stage: Stage, serve: Any) -> None:
    stage.cells(*CELLS)
    server, port = serve(datums(stage, "a.jpg", "b.jpg", "c.jpg"))
    stdout, stderr = run(stage, server, port)
    assert stdout == "set up\na.jpg d-a.jpg\nb.jpg d-b.jpg\nc.jpg d-c.jpg\n"
    assert stderr == ""
    assert server.errors == ["", "", "", ""]
    made = {path.name for path in stage.out.iterdir()}
    assert made == {f"{n}.jpg.{end}" for n in "abc" for end in ("json", "ipynb")}
    (before,) = stage.workers()
    # the process is gone, the executor is there for the next datum set
    server, port = serve(datums(stage, "d.jpg"))
    assert run(stage, server, port) == ("d.jpg d-d.jpg\n", "")
    assert stage.workers() == [before]


def test_a_failed_datum_is_told_and_the_next_one_runs(stage: Stage, serve: Any) -> None:
    stage.cells(*CELLS)
    server, port = serve(datums(stage, "bad.jpg", "b.jpg"))
    stdout, stderr = run(stage, server, port)
    assert server.errors == ["", "cell 4 of work.ipynb raised ValueError: it is bad", ""]
    assert "b.jpg d-b.jpg" in stdout
    assert f"executed notebook, as far as it got: {stage.folder}/state/tycokit/failed/j-d-bad" in (
        stderr
    )


def test_what_cannot_run_is_told_as_well(stage: Stage, serve: Any) -> None:
    stage.cells(code("out = ''", "parameters"))
    server, port = serve(datums(stage, "a.jpg"))
    _, stderr = run(stage, server, port)
    assert "does not declare `picture`" in server.errors[1]
    assert server.errors[1] in stderr


def test_an_executor_that_dies_costs_its_datum_alone(stage: Stage, serve: Any) -> None:
    stage.cells(
        code("picture = out = ''", "parameters"),
        code("import os\nif 'bad' in picture:\n    os.kill(os.getpid(), 9)\nprint('ran')"),
    )
    server, port = serve(datums(stage, "bad.jpg", "b.jpg"))
    stdout, _ = run(stage, server, port)
    assert server.errors[1].startswith("the warm executor was killed by signal 9 (SIGKILL)")
    assert server.errors[2:] == [""]
    assert stdout == "ran\n"


def test_a_process_starts_anew_when_packages_have_changed(stage: Stage, serve: Any) -> None:
    """It may wait for days; the datum that it then gets is worked on by what is installed now."""
    packages = stage.folder / "site-packages"
    packages.mkdir()
    script = stage.folder / "run.py"
    script.write_text(
        "import os, site, sys\n"
        f"site.getsitepackages = lambda: [{str(packages)!r}]\n"
        "from tycokit.stage.runner import run\n"
        "print('begun', os.getpid(), 'TYCOKIT_HELD_DATUM' in os.environ, flush=True)\n"
        "sys.exit(run(sys.argv[1:], os.environ))\n"
    )
    install = f"if name == 'b.jpg':\n    os.utime({str(packages)!r}, (1, 1))"
    leak = "print([name for name in os.environ if 'HELD' in name])"
    stage.cells(*CELLS, code(install), code(leak))
    server, port = serve(datums(stage, "a.jpg", "b.jpg", "c.jpg", "d.jpg"))
    with subprocess.Popen(
        [sys.executable, script, "--timeout", "60"],
        env=stage.env | {"PPS_WORKER_GRPC_PORT": port},
        cwd=stage.cwd,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert server.over.wait(60)
        process.kill()
        stdout, _ = process.communicate()
    pid = process.pid
    ran = [f"{name}.jpg d-{name}.jpg\n[]\n" for name in "abcd"]
    before, after = "".join(ran[:2]), "".join(ran[2:])
    begun = [f"begun {pid} {held}\nset up\n" for held in (False, True)]
    assert stdout == begun[0] + before + begun[1] + after
    assert server.errors == [""] * 5


def test_many_quick_datums_do_not_disturb_each_other(stage: Stage, serve: Any) -> None:
    # the end of one datum's connection must never be taken for that of the next
    stage.cells(code("out = ''", "parameters"), *[code(f"a = {n}") for n in range(5)])
    server, port = serve([[f"PACH_DATUM_ID={n}", "PACH_JOB_ID=j"] for n in range(300)])
    assert run(stage, server, port) == ("", "")
    assert server.errors == [""] * 301


def test_a_worker_that_says_no_ends_the_process(stage: Stage, serve: Any) -> None:
    stage.cells(code("out = ''", "parameters"))
    server, port = serve([])
    server.released.set()
    done = stage.run(PPS_WORKER_GRPC_PORT=port)
    assert done.returncode == 1
    assert done.stderr == "tycokit stage: the worker gives no datum: the datum set has ended\n"


def test_without_batching_a_datum_is_run_though_there_is_a_port(stage: Stage) -> None:
    stage.cells(code("out = ''", "parameters"), code("print('ran')"))
    assert stage.ok(PPS_WORKER_GRPC_PORT="1", PACH_DATUM_ID="d", PACH_JOB_ID="j") == "ran\n"


def test_messages_are_those_that_are_generated() -> None:
    for error in ("", "no", "é" * 3000):
        request = worker_pb2.NextDatumRequest(error=error)
        assert batch.written(error) == request.SerializeToString()
    lines = ["a=b", "", "x" * 200, f"long={'y' * 70_000}"]
    assert batch.read(worker_pb2.NextDatumResponse(env=lines).SerializeToString()) == lines
    with pytest.raises(BatchError, match="unknown here"):
        batch.read(b"\x10\x01")


@pytest.mark.parametrize(
    "value",
    ["/pfs/a/b.jpg", "with space", "quote's", "back\\slash'", "a=b", "", "'", "#no", "\\'x\\\\"],
)
def test_quoted_and_plain_values_are_read(value: str) -> None:
    from tycokit.pachd.pps import userenv

    (line,) = userenv.lines({"X": value})
    assert batch.variables([line]) == {"X": value}
    assert batch.variables([f"X={value}"]) == {"X": value}
