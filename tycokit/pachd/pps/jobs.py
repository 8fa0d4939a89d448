"""Jobs: made as commits flow down, changed as they run, looked at."""

from __future__ import annotations

from dataclasses import replace

from tycokit.errors import JobNotFound, NotAllowed, NotFound
from tycokit.pachd.pfs import rows
from tycokit.pachd.pfs.address import resolve
from tycokit.pachd.pfs.ending import close
from tycokit.pachd.pfs.transaction import Transaction
from tycokit.pachd.pfs.values import Commit, CommitAddress, Repo
from tycokit.pachd.pps import specjson
from tycokit.pachd.pps.spec import CronInput, Input, PfsInput
from tycokit.pachd.pps.values import Job, JobInfo, JobState, Pipeline, Stats

_ALL_JOBS = """
    SELECT j.*, p.project, p.name, p.version AS current, p.stopped, v.spec
    FROM job j JOIN pipeline p ON p.id = j.pipeline
    JOIN pipeline_version v ON v.pipeline = j.pipeline AND v.version = j.version
"""
JOBS = f"{_ALL_JOBS} AND NOT j.deleted"


def create_for(transaction: Transaction, made: list[Commit]) -> None:
    """One job for each new open commit on the output branch of a pipeline that runs."""
    for commit in made:
        if commit.repo.type != "user":
            continue
        row = transaction.connection.execute(
            "SELECT p.*, v.spec FROM pipeline p JOIN pipeline_version v"
            " ON v.pipeline = p.id AND v.version = p.version WHERE p.project = ? AND p.name = ?",
            (commit.repo.project, commit.repo.name),
        ).fetchone()
        if row is None or row["stopped"]:
            continue
        if specjson.from_json(row["spec"]).output_branch != commit.branch:
            continue
        before = transaction.connection.execute(
            "SELECT 1 FROM job WHERE pipeline = ? AND finished IS NULL", (row["id"],)
        ).fetchone()
        state = JobState.STARTING if before is None else JobState.CREATED
        transaction.connection.execute(
            "INSERT INTO job (pipeline, version, set_id, branch, state, created)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (row["id"], row["version"], commit.id, commit.branch, int(state), transaction.now),
        )


def job_row(connection: rows.Connection, job: Job, *, deleted: bool = False) -> rows.Row | None:
    """A job's row; one that was deleted counts only where `deleted` says so."""
    row: rows.Row | None = connection.execute(
        f"{_ALL_JOBS if deleted else JOBS} WHERE p.project = ? AND p.name = ? AND j.set_id = ?",
        (job.pipeline.project, job.pipeline.name, job.id),
    ).fetchone()
    return row


def need_job(connection: rows.Connection, job: Job) -> rows.Row:
    """Raises JobNotFound."""
    row = job_row(connection, job)
    if row is None:
        raise JobNotFound(job)
    return row


def job_value(row: rows.Row) -> Job:
    return Job(Pipeline(row["project"], row["name"]), row["set_id"])


def output_repo(job: Job) -> Repo:
    return Repo(job.pipeline.project, job.pipeline.name)


def output_commit(connection: rows.Connection, job: Job, type_: str = "user") -> rows.Row:
    """The row of a job's output (or, type meta, its meta) commit."""
    repo = replace(output_repo(job), type=type_)
    return resolve(connection, CommitAddress(repo, id=job.id))


def job_info(connection: rows.Connection, row: rows.Row) -> JobInfo:
    spec = specjson.from_json(row["spec"])
    if spec.input is not None:
        spec = replace(spec, input=with_commits(connection, spec.input, row["set_id"]))
    return JobInfo(
        job=job_value(row),
        version=row["version"],
        branch=row["branch"],
        state=JobState(row["state"]),
        reason=row["reason"],
        created=row["created"],
        started=row["started"],
        finished=row["finished"],
        restarts=row["restarts"],
        total=row["total"],
        processed=row["processed"],
        skipped=row["skipped"],
        failed=row["failed"],
        recovered=row["recovered"],
        stats=Stats.from_json(row["stats"]),
        spec=spec,
    )


def with_commits(connection: rows.Connection, given: Input, set_id: str) -> Input:
    """An input that names, for each branch, the commit that a job of this set reads."""
    if isinstance(given, (PfsInput, CronInput)):
        type_ = given.repo_type if isinstance(given, PfsInput) else "user"
        address = CommitAddress(Repo(given.project, given.repo, type_), id=set_id)
        try:
            return replace(given, commit=resolve(connection, address)["set_id"])
        except NotFound:  # the input repo has been deleted since
            return given
    return replace(
        given, inputs=tuple(with_commits(connection, below, set_id) for below in given.inputs)
    )


def inspect_job(connection: rows.Connection, job: Job) -> JobInfo:
    """Raises JobNotFound."""
    return job_info(connection, need_job(connection, job))


def end_early(transaction: Transaction, job: Job, state: JobState, reason: str) -> None:
    """End a job that did not run to its end; a job that has ended stays as it is."""
    connection = transaction.connection
    row = need_job(connection, job)
    if row["finished"] is not None:
        return
    close_commits(transaction, job, reason)
    connection.execute("DELETE FROM datum_result WHERE job = ?", (row["id"],))
    connection.execute(
        "UPDATE job SET state = ?, reason = ?, finished = ? WHERE id = ?",
        (int(state), reason, transaction.now, row["id"]),
    )


def close_commits(transaction: Transaction, job: Job, error: str = "") -> str:
    """Finish a job's output and meta commit together; the error that they end with."""
    output = output_commit(transaction.connection, job)
    if output["finished"] is None:
        error = close(transaction, output, error)
    meta = output_commit(transaction.connection, job, "meta")
    if meta["finished"] is None:
        close(transaction, meta, error)
    return error


def end_all(transaction: Transaction, pipeline_id: int, reason: str) -> None:
    """Kill every unfinished job of a pipeline."""
    unfinished = transaction.connection.execute(
        f"{JOBS} WHERE j.pipeline = ? AND j.finished IS NULL ORDER BY j.id", (pipeline_id,)
    ).fetchall()
    for row in unfinished:
        end_early(transaction, job_value(row), JobState.KILLED, reason)


def delete_job(transaction: Transaction, job: Job) -> None:
    """Stop a job and show it no more; its commits stay. Raises JobNotFound.

    What it left of its datums stays too: the next job goes by that.
    """
    end_early(transaction, job, JobState.KILLED, "job deleted")
    row = need_job(transaction.connection, job)
    transaction.connection.execute("UPDATE job SET deleted = 1 WHERE id = ?", (row["id"],))


def base_job(connection: rows.Connection, job: Job) -> rows.Row | None:
    """The row of the job that made the nearest ancestor of the output commit without an error."""
    commit = output_commit(connection, job)
    while commit["parent"] is not None:
        commit = rows.commit_by_id(connection, commit["parent"])
        if not commit["error"]:
            return job_row(connection, replace(job, id=commit["set_id"]), deleted=True)
    return None


def input_commits(connection: rows.Connection, job: Job) -> list[rows.Row]:
    """The commits that a job waits for: those its output commit was made from."""
    commit = output_commit(connection, job)
    return connection.execute(
        f"{rows.COMMITS} JOIN commit_provenance p ON p.upstream = c.id WHERE p.commit_id = ?",
        (commit["id"],),
    ).fetchall()


def forget(transaction: Transaction, gone: list[Commit]) -> None:
    """Delete the jobs whose output commits have been squashed or dropped."""
    for commit in gone:
        if commit.repo.type != "user":
            continue
        row = job_row(
            transaction.connection,
            Job(Pipeline(commit.repo.project, commit.repo.name), commit.id),
            deleted=True,
        )
        if row is not None:
            transaction.connection.execute("DELETE FROM datum_result WHERE job = ?", (row["id"],))
            transaction.connection.execute("DELETE FROM job WHERE id = ?", (row["id"],))


def need_pipeline_of(job: Job) -> None:
    if not job.pipeline.name:
        raise NotAllowed("pipeline must be specified for the given job")
