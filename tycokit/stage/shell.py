"""A notebook's cells, run in this process as a kernel would run them."""

from __future__ import annotations

import atexit
import builtins
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any, cast

from ipykernel.zmqshell import ZMQInteractiveShell as KernelShell
from IPython.core.interactiveshell import InteractiveShell
from nbformat import NotebookNode
from traitlets.config import Config

from tycokit.errors import StageError
from tycokit.stage.memo import Memo, RememberingCompiler, RememberingTransformers
from tycokit.stage.outputs import CellStream, CollectingSession, Collector
from tycokit.stage.state import Snapshot

# what a kernel's environment has beyond its parent's
KERNEL_ENV = {
    "TERM": "xterm-color",
    "CLICOLOR": "1",
    "FORCE_COLOR": "1",
    "CLICOLOR_FORCE": "1",
    "PAGER": "cat",
    "GIT_PAGER": "cat",
}
INLINE = "module://matplotlib_inline.backend_inline"


class ZMQInteractiveShell(KernelShell):  # libraries ask for a kernel's shell by this name
    """A kernel's shell without the kernel."""

    compiler_class = RememberingCompiler

    def __init__(self, **settings: Any) -> None:
        self._asynchronous: Memo[bool] = Memo()
        super().__init__(**settings)  # type: ignore[no-untyped-call]
        self._remembering = cast(RememberingCompiler, self.compile)
        self._remembering.changed = lambda: bool(self.ast_transformers)
        self.input_transformer_manager = RememberingTransformers()

    def should_run_async(self, raw_cell: str, **more: Any) -> bool:
        """Whether a cell awaits something, remembered."""
        ask = super().should_run_async
        key = raw_cell, more.get("transformed_cell"), self.autoawait
        if more.get("preprocessing_exc_tuple") is not None:
            return bool(ask(raw_cell, **more))
        return self._asynchronous.get(key, lambda: bool(ask(raw_cell, **more)))

    def turn(self) -> None:
        """A new run of the notebook begins."""
        self._asynchronous.turn()
        self._remembering.turn()
        if isinstance(self.input_transformer_manager, RememberingTransformers):
            self.input_transformer_manager.turn()

    def ask_exit(self) -> None:
        """exit and quit end the notebook here, as sys.exit does; the process goes on."""
        raise SystemExit

    def init_environment(self) -> None:
        """The environment is a run's, not the shell's: NotebookShell sets it."""

    def init_sys_modules(self) -> None:
        """The shell's __main__ stands in for the process's own only while cells run."""

    def enable_gui(self, gui: Any = None) -> None:
        """There is no event loop to integrate."""


class Interrupts:
    """SIGINT while cells run: raises KeyboardInterrupt in a cell, is remembered between cells."""

    def __init__(self) -> None:
        self.seen = False
        self.in_cell = False

    def handle(self, _signum: int, _frame: FrameType | None) -> None:
        """The signal's handler."""
        self.seen = True
        if self.in_cell:
            raise KeyboardInterrupt


class NotebookShell:
    """One notebook's shell; there can be one in a process at a time.

    `collector` gets what cells put out. IPython's own files go into `scratch`, which `close`
    removes, or into a temporary folder. StageError when the process has an IPython already.
    """

    def __init__(self, scratch: Path | None = None) -> None:
        if InteractiveShell.initialized():
            raise StageError(
                "this process already runs IPython (a notebook's kernel?); use papermill's own"
                " engine there, or start `papermill --engine tycokit` as a process of its own"
            )
        self.collector = Collector()
        self.interrupts = Interrupts()
        self.stdout = CellStream("stdout", self.collector, sys.stdout)
        self.stderr = CellStream("stderr", self.collector, sys.stderr)
        # magics keep aliases, bookmarks and %store there: none may reach from one run to another
        self._folder = scratch or Path(tempfile.mkdtemp(prefix="tycokit-ipython-"))
        self._builtins = dict(vars(builtins))
        config = Config()
        config.HistoryManager.enabled = False
        self._hooks = (sys.displayhook, sys.excepthook)
        self._path = list(sys.path)
        self._ip: Any = ZMQInteractiveShell.instance(ipython_dir=str(self._folder), config=config)
        session = CollectingSession(self.collector)
        _add_working_folder()
        parts: list[Any] = [self._ip.displayhook, self._ip.display_pub]
        for part in parts:
            part.session = session
            part.pub_socket = object()

    def close(self) -> None:
        """Take the shell out of the process again."""
        atexit.unregister(self._ip.atexit_operations)
        self._ip.atexit_operations()
        self._ip.restore_sys_module_state()
        ZMQInteractiveShell.clear_instance()
        sys.displayhook, sys.excepthook = self._hooks
        sys.path[:] = self._path
        for name in [name for name in vars(builtins) if name not in self._builtins]:
            delattr(builtins, name)
        shutil.rmtree(self._folder, ignore_errors=True)

    @contextmanager
    def running(self) -> Iterator[None]:
        """While cells run: their streams, a kernel's environment, their __main__, SIGINT."""
        streams = sys.stdout, sys.stderr, sys.stdin
        main = sys.modules["__main__"]
        self._ip.turn()
        backend = os.environ.get("MPLBACKEND")
        os.environ.update(KERNEL_ENV)
        if backend is None:
            os.environ["MPLBACKEND"] = INLINE
        self.interrupts.seen = False
        handler = None
        with suppress(ValueError):  # not in the main thread: no signals there
            handler = signal.signal(signal.SIGINT, self.interrupts.handle)
        sys.modules["__main__"] = self._ip.user_module
        sys.stdout, sys.stderr = self.stdout, self.stderr
        with Path(os.devnull).open() as nothing:
            sys.stdin = nothing
            try:
                yield
            finally:
                sys.stdout, sys.stderr, sys.stdin = streams
                sys.modules["__main__"] = main
                if handler is not None:
                    signal.signal(signal.SIGINT, handler)
                self.collector.forget()

    def run(self, cell: NotebookNode) -> bool:
        """Run one code cell; its outputs and count are set on it. False when it raised."""
        self.collector.begin(cell)
        cell.execution_count = self._ip.execution_count
        ok = False
        try:
            if self.interrupts.seen:
                raise KeyboardInterrupt
            self.interrupts.in_cell = True
            try:
                result = self._ip.run_cell(cell.source, store_history=True)
                hook_failed = getattr(self._ip, "_last_traceback_during_displayhook", False)
                ok = bool(result.success) and not hook_failed
            finally:
                self.interrupts.in_cell = False
        except KeyboardInterrupt:
            # it came just before or after the cell's own code
            ok = False
            self._ip.showtraceback((KeyboardInterrupt, KeyboardInterrupt(), None))
        finally:
            self._ip.payload_manager.clear_payload()
            self.collector.end()
        return ok

    def snapshot(self, env: dict[str, str], cwd: Path) -> Snapshot:
        """The state now, against what the first datum brought."""
        return Snapshot(self._ip, env, cwd)


def _add_working_folder() -> None:
    """Let cells import what lies in the working folder, after the standard library."""
    if getattr(sys.flags, "safe_path", False) or "" in sys.path:
        return
    names = [Path(path).name for path in sys.path]
    packages = [i for i, name in enumerate(names) if name in ("site-packages", "dist-packages")]
    sys.path.insert(packages[0] if packages else 0, "")
