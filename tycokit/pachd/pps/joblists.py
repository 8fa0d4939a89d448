"""Jobs in lists: of a pipeline, of a commit set, new ones."""

from __future__ import annotations

from collections.abc import Iterator

from tycokit.errors import CommitSetNotFound
from tycokit.pachd.pfs import rows
from tycokit.pachd.pfs.address import resolve
from tycokit.pachd.pfs.values import CommitAddress
from tycokit.pachd.pps import jobs
from tycokit.pachd.pps.values import JobInfo, Pipeline


def list_jobs(
    connection: rows.Connection,
    pipeline: Pipeline | None = None,
    *,
    history: int = 0,
    inputs: tuple[CommitAddress, ...] = (),
    projects: set[str] | None = None,
    reverse: bool = False,
    marker: int | None = None,
) -> Iterator[JobInfo]:
    """Newest first; of the pipeline's current version only, unless `history` is not 0.

    Args:
        reverse: oldest first.
        marker: begin after the jobs made at this time.
    """
    wanted = [resolve(connection, address)["id"] for address in inputs]
    found = connection.execute(
        f"{jobs.JOBS} WHERE (?1 IS NULL OR p.project = ?1) AND (?2 IS NULL OR p.name = ?2)"
        f" AND (?3 IS NULL OR j.created {'>' if reverse else '<'} ?3)"
        f" ORDER BY j.id {'ASC' if reverse else 'DESC'}",
        (pipeline and pipeline.project, pipeline and pipeline.name, marker),
    )
    for row in found:
        if history >= 0 and row["version"] < row["current"] - history:
            continue
        if projects is not None and row["project"] not in projects:
            continue
        if wanted and not _reads(connection, row, wanted):
            continue
        yield jobs.job_info(connection, row)


def _reads(connection: rows.Connection, row: rows.Row, wanted: list[int]) -> bool:
    commit = jobs.output_commit(connection, jobs.job_value(row))
    upstream = {
        up["upstream"]
        for up in connection.execute(
            "SELECT upstream FROM commit_provenance WHERE commit_id = ?", (commit["id"],)
        )
    }
    return upstream.issuperset(wanted)


def job_set(connection: rows.Connection, set_id: str) -> list[JobInfo]:
    """The jobs of a commit set, upstream first. Raises CommitSetNotFound: no such set."""
    found = connection.execute(
        f"{jobs.JOBS} WHERE j.set_id = ? ORDER BY j.id", (set_id,)
    ).fetchall()
    if (
        not found
        and not connection.execute(
            "SELECT 1 FROM pfs_commit WHERE set_id = ?", (set_id,)
        ).fetchone()
    ):
        raise CommitSetNotFound(set_id)
    return [jobs.job_info(connection, row) for row in found]


def list_job_sets(
    connection: rows.Connection, reverse: bool = False, marker: int | None = None
) -> list[str]:
    """Ids of the sets with jobs, by their newest job; the arguments as those of list_jobs."""
    return [
        row["set_id"]
        for row in connection.execute(
            "SELECT set_id, max(id) AS newest, max(created) AS made FROM job"
            " WHERE NOT deleted GROUP BY set_id"
            f" HAVING ?1 IS NULL OR made {'>' if reverse else '<'} ?1"
            f" ORDER BY newest {'ASC' if reverse else 'DESC'}",
            (marker,),
        )
    ]


def newest_row(connection: rows.Connection) -> int:
    """The row id of the newest job there is, 0 without one."""
    return int(connection.execute("SELECT coalesce(max(id), 0) AS id FROM job").fetchone()["id"])


def unfinished_of(connection: rows.Connection, pipeline: Pipeline) -> list[JobInfo]:
    """Oldest first."""
    found = connection.execute(
        f"{jobs.JOBS} WHERE p.project = ? AND p.name = ? AND j.finished IS NULL ORDER BY j.id",
        (pipeline.project, pipeline.name),
    )
    return [jobs.job_info(connection, row) for row in found.fetchall()]


def later_of(connection: rows.Connection, pipeline: Pipeline, row_id: int) -> list[JobInfo]:
    """The jobs made after one, oldest first."""
    found = connection.execute(
        f"{jobs.JOBS} WHERE p.project = ? AND p.name = ? AND j.id > ? ORDER BY j.id",
        (pipeline.project, pipeline.name, row_id),
    )
    return [jobs.job_info(connection, row) for row in found.fetchall()]
