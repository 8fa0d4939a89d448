"""Pipelines as they are looked at."""

from __future__ import annotations

from tycokit.errors import PipelineNotFound, PipelineNotInspected
from tycokit.pachd.pfs import rows
from tycokit.pachd.pps import specjson
from tycokit.pachd.pps.spec import PipelineSpec
from tycokit.pachd.pps.values import JobState, Pipeline, PipelineInfo, PipelineState

PIPELINES = """
    SELECT p.*, v.version AS shown, v.spec, v.spec_commit, v.created AS version_created
    FROM pipeline p JOIN pipeline_version v ON v.pipeline = p.id
"""


def pipeline_row(connection: rows.Connection, pipeline: Pipeline) -> rows.Row | None:
    row: rows.Row | None = connection.execute(
        f"{PIPELINES} AND v.version = p.version WHERE p.project = ? AND p.name = ?",
        (pipeline.project, pipeline.name),
    ).fetchone()
    return row


def need_pipeline(connection: rows.Connection, pipeline: Pipeline) -> rows.Row:
    """Raises PipelineNotFound."""
    row = pipeline_row(connection, pipeline)
    if row is None:
        raise PipelineNotFound(pipeline)
    return row


def inspect_pipeline(
    connection: rows.Connection, pipeline: Pipeline, back: int = 0
) -> PipelineInfo:
    """The current version, or the one `back` versions before. Raises PipelineNotInspected."""
    for info in list_pipelines(connection, pipeline, history=back):
        if back == 0 or info.version == need_pipeline(connection, pipeline)["version"] - back:
            return info
    raise PipelineNotInspected(pipeline)


def list_pipelines(
    connection: rows.Connection,
    pipeline: Pipeline | None = None,
    *,
    history: int = 0,
    projects: set[str] | None = None,
) -> list[PipelineInfo]:
    """Newest pipeline first, of each the current version and `history` older ones (-1 = all)."""
    found = connection.execute(
        f"{PIPELINES} WHERE (?1 IS NULL OR p.project = ?1) AND (?2 IS NULL OR p.name = ?2)"
        " AND (?3 < 0 OR v.version >= p.version - ?3) ORDER BY p.id DESC, v.version DESC",
        (pipeline and pipeline.project, pipeline and pipeline.name, history),
    )
    return [
        _info(connection, row)
        for row in found.fetchall()
        if projects is None or row["project"] in projects
    ]


def _info(connection: rows.Connection, row: rows.Row) -> PipelineInfo:
    last = connection.execute(
        "SELECT state FROM job WHERE pipeline = ? AND NOT deleted ORDER BY id DESC LIMIT 1",
        (row["id"],),
    ).fetchone()
    busy = connection.execute(
        "SELECT 1 FROM job INDEXED BY job_unfinished WHERE pipeline = ? AND finished IS NULL",
        (row["id"],),
    ).fetchone()
    spec = specjson.from_json(row["spec"])
    state, reason = _state(spec, stopped=bool(row["stopped"]), busy=busy is not None)
    return PipelineInfo(
        pipeline=Pipeline(row["project"], row["name"]),
        version=row["shown"],
        spec=spec,
        spec_commit=row["spec_commit"],
        stopped=bool(row["stopped"]),
        created=row["version_created"],
        last_job_state=JobState(last["state"]) if last else None,
        state=state,
        reason=reason,
    )


def _state(spec: PipelineSpec, *, stopped: bool, busy: bool) -> tuple[PipelineState, str]:
    if not spec.has_jobs:
        what = "spouts" if spec.spout is not None else "services"
        return PipelineState.FAILURE, f"{what} are not run by the local pachd"
    if stopped:
        return PipelineState.PAUSED, ""
    if spec.autoscaling and not busy:
        return PipelineState.STANDBY, ""
    return PipelineState.RUNNING, ""
