"""Starts each job once its inputs are there, the jobs of a pipeline one after the other."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from tycokit.pachd.pfs.transaction import Pfs
from tycokit.pachd.pps import jobs
from tycokit.pachd.pps.jobrun import JobRun
from tycokit.pachd.pps.logs import Logs
from tycokit.pachd.pps.pool import Pool
from tycokit.pachd.pps.task import Surroundings
from tycokit.pachd.pps.values import Job, JobInfo, JobState, Pipeline, WorkerStatus
from tycokit.pachd.store.maps import Maps

_LOG = logging.getLogger(__name__)
_LOOK_EVERY = 5.0  # seconds; the bell rings much sooner when there is something to do
# the oldest unfinished job of each pipeline, and whether a commit that it reads, or that its output
# will grow from, is still open
_NEXT_JOBS = """
    SELECT j.id, j.state, j.set_id, p.project, p.name, EXISTS (
        SELECT 1 FROM repo r
        JOIN pfs_commit output ON output.repo = r.id AND output.set_id = j.set_id
        JOIN commit_provenance c ON c.commit_id = output.id
        JOIN pfs_commit input ON input.id = c.upstream
        WHERE r.project = p.project AND r.name = p.name AND r.type = 'user'
        AND input.finished IS NULL
    ) OR EXISTS (
        SELECT 1 FROM repo r
        JOIN pfs_commit output ON output.repo = r.id AND output.set_id = j.set_id
        JOIN pfs_commit before ON before.id = output.parent
        WHERE r.project = p.project AND r.name = p.name AND r.type = 'user'
        AND before.finished IS NULL
    ) AS blocked
    FROM job j JOIN pipeline p ON p.id = j.pipeline
    WHERE NOT j.deleted
    AND j.id IN (SELECT min(id) FROM job WHERE finished IS NULL GROUP BY pipeline)
"""


@dataclass(slots=True)
class _Active:
    run: JobRun
    thread: threading.Thread
    job: Job


class Scheduler:
    """One thread that looks after each change; one more for each job that runs."""

    def __init__(self, pfs: Pfs, maps: Maps, logs: Logs, around: Surroundings) -> None:
        self._pfs = pfs
        self._maps = maps
        self._logs = logs
        self._around = around
        self._pools: dict[Pipeline, Pool] = {}
        self._active: dict[Pipeline, _Active] = {}
        self._lock = threading.RLock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="scheduler")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End running jobs' processes; the jobs go on at the next start."""
        self._stopping.set()
        self._pfs.database.ring()
        self._thread.join()
        with self._lock:
            active = list(self._active.values())
        for each in active:
            each.run.cancel()
        for each in active:
            each.thread.join()
        for pool in self._pools.values():
            pool.close()

    def restart(self, job: Job, filters: Sequence[str]) -> bool:
        """Begin again with the datums of a job that run and match; whether there were any."""
        pool = self._pools.get(job.pipeline)
        return pool is not None and pool.restart(job, filters)

    def status(self, job: Job) -> list[WorkerStatus]:
        """What the workers of a job are doing."""
        pool = self._pools.get(job.pipeline)
        return [each for each in (pool.status() if pool else []) if each.job == job]

    def held(self) -> list[bytes]:
        """The maps of datums that running jobs go by."""
        return [active.run.base for active in list(self._active.values())]

    def settle(self, pipeline: Pipeline) -> None:
        """Wait until nothing of a pipeline that was deleted or stopped runs any more."""
        self._step()
        with self._lock:
            active = self._active.get(pipeline)
        if active is not None:
            active.thread.join()
        self._step()

    def _loop(self) -> None:
        while not self._stopping.is_set():
            try:
                self._step()
            except Exception:
                _LOG.exception("the scheduler's step failed")
                time.sleep(1)
            self._pfs.database.wait_for_ring(_LOOK_EVERY)

    def _step(self) -> None:
        with self._lock:
            if self._stopping.is_set():
                return
            with self._pfs.database.read() as connection:
                kept = {
                    Pipeline(row["project"], row["name"]): row["version"]
                    for row in connection.execute(
                        "SELECT project, name, version FROM pipeline WHERE NOT stopped"
                    )
                }
                waiting = connection.execute(_NEXT_JOBS).fetchall()
            todo = {jobs.job_value(row): row for row in waiting}
            busy = {job.pipeline for job in todo}
            for active in self._active.values():
                if active.job not in todo:
                    active.run.cancel()
            for pipeline, pool in list(self._pools.items()):
                current = kept.get(pipeline) == pool.version
                if pool.autoscaling and pipeline not in busy:
                    current = False  # its workers come back with the next job
                if not current and pipeline not in self._active:
                    self._pools.pop(pipeline).close()
            for job, row in todo.items():
                if row["blocked"] or job.pipeline in self._active:
                    continue
                try:
                    self._advance(job)
                except Exception:  # those of the other pipelines go on
                    _LOG.exception("job %s cannot be started", job)
            # what they say of themselves comes after those that can begin
            created = [row["id"] for row in waiting if row["state"] == JobState.CREATED]
            if created:
                self._say_starting(created)

    def _say_starting(self, created: Sequence[int]) -> None:
        """Jobs whose turn has come, though their inputs may not be there yet."""
        with self._pfs.transaction() as transaction:
            transaction.connection.executemany(
                f"UPDATE job SET state = {JobState.STARTING} WHERE id = ?"
                f" AND state = {JobState.CREATED}",
                [(id_,) for id_ in created],
            )

    def _advance(self, job: Job) -> None:
        """Start a job whose inputs are there, or end it when they have failed."""
        with self._pfs.database.read() as connection:
            row = jobs.job_row(connection, job)
            if row is None or row["finished"] is not None:
                return  # deleted or stopped since we looked
            inputs = jobs.input_commits(connection, job)
            info = jobs.job_info(connection, row)
        broken = sorted({commit["repo_name"] for commit in inputs if commit["error"]})
        if broken:
            reason = "unrunnable because the following upstream pipelines failed: " + ", ".join(
                broken
            )
            with self._pfs.transaction() as transaction:
                if jobs.job_row(transaction.connection, job) is not None:
                    jobs.end_early(transaction, job, JobState.UNRUNNABLE, reason)
            return
        self._launch(info)

    def _launch(self, info: JobInfo) -> None:
        pipeline = info.job.pipeline
        pool = self._pools.get(pipeline)
        if pool is None or pool.version != info.version:
            if pool is not None:
                pool.close()
            pool = self._pools[pipeline] = Pool(self._around, info.spec, info.version)
        log = self._logs.open(info.job)
        run = JobRun(self._pfs, self._maps, pool, log, info)

        def work() -> None:
            try:
                run.run()
            except Exception as error:
                _LOG.exception("job %s failed", info.job)
                log.write(f"job failed: {type(error).__name__}: {error}", master=True)
                self._fail(info.job, f"{type(error).__name__}: {error}")
            finally:
                with self._lock:
                    del self._active[pipeline]
                log.close()
                self._pfs.database.ring()

        thread = threading.Thread(target=work, name=f"job {info.job}")
        self._active[pipeline] = _Active(run, thread, info.job)
        thread.start()

    def _fail(self, job: Job, reason: str) -> None:
        try:
            with self._pfs.transaction() as transaction:
                if jobs.job_row(transaction.connection, job) is not None:
                    jobs.end_early(transaction, job, JobState.FAILURE, reason)
        except Exception:
            # a disk that is full stays so for a while: the job is tried again
            _LOG.exception("job %s could not be ended", job)
            time.sleep(1)
