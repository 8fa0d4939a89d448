"""Do what a plan says, such that what is there changes all at once or not at all."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from python_pachyderm import Client
from python_pachyderm.service import pfs_proto, transaction_proto

from tycokit.deploying.actions import (
    Action,
    CommitNotebooks,
    CreatePipeline,
    CreateProject,
    CreateRepo,
    DeletePipeline,
    Fill,
    UpdatePipeline,
)
from tycokit.deploying.present import branch_of
from tycokit.deploying.reading import Leaf, leaves
from tycokit.deploying.since import moved
from tycokit.errors import CliError, PlanOutdated
from tycokit.pipelines.specs import Repo, Spec
from tycokit.repos import upload
from tycokit.repos.addresses import DEFAULT_BRANCH, Address

Files = CommitNotebooks | Fill
ASIDE = "tycokit-deploy-"  # branches that hold new files until pipelines change with them


@dataclass(frozen=True, slots=True)
class Aside:
    """A commit of new files, made on top of what was master's head ("" where there was none)."""

    repo: Repo
    base: str
    commit: str


def apply(
    client: Client,
    actions: Iterable[Action],
    report: Callable[[Action], None] = lambda _: None,
    still: Callable[[], None] = lambda: None,
) -> None:
    """Do the actions of a plan, reporting each once it is done.

    Where pipelines change, files of repos that are there go to a branch that nobody reads. One
    transaction then brings them to master and changes the pipelines: one commit set has all of it,
    and no job meets the new of one and the old of the other. Projects, repos with their files, and
    the branches that triggers will move are made before, as nobody reads them yet; pipelines are
    deleted after.

    `still` is asked before anything is changed whether it is to be; it raises where not. Raises
    what it and the client raise, and PlanOutdated where somebody has committed to a repo that gets
    files: what a transaction or a deletion was to change is then as it was, unless it was only its
    answer that did not come.
    """
    actions = list(actions)
    projects = [one for one in actions if isinstance(one, CreateProject)]
    repos = [one for one in actions if isinstance(one, CreateRepo)]
    files = [one for one in actions if isinstance(one, (CommitNotebooks, Fill))]
    pipelines = [one for one in actions if isinstance(one, (CreatePipeline, UpdatePipeline))]
    new = {one.repo for one in repos}
    aside = [one for one in files if pipelines and one.repo not in new]
    with _aside(client, aside) as commits:
        still()
        for project in projects:
            client.create_project(project.name)
            report(project)
        _at_once(client, map(_creation, repos))
        for repo in repos:
            report(repo)
        for put in (one for one in files if one not in aside):
            _put(client, put, DEFAULT_BRANCH)
            report(put)
        made = {one.spec.output for one in pipelines if isinstance(one, CreatePipeline)}
        for one in pipelines:
            _make_trigger_branches(client, one.spec, made)
        transactions = list(_transactions(client, commits, pipelines))
        _require_heads(client, commits)
        for requests in transactions:
            _at_once(client, requests)
    for done in (*aside, *pipelines):
        report(done)
    for gone in (one for one in actions if isinstance(one, DeletePipeline)):
        client.delete_pipeline(gone.pipeline.name, project_name=gone.pipeline.project)
        report(gone)


def _transactions(
    client: Client,
    commits: Iterable[Aside],
    pipelines: Iterable[CreatePipeline | UpdatePipeline],
) -> Iterator[list[Any]]:
    """What goes together: all of it, as a rule.

    Pachyderm takes one commit of a repo in a transaction, and makes one with a branch that a
    pipeline is the first to read. So one that reads a new branch of a pipeline that is itself made
    here begins another transaction.
    """
    together = list(_moves(commits))
    taken = {one.repo: DEFAULT_BRANCH for one in commits}
    for one in pipelines:
        read = dict(_may_begin(client, one.spec))
        if any(taken.get(repo, branch) != branch for repo, branch in read.items()):
            yield together
            together, taken = [], {}
        taken |= read | {one.spec.output: one.spec.request.output_branch or DEFAULT_BRANCH}
        together.append(_change(one))
    yield together


def _may_begin(client: Client, spec: Spec) -> Iterator[tuple[Repo, str]]:
    """The branches that may begin with a pipeline's reading them: masters, and those not there."""
    for leaf, branch in _branches(spec):
        if branch == DEFAULT_BRANCH or branch_of(client, leaf.repo, branch) is None:
            yield leaf.repo, branch


def _branches(spec: Spec) -> Iterator[tuple[Leaf, str]]:
    """What a spec reads, and the branch of each, by Pachyderm's names for those of triggers."""
    for leaf in leaves(spec, {}):
        named = f"{spec.output.name}-trigger-1" if leaf.triggered else DEFAULT_BRANCH
        yield leaf, leaf.pfs.branch or named


def _make_trigger_branches(client: Client, spec: Spec, new: Collection[Repo]) -> None:
    """Those of repos that are there, not `new`: Pachyderm would make them with a commit of the
    transaction's, though it takes only one of a repo."""
    for leaf, branch in _branches(spec):
        at = leaf.repo
        if leaf.triggered and at not in new and branch_of(client, at, branch) is None:
            trigger = pfs_proto.Trigger()
            trigger.CopyFrom(leaf.pfs.trigger)
            trigger.branch = trigger.branch or DEFAULT_BRANCH
            client.create_branch(at.name, branch, trigger=trigger, project_name=at.project)


def _require_heads(client: Client, commits: Iterable[Aside]) -> None:
    """Raise PlanOutdated where master is no longer what new files were put on top of.

    The transaction makes them master's, whatever else has come to it meanwhile.
    """
    found: list[str] = []
    for one in commits:
        master = branch_of(client, one.repo, DEFAULT_BRANCH)
        found += moved(one.repo, one.base, "" if master is None else master.head.id)
    if found:
        raise PlanOutdated(found)


def _at_once(client: Client, requests: Iterable[Any]) -> None:
    """All requests or none. Queued one by one, pachd would try all before each new one again."""
    waiting = list(requests)
    if waiting:
        client.batch_transaction(waiting)


def _creation(action: CreateRepo) -> Any:
    request = pfs_proto.CreateRepoRequest(repo=_repo(action.repo), description=action.description)
    return transaction_proto.TransactionRequest(create_repo=request)


def _change(action: CreatePipeline | UpdatePipeline) -> Any:
    request = type(action.spec.request)()
    request.CopyFrom(action.spec.request)
    request.update = isinstance(action, UpdatePipeline)
    request.reprocess = isinstance(action, UpdatePipeline) and action.reprocess
    return transaction_proto.TransactionRequest(create_pipeline=request)


def _moves(commits: Iterable[Aside]) -> Iterator[Any]:
    """Make each commit master's: by one on top of it, so that master's triggers see one come."""
    for one in commits:
        at = _repo(one.repo)
        branch = pfs_proto.Branch(repo=at, name=DEFAULT_BRANCH)
        start = pfs_proto.StartCommitRequest(
            branch=branch, parent=pfs_proto.Commit(repo=at, id=one.commit, branch={"repo": at})
        )
        yield transaction_proto.TransactionRequest(start_commit=start)
        finish = pfs_proto.FinishCommitRequest(commit=pfs_proto.Commit(repo=at, branch=branch))
        yield transaction_proto.TransactionRequest(finish_commit=finish)


@contextmanager
def _aside(client: Client, files: Iterable[Files]) -> Iterator[list[Aside]]:
    """Commits of files on top of master's heads, on a branch that nobody reads.

    The branch goes when this ends; its commits become part of master's when it ends well, and go as
    well when it does not.
    """
    branch = ASIDE + uuid.uuid4().hex[:8]
    bases: dict[Repo, str] = {}
    commits: list[Aside] = []
    end: Callable[[Client, Repo, str], None] = _drop
    try:
        for one in files:
            name, project = one.repo.name, one.repo.project
            master = branch_of(client, one.repo, DEFAULT_BRANCH)
            base = bases[one.repo] = "" if master is None else master.head.id
            if base:
                client.create_branch(name, branch, master.head, project_name=project)
            _put(client, one, branch)
            made = client.inspect_branch(name, branch, project).head.id
            commits.append(Aside(one.repo, base, made))
        yield commits
        end = _squash
    finally:
        for repo, base in bases.items():
            with suppress(grpc.RpcError, ConnectionError):  # nobody reads it: it may stay
                info = branch_of(client, repo, branch)
                if info is None:
                    continue
                client.delete_branch(repo.name, branch, project_name=repo.project)
                if info.head.id not in ("", base):
                    end(client, repo, info.head.id)


def _drop(client: Client, repo: Repo, commit: str) -> None:  # noqa: ARG001
    client.drop_commit(commit)


def _squash(client: Client, repo: Repo, commit: str) -> None:
    """Let master's commit, which holds all of this one, stand alone; it must be whole first."""
    master = Address(repo.name, DEFAULT_BRANCH, project=repo.project).at
    list(client.inspect_commit(master, commit_state=pfs_proto.CommitState.FINISHED))
    client.squash_commit(commit)


def _put(client: Client, files: Files, branch: str) -> None:
    """One commit on a branch of a repo."""
    at = Address(files.repo.name, branch, project=files.repo.project).at
    if isinstance(files, CommitNotebooks):
        with client.modify_file_client(at) as commit:
            for notebook in files.notebooks:
                commit.put_file_from_bytes(notebook.path, notebook.data)
        return
    with tempfile.TemporaryDirectory() as folder:
        put = upload.put(client, files.repo.name, files.items(Path(folder)), into=at)
    if put.refused:
        raise CliError("; ".join(f"{path}: {reason}" for path, reason in put.refused.items()))


def _repo(repo: Repo) -> Any:
    return pfs_proto.Repo(name=repo.name, type="user", project=pfs_proto.Project(name=repo.project))
