"""`tycokit stage`: what runs in a pipeline's container, once a datum.

The executor is warm, so this process is most of what a datum costs: it imports little.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tycokit.errors import ExecutorError, StageError, StageUsage
from tycokit.stage import datum as datums
from tycokit.stage import limits, source, warm
from tycokit.stage import place as places
from tycokit.stage.parameters import Text, table

IDLE = 600.0
HELP = """\
Usage: tycokit stage [OPTIONS]

Execute the notebook of a datum: the input named `notebook` below /pfs. Every other input's path is
handed to the notebook parameter of the same name, and the output folder to `out`. The executed
notebook goes beside the result. A notebook that raises makes the exit code 1.

Cells above the one tagged `parameters` run once, in a process that stays for the next datum.

Options:
  -p, --parameter NAME VALUE  Set a parameter of the notebook. Its type, by its annotation or its
                              default, says what VALUE means; where it has none, papermill's rule
                              does: True, False, None, whole numbers, numbers, else text.
  -r, --raw NAME VALUE        Set a parameter to this text as it is.
  --timeout SECONDS           Interrupt the notebook when it runs for longer.
  --idle-timeout SECONDS      How long the process waits for a next datum (default: 600).
  --log-limit SIZE            How much of what a datum prints goes into its log (default: 256M).
  --memory-limit SIZE         End that process after a datum by which it has held more, as in 2G.
  --cold                      Start a kernel for this datum instead, as plain papermill does.
  --help [NOTEBOOK]           Show this, and a notebook's parameters, and exit.
"""


@dataclass(frozen=True, slots=True)
class Options:
    """The command line."""

    parameters: dict[str, Text] = field(default_factory=dict)
    timeout: float | None = None
    idle: float = IDLE
    log_limit: int = limits.LOG
    memory_limit: int | None = None
    cold: bool = False
    help: bool = False
    notebook: str | None = None


def run(argv: list[str], env: Mapping[str, str]) -> int:
    """Run the datum that the environment describes; the exit code.

    0: it went well; 1: the notebook raised or could not run; 2: the command line is wrong.
    """
    try:
        options = parse(argv)
    except StageUsage as error:
        _write("stderr", f"tycokit stage: {error}\nTry `tycokit stage --help`.\n")
        return 2
    try:
        if options.help:
            _write("stdout", HELP + _parameters(options.notebook))
            return 0
        return _run(options, env)
    except StageError as error:
        _write("stderr", f"tycokit stage: {error}\n")
        return 1


def _run(options: Options, env: Mapping[str, str]) -> int:
    datum = datums.read(env)
    notebook = source.read(datum.notebook)
    parameters = source.parameters(notebook, datum.inputs, datum.out, options.parameters)
    place = None
    if not options.cold:
        try:
            place = places.place(datum, env)
        except ExecutorError as error:
            _write("stderr", f"tycokit stage: no warm executor, so this datum runs cold: {error}\n")
    if place is None:
        return _cold(datum, parameters, options.log_limit)
    state = datum.notebook.stat()
    request = {
        "digest": places.digest(notebook, datum, env),
        "notebook": str(datum.notebook),
        "inode": [state.st_dev, state.st_ino],
        "parameters": parameters,
        "out": str(datum.out),
        "fallback": datum.fallback,
        "name": datum.name,
        "cwd": os.getcwd(),
        "env": dict(env),
        "timeout": options.timeout,
        "log_limit": options.log_limit,
        "memory_limit": options.memory_limit,
    }
    owner = env.get("TYCOKIT_WORKER_PID", "")
    start = time.monotonic()
    try:
        result = warm.run(
            place,
            request,
            _write,
            env=env,
            idle=options.idle,
            owner=int(owner) if owner.isdecimal() else None,
        )
    finally:
        if options.timeout is not None and time.monotonic() - start >= options.timeout:
            _write("stderr", f"tycokit stage: stopped after --timeout {options.timeout:g} s\n")
    _write("stderr", result["note"])
    return _conclude(result["ok"], result["text"], result["path"])


def _parameters(notebook: str | None) -> str:
    if notebook is None:
        return ""
    from pathlib import Path

    found = source.read(Path(notebook), help=True).parameters
    title = f"Parameters of {notebook} (those named like an input, and `out`, the stage sets):"
    return "\n".join(["", title, *(f"  {line}" for line in table(found))]) + "\n"


def _cold(datum: datums.Datum, parameters: dict[str, Any], log_limit: int) -> int:
    from tycokit.stage import execute

    request = execute.Request(datum.notebook, parameters, datum.out, datum.fallback, datum.name)
    result = execute.cold(request, sys.stdout, sys.stderr, log_limit)
    return _conclude(result.ok, result.text, None if result.path is None else str(result.path))


def _conclude(ok: bool, text: str, path: str | None) -> int:
    if ok:
        return 0
    _write("stderr", f"{text}\n")
    if path is not None:
        _write("stderr", f"executed notebook, as far as it got: {path}\n")
    return 1


def _write(name: str, text: str) -> None:
    stream = sys.stdout if name == "stdout" else sys.stderr
    # half a surrogate pair that a cell printed must not end the run
    stream.write(text.encode("utf-8", "replace").decode("utf-8"))
    stream.flush()


def parse(argv: list[str]) -> Options:
    """Read the command line. StageUsage when it makes no sense."""
    parameters: dict[str, Text] = {}
    named: dict[str, Any] = {}
    rest = list(argv)
    while rest:
        option = rest.pop(0)
        if option in ("-p", "--parameter", "-r", "--raw"):
            if len(rest) < 2:
                raise StageUsage(f"{option} takes a name and a value")
            name, value = rest.pop(0), rest.pop(0)
            if not name.isidentifier():
                raise StageUsage(f"{name!r} cannot be a parameter's name")
            parameters[name] = Text(value, raw=option in ("-r", "--raw"))
        elif option in ("--timeout", "--idle-timeout"):
            if not rest:
                raise StageUsage(f"{option} takes a number of seconds")
            named["timeout" if option == "--timeout" else "idle"] = _seconds(option, rest.pop(0))
        elif option in ("--log-limit", "--memory-limit"):
            if not rest:
                raise StageUsage(f"{option} takes a size, such as 500M")
            named[option[2:].replace("-", "_")] = _size(option, rest.pop(0))
        elif option == "--cold":
            named["cold"] = True
        elif option in ("-h", "--help"):
            named["help"] = True
            if rest and not rest[0].startswith("-"):
                named["notebook"] = rest.pop(0)
        else:
            raise StageUsage(f"unknown argument {option!r}")
    return Options(parameters=parameters, **named)


def _seconds(option: str, text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 < seconds < 1e9:
        raise StageUsage(f"{option} takes a number of seconds above 0, not {text!r}")
    return seconds


def _size(option: str, text: str) -> int:
    try:
        return limits.size(text)
    except ValueError:
        raise StageUsage(f"{option} takes a size such as 500M or 2G, not {text!r}") from None
