"""pps as a whole: what its parts do together."""

from __future__ import annotations

from collections.abc import Sequence

from tycokit.errors import (
    DatumNotFound,
    JobNotFound,
    LogsNotFound,
    NotAllowed,
    NothingToRestart,
    PipelineNotFound,
)
from tycokit.pachd.pfs import repos, triggers
from tycokit.pachd.pfs.transaction import Pfs
from tycokit.pachd.pps import datumlists, inspection, jobs, pipelines, specjson, ticks
from tycokit.pachd.pps.clock import Clock
from tycokit.pachd.pps.defaults import with_defaults
from tycokit.pachd.pps.logs import Logs
from tycokit.pachd.pps.scheduler import Scheduler
from tycokit.pachd.pps.spec import CronInput, Input, PipelineSpec, Transform, leaves
from tycokit.pachd.pps.task import Surroundings, input_files
from tycokit.pachd.pps.validation import validate
from tycokit.pachd.pps.values import DatumInfo, DatumRecord, DatumState, Job, Pipeline
from tycokit.pachd.pps.work import datums_of
from tycokit.pachd.store.maps import EMPTY, Maps


class Master:
    """Owns the scheduler and the logs; makes jobs as commits flow down."""

    def __init__(self, pfs: Pfs, maps: Maps, logs: Logs, around: Surroundings) -> None:
        self.pfs = pfs
        self.logs = logs
        self.secrets = around.secrets
        self.scheduler = Scheduler(pfs, maps, logs, around)
        self._clock = Clock(pfs)
        self._maps = maps
        pfs.on_propagated = jobs.create_for
        pfs.on_removed = jobs.forget
        pfs.on_closed = triggers.fire

    def start(self) -> None:
        self.scheduler.start()
        self._clock.start()

    def stop(self) -> None:
        """End what runs; it goes on at the next start."""
        self._clock.stop()
        self.scheduler.stop()

    def run_cron(self, pipeline: Pipeline) -> None:
        """Let a pipeline's cron inputs tick now. Raises PipelineNotFound, NotAllowed."""
        with self.pfs.transaction() as transaction:
            row = inspection.need_pipeline(transaction.connection, pipeline)
            ticks.run_now(transaction, specjson.from_json(row["spec"]))

    def delete_pipelines(
        self, gone: Sequence[Pipeline], force: bool = False, keep_repo: bool = False
    ) -> None:
        """Delete pipelines together, and end what they run; missing ones are no error.

        Raises:
            NotAllowed: other branches depend on their output, and not `force`.
        """
        with self.pfs.transaction() as transaction:
            # nothing is done for a name that is no pipeline's: nobody has looked at it
            there = [
                pipeline
                for pipeline in gone
                if pipelines.delete_pipeline(transaction, pipeline, force, keep_repo)
            ]
        self._clear_up(there)

    def delete_everything(self) -> None:
        """Delete all repos and projects, and the pipelines among them."""
        with self.pfs.transaction() as transaction:
            there = [info.pipeline for info in inspection.list_pipelines(transaction.connection)]
            for pipeline in there:
                pipelines.delete_pipeline(transaction, pipeline, force=True)
            repos.delete_everything(transaction)
        self._clear_up(there)

    def _clear_up(self, gone: Sequence[Pipeline]) -> None:
        for pipeline in gone:
            self.scheduler.settle(pipeline)
            self.logs.remove(pipeline)

    def list_datums(
        self,
        job: Job,
        *,
        marker: str = "",
        reverse: bool = False,
        states: frozenset[int] = frozenset(),
        number: int = 0,
    ) -> list[DatumInfo]:
        """A job's datums by id, as datumlists.list_datums has them. Raises JobNotFound."""
        with self.pfs.database.read() as connection:
            return datumlists.list_datums(
                connection,
                self._maps,
                job,
                marker=marker,
                reverse=reverse,
                states=states,
                number=number,
            )

    def inspect_datum(self, job: Job, id_: str) -> DatumInfo:
        """Raises JobNotFound, DatumNotFound."""
        with self.pfs.database.read() as connection:
            row = jobs.need_job(connection, job)
            result = connection.execute(
                "SELECT record FROM datum_result WHERE job = ? AND datum = ?", (row["id"], id_)
            ).fetchone()
            data = (
                result["record"]
                if result is not None
                else self._maps.get(connection, row["datums"] or EMPTY, id_.encode())
            )
        if data is None:
            raise DatumNotFound(id_, job)
        return datumlists.datum_info(job, DatumRecord.unpack(id_, data))

    def written_by(self, job: Job, datum: str) -> list[str] | None:
        """The paths that a datum of a job wrote; None where the job does not know the datum."""
        with self.pfs.database.read() as connection:
            row = jobs.job_row(connection, job)
            datums = row["datums"] if row is not None else None
            data = self._maps.get(connection, datums or EMPTY, datum.encode())
        return None if data is None else list(DatumRecord.unpack(datum, data).outputs)

    def restart_datum(self, job: Job, filters: Sequence[str]) -> None:
        """Begin again with the datum being run, if each filter is the path or hash of an input.

        Raises:
            JobNotFound, NothingToRestart.
        """
        with self.pfs.database.read() as connection:
            jobs.need_job(connection, job)
        if not self.scheduler.restart(job, filters):
            raise NothingToRestart(job.id, filters)

    def preview_datums(
        self, given: Input, *, marker: str = "", reverse: bool = False, number: int = 0
    ) -> list[DatumInfo]:
        """What an input gives on the present heads; the arguments as those of list_datums.

        Raises:
            InvalidSpec, BadGlob, RepoNotFound.
        """
        if any(isinstance(leaf, CronInput) for leaf in leaves(given)):
            raise NotAllowed(
                "can't list datums with a cron input, there will be no datums until the pipeline"
                " is created"
            )
        spec = PipelineSpec(name="preview", transform=Transform(), input=given)
        filled = with_defaults(spec, "", 0)
        validate(filled)
        found = [
            datum
            for datum in datums_of(self.pfs, filled.input)
            if not marker or (datum.id < marker if reverse else datum.id > marker)
        ]
        found.sort(key=lambda datum: datum.id, reverse=reverse)
        return [
            DatumInfo(datum.id, None, DatumState.UNKNOWN, input_files(datum))
            for datum in found[: number or None]
        ]

    def created_for_logs(self, job: Job) -> int:
        """When a job was made, in ns since the epoch. Raises LogsNotFound."""
        try:
            with self.pfs.database.read() as connection:
                return int(jobs.need_job(connection, job)["created"])
        except JobNotFound as error:
            raise LogsNotFound("job", f'"{job.id}"', error) from error

    def need_pipeline_for_logs(self, pipeline: Pipeline) -> None:
        """Raises LogsNotFound."""
        try:
            with self.pfs.database.read() as connection:
                inspection.need_pipeline(connection, pipeline)
        except PipelineNotFound as error:
            raise LogsNotFound("pipeline", str(pipeline), error) from error

    def jobs_of(self, pipeline: Pipeline) -> list[Job]:
        """All jobs of a pipeline, of every version."""
        with self.pfs.database.read() as connection:
            found = connection.execute(
                f"{jobs.JOBS} WHERE p.project = ? AND p.name = ?",
                (pipeline.project, pipeline.name),
            )
            return [jobs.job_value(row) for row in found]
