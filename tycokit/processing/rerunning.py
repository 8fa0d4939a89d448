"""Datums run again: those that a worker has just now, and those that did not end well.

RestartDatum takes a datum from its worker and gives it to it anew. It knows nothing of a datum that
is done. The next job runs what failed or was recovered, and an update that changes nothing makes
such a job. Pachyderm builds it on the last one without an error, so all that a failed job has
processed runs again with it; what a good job has processed is skipped by every later one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from python_pachyderm import Client
from python_pachyderm.service import pps_proto

from tycokit.errors import RerunError
from tycokit.pipelines.specdiff import request_of
from tycokit.processing import joblist
from tycokit.processing.datumlist import Working
from tycokit.processing.joblist import JobRow
from tycokit.scaling import standing

_AGAIN = {"success": ("recovered",), "failure": ("failed", "recovered", "success")}


@dataclass(frozen=True, slots=True)
class Rerun:
    """The job in which `datums` run again, and `others` that were not asked for."""

    job: str
    datums: int
    others: int


def restart(
    client: Client, pipeline: str, job: str, chosen: Working, project: str = "default"
) -> None:
    """Begin again with a datum that a worker has now. Raises what pachd says when none has it."""
    client.restart_datum(pipeline, job, list(chosen.paths), project_name=project)


def rerun(
    client: Client, pipeline: str, job: str, datums: Sequence[str], project: str = "default"
) -> Rerun:
    """Run datums of the newest job again, in a new job on the present heads.

    Raises RerunError where the next job would not run one of them, or the job has not ended or is
    not the newest.
    """
    if not datums:
        raise RerunError("no datum is chosen")
    (newest,) = joblist.page(client, pipeline, count=1, project=project).sets
    if newest.id != job:
        raise RerunError(f"job {job} is not the pipeline's newest: see what {newest.id} made of it")
    if not newest.ended:
        raise RerunError(
            f"job {job} has not ended: restart a datum that a worker has now, or wait for its end"
        )
    again = _again(client, newest.jobs[0])
    done = [datum for datum in datums if datum not in again]
    if done:
        raise RerunError(
            f"{len(done)} of the {len(datums)} chosen are done ({done[0][:12]}…): Pachyderm runs"
            f" such a datum again only with all others, by `tycokit deploy --again {pipeline}`"
        )
    info = standing.inspect(client, pipeline, project)
    if info.stopped:
        raise RerunError(f"pipeline {pipeline} is paused: start it, and they run again")
    request = request_of(info)
    request.update = True
    client.create_pipeline_from_request(request)
    (made,) = joblist.page(client, pipeline, count=1, project=project).sets
    return Rerun(made.id, len(datums), len(again) - len(datums))


def _again(client: Client, job: JobRow) -> set[str]:
    """The ids of a job's datums that the next job runs again."""
    states = _AGAIN.get(job.state, ())
    wanted = pps_proto.ListDatumRequest.Filter(
        state=[pps_proto.DatumState.Value(state.upper()) for state in states]
    )
    found = client.list_datum(job.pipeline, job.id, project_name=job.project, datum_filter=wanted)
    return {info.datum.id for info in found} if states else set()
