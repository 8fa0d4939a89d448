"""One job from its datums to its output commit."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import replace

from tycokit.errors import CommitFinished
from tycokit.pachd.pfs import rows, writes
from tycokit.pachd.pfs.filetree import Content
from tycokit.pachd.pfs.transaction import Pfs, Transaction
from tycokit.pachd.pfs.writes import Writes
from tycokit.pachd.pps import jobs, work
from tycokit.pachd.pps.logs import JobLog
from tycokit.pachd.pps.plan import datum_sets
from tycokit.pachd.pps.pool import Pool, Results
from tycokit.pachd.pps.task import Task
from tycokit.pachd.pps.values import DatumRecord, DatumState, JobInfo, JobState, Stats
from tycokit.pachd.pps.work import Base, Work
from tycokit.pachd.store.maps import EMPTY, Maps

_LOG = logging.getLogger(__name__)
_TIMED_OUT = " jobtimed out"  # letter for letter what Pachyderm says


class JobRun:
    """Runs one job in the calling thread; `cancel` from any other ends it soon."""

    def __init__(self, pfs: Pfs, maps: Maps, pool: Pool, log: JobLog, info: JobInfo) -> None:
        self._pfs = pfs
        self._maps = maps
        self._pool = pool
        self._log = log
        self._info = info
        self._cancelled = threading.Event()
        self._started = 0
        self.base = EMPTY  # the map of datums that this run goes by, though its job may be deleted

    def cancel(self) -> None:
        self._cancelled.set()

    def run(self) -> None:
        """From RUNNING to the job's end, unless cancelled: then the job stays as it is."""
        job = self._info.job
        self._tell("transform spawner started")
        base = self._base()
        todo = work.find(self._pfs, self._maps, self._info, base)
        if not self._begin(todo):
            return
        done = self._results()
        spec_commit = self._spec_commit()
        left = [each for each in todo.run if each.datum.id not in done]
        self._tell(
            f"{todo.total} datums: {todo.skipped} skipped,"
            f" {len(left)} to process, {len(done)} processed before"
        )
        spec = self._info.spec
        sets = [
            [Task(job, spec, spec_commit, each, self._log) for each in some]
            for some in datum_sets(left, spec.datum_set_spec, spec.workers)
        ]
        last = self._pool.process(sets, self._keep, self._over) if sets else None
        recorded = False
        try:
            if self._cancelled.is_set():
                return
            if self._late():
                self._time_out()
            else:
                recorded = self._finish(todo, base.root, last)
        finally:
            if last is not None and not recorded:
                last.stage.drop()

    def _over(self) -> bool:
        return self._cancelled.is_set() or self._late()

    def _late(self) -> bool:
        limit = self._info.spec.job_timeout
        return bool(limit) and time.time_ns() > self._started + int((limit or 0) * 1e9)

    def _time_out(self) -> None:
        with self._pfs.transaction() as transaction:
            if jobs.job_row(transaction.connection, self._info.job) is not None:
                jobs.end_early(transaction, self._info.job, JobState.KILLED, _TIMED_OUT)
        self._tell(f"updating job info, state: KILLED: {_TIMED_OUT.strip()}")

    def _tell(self, message: str) -> None:
        self._log.write(message, master=True)

    def _begin(self, todo: Work) -> bool:
        with self._pfs.transaction(durable=False) as transaction:
            changed = transaction.connection.execute(
                "UPDATE job SET state = ?, started = coalesce(started, ?), restarts = restarts"
                " + (started IS NOT NULL), total = ?, skipped = ? WHERE id = ?"
                " AND finished IS NULL",
                (
                    int(JobState.RUNNING),
                    transaction.now,
                    todo.total,
                    todo.skipped,
                    self._row_id(transaction.connection),
                ),
            ).rowcount
            row = jobs.job_row(transaction.connection, self._info.job)
        self._started = row["started"] or 0 if row is not None else 0
        return changed == 1

    def _row_id(self, connection: rows.Connection) -> int | None:
        row = jobs.job_row(connection, self._info.job)
        return row["id"] if row is not None else None

    def _spec_commit(self) -> str:
        with self._pfs.database.read() as connection:
            repo = replace(jobs.output_repo(self._info.job), type="spec")
            for commit in jobs.input_commits(connection, self._info.job):
                if rows.repo_value(commit) == repo:
                    return str(commit["set_id"])
        return ""

    def _base(self) -> Base:
        """The job before, which this one builds on."""
        with self._pfs.packs.gate, self._pfs.database.read() as connection:
            row = jobs.base_job(connection, self._info.job)
            self.base = root = (row["datums"] if row is not None else None) or EMPTY
        return Base(root, row)

    def _results(self) -> dict[str, DatumRecord]:
        """What this job has done before a restart."""
        with self._pfs.database.read() as connection:
            found = connection.execute(
                "SELECT datum, record FROM datum_result WHERE job = ?", (self._row_id(connection),)
            )
            return {row["datum"]: DatumRecord.unpack(row["datum"], row["record"]) for row in found}

    def _keep(self, results: Results) -> None:
        with self._pfs.transaction() as transaction:
            connection = transaction.connection
            row = jobs.job_row(connection, self._info.job)
            if row is None or row["finished"] is not None:
                results.stage.drop()
                return
            _record(connection, row, results)
            connection.executemany(
                "INSERT OR REPLACE INTO datum_result VALUES (?, ?, ?)",
                [(row["id"], record.id, record.pack()) for record in results.records],
            )

    def _finish(self, todo: Work, base: bytes, last: Results | None) -> bool:
        """Output, datum records, commits and state, all in one transaction.

        False, and nothing is done, when somebody else has ended the job.

        Args:
            last: the results that have not been kept yet.
        """
        results = self._results()
        if last is not None:
            results |= {record.id: record for record in last.records}
        failed = [id_ for id_, each in results.items() if each.state == DatumState.FAILED]
        with self._pfs.transaction() as transaction:
            connection = transaction.connection
            row = jobs.job_row(connection, self._info.job)
            if row is None or row["finished"] is not None:
                return False
            if last is not None:
                _record(connection, row, last)
            output = jobs.output_commit(connection, self._info.job)
            if output["finished"] is not None:
                self._end_without_output(transaction, row["id"], output, base)
                return True
            self._put_output(transaction, todo, base, results)
            edits: dict[bytes, bytes | None] = {id_.encode(): None for id_ in todo.gone}
            edits.update({id_.encode(): each.pack() for id_, each in results.items()})
            datums = self._maps.apply(connection, base, sorted(edits.items()))
            reason = f"datum {min(failed)} failed" if failed else ""
            reason = jobs.close_commits(transaction, self._info.job, reason)
            state = JobState.FAILURE if reason else JobState.SUCCESS
            connection.execute("DELETE FROM datum_result WHERE job = ?", (row["id"],))
            connection.execute(
                "UPDATE job SET state = ?, reason = ?, finished = ?, datums = ? WHERE id = ?",
                (int(state), reason, transaction.now, datums, row["id"]),
            )
        self._tell(f"updating job info, state: {state.name}{': ' + reason if reason else ''}")
        return True

    def _end_without_output(
        self, transaction: Transaction, job: int, output: rows.Row, base: bytes
    ) -> None:
        """Somebody has forced the output commit to its end: it shows for good what it grew from."""
        reason = str(CommitFinished(rows.commit_value(output)))
        jobs.end_early(transaction, self._info.job, JobState.FAILURE, reason)
        transaction.connection.execute("UPDATE job SET datums = ? WHERE id = ?", (base, job))

    def _put_output(
        self,
        transaction: Transaction,
        todo: Work,
        base: bytes,
        results: dict[str, DatumRecord],
    ) -> None:
        connection = transaction.connection
        puts: dict[tuple[str, str], Content | None] = {}
        for id_ in todo.stale:
            old = self._maps.get(connection, base, id_.encode())
            if old is not None:
                puts.update({(path, id_): None for path in DatumRecord.unpack(id_, old).outputs})
        for id_, record in results.items():
            puts.update({(path, id_): content for path, content in record.outputs.items()})
        writes.write(transaction, jobs.output_commit(connection, self._info.job), Writes(puts))


def _record(connection: rows.Connection, row: rows.Row, results: Results) -> None:
    """Name the bytes of some results, and count them in their job."""
    results.stage.record(connection)
    records = results.records
    stats = sum((record.stats for record in records), Stats.from_json(row["stats"]))
    connection.execute(
        "UPDATE job SET processed = processed + ?, failed = failed + ?,"
        " recovered = recovered + ?, stats = ? WHERE id = ?",
        (
            *(
                sum(record.state == state for record in records)
                for state in (DatumState.SUCCESS, DatumState.FAILED, DatumState.RECOVERED)
            ),
            stats.to_json(),
            row["id"],
        ),
    )
