"""pps_v2.API's part for datums."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from google.protobuf.empty_pb2 import Empty
from python_pachyderm.proto.v2.pfs import pfs_pb2
from python_pachyderm.proto.v2.pps import pps_pb2

from tycokit.errors import NotAllowed
from tycokit.pachd.pfs.values import Commit, Repo
from tycokit.pachd.pps import jobs
from tycokit.pachd.pps.master import Master
from tycokit.pachd.pps.values import DatumInfo, DatumState, Stats
from tycokit.pachd.rpc import specs
from tycokit.pachd.rpc import values as to

Request = Any
Context = Any


class DatumHandlers:
    def __init__(self, master: Master) -> None:
        self._master = master

    def InspectDatum(self, request: Request, context: Context) -> Any:
        job = to.job_from(request.datum.job)
        return self._datum_message(self._master.inspect_datum(job, request.datum.id))

    def RestartDatum(self, request: Request, context: Context) -> Any:
        job = to.job_from(request.job)
        jobs.need_pipeline_of(job)
        self._master.restart_datum(job, list(request.data_filters))
        return Empty()

    def ListDatum(self, request: Request, context: Context) -> Iterator[Any]:
        if request.reverse and request.number <= 0:
            raise NotAllowed("number must be > 0 when reverse is true")
        states = frozenset[int](request.filter.state)
        marker, number = request.paginationMarker, max(0, request.number)
        if request.HasField("input"):
            # all of them are UNKNOWN
            found = (
                self._master.preview_datums(
                    specs.input_from(request.input),
                    marker=marker,
                    reverse=request.reverse,
                    number=number,
                )
                if not states or DatumState.UNKNOWN in states
                else []
            )
        else:
            found = self._master.list_datums(
                to.job_from(request.job),
                marker=marker,
                reverse=request.reverse,
                states=states,
                number=number,
            )
        for info in found:
            yield self._datum_message(info)

    def _datum_message(self, info: DatumInfo) -> Any:
        state = None
        if info.job is not None:
            repo = jobs.output_repo(info.job)
            meta = Commit(Repo(repo.project, repo.name, "meta"), "master", info.job.id)
            state = pfs_pb2.File(commit=to.commit_message(meta), path=f"/pfs/{info.id}")
        return pps_pb2.DatumInfo(
            datum=pps_pb2.Datum(
                id=info.id, job=to.job_message(info.processed_by) if info.processed_by else None
            ),
            state=int(info.state),
            stats=stats_message(info.stats) if info.state != DatumState.UNKNOWN else None,
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


def stats_message(stats: Stats) -> Any:
    return pps_pb2.ProcessStats(
        download_time=specs.duration(stats.download_seconds),
        process_time=specs.duration(stats.process_seconds),
        upload_time=specs.duration(stats.upload_seconds),
        download_bytes=stats.download_bytes,
        upload_bytes=stats.upload_bytes,
    )
