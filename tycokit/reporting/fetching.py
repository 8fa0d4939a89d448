"""The reports of a cluster, in a folder that a browser opens."""

from __future__ import annotations

from pathlib import Path

import grpc
from python_pachyderm import Client

from tycokit.client import is_missing
from tycokit.errors import RecordsError
from tycokit.recording.reading import is_day
from tycokit.reporting import page, usage
from tycokit.vision import results

REPO = "report"


def fetch(client: Client, folder: Path, day: str | None = None) -> Path:
    """Fetch the reports, of one day or of all, add the page about use; the page to open first.

    That is the day's, or `index.html`, which leads to all. Raises RecordsError where there is none.
    """
    if day is not None and not is_day(day):
        raise RecordsError(f"a day is YYYY-MM-DD, and this is {day!r}")
    days = sorted(_pages(client, folder, day or "*"))
    if not days:
        raise RecordsError(f"there is no report{f' of {day}' if day else ' yet'}")
    results.write_bytes(folder / "usage.html", usage.render(usage.collect(client)).encode())
    index = page.index(days)
    results.write_bytes(folder / "index.html", index.encode())
    return folder / day / "index.html" if day else folder / "index.html"


def _pages(client: Client, folder: Path, day: str) -> set[str]:
    """Write the files of the days; the days that have a page."""
    days = set()
    try:
        client.inspect_branch(REPO, "master")
        with client.get_file_tar((REPO, "master"), f"/{day}/*.@(html|png)") as archive:
            for member in archive:
                file = archive.extractfile(member) if member.isfile() else None
                found, _, name = member.name.strip("/").partition("/")
                if file is not None and is_day(found):
                    results.write_bytes(folder / found / Path(name).name, file.read())
                    days.add(found)
    except (grpc.RpcError, ConnectionError) as error:
        if not is_missing(error):
            raise
    return days
