"""The changes of state that may wait in a transaction, and how a call makes one.

Each takes an open transaction and its request; what it returns is the call's answer.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf.empty_pb2 import Empty
from python_pachyderm.proto.v2.pps import pps_pb2
from python_pachyderm.proto.v2.transaction import transaction_pb2

from tycokit.errors import NotServed, PachdError, RequestFailed
from tycokit.pachd.pfs import branches, commits, history, queue, repos
from tycokit.pachd.pfs.queue import Queued
from tycokit.pachd.pfs.transaction import Pfs, Transaction
from tycokit.pachd.pfs.values import CommitAddress
from tycokit.pachd.pps import jobs, pipelines
from tycokit.pachd.pps.values import JobState
from tycokit.pachd.rpc import specs
from tycokit.pachd.rpc import values as to

Request = Any


def _create_repo(transaction: Transaction, request: Request) -> Any:
    repos.create_repo(transaction, to.repo_from(request.repo), request.description, request.update)
    return Empty()


def _delete_repo(transaction: Transaction, request: Request) -> Any:
    repos.delete_repo(transaction, to.repo_from(request.repo), request.force)
    return Empty()


def _start_commit(transaction: Transaction, request: Request) -> Any:
    branch = to.branch_from(request.branch)
    parent = None
    if to.names_commit(request.parent):
        named = to.address_from(request.parent)
        parent = CommitAddress(branch.repo, named.branch, named.id)
    return to.commit_message(commits.start_commit(transaction, branch, parent, request.description))


def _finish_commit(transaction: Transaction, request: Request) -> Any:
    commits.finish_commit(
        transaction,
        to.address_from(request.commit),
        request.description,
        request.error,
        request.force,
    )
    return Empty()


def _squash_commit_set(transaction: Transaction, request: Request) -> Any:
    history.squash(transaction, request.commit_set.id)
    return Empty()


def _create_branch(transaction: Transaction, request: Request) -> Any:
    head = None
    if request.HasField("head") and to.names_commit(request.head):
        head = to.address_from(request.head)
        if not head.repo.name:
            head = CommitAddress(to.repo_from(request.branch.repo), head.branch, head.id)
    trigger = to.trigger_from(request.trigger) if request.HasField("trigger") else None
    branches.create_branch(
        transaction,
        to.branch_from(request.branch),
        head,
        [to.branch_from(branch) for branch in request.provenance],
        trigger,
    )
    return Empty()


def _delete_branch(transaction: Transaction, request: Request) -> Any:
    branches.delete_branch(transaction, to.branch_from(request.branch), request.force)
    return Empty()


def _update_job_state(_transaction: Transaction, _request: Request) -> Any:
    raise NotServed("UpdateJobState is for Pachyderm's own workers; the local pachd has none")


def _create_pipeline(transaction: Transaction, request: Request) -> Any:
    pipelines.create_pipeline(
        transaction,
        specs.spec_from(request),
        new_salt=request.salt or uuid.uuid4().hex,
        update=request.update,
        reprocess=request.reprocess,
    )
    return pps_pb2.CreatePipelineResponse()


def _stop_job(transaction: Transaction, request: Request) -> Any:
    job = to.job_from(request.job)
    jobs.need_pipeline_of(job)
    jobs.end_early(transaction, job, JobState.KILLED, request.reason or "job stopped")
    return Empty()


CHANGES: Mapping[str, Callable[[Transaction, Request], Any]] = {
    "create_repo": _create_repo,
    "delete_repo": _delete_repo,
    "start_commit": _start_commit,
    "finish_commit": _finish_commit,
    "squash_commit_set": _squash_commit_set,
    "create_branch": _create_branch,
    "delete_branch": _delete_branch,
    "update_job_state": _update_job_state,
    "create_pipeline": _create_pipeline,
    "stop_job": _stop_job,
}
"""By the name that TransactionRequest has for the request."""


def change(pfs: Pfs, kind: str, request: Request, context: Any) -> Any:
    """Make a change at once, or let it wait in the transaction that the call names.

    A change that waits is tried first, after all that wait before it, so that what is wrong shows
    now; its answer is the one that it will have.
    """
    open_id = dict(context.invocation_metadata()).get("pach-transaction", "")
    if not open_id:
        with pfs.transaction() as transaction:
            return CHANGES[kind](transaction, request)
    while True:
        with pfs.database.read() as connection:
            before = queue.inspect(connection, open_id).queued
        waiting = (*before, Queued(kind, request.SerializeToString(), b""))
        requests = [request_message(each) for each in waiting]
        with pfs.transaction(open_id, trial=True) as transaction:
            answers = run(transaction, requests)
        kept = tuple(
            Queued(each.kind, each.request, response_message(answer).SerializeToString())
            for each, answer in zip(waiting, answers, strict=True)
        )
        with pfs.database.write() as connection:
            # tried again behind those that others have put there meanwhile
            if queue.inspect(connection, open_id).queued == before:
                queue.replace(connection, open_id, kept)
                return answers[-1]


def run(transaction: Transaction, requests: list[Request]) -> list[Any]:
    """Make all changes of some TransactionRequests, in order. Raises RequestFailed."""
    answers = []
    for number, request in enumerate(requests, 1):
        kind = next(name for name in CHANGES if request.HasField(name))
        try:
            answers.append(CHANGES[kind](transaction, getattr(request, kind)))
        except PachdError as error:
            raise RequestFailed(number, len(requests), error) from error
    return answers


def request_message(queued: Queued) -> Any:
    message = transaction_pb2.TransactionRequest()
    part = getattr(message, queued.kind)
    part.SetInParent()
    part.MergeFromString(queued.request)
    return message


def response_message(answer: Any) -> Any:
    """A TransactionResponse: only a commit has something to say."""
    if answer.DESCRIPTOR.name == "Commit":
        return transaction_pb2.TransactionResponse(commit=answer)
    return transaction_pb2.TransactionResponse()
