"""What happens by time alone: cron inputs tick, and branches with a cron trigger move."""

from __future__ import annotations

import logging
import threading
import time

from tycokit.errors import NotAllowed, NotFound
from tycokit.pachd.pfs import triggers
from tycokit.pachd.pfs.transaction import Pfs
from tycokit.pachd.pps import ticks
from tycokit.pachd.pps.spec import CronInput

_LOG = logging.getLogger(__name__)
_LOOK_EVERY = 1.0  # seconds until a pipeline that has come meanwhile is noticed
_NANOSECONDS = 1_000_000_000


class Clock:
    """One thread that sleeps until the next tick."""

    def __init__(self, pfs: Pfs) -> None:
        self._pfs = pfs
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="clock")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def _loop(self) -> None:
        rest = 0.0
        while not self._stopping.wait(rest):
            rest = _LOOK_EVERY
            try:
                due = self.step(time.time_ns())
            except Exception:
                _LOG.exception("the clock's step failed")
                continue
            if due is not None:
                rest = min(rest, max(0.0, (due - time.time_ns()) / _NANOSECONDS))

    def step(self, now: int) -> int | None:
        """Do what is due; when there is more to do, in ns since the epoch (None = never).

        Of each input one tick at most, so that missed ones come one after the other.
        """
        with self._pfs.database.read() as connection:
            inputs = list(ticks.of_running(connection))
            moving = triggers.due(connection, now)
        if moving:
            with self._pfs.transaction() as transaction:
                triggers.fire_by_time(transaction)
        later = [self._tick(given, now) for given in inputs]
        return min((each for each in later if each is not None), default=None)

    def _tick(self, given: CronInput, now: int) -> int | None:
        """When the input ticks next, after it has ticked if it was due."""
        try:
            with self._pfs.database.read() as connection:
                due = ticks.next_tick(connection, self._pfs.trees, given)
            if due is None or due > now:
                return due
            with self._pfs.transaction() as transaction:
                connection = transaction.connection
                # stopped, deleted or run by hand since we looked
                if given in ticks.of_running(connection) and due == ticks.next_tick(
                    connection, self._pfs.trees, given
                ):
                    ticks.tick(transaction, [given], due)
        except (NotAllowed, NotFound):
            # somebody has an open commit in the repo, or has deleted it: look again later
            return now + _NANOSECONDS
        return now
