"""The reports of a cluster, in a folder that a browser opens."""

from __future__ import annotations

from pathlib import Path

from python_pachyderm import Client

from tycokit.errors import RecordsError
from tycokit.recording.reading import is_day
from tycokit.reporting import page, usage
from tycokit.repos import heads
from tycokit.repos.addresses import DEFAULT_PROJECT
from tycokit.vision import results

REPO = "report"


def fetch(
    client: Client, folder: Path, day: str | None = None, project: str = DEFAULT_PROJECT
) -> Path:
    """Fetch the reports, of one day or of all, add the page about use; the page to open first.

    That is the day's, or `index.html`, which leads to all. Raises RecordsError where there is none.
    """
    if day is not None and not is_day(day):
        raise RecordsError(f"a day is YYYY-MM-DD, and this is {day!r}")
    days = sorted(_pages(client, folder, day or "*", project))
    if not days:
        when = f"of {day}" if day else "yet"
        raise RecordsError(f"there is no report {when} in the project {project}")
    used = usage.collect(client, project)
    results.write_bytes(folder / "usage.html", usage.render(used).encode())
    index = page.index(days)
    results.write_bytes(folder / "index.html", index.encode())
    return folder / day / "index.html" if day else folder / "index.html"


def _pages(client: Client, folder: Path, day: str, project: str) -> set[str]:
    """Write the files of the days; the days that have a page."""
    days = set()
    for path, data in heads.files(client, REPO, f"/{day}/*.@(html|png)", project):
        found, _, name = path.strip("/").partition("/")
        if is_day(found):
            results.write_bytes(folder / found / Path(name).name, data)
            days.add(found)
    return days
