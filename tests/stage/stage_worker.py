"""A worker's view of the world in a private folder, and the stage's real processes in it."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import psutil
from waiting import until

RUN = (
    "import os, sys; from tycokit.stage.runner import run; sys.exit(run(sys.argv[1:], os.environ))"
)

METADATA = {
    "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
    "language_info": {"name": "python"},
}


def code(source: str, *tags: str) -> nbformat.NotebookNode:
    return nbformat.v4.new_code_cell(source, metadata={"tags": list(tags)})


wait_for = functools.partial(until, seconds=20)


class Stage:
    """One worker: its /pfs, its environment, the runs in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pfs = folder / "pfs"
        self.out = self.pfs / "out"
        self.cwd = folder / "cwd"
        self.tmp = folder / "tmp"
        for made in (self.out, self.pfs / "notebook", self.cwd, self.tmp):
            made.mkdir(parents=True)
        self.env = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(folder),
            "TMPDIR": str(self.tmp),
            "XDG_STATE_HOME": str(folder / "state"),
            "TYCOKIT_PFS": str(self.pfs),
            "MPLCONFIGDIR": str(folder),
        }

    @property
    def notebook(self) -> Path:
        return self.pfs / "notebook" / "work.ipynb"

    def cells(self, *cells: nbformat.NotebookNode) -> None:
        """Write the notebook: an `out = ''` parameters cell is put in where there is none."""
        if not any("parameters" in cell.metadata.get("tags", []) for cell in cells):
            cells = (code("out = ''", "parameters"), *cells)
        made = nbformat.v4.new_notebook(cells=list(cells), metadata=METADATA)
        nbformat.write(made, self.notebook)
        self.env["notebook"] = str(self.notebook)

    def input(self, name: str, path: str, content: str = "") -> Path:
        file = self.pfs / name / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
        self.env[name] = str(file)
        return file

    def start(self, *arguments: str, **env: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", RUN, *arguments],
            cwd=self.cwd,
            env=self.env | env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        shutil.rmtree(self.out)
        self.out.mkdir()
        with self.start(*arguments, **env) as process:
            stdout, stderr = process.communicate(timeout=60)
        return subprocess.CompletedProcess(arguments, process.returncode, stdout, stderr)

    def ok(self, *arguments: str, **env: str) -> str:
        """Run a datum that must go well; what it printed."""
        done = self.run(*arguments, **env)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def executed(self) -> nbformat.NotebookNode:
        """The one executed notebook in out."""
        (path,) = self.out.glob("**/*.ipynb")
        return nbformat.read(path, as_version=4)

    def lines(self, name: str) -> list[str]:
        """The lines of a file in the worker's folder, none if it does not exist."""
        path = self.folder / name
        return path.read_text().splitlines() if path.exists() else []

    def workers(self) -> list[psutil.Process]:
        """The warm executors that live, without their supervisors."""
        found = {process.pid: process for process in self.processes()}
        return [process for process in found.values() if process.ppid() in found]

    def processes(self) -> list[psutil.Process]:
        found = []
        for process in psutil.process_iter():
            try:
                command = process.cmdline()
                alive = process.status() != psutil.STATUS_ZOMBIE
            except psutil.Error:
                continue
            if alive and any(part.startswith(str(self.tmp)) for part in command):
                found.append(process)
        return found
