"""What a notebook's set-up cells leave behind, and how to bring it back before each datum.

Brought back: the namespace (bindings, and the contents of lists, dicts, sets, deques, bytearrays
and NumPy arrays of at most `ARRAY_LIMIT` bytes that it reaches through such containers), IPython's
history, the working folder, environment variables, sys.path, warnings filters, logging's root,
random seeds, timers, matplotlib's rcParams, backend and figures.
Not brought back: changes inside other objects and modules, IPython's own settings (%precision,
%config, %load_ext), threads and processes left running.
"""

from __future__ import annotations

import linecache
import logging
import os
import random
import signal
import sys
import warnings
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

ARRAY_LIMIT = 16 << 20
LAST_RESULTS = ("_", "__", "___")
LAST_INPUTS = ("_i", "_ii", "_iii", "_i00")

Undo = Callable[[], None]


class Contents:
    """The contents of containers, restored in place: whoever else holds one sees it restored."""

    def __init__(self) -> None:
        self._seen: set[int] = set()
        self._undo: list[Undo] = []

    def add(self, root: object) -> None:
        """Remember the contents of this object and of what it holds."""
        todo = [root]
        while todo:
            value = todo.pop()
            if isinstance(value, (str, bytes, int, float, type(None))) or id(value) in self._seen:
                continue
            undo, inner = _contents(value)
            if undo is None and not inner:
                continue
            # the undo functions hold the values, so their ids stay theirs
            self._seen.add(id(value))
            if undo is not None:
                self._undo.append(undo)
            todo.extend(inner)

    def restore(self) -> None:
        """Put the contents back."""
        for undo in self._undo:
            undo()


def _contents(value: Any) -> tuple[Undo | None, list[Any]]:
    if isinstance(value, tuple):
        return None, list(value)
    if isinstance(value, dict):
        pairs = dict(value.items())

        def put_pairs() -> None:
            if len(value) != len(pairs) or any(
                key not in value or value[key] is not pair for key, pair in pairs.items()
            ):
                dict.clear(value)
                dict.update(value, pairs)

        return put_pairs, list(pairs.values())
    if isinstance(value, (list, deque, bytearray)):
        items = list(value)
        if isinstance(value, deque):

            def put_items() -> None:
                value.clear()
                value.extend(items)
        else:

            def put_items() -> None:
                value[:] = items

        return put_items, [] if isinstance(value, bytearray) else items
    if isinstance(value, set):
        members = set(value)

        def put_members() -> None:
            value.clear()
            value.update(members)

        return put_members, []
    numpy = sys.modules.get("numpy")
    if numpy is not None and type(value) is numpy.ndarray and _restorable(value):
        numbers = value.copy()

        def put_numbers() -> None:
            # a datum may have resized or locked it in place
            if value.shape == numbers.shape and value.flags.writeable:
                value[...] = numbers

        return put_numbers, []
    return None, []


def _restorable(array: Any) -> bool:
    return bool(array.flags.writeable and not array.dtype.hasobject and array.nbytes <= ARRAY_LIMIT)


class Snapshot:
    """The state of the process and of a shell at one moment.

    `base_env` and `base_cwd` are what the first datum brought; what differs from them is what the
    set-up cells changed, and is laid over what each later datum brings.
    """

    def __init__(self, shell: Any, base_env: Mapping[str, str], base_cwd: Path) -> None:
        self._shell = shell
        self._names = dict(shell.user_ns)
        self._hidden = dict(shell.user_ns_hidden)
        history = shell.history_manager
        self._contents = Contents()
        self._contents.add([value for name, value in self._names.items() if name != "__builtins__"])
        for attribute in ("input_hist_raw", "outputs", "exceptions"):
            self._contents.add(getattr(history, attribute, None))
        self._count = shell.execution_count
        # the last results (_, __, ___) and inputs (_i, _ii, _iii) are kept beside the namespace too
        self._last = [
            (holder, name, getattr(holder, name))
            for holder, names in ((shell.displayhook, LAST_RESULTS), (history, LAST_INPUTS))
            for name in names
        ]
        self._cell_files = _cell_files(shell)
        env = dict(os.environ)
        self._env_set = {k: v for k, v in env.items() if base_env.get(k) != v}
        self._env_gone = [k for k in base_env if k not in env]
        cwd = Path.cwd()
        self._cwd = None if cwd == base_cwd else cwd
        self._path = list(sys.path)
        self._argv = list(sys.argv)
        self._filters = list(warnings.filters)
        self._showwarning = warnings.showwarning
        self._log = (logging.root.level, list(logging.root.handlers), logging.root.manager.disable)
        self._random = random.getstate()
        numpy = sys.modules.get("numpy")
        self._numpy = numpy.random.get_state() if numpy else None
        self._plots = _Plots()

    def restore(self, env: Mapping[str, str], cwd: Path) -> None:
        """Bring the state back, for a datum with this environment and working folder."""
        shell = self._shell
        self._plots.restore()
        shell.user_ns.clear()
        shell.user_ns.update(self._names)
        shell.user_ns_hidden.clear()
        shell.user_ns_hidden.update(self._hidden)
        self._contents.restore()
        shell.execution_count = self._count
        for holder, name, value in self._last:
            setattr(holder, name, value)
        self._forget_cells()
        replace_environ(
            {**{k: v for k, v in env.items() if k not in self._env_gone}, **self._env_set}
        )
        os.chdir(self._cwd or cwd)
        sys.path[:] = self._path
        sys.argv[:] = self._argv
        # resetwarnings also makes every module warn anew, as it would in a new process
        warnings.resetwarnings()
        warnings.filters[:] = self._filters  # type: ignore[index]  # a list, whatever its stub says
        warnings.showwarning = self._showwarning
        # either makes every logger forget what it knows, so only where it is needed
        if logging.root.level != self._log[0]:
            logging.root.setLevel(self._log[0])
        logging.root.handlers[:] = self._log[1]
        if logging.root.manager.disable != self._log[2]:
            logging.disable(self._log[2])
        signal.setitimer(signal.ITIMER_REAL, 0)
        random.setstate(self._random)
        if numpy := sys.modules.get("numpy"):
            if self._numpy is None:
                numpy.random.seed()
            else:
                numpy.random.set_state(self._numpy)

    def _forget_cells(self) -> None:
        """Let go of what refers to the last datum's cells and their exceptions."""
        files, names = _cell_files(self._shell)
        for file in files - self._cell_files[0]:
            linecache.cache.pop(file, None)
            getattr(linecache, "_ipython_cache", {}).pop(file, None)
        for name in names - self._cell_files[1]:
            self._shell.compile._filename_map.pop(name, None)
        for name in ("last_type", "last_value", "last_traceback", "last_exc"):
            if hasattr(sys, name):
                delattr(sys, name)
        self._shell.last_execution_result = None
        for name in ("etype", "value", "tb"):
            if hasattr(self._shell.InteractiveTB, name):
                setattr(self._shell.InteractiveTB, name, None)


def _cell_files(shell: Any) -> tuple[set[str], set[str]]:
    names = set(getattr(shell.compile, "_filename_map", ()))
    return names | set(getattr(linecache, "_ipython_cache", ())), names


def replace_environ(env: Mapping[str, str]) -> None:
    """Make os.environ equal to env, touching only what differs."""
    for name in [name for name in os.environ if name not in env]:
        del os.environ[name]
    for name, value in env.items():
        if os.environ.get(name) != value:
            os.environ[name] = value


class _Plots:
    """matplotlib's state, whether or not the set-up cells imported it."""

    def __init__(self) -> None:
        matplotlib = sys.modules.get("matplotlib")
        self._params = dict(matplotlib.rcParams) if matplotlib else None
        self._had_pyplot = "matplotlib.pyplot" in sys.modules

    def restore(self) -> None:
        matplotlib = sys.modules.get("matplotlib")
        if matplotlib is None:
            return
        if self._params is None:
            # imported by a datum's cell: bring back what the import gave
            fresh = dict(matplotlib.rc_params())
            if backend := os.environ.get("MPLBACKEND"):
                fresh["backend"] = backend
            self._params = fresh
        pyplot = sys.modules.get("matplotlib.pyplot")
        if pyplot is not None:
            pyplot.close("all")
        changed = dict.__getitem__(matplotlib.rcParams, "backend") != self._params["backend"]
        dict.update(matplotlib.rcParams, self._params)
        inline = sys.modules.get("matplotlib_inline.backend_inline")
        if inline is not None:
            inline.show._to_draw = []
            inline.show._draw_called = False
        if pyplot is None:
            return
        if changed and isinstance(self._params["backend"], str):
            pyplot.switch_backend(self._params["backend"])
            dict.update(matplotlib.rcParams, self._params)
        if not self._had_pyplot and inline is not None:
            # what importing pyplot does in a kernel: it turns interactive mode on
            inline._enable_matplotlib_integration()
