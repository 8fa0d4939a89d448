"""Plain papermill, a process and a kernel a picture, against the warm stage; and one alert."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import nbformat
from python_pachyderm import Client

from benchmarks.measure import Times, compare, ended, machine, say, timed
from benchmarks.model_stage import PICTURES, create, job, prepare
from benchmarks.pictures import jpegs, network
from benchmarks.serving import folder, pachd, put
from tycokit import packaged, samples, specjson

STAGES = ("validate", "model", "threat-detect")


def main() -> None:
    machine()
    with folder() as work:
        with pachd() as client:
            prepare(client)
            create(client, 1)
            seconds = [job(client, jpegs(PICTURES)) / PICTURES for _ in range(3)]
        warm = Times("model stage, warm, a picture", tuple(seconds))
        with_tensorflow = timed(
            "plain papermill with TensorFlow, a picture",
            lambda: cold(work, "import tensorflow\n"),
            3,
            warm_up=0,
        )
        say(str(warm))
        results = [compare("plain papermill with TensorFlow", warm, with_tensorflow, 1 / 300)]
        alone = timed("one cold papermill run of model.ipynb", lambda: cold(work, ""), 3, 0)
        with pachd() as client:
            alerts = Times("a picture put until its threat is there", tuple(alert(client)))
        say(str(alerts))
        results.append(compare("one cold papermill run", alerts, alone, 1 / 20))
    ended(results)


def cold(work: Path, first: str) -> None:
    """One papermill run of the model notebook on one picture."""
    notebook = nbformat.read(packaged.notebooks() / "model.ipynb", as_version=4)
    code = next(cell for cell in notebook.cells if cell.cell_type == "code")
    code.source = first + code.source
    nbformat.write(notebook, work / "model.ipynb")
    ((name, data),) = jpegs(1).items()
    (work / name).write_bytes(data)
    parameters = {"picture": work / name, "weights": network(), "out": work}
    words = [word for key, value in parameters.items() for word in ("-p", key, str(value))]
    command = [str(Path(sys.executable).parent / "papermill"), "--no-progress-bar", *words]
    subprocess.run(
        [*command, str(work / "model.ipynb"), str(work / "out.ipynb")],
        check=True,
        capture_output=True,
    )


def alert(client: Client, repetitions: int = 20) -> list[float]:
    """Seconds from putting a picture with a person to reading its threat, all stages warm."""
    for repo in ("images", "weights", "rules", "notebooks"):
        client.create_repo(repo)
    found = [path for path in network().iterdir() if path.suffix in (".tflite", ".txt")]
    put(client, "weights", {f"/{path.name}": path.read_bytes() for path in found})
    put(client, "rules", {"/rules.json": json.dumps(samples.rules()).encode()})
    for path in packaged.notebooks().glob("*.ipynb"):
        put(client, "notebooks", {f"/{path.name}": path.read_bytes()})
    for name in STAGES:
        spec = json.loads((packaged.specs() / f"{name}.json").read_text())
        client.create_pipeline_from_request(specjson.request(spec, name, cores=1))
    person = next(each for each in samples.PHOTOGRAPHS if each.person).source.read_bytes()
    seconds = []
    for turn in range(-2, repetitions):
        # other bytes behind the picture's end each time
        shot = person + f"{time.time_ns()}".encode()
        at = 1511891098 + turn
        begin = time.perf_counter()
        with client.commit("images", "master") as commit:
            client.put_file_bytes(commit, f"/dev1_{at}.jpg", shot)
        (info,) = client.inspect_job(commit.id, STAGES[-1], wait=True)
        with client.get_file((STAGES[-1], "master"), f"/dev1/{at}.json") as file:
            assert json.loads(file.read())["objects"], info
        if turn >= 0:
            seconds.append(time.perf_counter() - begin)
    return seconds


if __name__ == "__main__":
    main()
