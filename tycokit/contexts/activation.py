"""Make a local pachd the active Pachyderm context, and take that back.

What was active before is remembered in the pachd's own data folder, so that it can be restored
even when pachd has been killed in the meantime.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tycokit.contexts import config
from tycokit.contexts.running import Running, log_path

NAME = "tycokit"


@dataclass(frozen=True, slots=True)
class _Memory:
    path: Path
    address: str
    earlier: config.Earlier


def activate(path: Path, running: Running, deployment: str | None) -> str | None:
    """Register the pachd in the config file at `path`; answers what was active before."""
    context = config.Context(NAME, running.address, running.token, deployment)
    memory = _read(running.data)
    known = memory.earlier if memory is not None and memory.path == path.absolute() else None
    earlier = config.register(path, context, known)
    content = {
        "config": str(path.absolute()),
        "address": running.address,
        "earlier": earlier.to_json(),
    }
    # it holds another pachd's token when that one's context had the same name
    config.write(running.data / "context.json", content)
    return earlier.active


def deactivate(data: Path) -> str | None:
    """Restore what `activate` replaced, if it is still in place; answers what is active now."""
    memory = _read(data)
    if memory is None:
        return None
    now = config.restore(memory.path, NAME, memory.address, memory.earlier)
    (data / "context.json").unlink(missing_ok=True)
    return now


def log(data: Path, context: config.Context) -> Path | None:
    """The log of the pachd of a data folder, if the context is the one that `activate` made."""
    memory = _read(data)
    path = log_path(data)
    # others may have the same address, as a cluster has by a port-forward
    made = context.name == NAME and memory is not None and memory.address == context.address
    return path if made and path.exists() else None


def _read(data: Path) -> _Memory | None:
    known = config.read(data / "context.json")
    try:
        earlier = config.Earlier.from_json(known["earlier"])
        return _Memory(Path(known["config"]), str(known["address"]), earlier)
    except (KeyError, TypeError, AttributeError):
        return None
