"""How fast a pipeline works: measured on its jobs, by the number of workers that they had.

All numbers are sums over jobs, of what pachd itself has counted: when a job began and ended, how
many datums it worked on, and how long those took inside the workers.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from python_pachyderm import Client

JOBS = 30  # the newest, that are looked at
ENOUGH = 500  # datums by which the speed with some number of workers is known well


@dataclass(frozen=True, slots=True)
class Speed:
    """What `jobs` jobs did with `workers` workers at work.

    `seconds` is the jobs' time from beginning to end, `busy` what their datums took within the
    workers: download, user code and upload. `datums` are those worked on, skipped ones not counted.
    """

    workers: int
    datums: int
    seconds: float
    busy: float
    jobs: int = 1

    @property
    def per_second(self) -> float:
        """Datums a second."""
        return self.datums / self.seconds

    @property
    def shared(self) -> float:
        """Seconds of a datum that more workers make shorter: its part within a worker."""
        return min(self.busy / self.datums, self.workers / self.per_second)

    @property
    def alone(self) -> float:
        """Seconds of a datum that stay, however many workers: the job's own part."""
        return max(0.0, 1 / self.per_second - self.shared / self.workers)

    def __add__(self, other: Speed) -> Speed:
        return Speed(
            self.workers,
            self.datums + other.datums,
            self.seconds + other.seconds,
            self.busy + other.busy,
            self.jobs + other.jobs,
        )


def measure(
    client: Client, pipeline: str, project: str = "default", now: float | None = None
) -> tuple[Speed, ...]:
    """The pipeline's speeds, by ascending number of workers; of its versions together.

    `now`, in seconds since the epoch, is the end so far of jobs that run.
    """
    infos = client.list_job(pipeline, history=-1, details=True, project_name=project, number=JOBS)
    return pooled(infos, time.time() if now is None else now)


def pooled(infos: Iterable[Any], now: float) -> tuple[Speed, ...]:
    """The speeds in these jobs (newest first, with details); of older jobs no more than needed."""
    found: dict[int, Speed] = {}
    for info in infos:
        one = of_job(info, now)
        if one is None:
            continue
        before = found.get(one.workers)
        if before is None:
            found[one.workers] = one
        elif before.datums < ENOUGH:
            found[one.workers] = before + one
    return tuple(found[workers] for workers in sorted(found))


def of_job(info: Any, now: float) -> Speed | None:
    """One job's speed; None for one that has worked on no datum, or was cut short."""
    worked = info.data_processed + info.data_failed + info.data_recovered
    if not worked or not info.HasField("started"):
        return None
    end = _seconds(info.finished) if info.HasField("finished") else now
    seconds = end - _seconds(info.started)
    # what a worker has begun and not ended counts neither as a datum nor as time
    begun = sum(max(0.0, now - since) for since in _in_work(info))
    seconds -= begun / at_work(info)
    if seconds <= 0:
        return None
    stats = info.stats
    busy = sum(
        each.ToNanoseconds() / 1e9
        for each in (stats.download_time, stats.process_time, stats.upload_time)
    )
    # datums that failed have no times in it
    busy *= worked / max(1, info.data_processed)
    return Speed(at_work(info), worked, seconds, busy)


def at_work(info: Any) -> int:
    """How many workers had something to do: a job of two datums keeps no more than two busy."""
    workers = info.details.parallelism_spec.constant or 1
    to_do = info.data_total - info.data_skipped
    each = info.details.datum_set_spec.number
    sets = -(-to_do // each) if each else to_do
    return int(max(1, min(workers, sets)))


def _in_work(info: Any) -> list[float]:
    """Since when each worker has the datum that it has now."""
    found = [status.datum_status for status in info.details.worker_status]
    return [_seconds(status.started) for status in found if status.HasField("started")]


def _seconds(at: Any) -> float:
    return float(at.seconds + at.nanos / 1e9)
