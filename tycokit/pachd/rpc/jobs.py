"""pps_v2.API's part for jobs."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from google.protobuf.empty_pb2 import Empty
from python_pachyderm.proto.v2.pps import pps_pb2

from tycokit.errors import JobDeleted, JobNotFound, NotAllowed, NotServed
from tycokit.pachd.pfs import rows
from tycokit.pachd.pfs.values import Commit
from tycokit.pachd.pps import inspection, joblists, jobs
from tycokit.pachd.pps.master import Master
from tycokit.pachd.pps.values import Job, JobInfo, WorkerStatus
from tycokit.pachd.rpc import specs
from tycokit.pachd.rpc import values as to
from tycokit.pachd.rpc.changes import change
from tycokit.pachd.rpc.datums import stats_message

Request = Any
Context = Any


class JobHandlers:
    def __init__(self, master: Master) -> None:
        self._master = master
        self._database = master.pfs.database

    def InspectJob(self, request: Request, context: Context) -> Any:
        job = to.job_from(request.job)
        jobs.need_pipeline_of(job)
        with self._database.read() as connection:
            info = jobs.inspect_job(connection, job)
        if request.wait:
            info = self._wait(job, context)
        return self._job_message(info, request.details)

    def _wait(self, job: Job, context: Context) -> JobInfo:
        def look(connection: rows.Connection) -> JobInfo | None:
            row = jobs.job_row(connection, job)
            if row is None:
                raise JobDeleted(job.id) from JobNotFound(job)
            return jobs.job_info(connection, row) if row["finished"] is not None else None

        found = self._database.wait_until(look, lambda: not context.is_active())
        if found is None:
            raise NotAllowed(f"stopped waiting for job {job}")
        return found

    def ListJob(self, request: Request, context: Context) -> Iterator[Any]:
        if request.jqFilter:
            raise NotServed("jqFilter is not served by the local pachd")
        pipeline = to.pipeline_from(request.pipeline) if request.pipeline.name else None
        with self._database.read() as connection:
            if pipeline is not None:
                inspection.need_pipeline(connection, pipeline)
            found = list(
                islice(
                    joblists.list_jobs(
                        connection,
                        pipeline,
                        history=request.history,
                        inputs=tuple(to.address_from(each) for each in request.input_commit),
                        projects=to.projects_from(request),
                        reverse=request.reverse,
                        marker=_marker(request),
                    ),
                    request.number or None,
                )
            )
        for info in found:
            yield self._job_message(info, request.details)

    def InspectJobSet(self, request: Request, context: Context) -> Iterator[Any]:
        with self._database.read() as connection:
            found = joblists.job_set(connection, request.job_set.id)
        for info in found:
            done = self._wait(info.job, context) if request.wait else info
            yield self._job_message(done, request.details)

    def ListJobSet(self, request: Request, context: Context) -> Iterator[Any]:
        if request.jqFilter:
            raise NotServed("jqFilter is not served by the local pachd")
        projects = to.projects_from(request)
        with self._database.read() as connection:
            ids = joblists.list_job_sets(connection, request.reverse, _marker(request))
        left = request.number or len(ids)
        for set_id in ids:
            with self._database.read() as connection:
                found = joblists.job_set(connection, set_id)
            if projects is not None and not any(i.job.pipeline.project in projects for i in found):
                continue
            if left == 0:
                return
            left -= 1
            yield pps_pb2.JobSetInfo(
                job_set=pps_pb2.JobSet(id=set_id),
                jobs=[self._job_message(info, request.details) for info in found],
            )

    def SubscribeJob(self, request: Request, context: Context) -> Iterator[Any]:
        """Jobs that have not ended, then new ones; each once, oldest first."""
        pipeline = to.pipeline_from(request.pipeline)
        with self._database.read() as connection:
            inspection.need_pipeline(connection, pipeline)
            known = joblists.newest_row(connection)
            fresh = joblists.unfinished_of(connection, pipeline)
        while True:
            for info in fresh:
                yield self._job_message(info, request.details)

            def look(connection: rows.Connection) -> tuple[list[JobInfo], int] | None:
                found = joblists.later_of(connection, pipeline, known)  # noqa: B023
                return (found, joblists.newest_row(connection)) if found else None

            later = self._database.wait_until(look, lambda: not context.is_active())
            if later is None:
                return
            fresh, known = later

    def StopJob(self, request: Request, context: Context) -> Any:
        return change(self._master.pfs, "stop_job", request, context)

    def DeleteJob(self, request: Request, context: Context) -> Any:
        job = to.job_from(request.job)
        jobs.need_pipeline_of(job)
        with self._master.pfs.transaction() as transaction:
            jobs.delete_job(transaction, job)
        self._master.logs.remove(job.pipeline, job.id)
        return Empty()

    def _job_message(self, info: JobInfo, details: bool) -> Any:
        output = Commit(jobs.output_repo(info.job), info.branch, info.job.id)
        message = pps_pb2.JobInfo(
            job=to.job_message(info.job),
            pipeline_version=info.version,
            output_commit=to.commit_message(output),
            restart=info.restarts,
            data_processed=info.processed,
            data_skipped=info.skipped,
            data_total=info.total,
            data_failed=info.failed,
            data_recovered=info.recovered,
            stats=stats_message(info.stats),
            state=int(info.state),
            reason=info.reason,
            created=to.timestamp(info.created),
            started=to.timestamp(info.started),
            finished=to.timestamp(info.finished),
        )
        if details:
            message.details.SetInParent()
            specs.fill(message.details, info.spec)
            if info.finished is None:
                statuses = self._master.scheduler.status(info.job)
                message.details.worker_status.extend(map(_status_message, statuses))
        return message


def _marker(request: Any) -> int | None:
    """Jobs are listed from the one after this time of creation on."""
    given = request.paginationMarker
    return given.ToNanoseconds() if request.HasField("paginationMarker") else None


def _status_message(status: WorkerStatus) -> Any:
    return pps_pb2.WorkerStatus(
        worker_id=status.worker,
        job_id=status.job.id,
        datum_status=pps_pb2.DatumStatus(
            started=to.timestamp(status.started),
            data=[
                pps_pb2.InputFile(path=each.path, hash=bytes.fromhex(each.hash))
                for each in status.inputs
            ],
        ),
    )
