"""papermill's engine `tycokit`: a notebook's cells in this process instead of a kernel."""

from __future__ import annotations

import copy
import logging
import os
import platform
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from nbformat import NotebookNode
from papermill.engines import Engine, NotebookExecutionManager

from tycokit.errors import StageError
from tycokit.stage.shell import NotebookShell
from tycokit.stage.state import Snapshot

if TYPE_CHECKING:
    # it needs papermill whole, which imports this module as one of its engines
    from tycokit.stage.prepared import Prepared

logger = logging.getLogger("papermill")

PARAMETER_TAGS = ("parameters", "injected-parameters")
SKIP_TAG = "skip-execution"
MAY_RAISE_TAG = "raises-exception"


class WarmNotebook:
    """A notebook whose set-up cells have run, or will with its first run, in this process.

    `prepared` is the notebook as papermill prepares it, once it has been.
    `on_cell` is told the number of each cell that starts, as in the notebook's source, from 1;
    `on_text` what cells print (stream name, text). `notebook` is the last run's, as far as it got;
    `broken` says that the set-up failed, so that nothing can run here any more.
    """

    def __init__(self, scratch: Path | None = None) -> None:
        self.shell = NotebookShell(scratch)
        self.on_cell: Callable[[int], None] | None = None
        self.on_text: Callable[[str, str], None] | None = None
        self.notebook: NotebookNode | None = None
        self.broken = False
        self.prepared: Prepared | None = None
        self._set_up: list[NotebookNode] = []
        self._display_ids: list[list[str | None]] = []
        self._snapshot: Snapshot | None = None

    def close(self) -> None:
        """Take its shell out of the process."""
        self.shell.close()

    def run(self, manager: NotebookExecutionManager) -> None:
        """Run the manager's notebook up to its end or its first cell that raises.

        StageError when its set-up cells are not those that ran here.
        """
        if self.broken:
            raise StageError("the set-up cells failed here before; they need a new process")
        notebook = self.notebook = manager.nb
        count = set_up_count(notebook)
        collector = self.shell.collector
        collector.listener = self.on_text
        collector.on_output = manager.autosave_cell
        env, cwd = dict(os.environ), Path.cwd()
        ready = self._snapshot is not None
        if ready and [cell.source for cell in self._set_up] != [
            cell.source for cell in notebook.cells[:count]
        ]:
            raise StageError("the notebook's set-up cells are not those that ran in this process")
        with self.shell.running():
            if self._snapshot is not None:
                self._snapshot.restore(env, cwd)
            for index, cell in enumerate(notebook.cells):
                if index == count and self._snapshot is None:
                    self._remember(notebook.cells[:count], env, cwd)
                if not self._cell(manager, index, cell, replay=ready and index < count):
                    self.broken = self.broken or self._snapshot is None
                    break
            else:
                if self._snapshot is None:
                    self._remember(notebook.cells[:count], env, cwd)
        notebook.metadata["language_info"] = language_info()

    def _cell(
        self, manager: NotebookExecutionManager, index: int, cell: NotebookNode, *, replay: bool
    ) -> bool:
        """One cell, with papermill's protocol around it. False when the notebook must stop."""
        manager.cell_start(cell, index)
        try:
            if replay:
                self._replay(index, cell)
                return True
            tags = cell.metadata.get("tags", [])
            if cell.cell_type != "code" or not cell.source.strip() or SKIP_TAG in tags:
                return True
            if self.on_cell:
                self.on_cell(_number(manager.nb, index))
            if self.shell.run(cell) or MAY_RAISE_TAG in tags:
                return True
            manager.cell_exception(cell, cell_index=index)
            return False
        finally:
            manager.cell_complete(cell, cell_index=index)

    def _replay(self, index: int, cell: NotebookNode) -> None:
        ran = self._set_up[index]
        if cell.cell_type == "code":
            cell.outputs = copy.deepcopy(ran.outputs)
            cell.execution_count = ran.execution_count
            self.shell.collector.displays(cell.outputs, self._display_ids[index])

    def _remember(self, cells: list[NotebookNode], env: dict[str, str], cwd: Path) -> None:
        self._display_ids = [
            self.shell.collector.display_ids(cell.get("outputs", [])) for cell in cells
        ]
        self._set_up = copy.deepcopy(cells)
        self._snapshot = self.shell.snapshot(env, cwd)


class TycokitEngine(Engine):
    """The engine: each run of it is a notebook of its own."""

    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: NotebookExecutionManager,
        _kernel_name: str,
        *,
        log_output: bool = False,
        stdout_file: Any = None,
        stderr_file: Any = None,
        execution_timeout: int | None = None,
        **_rest: Any,
    ) -> None:
        """What papermill calls. `execution_timeout` is in seconds, for each cell."""
        files = {"stdout": stdout_file, "stderr": stderr_file}

        def tell(name: str, text: str) -> None:
            if log_output:
                logger.log(logging.INFO if name == "stdout" else logging.WARNING, "%s", text)
            if file := files[name]:
                file.write(text)
                file.flush()

        notebook = WarmNotebook()
        notebook.on_text = tell
        before = dict(os.environ), Path.cwd()
        try:
            with _limit(notebook, execution_timeout):
                notebook.run(nb_man)
        finally:
            notebook.close()
            os.environ.clear()
            os.environ.update(before[0])
            os.chdir(before[1])

    @classmethod
    def nb_kernel_name(cls, nb: NotebookNode, name: str | None = None) -> str:
        """No kernel is started, so a notebook needs to name none."""
        return name or nb.metadata.get("kernelspec", {}).get("name") or "python3"

    @classmethod
    def nb_language(cls, nb: NotebookNode, language: str | None = None) -> str:
        """The language: Python unless the notebook says otherwise."""
        return language or nb.metadata.get("language_info", {}).get("name") or "python"


def set_up_count(notebook: NotebookNode) -> int:
    """How many cells stand above the one tagged `parameters`; 0 when there is none."""
    for index, cell in enumerate(notebook.cells):
        if any(tag in PARAMETER_TAGS for tag in cell.metadata.get("tags", [])):
            return index
    return 0


def _number(notebook: NotebookNode, index: int) -> int:
    before = notebook.cells[: index + 1]
    injected = sum("injected-parameters" in cell.metadata.get("tags", []) for cell in before)
    return index + 1 - injected


def language_info() -> dict[str, Any]:
    """What a Python kernel says about its language."""
    return {
        "name": "python",
        "version": platform.python_version(),
        "mimetype": "text/x-python",
        "codemirror_mode": {"name": "ipython", "version": sys.version_info[0]},
        "pygments_lexer": f"ipython{sys.version_info[0]}",
        "nbconvert_exporter": "python",
        "file_extension": ".py",
    }


@contextmanager
def _limit(notebook: WarmNotebook, seconds: int | None) -> Iterator[None]:
    """Raise TimeoutError in a cell that runs for longer than this; None is no limit."""
    if not seconds:
        yield
        return

    def expire(_signum: int, _frame: FrameType | None) -> None:
        if notebook.shell.interrupts.in_cell:
            raise TimeoutError(f"the cell ran for longer than {seconds} s")

    def start(_number: int) -> None:
        signal.setitimer(signal.ITIMER_REAL, seconds)

    notebook.on_cell = start
    handler = signal.signal(signal.SIGALRM, expire)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
