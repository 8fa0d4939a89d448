"""The first picture after `tycokit up`, with TensorFlow cold, against a script that is as cold."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from benchmarks.measure import Times, compare, ended, machine, say, timed
from benchmarks.model_stage import Stage, create_only
from benchmarks.pictures import jpegs
from benchmarks.serving import folder, pachd, put
from tycokit import packaged

SCRIPT = """
import sys
from tycokit.vision import detectors, images
print(len(detectors.load("mtcnn").detect(images.load(sys.argv[1]))))
"""


def main() -> None:
    machine()
    with folder() as work:
        ((name, data),) = jpegs(1).items()
        (work / name).write_bytes(data)
        words = [sys.executable, "-c", SCRIPT, str(work / name)]
        script = timed(
            "a cold script: TensorFlow, one picture",
            lambda: subprocess.run(words, check=True, capture_output=True),
            3,
            warm_up=1,
        )
        stage = Times("the first picture after up", tuple(first(name, data) for _ in range(3)))
    say(str(stage))
    bar = Times("the bar", (1.3 * script.median + 5,))
    ended([compare("1.3 of the script and 5 s", stage, bar, 1)])


def first(name: str, data: bytes) -> float:
    """Seconds from a new pachd, whose pipeline is created, to the picture's result."""
    with pachd() as client:
        for repo in ("weights", "notebooks"):
            client.create_repo(repo)
        put(client, "weights", {"/mtcnn": b"built in"})
        notebook = Path(packaged.notebooks() / "model.ipynb").read_bytes()
        put(client, "notebooks", {"/model.ipynb": notebook})
        create_only(client, model := Stage())
        begin = time.perf_counter()
        with client.commit(model.source, "master") as commit:
            client.put_file_bytes(commit, f"/valid/{name}", data)
        (info,) = client.inspect_job(commit.id, "model", wait=True)
        assert info.data_processed == 1, info
        return time.perf_counter() - begin


if __name__ == "__main__":
    main()
