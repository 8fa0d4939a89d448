"""gc: give back the disk space of what nothing leads to any more."""

from __future__ import annotations

from pathlib import Path

from tycokit.cli import show, surroundings
from tycokit.cli.cluster import Data
from tycokit.contexts import running
from tycokit.errors import CliError
from tycokit.wording import counted, sized


def gc(data: Data = None) -> None:
    """Reclaim the disk space of deleted commits, while the local pachd is down.

    A pachd that is up does it by itself, when something was deleted and it then has been idle for
    half a minute; the space inside its database file is given back only here.
    """
    from tycokit.pachd import server

    folder = data or surroundings.data_path()
    if (serving := running.find(folder)) is not None:
        raise CliError(
            f"pachd is running on {folder} (process {serving.pid}) and reclaims by itself when it"
            " is idle; to do it now, `tycokit down` first"
        )
    if not (folder / "pachd.sqlite").exists():
        raise CliError(f"there is no pachd's data in {folder}")
    with show.spinner("looking for what nothing leads to"):
        before = _size(folder)
        done = server.reclaim(folder)
        freed = before - _size(folder)
    what = f"{counted(done.chunks, 'chunk')}, {counted(done.pages, 'page')}"
    show.line(f"reclaimed {sized(max(0, freed))}: {what}")


def _size(folder: Path) -> int:
    """Bytes of the files that hold the data."""
    files = [*folder.glob("pachd.sqlite*"), *(folder / "packs").glob("*")]
    return sum(file.stat().st_size for file in files)
