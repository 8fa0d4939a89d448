"""pps_v2.API."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import islice
from typing import Any

from google.protobuf.empty_pb2 import Empty
from python_pachyderm.proto.v2.pfs import pfs_pb2
from python_pachyderm.proto.v2.pps import pps_pb2, pps_pb2_grpc

from tycokit.errors import JobDeleted, JobNotFound, NotAllowed, NotServed
from tycokit.pachd.pfs import rows
from tycokit.pachd.pfs.values import Commit, Repo
from tycokit.pachd.pps import jobs, pipelines
from tycokit.pachd.pps.logs import LogFilter, LogLine
from tycokit.pachd.pps.master import Master
from tycokit.pachd.pps.values import (
    DatumInfo,
    DatumState,
    Job,
    JobInfo,
    Pipeline,
    PipelineInfo,
    Stats,
)
from tycokit.pachd.rpc import specs
from tycokit.pachd.rpc import values as to
from tycokit.pachd.rpc.changes import change
from tycokit.pachd.rpc.secrets import SecretHandlers

Request = Any
Context = Any
_DAY = 24 * 3600 * 10**9
_HOUR = 3600 * 10**9
_PAUSED, _RUNNING = 5, 2  # pps_v2.PipelineState
_TRANSFORM = 1  # pps_v2.PipelineInfo.PipelineType


class PpsServicer(SecretHandlers, pps_pb2_grpc.APIServicer):
    """What is not here answers UNIMPLEMENTED through the generated base class."""

    def __init__(self, master: Master) -> None:
        super().__init__(master.secrets)
        self._master = master
        self._database = master.pfs.database

    # pipelines

    def CreatePipeline(self, request: Request, context: Context) -> Any:
        return change(self._master.pfs, "create_pipeline", request, context)

    def InspectPipeline(self, request: Request, context: Context) -> Any:
        with self._database.read() as connection:
            info = pipelines.inspect_pipeline(connection, to.pipeline_from(request.pipeline))
        return _pipeline_message(info, request.details)

    def ListPipeline(self, request: Request, context: Context) -> Iterator[Any]:
        if request.jqFilter:
            raise NotServed("jqFilter is not served by the local pachd")
        pipeline = to.pipeline_from(request.pipeline) if request.pipeline.name else None
        with self._database.read() as connection:
            found = pipelines.list_pipelines(
                connection,
                pipeline,
                history=request.history,
                projects=_projects(request),
            )
        for info in found:
            yield _pipeline_message(info, True)

    def StartPipeline(self, request: Request, context: Context) -> Any:
        with self._master.pfs.transaction() as transaction:
            pipelines.start_pipeline(transaction, to.pipeline_from(request.pipeline))
        return Empty()

    def StopPipeline(self, request: Request, context: Context) -> Any:
        pipeline = to.pipeline_from(request.pipeline)
        with self._master.pfs.transaction() as transaction:
            pipelines.stop_pipeline(transaction, pipeline)
        self._master.scheduler.settle(pipeline)
        return Empty()

    def RunCron(self, request: Request, context: Context) -> Any:
        self._master.run_cron(to.pipeline_from(request.pipeline))
        return Empty()

    def DeletePipeline(self, request: Request, context: Context) -> Any:
        if request.all:
            self._delete_pipelines(None, request.force, request.keep_repo)
        else:
            self._master.delete_pipelines(
                [to.pipeline_from(request.pipeline)], request.force, request.keep_repo
            )
        return Empty()

    def DeletePipelines(self, request: Request, context: Context) -> Any:
        projects = None if request.all else _projects(request)
        gone = self._delete_pipelines(projects, request.force, request.keep_repo)
        return pps_pb2.DeletePipelinesResponse(pipelines=map(_pipeline_name, gone))

    def DeleteAll(self, request: Request, context: Context) -> Any:
        self._delete_pipelines(None, True, False)
        return Empty()

    def _delete_pipelines(
        self, projects: set[str] | None, force: bool, keep_repo: bool
    ) -> list[Pipeline]:
        """Downstream first, which the newest ones are."""
        with self._database.read() as connection:
            found = pipelines.list_pipelines(connection, projects=projects)
        gone = [info.pipeline for info in found]
        self._master.delete_pipelines(gone, force, keep_repo)
        return gone

    # jobs

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
            try:
                info = jobs.inspect_job(connection, job)
            except JobNotFound as error:
                raise JobDeleted(job.id) from error
            return info if info.finished is not None else None

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
                pipelines.need_pipeline(connection, pipeline)
            found = list(
                islice(
                    jobs.list_jobs(
                        connection,
                        pipeline,
                        history=request.history,
                        inputs=tuple(to.address_from(each) for each in request.input_commit),
                        projects=_projects(request),
                    ),
                    request.number or None,
                )
            )
        for info in found:
            yield self._job_message(info, request.details)

    def InspectJobSet(self, request: Request, context: Context) -> Iterator[Any]:
        with self._database.read() as connection:
            found = jobs.job_set(connection, request.job_set.id)
        for info in found:
            done = self._wait(info.job, context) if request.wait else info
            yield self._job_message(done, request.details)

    def ListJobSet(self, request: Request, context: Context) -> Iterator[Any]:
        projects = _projects(request)
        with self._database.read() as connection:
            ids = jobs.list_job_sets(connection)
        left = request.number or len(ids)
        for set_id in ids:
            with self._database.read() as connection:
                found = jobs.job_set(connection, set_id)
            if projects is not None and not any(i.job.pipeline.project in projects for i in found):
                continue
            if left == 0:
                return
            left -= 1
            yield pps_pb2.JobSetInfo(
                job_set=pps_pb2.JobSet(id=set_id),
                jobs=[self._job_message(info, request.details) for info in found],
            )

    def StopJob(self, request: Request, context: Context) -> Any:
        return change(self._master.pfs, "stop_job", request, context)

    def DeleteJob(self, request: Request, context: Context) -> Any:
        job = to.job_from(request.job)
        jobs.need_pipeline_of(job)
        with self._master.pfs.transaction() as transaction:
            jobs.delete_job(transaction, job)
        self._master.logs.remove(job.pipeline, job.id)
        return Empty()

    # datums

    def InspectDatum(self, request: Request, context: Context) -> Any:
        job = to.job_from(request.datum.job)
        return self._datum_message(self._master.inspect_datum(job, request.datum.id))

    def ListDatum(self, request: Request, context: Context) -> Iterator[Any]:
        if request.reverse and request.number <= 0:
            raise NotAllowed("number must be > 0 when reverse is true")
        if request.HasField("input"):
            found = self._master.preview_datums(specs.input_from(request.input))
        else:
            found = self._master.list_datums(to.job_from(request.job))
        marker, states = request.paginationMarker, set(request.filter.state)
        kept = [
            info
            for info in (reversed(found) if request.reverse else found)
            if (not states or int(info.state) in states)
            and (not marker or (info.id < marker if request.reverse else info.id > marker))
        ]
        for info in kept[: request.number or None]:
            yield self._datum_message(info)

    # logs

    def GetLogs(self, request: Request, context: Context) -> Iterator[Any]:
        datum = request.datum if request.HasField("datum") else None
        job = to.job_from(request.job) if request.HasField("job") and request.job.id else None
        if job is None and datum is not None and datum.HasField("job") and datum.job.id:
            job = to.job_from(datum.job)
        now = time.time_ns()
        since = request.since.ToNanoseconds() if request.HasField("since") else 0
        if job is not None:
            jobs.need_pipeline_of(job)
            created = self._master.created_for_logs(job)
            start = now - since if since else created - _HOUR
        elif request.pipeline.name:
            self._master.need_pipeline_for_logs(to.pipeline_from(request.pipeline))
            start = now - (since or _DAY)
        else:
            if request.data_filters or datum is not None:
                raise NotAllowed(
                    "must specify the Job or Pipeline that the datum is from to get logs for it"
                )
            return
        wanted = LogFilter(
            datum=datum.id if datum is not None else "",
            master=request.master,
            inputs=tuple(request.data_filters),
            since=start,
        )

        def of() -> list[Job]:
            if job is not None:
                return [job]
            return self._master.jobs_of(to.pipeline_from(request.pipeline))

        if request.follow:
            lines: Iterator[LogLine] = self._master.logs.follow(
                of, wanted, request.tail, lambda: not context.is_active()
            )
        else:
            lines = iter(self._master.logs.read(of(), wanted, request.tail))
        for line in lines:
            yield _log_message(line)

    # messages

    def _job_message(self, info: JobInfo, details: bool) -> Any:
        output = Commit(jobs.output_repo(info.job), info.branch, info.job.id)
        message = pps_pb2.JobInfo(
            job=_job_name(info.job),
            pipeline_version=info.version,
            output_commit=to.commit_message(output),
            restart=info.restarts,
            data_processed=info.processed,
            data_skipped=info.skipped,
            data_total=info.total,
            data_failed=info.failed,
            data_recovered=info.recovered,
            stats=_stats_message(info.stats),
            state=int(info.state),
            reason=info.reason,
            created=to.timestamp(info.created),
            started=to.timestamp(info.started),
            finished=to.timestamp(info.finished),
        )
        if details:
            message.details.SetInParent()
            specs.fill(message.details, info.spec)
        return message

    def _datum_message(self, info: DatumInfo) -> Any:
        state = None
        if info.job is not None:
            repo = jobs.output_repo(info.job)
            meta = Commit(Repo(repo.project, repo.name, "meta"), "master", info.job.id)
            state = pfs_pb2.File(commit=to.commit_message(meta), path=f"/pfs/{info.id}")
        return pps_pb2.DatumInfo(
            datum=pps_pb2.Datum(id=info.id, job=_job_name(info.job) if info.job else None),
            state=int(info.state),
            stats=_stats_message(info.stats) if info.state != DatumState.UNKNOWN else None,
            pfs_state=state,
            data=[
                pfs_pb2.FileInfo(
                    file=pfs_pb2.File(
                        commit=to.commit_message(
                            Commit(
                                Repo(each.project, each.repo, each.repo_type),
                                each.branch,
                                each.commit_id,
                            )
                        ),
                        path=each.path,
                    ),
                    file_type=2 if each.path.endswith("/") else 1,
                    size_bytes=each.size,
                    hash=bytes.fromhex(each.hash),
                )
                for each in info.inputs
            ],
        )


def _pipeline_name(pipeline: Pipeline) -> Any:
    return pps_pb2.Pipeline(project=to.project_message(pipeline.project), name=pipeline.name)


def _job_name(job: Job) -> Any:
    return pps_pb2.Job(pipeline=_pipeline_name(job.pipeline), id=job.id)


def _projects(request: Any) -> set[str] | None:
    return {project.name for project in request.projects if project.name} or None


def _stats_message(stats: Stats) -> Any:
    return pps_pb2.ProcessStats(
        download_time=specs.duration(stats.download_seconds),
        process_time=specs.duration(stats.process_seconds),
        upload_time=specs.duration(stats.upload_seconds),
        download_bytes=stats.download_bytes,
        upload_bytes=stats.upload_bytes,
    )


def _pipeline_message(info: PipelineInfo, details: bool) -> Any:
    pipeline = info.pipeline
    spec_commit = Commit(Repo(pipeline.project, pipeline.name, "spec"), "master", info.spec_commit)
    message = pps_pb2.PipelineInfo(
        pipeline=_pipeline_name(pipeline),
        version=info.version,
        spec_commit=to.commit_message(spec_commit),
        stopped=info.stopped,
        state=_PAUSED if info.stopped else _RUNNING,
        last_job_state=int(info.last_job_state or 0),
        parallelism=info.spec.workers,
        type=_TRANSFORM,
    )
    if details:
        message.details.SetInParent()
        specs.fill(message.details, info.spec)
        message.details.created_at.CopyFrom(to.timestamp(info.created))
        message.details.workers_requested = info.spec.workers
        message.details.workers_available = 0 if info.stopped else info.spec.workers
    return message


def _log_message(line: LogLine) -> Any:
    return pps_pb2.LogMessage(
        project_name=line.job.pipeline.project,
        pipeline_name=line.job.pipeline.name,
        job_id=line.job.id,
        worker_id=line.worker,
        datum_id=line.datum,
        master=line.master,
        data=[
            pps_pb2.InputFile(path=path, hash=bytes.fromhex(hash_)) for path, hash_ in line.inputs
        ],
        user=line.user,
        ts=to.timestamp(line.ts),
        message=line.message,
    )
