"""Plain papermill, a process and a kernel a picture, against the warm stage."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nbformat

from benchmarks.measure import Times, ended, faster, machine, say, timed
from benchmarks.model_stage import PICTURES, Stage, create, job, prepare
from benchmarks.pictures import jpegs, network
from benchmarks.serving import folder, pachd
from tycokit import packaged


def main() -> None:
    machine()
    with folder() as work:
        with pachd() as client:
            prepare(client)
            create(client, model := Stage())
            seconds = [job(client, jpegs(PICTURES), model) / PICTURES for _ in range(3)]
        warm = Times("model stage, warm, a picture", tuple(seconds))
        with_tensorflow = timed(
            "plain papermill with TensorFlow, a picture",
            lambda: cold(work, "import tensorflow\n"),
            3,
            warm_up=0,
        )
        say(str(warm))
    ended([faster("plain papermill with TensorFlow", warm, with_tensorflow, 300)])


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


if __name__ == "__main__":
    main()
