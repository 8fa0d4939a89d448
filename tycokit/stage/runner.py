"""`tycokit stage`: what runs in a pipeline's container, once a datum or once a datum set.

The executor is warm, so this process is most of what a datum costs: it imports little.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tycokit.errors import ExecutorDied, ExecutorError, StageError, StageUsage
from tycokit.stage import batch, options, source, warm
from tycokit.stage import datum as datums
from tycokit.stage import place as places
from tycokit.stage.options import Options
from tycokit.stage.parameters import table


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a datum went: `text` says what failed, and `path` where its executed notebook is kept."""

    ok: bool
    text: str = ""
    path: str | None = None


def run(argv: list[str], env: Mapping[str, str]) -> int:
    """Run the datum that the environment describes; the exit code.

    With datum batching there are many, and this ends with its process, or when no worker answers.
    0: it went well; 1: the notebook raised or could not run; 2: the command line is wrong.
    """
    try:
        chosen = options.parse(argv)
    except StageUsage as error:
        _write("stderr", f"tycokit stage: {error}\nTry `tycokit stage --help`.\n")
        return 2
    try:
        if chosen.help:
            _write("stdout", options.HELP + _parameters(chosen.notebook))
            return 0
        runner = Runner(chosen)
        if batch.is_on(env):
            batch.loop(env, runner.report, runner.outdated)
        return 1 if runner.report(env) else 0
    except StageError as error:
        _write("stderr", f"tycokit stage: {error}\n")
        return 1


class Runner:
    """Runs datums, one after the other, with the same options."""

    def __init__(self, chosen: Options) -> None:
        self._options = chosen
        self._source: source.Source | None = None
        self._marks = places.marks()

    def outdated(self) -> bool:
        """Whether packages, or the code that this process runs, have changed since it began."""
        return places.marks() != self._marks

    def report(self, env: Mapping[str, str]) -> str:
        """Run a datum and print what went wrong; the first line of that, empty if nothing did."""
        try:
            outcome = self.datum(env)
        except StageError as error:
            _write("stderr", f"tycokit stage: {error}\n")
            return str(error).partition("\n")[0]
        if outcome.ok:
            return ""
        _write("stderr", f"{outcome.text}\n")
        if outcome.path is not None:
            _write("stderr", f"executed notebook, as far as it got: {outcome.path}\n")
        return outcome.text.partition("\n")[0]

    def datum(self, env: Mapping[str, str]) -> Outcome:
        """Run the datum that an environment describes. StageError when it cannot run."""
        datum = datums.read(env)
        notebook = self._source = source.read(datum.notebook, known=self._source)
        parameters = source.parameters(notebook, datum.inputs, datum.out, self._options.parameters)
        place = None
        if not self._options.cold:
            try:
                place = places.place(datum, env)
            except ExecutorError as error:
                _write(
                    "stderr",
                    f"tycokit stage: no warm executor, so this datum runs cold: {error}\n",
                )
        if place is None:
            return self._cold(datum, parameters)
        state = datum.notebook.stat()
        request = {
            "digest": places.digest(notebook, datum, env, self._marks),
            "notebook": str(datum.notebook),
            "inode": [state.st_dev, state.st_ino],
            "parameters": parameters,
            "out": str(datum.out),
            "fallback": datum.fallback,
            "name": datum.name,
            "commits": datum.commits,
            "cwd": os.getcwd(),
            "env": dict(env),
            "timeout": self._options.timeout,
            "log_limit": self._options.log_limit,
            "memory_limit": self._options.memory_limit,
            "cells": self._options.cells,
        }
        return self._warm(place, request, env)

    def _warm(
        self, place: places.Place, request: Mapping[str, Any], env: Mapping[str, str]
    ) -> Outcome:
        owner = env.get("TYCOKIT_WORKER_PID", "")
        timeout = self._options.timeout
        start = time.monotonic()
        printed = _Tail()
        try:
            result = warm.run(
                place,
                request,
                printed.write,
                env=env,
                idle=self._options.idle,
                owner=int(owner) if owner.isdecimal() else None,
            )
        except ExecutorDied as error:
            _keep(request, error, printed.text)
            raise
        finally:
            if timeout is not None and time.monotonic() - start >= timeout:
                _write("stderr", f"tycokit stage: stopped after --timeout {timeout:g} s\n")
        _write("stderr", result["note"])
        return Outcome(result["ok"], result["text"], result["path"])

    def _cold(self, datum: datums.Datum, parameters: dict[str, Any]) -> Outcome:
        from tycokit.stage import execute

        request = execute.Request(
            datum.notebook, parameters, datum.out, datum.fallback, datum.name, datum.commits
        )
        result = execute.cold(request, sys.stdout, sys.stderr, self._options.log_limit)
        return Outcome(result.ok, result.text, None if result.path is None else str(result.path))


class _Tail:
    """Prints, and remembers the end of what was printed."""

    LIMIT = 1 << 16

    def __init__(self) -> None:
        self.text = ""

    def write(self, name: str, text: str) -> None:
        """Print text of a stream."""
        self.text = (self.text + text)[-self.LIMIT :]
        _write(name, text)


def _keep(request: Mapping[str, Any], error: ExecutorDied, printed: str) -> None:
    from pathlib import Path

    from tycokit.stage import lost

    notebook, name = Path(request["notebook"]), request["name"]
    try:
        path = lost.keep(notebook, request["parameters"], error.cell, printed, str(error), name)
    except OSError as failure:
        _write("stderr", f"the executed notebook is lost: {failure}\n")
    else:
        _write("stderr", f"executed notebook, as far as it got: {path}\n")


def _parameters(notebook: str | None) -> str:
    if notebook is None:
        return ""
    from pathlib import Path

    found = source.read(Path(notebook), help=True).parameters
    title = f"Parameters of {notebook} (those named like an input, and `out`, the stage sets):"
    return "\n".join(["", title, *(f"  {line}" for line in table(found))]) + "\n"


def _write(name: str, text: str) -> None:
    if not text:
        return
    stream = sys.stdout if name == "stdout" else sys.stderr
    # half a surrogate pair that a cell printed must not end the run
    stream.write(text.encode("utf-8", "replace").decode("utf-8"))
    stream.flush()
