"""pps_v2.API's part for logs."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

from python_pachyderm.proto.v2.pps import pps_pb2

from tycokit.errors import LogsNotFound, NotAllowed
from tycokit.pachd.pps import jobs
from tycokit.pachd.pps.logs import LogFilter, LogLine
from tycokit.pachd.pps.master import Master
from tycokit.pachd.pps.values import Job
from tycokit.pachd.rpc import values as to

Request = Any
Context = Any
_DAY = 24 * 3600 * 10**9
_HOUR = 3600 * 10**9


class LogHandlers:
    def __init__(self, master: Master) -> None:
        self._master = master

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
                self._master.created_for_logs(job)
                return [job]
            pipeline = to.pipeline_from(request.pipeline)
            self._master.need_pipeline_for_logs(pipeline)
            return self._master.jobs_of(pipeline)

        if request.follow:
            lines: Iterator[LogLine] = self._master.logs.follow(
                of, wanted, request.tail, lambda: not context.is_active()
            )
        else:
            lines = iter(self._master.logs.read(of(), wanted, request.tail))
        with contextlib.suppress(LogsNotFound):  # deleted while it was followed: that is all
            for line in lines:
                yield _log_message(line)

    def GetKubeEvents(self, request: Request, context: Context) -> Iterator[Any]:
        yield from ()  # there is no Kubernetes that could have had any

    def QueryLoki(self, request: Request, context: Context) -> Iterator[Any]:
        yield from ()  # nor a Loki


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
