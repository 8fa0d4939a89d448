"""Pipelines: made, changed, stopped and deleted, each in one transaction with their branches."""

from __future__ import annotations

from dataclasses import replace

from tycokit.errors import NotAllowed, NotServed, PipelineExists
from tycokit.pachd.pfs import branches, repos, rows
from tycokit.pachd.pfs.address import resolve
from tycokit.pachd.pfs.transaction import Transaction, add_commit, finish_empty
from tycokit.pachd.pfs.values import Branch, CommitAddress, Origin, Repo
from tycokit.pachd.pps import jobs, specjson, ticks, users
from tycokit.pachd.pps.defaults import with_defaults
from tycokit.pachd.pps.inspection import need_pipeline, pipeline_row
from tycokit.pachd.pps.secrets import check_mounts
from tycokit.pachd.pps.spec import PfsInput, PipelineSpec, input_branches, leaves
from tycokit.pachd.pps.validation import refuse_unserved, validate
from tycokit.pachd.pps.values import Pipeline

_USER = "for user unknown_username"  # Pachyderm's words where auth is off


def create_pipeline(
    transaction: Transaction,
    given: PipelineSpec,
    *,
    new_salt: str,
    update: bool = False,
    reprocess: bool = False,
) -> None:
    """Make a pipeline, or a new version of it, and with that a job.

    Args:
        new_salt: what the datums' hashes are salted with, unless a version before has a salt that
            is kept (`reprocess` gives it up, so that every datum runs again).

    Raises:
        InvalidSpec, InvalidName, BadGlob, RepoNotFound, UserUnknown; PipelineExists without
        `update`;
        NotServed: a part of the spec that this server does not have.
    """
    connection = transaction.connection
    spec = with_defaults(given, new_salt, transaction.now)
    validate(spec, update=update)
    refuse_unserved(spec)
    users.find(spec.transform.user if spec.transform is not None else "")
    if spec.transform is not None:
        check_mounts(connection, spec.transform)
    pipeline = Pipeline(spec.project, spec.name)
    row = pipeline_row(connection, pipeline)
    if row is not None and not update:
        raise PipelineExists(pipeline)
    ticks.make_repos(transaction, spec)
    for branch in input_branches(spec.input):
        rows.need_repo(connection, branch.repo)
    _make_trigger_branches(transaction, spec)
    if row is None:
        id_, version = _insert(transaction, pipeline, spec), 1
    else:
        id_, version = row["id"], row["version"] + 1
        before = specjson.from_json(row["spec"])
        if not reprocess:
            spec = replace(spec, salt=before.salt)
        jobs.end_all(transaction, id_, f"all jobs killed because pipeline was updated {_USER}")
        if before.has_jobs != spec.has_jobs:
            raise NotServed(
                f"pipeline {pipeline} cannot become one of another kind: delete it first"
            )
        if before.output_branch != spec.output_branch:
            _set_provenance(transaction, before, ())
    spec_commit = _spec_commit(transaction, pipeline, spec)
    connection.execute(
        "INSERT INTO pipeline_version VALUES (?, ?, ?, ?, ?)",
        (id_, version, specjson.to_json(spec), spec_commit, transaction.now),
    )
    connection.execute("UPDATE pipeline SET version = ? WHERE id = ?", (version, id_))
    if row is None or not row["stopped"]:
        _set_provenance(transaction, spec, _upstream(spec))


def _make_trigger_branches(transaction: Transaction, spec: PipelineSpec) -> None:
    """The branches that inputs with a trigger read; one that is there keeps its head."""
    for leaf in leaves(spec.input):
        if isinstance(leaf, PfsInput) and leaf.trigger is not None:
            branch = Branch(Repo(leaf.project, leaf.repo, leaf.repo_type), leaf.branch)
            branches.create_branch(transaction, branch, trigger=leaf.trigger)


def _insert(transaction: Transaction, pipeline: Pipeline, spec: PipelineSpec) -> int:
    connection = transaction.connection
    repo = Repo(pipeline.project, pipeline.name)
    if rows.repo_id(connection, repo) is not None:
        raise NotAllowed(
            f'pipeline "{pipeline.name}" cannot be created because a repo with the same name'
            " already exists"
        )
    repos.create_repo(transaction, repo, f"Output repo for pipeline {pipeline}.")
    if spec.spec_commit is None:
        repos.create_repo(transaction, replace(repo, type="spec"))
    if spec.has_jobs:
        repos.create_repo(transaction, replace(repo, type="meta"))
    id_ = connection.execute(
        "INSERT INTO pipeline (project, name, version, created) VALUES (?, ?, 0, ?)",
        (pipeline.project, pipeline.name, transaction.now),
    ).lastrowid
    assert id_ is not None
    return id_


def _spec_commit(transaction: Transaction, pipeline: Pipeline, spec: PipelineSpec) -> str:
    """The id of the commit on the spec repo's master that stands for a version: finished, empty.

    Raises:
        RepoNotFound, CommitNotFound: the spec names one that is not there.
    """
    connection = transaction.connection
    branch = _spec_branch(pipeline)
    if spec.spec_commit is not None:
        given = CommitAddress(branch.repo, id=str(spec.spec_commit.get("id", "")))
        branches.create_branch(transaction, branch, given)
        return str(resolve(connection, given)["set_id"])
    row = rows.branch_row(connection, branch)
    repo = rows.need_repo(connection, branch.repo)
    commit = add_commit(
        transaction, repo, branch.name, Origin.USER, row["head"] if row is not None else None
    )
    finish_empty(transaction, commit)
    head = CommitAddress(branch.repo, id=transaction.set_id)
    branches.create_branch(transaction, branch, head)
    return transaction.set_id


def _spec_branch(pipeline: Pipeline) -> Branch:
    return Branch(Repo(pipeline.project, pipeline.name, "spec"), "master")


def _upstream(spec: PipelineSpec) -> tuple[Branch, ...]:
    spec_branch = _spec_branch(Pipeline(spec.project, spec.name))
    # without jobs nobody would end the commits that inputs bring
    return (*(input_branches(spec.input) if spec.has_jobs else ()), spec_branch)


def _set_provenance(
    transaction: Transaction, spec: PipelineSpec, upstream: tuple[Branch, ...]
) -> None:
    """Let the output (and meta) branch follow these branches."""
    for type_ in ("user", "meta") if spec.has_jobs else ("user",):
        branch = Branch(Repo(spec.project, spec.name, type_), spec.output_branch)
        branches.create_branch(transaction, branch, provenance=upstream)


def stop_pipeline(transaction: Transaction, pipeline: Pipeline) -> None:
    """No new jobs until it is started again. Raises PipelineNotFound."""
    row = need_pipeline(transaction.connection, pipeline)
    if row["stopped"]:
        return
    transaction.connection.execute("UPDATE pipeline SET stopped = 1 WHERE id = ?", (row["id"],))
    _set_provenance(transaction, specjson.from_json(row["spec"]), ())
    jobs.end_all(transaction, row["id"], f"all jobs killed because pipeline was stopped {_USER}")


def start_pipeline(transaction: Transaction, pipeline: Pipeline) -> None:
    """Jobs again, one at once. Raises PipelineNotFound."""
    row = need_pipeline(transaction.connection, pipeline)
    if not row["stopped"]:
        return
    transaction.connection.execute("UPDATE pipeline SET stopped = 0 WHERE id = ?", (row["id"],))
    spec = specjson.from_json(row["spec"])
    _set_provenance(transaction, spec, _upstream(spec))


def delete_pipeline(
    transaction: Transaction, pipeline: Pipeline, force: bool = False, keep_repo: bool = False
) -> bool:
    """Whether there was one: a missing pipeline is no error.

    Raises:
        NotAllowed: other branches depend on its output, and not `force`.
    """
    connection = transaction.connection
    row = pipeline_row(connection, pipeline)
    if row is None:
        return False
    jobs.end_all(transaction, row["id"], "pipeline deleted")
    connection.execute("DELETE FROM job WHERE pipeline = ?", (row["id"],))
    connection.execute("DELETE FROM pipeline_version WHERE pipeline = ?", (row["id"],))
    connection.execute("DELETE FROM pipeline WHERE id = ?", (row["id"],))
    output = Repo(pipeline.project, pipeline.name)
    spec = specjson.from_json(row["spec"])
    branch = Branch(output, spec.output_branch)
    if keep_repo:
        branches.create_branch(transaction, branch)
    else:
        repos.remove_repo(transaction, output, force)
    for type_ in ("meta", "spec"):
        repos.remove_repo(transaction, replace(output, type=type_), force=True)
    ticks.remove_repos(transaction, spec)
    return True
