"""A pachd with the toolkit's own stages on it, and what tests ask of them again and again."""

from __future__ import annotations

import functools
import io
import json
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import nbformat
import psutil
from PIL import Image
from python_pachyderm import Client
from python_pachyderm.service import pfs_proto, pps_proto
from waiting import until

from tycokit import models, samples
from tycokit.deploying import present
from tycokit.deploying.actions import Fill, Notebook
from tycokit.deploying.apply import apply
from tycokit.deploying.plan import Told, plan
from tycokit.deploying.wanted import Wanted, stages
from tycokit.pachd.server import Pachd, token
from tycokit.pipelines import specs
from tycokit.pipelines.specs import Repo, Spec
from tycokit.repos.upload import Item

ROOT = Path(__file__).parents[2]
NOTEBOOKS = ROOT / "notebooks"
COCO = ROOT.parent / "shared" / "models" / "coco_ssd_mobilenet_v1_quant.tflite"
# (the one of the wheel where the COCO network is not: it needs TensorFlow, so it takes longer)
NETWORK = str(COCO) if COCO.is_file() else "mtcnn"
STAGES = ("validate", "model", "threat-detect", "annotate", "plot")
SUCCESS, FAILURE, UNRUNNABLE = (
    pps_proto.JobState.JOB_SUCCESS,
    pps_proto.JobState.JOB_FAILURE,
    pps_proto.JobState.JOB_UNRUNNABLE,
)


wait_for = functools.partial(until, seconds=60)


def photograph(*, person: bool) -> bytes:
    """A small JPEG of a real photograph, with a person whom every network here finds, or none."""
    sample = next(each for each in samples.PHOTOGRAPHS if each.person is person)
    with Image.open(sample.source) as image:
        image.thumbnail((400, 400))
        data = io.BytesIO()
        image.convert("RGB").save(data, "JPEG", quality=90)
    return data.getvalue()


def notebook(name: str, edit: Callable[[list[Any]], None] = lambda _: None) -> bytes:
    """A notebook of the toolkit's as bytes, after `edit` has changed its cells."""
    made = nbformat.read(NOTEBOOKS / name, as_version=4)
    edit(made.cells)
    return nbformat.writes(made).encode()


def code(source: str) -> Any:
    return nbformat.v4.new_code_cell(source)


def before_result(source: str) -> Callable[[list[Any]], None]:
    """An edit that puts a code cell before the heading `The result`."""

    def edit(cells: list[Any]) -> None:
        (at,) = (i for i, cell in enumerate(cells) if cell.source.startswith("## The result"))
        cells.insert(at, code(source))

    return edit


def spec(name: str, **more: Any) -> Spec:
    """One of the toolkit's specs, with other values for some of its keys."""
    text = json.loads((ROOT / "specs" / f"{name}.json").read_text())
    return specs.parse(json.dumps({**text, **more}), f"{name}.json", 1)[0]


def variant(stage: str, name: str, **more: Any) -> Spec:
    """A pipeline like a stage's, but of another name and with `<name>.ipynb` as its notebook."""
    text = (ROOT / "specs" / f"{stage}.json").read_text()
    made = json.loads(text.replace(f"/{stage.replace('-', '_')}.ipynb", f"/{name}.ipynb"))
    made.update(more, pipeline={"name": name})
    return specs.parse(json.dumps(made), f"{name}.json", 1)[0]


def counts(info: Any) -> tuple[int, int, int]:
    """Datums of a job that were processed, skipped, failed."""
    return info.data_processed, info.data_skipped, info.data_failed


def _rules(folder: Path) -> list[Item]:
    path = folder / "rules.json"
    path.write_text(json.dumps(samples.rules()))
    return [Item(path, "/rules.json")]


class Site:
    """One pachd, with folders of its own for all that its workers leave on the disk."""

    def __init__(self, folder: Path, environment: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.tmp = folder / "tmp"
        self.state = folder / "state"
        self.tmp.mkdir()
        own = {"TMPDIR": str(self.tmp), "XDG_STATE_HOME": str(self.state)}
        data = folder / "data"
        self.pachd = Pachd(data, 0, token(data), {**os.environ, **own, **(environment or {})})
        self.client = Client("127.0.0.1", self.pachd.start(), auth_token=token(data))

    def deploy(self, made: Iterable[Spec], network: str = NETWORK) -> None:
        """Repos, notebooks, network and rules, then the pipelines."""
        notebooks = tuple(
            Notebook(path.name, path.read_bytes()) for path in sorted(NOTEBOOKS.glob("*.ipynb"))
        )
        specs = tuple(made)
        what = Wanted(specs, tuple(stages(specs, notebooks)))
        read = {repo for spec in specs for repo in spec.inputs}
        files = {"weights": lambda folder: models.files(network, folder), "rules": _rules}
        fills = [Fill(Repo("default", name), name, items) for name, items in files.items()]
        told = Told(fills=[fill for fill in fills if fill.repo in read])
        apply(self.client, plan(what, present.look(self.client, what), told).actions)

    def put(self, repo: str, files: Mapping[str, bytes | None]) -> str:
        """One commit that writes files, or deletes those whose bytes are None; its id."""
        with (
            self.client.commit(repo, "master") as commit,
            self.client.modify_file_client(commit) as changes,
        ):
            for path, data in files.items():
                if data is None:
                    changes.delete_file(path)
                else:
                    changes.put_file_from_bytes(path, data)
        return str(commit.id)

    def create(self, made: Spec, executed: bytes) -> str:
        """Commit a variant's notebook, then create it; the id of its first job."""
        name = made.output.name
        self.put("notebooks", {f"/{name}.ipynb": executed})
        self.client.create_pipeline_from_request(made.request)
        return str(next(self.client.list_job(name)).job.id)

    def jobs(self, job: str) -> dict[str, Any]:
        """The jobs of a global id by pipeline, once all have ended."""
        found = self.client.inspect_job(job, wait=True)
        return {info.job.pipeline.name: info for info in found}

    def job(self, pipeline: str, job: str) -> Any:
        """One pipeline's job once it has ended; others of the same id may go on."""
        return next(self.client.inspect_job(job, pipeline, wait=True))

    def paths(self, repo: str, glob: str, commit: str = "master") -> list[str]:
        found = self.client.glob_file((repo, commit), glob)
        return [info.file.path for info in found if info.file_type == pfs_proto.FILE]

    def read(self, repo: str, path: str, commit: str = "master") -> bytes:
        return bytes(self.client.get_file((repo, commit), path).read())

    def json(self, repo: str, path: str, commit: str = "master") -> Any:
        return json.loads(self.read(repo, path, commit))

    def said(self, pipeline: str, job: str) -> str:
        """What a job's user code wrote."""
        lines = self.client.get_job_logs(pipeline, job)
        return "\n".join(line.message.rstrip("\n") for line in lines if line.user)

    def logs(self, pipeline: str, job: str) -> str:
        return "\n".join(line.message for line in self.client.get_job_logs(pipeline, job))

    def executors(self, pipeline: str | None = None) -> list[psutil.Process]:
        """The warm executors' processes of this pachd that live, supervisors included."""
        found = []
        for process in psutil.process_iter():
            try:
                env = process.environ() if "tycokit.stage.executor" in process.cmdline() else {}
                alive = process.status() != psutil.STATUS_ZOMBIE
            except psutil.Error:  # ended meanwhile
                continue
            ours = env.get("TMPDIR") == str(self.tmp)
            if ours and alive and pipeline in (None, env["PPS_PIPELINE_NAME"]):
                found.append(process)
        return found

    def workers(self, pipeline: str | None = None) -> list[psutil.Process]:
        """Those of them that run notebooks."""
        found = {process.pid: process for process in self.executors(pipeline)}
        return [process for process in found.values() if process.ppid() in found]
