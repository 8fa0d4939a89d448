"""The real stages' processes: how many there are, what each sees, and that none stays."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
from pipeline_driver import (
    SUCCESS,
    Site,
    before_result,
    counts,
    notebook,
    photograph,
    spec,
    variant,
    wait_for,
)

# Python runs a module of this name at the start of each process; ours notes who imports TensorFlow.
SITECUSTOMIZE = """\
import os
import sys


class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == "tensorflow":
            with open(os.environ["IMPORTS"], "a") as file:
                file.write(f"{os.getpid()}\\n")


sys.meta_path.insert(0, Watch())
"""
# Both workers must be at work at the same time: each waits until it sees the other.
LOOKS_AROUND = """\
import json, os, time
root = out.parent
(root / "mine").write_text(picture.name)
marks = Path(os.environ["TMPDIR"], "marks")
marks.mkdir(exist_ok=True)
(marks / str(os.getpid())).touch()
limit = time.monotonic() + 60
while len(list(marks.iterdir())) < 2 and time.monotonic() < limit:
    time.sleep(0.02)
around = {
    "pid": os.getpid(),
    "worker": os.environ["PPS_POD_NAME"],
    "mine": (root / "mine").read_text(),
    "files": sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()),
}
results.write_bytes(out / "around" / f"{picture.name}.txt", json.dumps(around).encode())
"""
# A cell that never ends, with a process of its own.
FOREVER = """\
import os, subprocess, time
child = subprocess.Popen(["sleep", "600"])
Path(os.environ["TMPDIR"], f"{os.environ['PPS_PIPELINE_NAME']}-child").write_text(str(child.pid))
time.sleep(600)
"""


def test_a_second_picture_costs_no_second_import_of_tensorflow(tmp_path: Path) -> None:
    hook = tmp_path / "hook"
    hook.mkdir()
    (hook / "sitecustomize.py").write_text(SITECUSTOMIZE)
    imports = tmp_path / "imports"
    path = os.pathsep.join([str(hook), *filter(None, [os.environ.get("PYTHONPATH")])])
    site = Site(tmp_path, {"PYTHONPATH": path, "IMPORTS": str(imports)})
    try:
        site.deploy([spec("validate"), spec("model")], network="mtcnn")
        first = site.put("images", {"/dev1_1511891001.jpg": photograph(person=True)})
        jobs = site.jobs(first)
        assert {info.state for info in jobs.values()} == {SUCCESS}, site.logs("model", first)
        (worker,) = site.workers("model")
        # it did import it, and so the probe sees what it is there to see
        assert imports.read_text().split() == [str(worker.pid)]
        assert "libtensorflow" in Path(f"/proc/{worker.pid}/maps").read_text()

        for number in (2, 3):
            later = site.put("images", {f"/dev1_151189100{number}.jpg": photograph(person=True)})
            jobs = site.jobs(later)
            assert {info.state for info in jobs.values()} == {SUCCESS}
            assert counts(jobs["model"]) == (1, number - 1, 0)
            assert site.json("model", f"/dev1/151189100{number}.json")["objects"]
        assert site.workers("model") == [worker]
        assert imports.read_text().split() == [str(worker.pid)]
    finally:
        site.pachd.stop()
    wait_for(lambda: not site.executors())


def test_two_workers_have_an_executor_each_and_see_their_own_pfs_only(tmp_path: Path) -> None:
    site = Site(tmp_path)
    try:
        site.deploy(
            [spec("validate"), variant("model", "double", parallelism_spec={"constant": 2})]
        )
        names = [f"dev1_151189100{number}.jpg" for number in range(4)]
        site.jobs(site.put("images", {f"/{name}": photograph(person=True) for name in names}))
        changed = notebook("model.ipynb", before_result(LOOKS_AROUND))
        job = site.put("notebooks", {"/double.ipynb": changed})
        info = site.jobs(job)["double"]
        assert (info.state, counts(info)) == (SUCCESS, (4, 0, 0)), site.logs("double", job)

        weights = [f"weights{path}" for path in site.paths("weights", "/**")]
        seen = {name: site.json("double", f"/around/{name}.txt") for name in names}
        for name, around in seen.items():
            assert around["mine"] == name
            own = [".env", "mine", "notebook/double.ipynb", f"picture/valid/{name}", *weights]
            assert around["files"] == sorted(own)
        executors = {(around["worker"], around["pid"]) for around in seen.values()}
        assert len(executors) == 2
        assert len({worker for worker, _ in executors}) == 2
        assert {process.pid for process in site.workers("double")} == {pid for _, pid in executors}
        # the workers of one pipeline agree on what they saw
        found = [
            site.json("double", path)["objects"] for path in site.paths("double", "/dev1/*.json")
        ]
        assert len(found) == 4
        assert found[0]
        assert found == found[:1] * 4
    finally:
        site.pachd.stop()


def test_no_process_outlives_its_pipeline_or_its_pachd(tmp_path: Path) -> None:
    before = set(psutil.Process().children(recursive=True))
    site = Site(tmp_path)
    try:
        site.deploy([spec("validate")])
        site.jobs(site.put("images", {"/dev1_1511891000.jpg": photograph(person=True)}))
        idle = set(site.executors("validate"))
        assert len(idle) == 2  # the one that runs notebooks, and its supervisor
        forever = notebook("validate.ipynb", before_result(FOREVER))
        children = {}
        for name in ("deleted", "stopped"):
            site.create(variant("validate", name), forever)
            mark = site.tmp / f"{name}-child"
            wait_for(lambda: mark.exists() and mark.read_text())  # noqa: B023
            children[name] = psutil.Process(int(mark.read_text()))
            assert len(site.executors(name)) == 2

        site.client.delete_pipeline("deleted")
        wait_for(lambda: not site.executors("deleted"))
        wait_for(lambda: not children["deleted"].is_running())
        assert children["stopped"].is_running()
        assert len(site.executors("stopped")) == 2
        assert set(site.executors("validate")) == idle
    finally:
        site.pachd.stop()
    # at once, not a little later: who stopped it may go on to remove its folders
    assert not site.executors()
    assert not children["stopped"].is_running()
    assert set(psutil.Process().children(recursive=True)) <= before
