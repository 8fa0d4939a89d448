"""The ticks of cron inputs: each a commit that puts an empty file, named with its time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tycokit.errors import NotAllowed
from tycokit.pachd.pfs import commits, cron, repos, rows, writes
from tycokit.pachd.pfs.address import resolve
from tycokit.pachd.pfs.ending import close, content_root
from tycokit.pachd.pfs.filetree import Content, DirNode, FileTree
from tycokit.pachd.pfs.transaction import Transaction
from tycokit.pachd.pfs.values import DEFAULT_TAG, Branch, CommitAddress, Repo
from tycokit.pachd.pps import specjson
from tycokit.pachd.pps.spec import CronInput, PipelineSpec, cron_inputs


def repo_of(given: CronInput) -> Repo:
    return Repo(given.project, given.repo)


def make_repos(transaction: Transaction, spec: PipelineSpec) -> None:
    """The repos of a pipeline's cron inputs, where they are not there yet."""
    for given in cron_inputs(spec.input):
        if rows.repo_id(transaction.connection, repo_of(given)) is None:
            repos.create_repo(
                transaction, repo_of(given), f"Cron tick repo for pipeline {spec.printed}."
            )


def remove_repos(transaction: Transaction, spec: PipelineSpec) -> None:
    for given in cron_inputs(spec.input):
        repos.remove_repo(transaction, repo_of(given), force=True)


def of_running(connection: rows.Connection) -> Iterator[CronInput]:
    """The cron inputs of all pipelines that are not stopped."""
    found = connection.execute(
        "SELECT v.spec FROM pipeline p JOIN pipeline_version v"
        " ON v.pipeline = p.id AND v.version = p.version"
        " WHERE NOT p.stopped AND v.spec LIKE '%\"cron\"%' ORDER BY p.id"
    )
    for row in found.fetchall():
        yield from cron_inputs(specjson.from_json(row["spec"]).input)


def next_tick(connection: rows.Connection, trees: FileTree, given: CronInput) -> int | None:
    """When an input ticks next (in the past: a missed tick), ns since the epoch; None = never."""
    newest = _newest(connection, trees, given)
    return cron.parse(given.spec).next(newest if newest is not None else given.start or 0)


def _newest(connection: rows.Connection, trees: FileTree, given: CronInput) -> int | None:
    branch = rows.branch_row(connection, Branch(repo_of(given), "master"))
    if branch is None:
        return None
    root = content_root(connection, rows.commit_by_id(connection, branch["head"]))
    for top in trees.find(connection, root, "/"):
        if isinstance(top, DirNode):
            for node in trees.children_back(connection, top):
                tick = cron.tick_time(node.path)
                if tick is not None:
                    return tick
    return None


def tick(transaction: Transaction, inputs: Sequence[CronInput], at: int) -> None:
    """Let inputs tick together: one commit in the repo of each, all of one commit set.

    Raises:
        RepoNotFound: the pipeline has been deleted. NotAllowed: somebody writes to the repo.
    """
    connection = transaction.connection
    for given in inputs:
        made = commits.start_commit(transaction, Branch(repo_of(given), "master"))
        row = resolve(connection, CommitAddress(made.repo, id=made.id))
        file = {(cron.tick_path(at), DEFAULT_TAG): Content(0, ())}
        cleared = {("/", DEFAULT_TAG)} if given.overwrite else set()
        writes.write(transaction, row, writes.Writes(file, cleared))
        close(transaction, resolve(connection, CommitAddress(made.repo, id=made.id)))


def run_now(transaction: Transaction, spec: PipelineSpec) -> None:
    """A tick of each cron input at the present time. Raises NotAllowed: there is none."""
    inputs = cron_inputs(spec.input)
    if not inputs:
        raise NotAllowed("pipeline doesn't have a cron input")
    tick(transaction, inputs, transaction.now)
