"""The command line of `tycokit stage`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tycokit.errors import StageUsage
from tycokit.stage import limits
from tycokit.stage.parameters import Text

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
  --cells                     Print the number of each cell that starts (not with --cold).
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
    cells: bool = False
    cold: bool = False
    help: bool = False
    notebook: str | None = None


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
        elif option in ("--cells", "--cold"):
            named[option[2:]] = True
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
