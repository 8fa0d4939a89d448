"""The `model` stage over 200 pictures, warm: against a bare loop, and 2 workers against 1.

Beside them what the machine itself allows: a loop with all cores, and two loops at once.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from python_pachyderm import Client
from python_pachyderm.service import pps_proto

from benchmarks.measure import Times, compare, ended, faster, machine, say
from benchmarks.pictures import jpegs, network
from benchmarks.serving import folder, pachd, put
from tycokit import packaged
from tycokit.pipelines import specjson

PICTURES = 200
REPETITIONS = 5


@dataclass(frozen=True, slots=True)
class Stage:
    """A model pipeline: so many workers, with an environment of their own."""

    name: str = "model"
    workers: int = 1
    threads: str = ""  # of each worker's network; empty: what the local pachd sets

    @property
    def source(self) -> str:
        """The repo of its pictures."""
        return f"{self.name}-pictures"


# how workers scale, each with one thread: one alone would have both cores already
SINGLE = Stage("single", 1, "1")
PAIR = Stage("pair", 2, "1")


def main() -> None:
    machine()
    with folder() as work, pachd() as client:
        pictures = jpegs(PICTURES)
        prepare(client)
        stages = (Stage(), SINGLE, PAIR)
        for stage in stages:
            create(client, stage)
        seconds: dict[str, list[float]] = {}
        for turn in range(REPETITIONS):
            # in turns, so that what else the machine does meets all of them alike
            for name, threads, count in (("loop", "1", 1), ("all", "", 1), ("loops", "1", 2)):
                took = bare_loops(work / f"{name}{turn}", pictures, threads, count)
                seconds.setdefault(name, []).append(took)
            for stage in stages:
                seconds.setdefault(stage.name, []).append(job(client, pictures, stage))
    loop = shown("bare loop, as LiteRT is by default", seconds["loop"])
    cores = shown("bare loop with all cores", seconds["all"])
    compare("the bare loop", cores, loop)
    model = shown("model stage, 1 worker", seconds["model"])
    results = [compare("the bare loop", model, loop, 1.4)]
    compare("the bare loop with all cores", model, cores)
    single = shown("model stage, 1 worker of 1 thread", seconds["single"])
    compare("the bare loop", single, loop)
    pair = shown("model stage, 2 workers of 1 thread", seconds["pair"])
    results.append(faster("1 worker of 1 thread", pair, single, 1.7))
    loops = shown("2 bare loops at once, half the pictures each", seconds["loops"])
    faster("1 bare loop: what the machine allows", loops, loop)
    ended(results)


def shown(name: str, seconds: list[float]) -> Times:
    found = Times(f"{name}, {PICTURES} pictures", tuple(seconds))
    say(str(found))
    return found


def prepare(client: Client) -> None:
    """The repos that the model stage reads beside its pictures, with network and notebook."""
    for repo in ("weights", "notebooks"):
        client.create_repo(repo)
    files = [path for path in network().iterdir() if path.suffix in (".tflite", ".txt")]
    put(client, "weights", {f"/{path.name}": path.read_bytes() for path in files})
    notebook = packaged.notebooks() / "model.ipynb"
    put(client, "notebooks", {"/model.ipynb": notebook.read_bytes()})


def create(client: Client, stage: Stage) -> None:
    """The model pipeline of the shipped spec with all its workers warm."""
    create_only(client, stage)
    job(client, jpegs(10 * stage.workers), stage)


def create_only(client: Client, stage: Stage) -> None:
    """The same, with nothing run in it, and its repo of pictures."""
    client.create_repo(stage.source)
    spec = json.loads((packaged.specs() / "model.json").read_text())
    spec["pipeline"]["name"] = stage.name
    spec["parallelism_spec"] = {"constant": stage.workers}
    spec["transform"]["env"] = {"OMP_NUM_THREADS": stage.threads} if stage.threads else {}
    pictures = next(one["pfs"] for one in spec["input"]["cross"] if one["pfs"]["name"] == "picture")
    pictures["repo"] = stage.source
    client.create_pipeline_from_request(specjson.request(spec, "model.json", cores=1))


def job(client: Client, pictures: dict[str, bytes], stage: Stage) -> float:
    """Seconds from the commit of the pictures, which replace those before, to the job's success."""
    with client.commit(stage.source, "master") as commit:
        client.delete_file(commit, "/")
        with client.modify_file_client(commit) as change:
            for name, data in pictures.items():
                # other bytes behind the picture's end: no datum is skipped
                change.put_file_from_bytes(f"/valid/{name}", data + f"{time.time_ns()}".encode())
    begin = time.perf_counter()
    (info,) = client.inspect_job(commit.id, stage.name, wait=True)
    seconds = time.perf_counter() - begin
    assert info.state == pps_proto.JobState.JOB_SUCCESS, info.reason
    assert info.data_processed == len(pictures), info
    return seconds


def bare_loops(work: Path, pictures: dict[str, bytes], threads: str, count: int) -> float:
    """Seconds of the same without notebook or pachd, in so many processes at once.

    They share the pictures, and each has so many threads ("": the cores).
    """
    env = {**os.environ, "OMP_NUM_THREADS": threads}
    with contextlib.ExitStack() as running:
        loops = []
        for number in range(count):
            shots, out = work / f"pictures{number}", work / f"out{number}"
            shots.mkdir(parents=True)
            out.mkdir()
            for name in list(pictures)[number::count]:
                (shots / name).write_bytes(pictures[name])
            command = [sys.executable, "-m", "benchmarks.bare_loop"]
            loop = subprocess.Popen(
                [*command, str(shots), str(network()), str(out)],
                env=env,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            loops.append(running.enter_context(loop))
        hear(loops, b"ready\n")
        begin = time.perf_counter()
        for loop in loops:
            assert loop.stdin is not None
            loop.stdin.write(b"go\n")
            loop.stdin.flush()
        hear(loops, b"done\n")
        return time.perf_counter() - begin


def hear(processes: list[subprocess.Popen[bytes]], word: bytes) -> None:
    """Wait until each has said a word."""
    for process in processes:
        assert process.stdout is not None
        said = process.stdout.readline()
        assert said == word, said


if __name__ == "__main__":
    main()
