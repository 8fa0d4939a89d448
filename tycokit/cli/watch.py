"""watch: a folder's pictures into a repo, as they arrive."""

from __future__ import annotations

import hashlib
import os
import signal
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer
from python_pachyderm import Client

from tycokit.cli import place, show, surroundings
from tycokit.cli.place import Context, Project
from tycokit.errors import NoAnswer, WatchError
from tycokit.repos import addresses
from tycokit.repos.upload import Item
from tycokit.watching.arrivals import Arrivals
from tycokit.watching.ledger import Ledger
from tycokit.watching.watch import FIRST_WAIT, LONGEST_WAIT, Plan, Watch, check
from tycokit.wording import counted


def watch(
    folder: Annotated[Path, typer.Argument(help="Folder that pictures arrive in, at any depth.")],
    repo: Annotated[str, typer.Option(help="Repo to put them into.")] = "images",
    batch: Annotated[int, typer.Option(min=1, help="Commit at this many pictures ...")] = 500,
    every: Annotated[
        float, typer.Option(min=0.1, help="... or when the oldest has waited so many seconds.")
    ] = 2.0,
    settle: Annotated[
        float, typer.Option(min=0.1, help="A file is complete once still for so many seconds.")
    ] = 1.0,
    poll: Annotated[
        bool, typer.Option("--poll", help="Look for changes, as on network file systems.")
    ] = False,
    once: Annotated[bool, typer.Option("--once", help="Commit what is there, then end.")] = False,
    project: Project = None,
    context: Context = None,
) -> None:
    """Commit pictures as they arrive: each once, also across crashes and a pachd that is away."""
    if not folder.is_dir():
        raise WatchError(f"{folder}: there is no such folder")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())

    home = place.home(context)
    into = addresses.named(repo, project or home)

    def client() -> Client:
        return place.connect(context)

    said = _Said()
    first = _first(client, said, stop)
    if first is None:
        return
    check(first, into)
    # another pachd, or one that lost its data, has none of the files that this one has
    where = addresses.called(into.project, into.repo)
    about = f"{first.inspect_cluster().id}\0{where}\0".encode() + os.fsencode(folder.resolve())
    ledger = Ledger(surroundings.watch_path() / f"{hashlib.sha256(about).hexdigest()[:32]}.sqlite")
    try:
        arrivals = Arrivals(folder.resolve(), settle, poll=poll or None)
        how = "looking every second" if arrivals.polls else "told by the system"
        called = addresses.called(into.project, into.repo, home)
        show.line(f"watching {folder} for repo {called} ({how}); Ctrl-C ends it")
        try:
            Watch(client, arrivals, ledger, Plan(into, batch, every), said, stop).run(once=once)
        finally:
            arrivals.close()
    finally:
        ledger.close()


def _first(client: Callable[[], Client], said: _Said, stop: threading.Event) -> Client | None:
    """A client of the first pachd that answers; None when told to stop before."""
    wait = FIRST_WAIT
    while not stop.is_set():
        try:
            return client()
        except NoAnswer as error:
            said.away(str(error), wait)
            stop.wait(wait)
            wait = min(2 * wait, LONGEST_WAIT)
    return None


class _Said:
    """What happens, as lines: results on stdout, trouble on stderr."""

    def __init__(self) -> None:
        self._away = ""

    def committed(self, files: Sequence[Item], commit: str) -> None:
        show.line(f"{counted(len(files), 'file')}, commit {commit}")

    def refused(self, path: Path, reason: str) -> None:
        show.fail(f"{path}: {reason}")

    def away(self, reason: str, wait: float) -> None:
        if reason != self._away:
            show.warn(f"{reason}; trying again, at first in {wait:g} s, at most every 30 s")
        self._away = reason

    def back(self) -> None:
        self._away = ""
        show.warn("pachd answers again")
