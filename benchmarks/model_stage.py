"""The `model` stage over 200 pictures, warm: against a bare loop, and 2 workers against 1."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from python_pachyderm import Client
from python_pachyderm.service import pps_proto

from benchmarks.measure import Times, compare, ended, machine, say
from benchmarks.pictures import jpegs, network
from benchmarks.serving import folder, pachd, put
from tycokit import packaged, specjson

PICTURES = 200
REPETITIONS = 3


def main() -> None:
    machine()
    with folder() as work, pachd() as client:
        pictures = jpegs(PICTURES)
        prepare(client)
        create(client, 1)
        loops, threaded, alone, one, two = [], [], [], [], []
        for turn in range(REPETITIONS):
            loops.append(bare_loop(work / f"loop{turn}", pictures, "1"))
            threaded.append(bare_loop(work / f"threaded{turn}", pictures, ""))
            alone.append(job(client, pictures))
        # how processes scale: each with one thread, or one worker would have both cores already
        create(client, 1, OMP_NUM_THREADS="1")
        one += [job(client, pictures) for _ in range(REPETITIONS)]
        create(client, 2, OMP_NUM_THREADS="1")
        two += [job(client, pictures) for _ in range(REPETITIONS)]
    loop = shown("a bare loop, as LiteRT is by default", loops)
    other = shown("a bare loop with all cores", threaded)
    stage = shown("model stage, 1 worker", alone)
    results = [compare("the bare loop", stage, loop, 1.4)]
    compare("the bare loop with all cores", stage, other)
    single = shown("model stage, 1 worker of 1 thread", one)
    compare("the bare loop", single, loop)
    pair = shown("model stage, 2 workers of 1 thread", two)
    results.append(compare("1 worker of 1 thread", pair, single, 0.588))
    ended(results)


def shown(name: str, seconds: list[float]) -> Times:
    found = Times(f"{name}, {PICTURES} pictures", tuple(seconds))
    say(str(found))
    return found


def prepare(client: Client) -> None:
    """The repos that the model stage reads, with network and notebook in them."""
    for repo in ("validate", "weights", "notebooks"):
        client.create_repo(repo)
    files = [path for path in network().iterdir() if path.suffix in (".tflite", ".txt")]
    put(client, "weights", {f"/{path.name}": path.read_bytes() for path in files})
    notebook = packaged.notebooks() / "model.ipynb"
    put(client, "notebooks", {"/model.ipynb": notebook.read_bytes()})


def create(client: Client, workers: int, **env: str) -> None:
    """The model pipeline of the shipped spec with so many workers, all of them warm."""
    create_only(client, workers, **env)
    job(client, jpegs(10 * workers))


def create_only(client: Client, workers: int, **env: str) -> None:
    """The same, with nothing run in it."""
    spec = json.loads((packaged.specs() / "model.json").read_text())
    spec["parallelism_spec"] = {"constant": workers}
    spec["transform"]["env"] = env
    request = specjson.request(spec, "model.json", cores=1)
    request.update = True
    client.create_pipeline_from_request(request)


def job(client: Client, pictures: dict[str, bytes]) -> float:
    """Seconds from the commit of the pictures, which replace those before, to the job's success."""
    with client.commit("validate", "master") as commit:
        client.delete_file(commit, "/")
        with client.modify_file_client(commit) as change:
            for name, data in pictures.items():
                # other bytes behind the picture's end: no datum is skipped
                change.put_file_from_bytes(f"/valid/{name}", data + f"{time.time_ns()}".encode())
    begin = time.perf_counter()
    (info,) = client.inspect_job(commit.id, "model", wait=True)
    seconds = time.perf_counter() - begin
    assert info.state == pps_proto.JobState.JOB_SUCCESS, info.reason
    assert info.data_processed == len(pictures), info
    return seconds


def bare_loop(work: Path, pictures: dict[str, bytes], threads: str) -> float:
    """Seconds of the same in one process without notebook or pachd, with so many threads."""
    shots, out = work / "pictures", work / "out"
    shots.mkdir(parents=True)
    out.mkdir()
    for name, data in pictures.items():
        (shots / name).write_bytes(data)
    words = [sys.executable, "-m", "benchmarks.bare_loop", str(shots), str(network()), str(out)]
    env = {**os.environ, "OMP_NUM_THREADS": threads}
    done = subprocess.run(words, env=env, stdout=subprocess.PIPE, check=True, text=True)
    return float(done.stdout)


if __name__ == "__main__":
    main()
