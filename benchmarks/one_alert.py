"""One picture put until its threat can be read, all stages warm, against papermill run cold.

Papermill executes the model notebook alone. Both have the same picture and the same network: the
one that is there offline, on TensorFlow, and a TFLite one.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from python_pachyderm import Client

from benchmarks.measure import Times, ended, faster, machine, say, timed
from benchmarks.pictures import network
from benchmarks.serving import folder, pachd, put
from tycokit import packaged, samples
from tycokit.pipelines import specjson

STAGES = ("validate", "model", "threat-detect", "annotate", "plot")
ALERTS = "threat-detect"
FIRST = 1511891098  # Unix time of the first picture
REPETITIONS = 20
WARM_UP = 2


def main() -> None:
    machine()
    results = []
    for name, files in (("mtcnn, on TensorFlow", offline()), ("a TFLite network", tflite())):
        with folder() as work:
            cold = timed(
                f"papermill, cold: the model notebook with {name}",
                lambda: papermill(work, files),  # noqa: B023
                3,
                warm_up=1,
            )
        with pachd() as client:
            alerts = Times(f"picture to threat, warm: {name}", tuple(measure(client, files)))
        say(str(alerts))
        results.append(faster("one cold papermill run", alerts, cold, 20))
    ended(results)


def offline() -> dict[str, bytes]:
    return {"mtcnn": b"built in"}


def tflite() -> dict[str, bytes]:
    found = (path for path in network().iterdir() if path.suffix in (".tflite", ".txt"))
    return {path.name: path.read_bytes() for path in found}


def picture() -> bytes:
    """A photograph with a person."""
    return next(each for each in samples.PHOTOGRAPHS if each.person).source.read_bytes()


def papermill(work: Path, files: Mapping[str, bytes]) -> None:
    """One run of the model notebook, as it is, on one picture."""
    weights = work / "weights"
    weights.mkdir(exist_ok=True)
    for name, data in files.items():
        (weights / name).write_bytes(data)
    shot = work / f"dev1_{FIRST}.jpg"
    shot.write_bytes(picture())
    parameters = {"picture": shot, "weights": weights, "out": work}
    words = [word for key, value in parameters.items() for word in ("-p", key, str(value))]
    notebook = packaged.notebooks() / "model.ipynb"
    command = [str(Path(sys.executable).parent / "papermill"), "--no-progress-bar", *words]
    subprocess.run(
        [*command, str(notebook), str(work / "out.ipynb")], check=True, capture_output=True
    )


def measure(client: Client, files: Mapping[str, bytes]) -> list[float]:
    """Seconds from putting a picture to reading the threat in it, each time another picture."""
    deploy(client, files)
    shot = picture()
    seconds = []
    for turn in range(WARM_UP + REPETITIONS):
        # other bytes behind the picture's end each time
        data = shot + f"{time.time_ns()}".encode()
        at = FIRST + turn
        begin = time.perf_counter()
        with client.commit("images", "master") as commit:
            client.put_file_bytes(commit, f"/dev1_{at}.jpg", data)
        client.inspect_job(commit.id, ALERTS, wait=True)
        with client.get_file((ALERTS, "master"), f"/dev1/{at}.json") as file:
            threat = json.loads(file.read())
        took = time.perf_counter() - begin
        assert threat["objects"], threat
        for name in STAGES:  # those beside it are not to disturb the next picture
            client.inspect_job(commit.id, name, wait=True)
        if turn >= WARM_UP:
            seconds.append(took)
    return seconds


def deploy(client: Client, files: Mapping[str, bytes]) -> None:
    """All stages as they are shipped, with this network."""
    for repo in ("images", "weights", "rules", "notebooks"):
        client.create_repo(repo)
    put(client, "weights", {f"/{name}": data for name, data in files.items()})
    put(client, "rules", {"/rules.json": json.dumps(samples.rules()).encode()})
    notebooks = packaged.notebooks().glob("*.ipynb")
    put(client, "notebooks", {f"/{path.name}": path.read_bytes() for path in notebooks})
    for name in STAGES:
        spec = json.loads((packaged.specs() / f"{name}.json").read_text())
        client.create_pipeline_from_request(specjson.request(spec, name, cores=1))


if __name__ == "__main__":
    main()
