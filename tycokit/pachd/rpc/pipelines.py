"""pps_v2.API's part for pipelines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from google.protobuf.empty_pb2 import Empty
from python_pachyderm.proto.v2.pps import pps_pb2

from tycokit.errors import NotServed
from tycokit.pachd.pfs.values import Commit, Repo
from tycokit.pachd.pps import inspection, pipelines
from tycokit.pachd.pps.master import Master
from tycokit.pachd.pps.values import Pipeline, PipelineInfo, PipelineState
from tycokit.pachd.rpc import specs
from tycokit.pachd.rpc import values as to
from tycokit.pachd.rpc.changes import change

Request = Any
Context = Any
_TRANSFORM, _SPOUT, _SERVICE = 1, 2, 3  # pps_v2.PipelineInfo.PipelineType


class PipelineHandlers:
    def __init__(self, master: Master) -> None:
        self._master = master
        self._database = master.pfs.database

    def CreatePipeline(self, request: Request, context: Context) -> Any:
        return change(self._master.pfs, "create_pipeline", request, context)

    def InspectPipeline(self, request: Request, context: Context) -> Any:
        with self._database.read() as connection:
            info = inspection.inspect_pipeline(connection, to.pipeline_from(request.pipeline))
        return _pipeline_message(info, request.details)

    def ListPipeline(self, request: Request, context: Context) -> Iterator[Any]:
        if request.jqFilter:
            raise NotServed("jqFilter is not served by the local pachd")
        if request.commit_set.id:
            raise NotServed("pipelines as of a commit set are not served by the local pachd")
        pipeline = to.pipeline_from(request.pipeline) if request.pipeline.name else None
        with self._database.read() as connection:
            found = inspection.list_pipelines(
                connection,
                pipeline,
                history=request.history,
                projects=to.projects_from(request),
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
        projects = None if request.all else to.projects_from(request)
        gone = self._delete_pipelines(projects, request.force, request.keep_repo)
        return pps_pb2.DeletePipelinesResponse(pipelines=map(to.pipeline_message, gone))

    def DeleteAll(self, request: Request, context: Context) -> Any:
        self._delete_pipelines(None, True, False)
        return Empty()

    def _delete_pipelines(
        self, projects: set[str] | None, force: bool, keep_repo: bool
    ) -> list[Pipeline]:
        """Downstream first, which the newest ones are."""
        with self._database.read() as connection:
            found = inspection.list_pipelines(connection, projects=projects)
        gone = [info.pipeline for info in found]
        self._master.delete_pipelines(gone, force, keep_repo)
        return gone


def _pipeline_message(info: PipelineInfo, details: bool) -> Any:
    pipeline = info.pipeline
    spec_commit = Commit(Repo(pipeline.project, pipeline.name, "spec"), "master", info.spec_commit)
    message = pps_pb2.PipelineInfo(
        pipeline=to.pipeline_message(pipeline),
        version=info.version,
        spec_commit=to.commit_message(spec_commit),
        stopped=info.stopped,
        state=int(info.state),
        reason=info.reason,
        last_job_state=int(info.last_job_state or 0),
        parallelism=info.spec.workers,
        type=_kind(info),
    )
    if details:
        message.details.SetInParent()
        specs.fill(message.details, info.spec)
        message.details.created_at.CopyFrom(to.timestamp(info.created))
        message.details.reason = info.reason
        message.details.workers_requested = info.spec.workers
        if info.state == PipelineState.RUNNING:
            message.details.workers_available = info.spec.workers
    return message


def _kind(info: PipelineInfo) -> int:
    if info.spec.spout is not None:
        return _SPOUT
    return _SERVICE if info.spec.service is not None else _TRANSFORM
