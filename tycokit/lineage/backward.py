"""From one result back: the datum that wrote it, what that read, and so on to what people put.

    found = trace(client, addresses.parse("threat-detect@master:/dev1/1511891098.json"))
    found.sources["picture"], found.sources["weights"], found.attempts

A few calls a datum, however many datums the jobs had.
"""

from __future__ import annotations

from collections import deque
from contextlib import closing
from dataclasses import replace

from python_pachyderm import Client

from tycokit.lineage import boxes, runs
from tycokit.lineage.records import Records, file_of
from tycokit.lineage.tracing import BACK, Growing, Trace
from tycokit.lineage.values import Attempt, File
from tycokit.repos import browsing
from tycokit.repos.addresses import Address

MOST = 10  # datums of one folder that are followed
_LOOKED = 2_000  # files of a folder among which so many datums are looked for


def trace(client: Client, at: Address, *, box: int | None = None, most: int = MOST) -> Trace:
    """Where the file at an address comes from.

    Args:
        box: the number of an object, from 0, in the file (detections, threats) or in the files that
            the picture was drawn from; the trace then says which one it is in each of them.
        most: of a folder that a datum read whole, the files of so many datums are followed.

    Raises TraceError: there is no such file, or no such object.
    """
    records = Records(client)
    walk = _Walk(records, most)
    start = walk.file(records.file(at))
    walk.follow()
    found = walk.made.done(str(at), BACK, start)
    if box is None:
        return found
    return replace(found, box=boxes.find(boxes.told(client, found), found, box))


class _Walk:
    """Upstream from file to attempt to file, each once."""

    def __init__(self, records: Records, most: int) -> None:
        self.made = Growing()
        self._records = records
        self._most = most
        self._attempts: deque[Attempt] = deque()

    def file(self, file: File) -> File:
        """Take a file in; as it stands in the trace, with the commit in which it was written."""
        maker = self._records.maker(file)
        if maker is None:
            return self._keep(file)
        known = self._keep(replace(file, at=replace(maker.output, path=file.at.path)))
        self.made.made_by[known.key] = maker.key
        self.made.link(maker.key, known.key)
        if maker.key not in self.made.attempts:
            self.made.attempts[maker.key] = maker
            self._attempts.append(maker)
        return known

    def _keep(self, file: File) -> File:
        return self.made.files.setdefault(file.key, file)

    def follow(self) -> None:
        while self._attempts:
            attempt = self._attempts.popleft()
            self._run(attempt)
            for used in attempt.inputs:
                file = self.file(self._records.whole(used.file))
                self.made.link(file.key, attempt.key, used.name)
                if file.folder:
                    self._folder(file)

    def _run(self, attempt: Attempt) -> None:
        """The executed notebook stands in the trace too."""
        if attempt.lost:
            return
        run = self.made.runs[attempt.key] = runs.read(self._records, attempt)
        if run.executed is not None:
            self._keep(run.executed)
            self.made.made_by[run.executed.key] = attempt.key
            self.made.link(attempt.key, run.executed.key)

    def _folder(self, folder: File) -> None:
        """The files of a folder that a pipeline wrote: the first of each datum.

        A datum that left only its executed notebook counts where nobody left anything else.
        """
        if self._records.job(folder.at) is None:
            return
        results: dict[str, File] = {}
        notebooks: dict[str, File] = {}
        with closing(browsing.files(self._records.client, folder.at)) as entries:
            for number, entry in enumerate(entries):
                if number == _LOOKED or len(results) > self._most:
                    self.made.more.add(folder.key)
                    break
                if entry.datum:
                    first = notebooks if entry.suffix == ".ipynb" else results
                    first.setdefault(entry.datum, file_of(folder.at, entry))
        found = list((results or notebooks).values())
        if len(found) > self._most:
            self.made.more.add(folder.key)
        for file in found[: self._most]:
            self.made.link(self.file(file).key, folder.key)
