"""The loop: wait for complete files, commit them in batches, outlast a pachd that is away."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import grpc
from python_pachyderm import Client

from tycokit.client import translate
from tycokit.errors import NoAnswer, WatchError
from tycokit.repos import upload
from tycokit.repos.addresses import Address, called
from tycokit.repos.upload import Item
from tycokit.watching.arrivals import Arrivals
from tycokit.watching.ledger import Batch, Ledger, Seen

FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0  # seconds between tries while pachd is away
_REMEMBERED = 1000  # newest commits among which a batch is looked for after a broken call


@dataclass(frozen=True, slots=True)
class Plan:
    """A batch is committed to the head of `repo` once it has `most` files, or its oldest has waited
    `every` seconds.
    """

    repo: Address
    most: int = 500
    every: float = 2.0


class Said(Protocol):
    """What the loop tells, as it happens."""

    def committed(self, files: Sequence[Item], commit: str) -> None: ...
    def refused(self, path: Path, reason: str) -> None: ...
    def away(self, reason: str, wait: float) -> None: ...
    def back(self) -> None: ...


class Watch:
    """Commits what arrives, until `stop` is set. `connect` is called anew after each failure."""

    def __init__(
        self,
        connect: Callable[[], Client],
        arrivals: Arrivals,
        ledger: Ledger,
        plan: Plan,
        said: Said,
        stop: threading.Event,
    ) -> None:
        self._connect = connect
        self._client: Client | None = None
        self._arrivals, self._ledger, self._plan = arrivals, ledger, plan
        self._said, self._stop = said, stop
        self._left_out: set[Seen] = set()  # files whose path in the repo another one has

    def run(self, *, once: bool = False) -> None:
        """Watch; with `once` only until all that is there has been committed."""
        for batch in self._ledger.open_batches():
            self._commit(batch, doubtful=True)
        waiting: dict[str, tuple[Seen, float]] = {}
        while not self._stop.is_set():
            now = time.monotonic()
            for seen in self._arrivals.complete(now, self._known):
                here = waiting.get(seen.path.name)
                other = here[0].path if here else self._ledger.namesake(seen)
                if other is None or other == seen.path:
                    waiting[seen.path.name] = (seen, now)
                else:
                    self._left_out.add(seen)
                    self._said.refused(seen.path, f"{other} has the same name")
            at_end = once and not self._arrivals.waiting
            while waiting and not self._stop.is_set():
                oldest = min(since for _, since in waiting.values())
                full = len(waiting) >= self._plan.most or now - oldest >= self._plan.every
                if not (full or at_end):
                    break
                names = list(waiting)[: self._plan.most]
                self._commit(self._ledger.begin(waiting.pop(name)[0] for name in names))
            if at_end:
                return
            soon = min(self._plan.every, self._arrivals.settle) / 2
            self._arrivals.news.wait(soon if waiting or self._arrivals.waiting else 1.0)

    def _known(self, seen: Seen) -> bool:
        return seen in self._left_out or self._ledger.knows(seen)

    def _commit(self, batch: Batch, *, doubtful: bool = False) -> None:
        """Bring a batch into one commit, however often pachd goes away in between.

        `doubtful`: an earlier try may have made the commit, and its end was not heard.
        """
        wait = FIRST_WAIT
        while not self._stop.is_set():
            try:
                if self._client is None:
                    self._client = self._connect()
                put = self._put(self._client, batch, doubtful)
            except (grpc.RpcError, ConnectionError, NoAnswer) as error:
                self._client, doubtful = None, True
                self._said.away(str(translate(error)), wait)
                self._stop.wait(wait)
                wait = min(2 * wait, LONGEST_WAIT)
                continue
            self._ledger.done(batch)
            if wait > FIRST_WAIT:
                self._said.back()
            for path, reason in put.refused.items():
                self._said.refused(path, reason)
            if put.commit is not None:
                self._said.committed(put.stored, put.commit)
            return

    def _put(self, client: Client, batch: Batch, doubtful: bool) -> upload.Put:
        """One commit, which its mark tells from others where an earlier try began it."""
        commit = None
        if doubtful and (info := self._find(client, batch)) is not None:
            if info.HasField("finished"):
                there = tuple(Item(seen.path, f"/{seen.path.name}") for seen in batch.files)
                return upload.Put(info.commit.id, there, {})
            commit = info.commit
        items, refused = upload.flat(seen.path for seen in batch.files)
        if not items and commit is None:
            return upload.Put(None, (), refused)
        if commit is None:
            at = self._plan.repo
            commit = client.start_commit(
                at.repo, at.commit, description=batch.mark, project_name=at.project
            )
        put = upload.put(client, self._plan.repo.repo, items, into=commit)
        client.finish_commit(commit)
        return upload.Put(put.commit, put.stored, {**refused, **put.refused})

    def _find(self, client: Client, batch: Batch) -> Any:
        at = self._plan.repo
        commits = client.list_commit(at.repo, number=_REMEMBERED, project_name=at.project)
        return next((info for info in commits if info.description == batch.mark), None)


def check(client: Client, at: Address) -> None:
    """Raise WatchError where there is no repo to put into."""
    name = called(at.project, at.repo)
    if all(called(one.repo.project.name, one.repo.name) != name for one in client.list_repo()):
        raise WatchError(f"there is no repo {name}; `tycokit deploy` makes those of the pipelines")
