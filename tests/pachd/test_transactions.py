"""Several changes as one, through the real client."""

from __future__ import annotations

import threading

import grpc
import pytest
from pachd_driver import Driver, Refusal, branch, pfs, provenance, transform
from python_pachyderm import Client
from python_pachyderm.service import pfs_proto, pps_proto, transaction_proto

from tycokit.pachd.server import Pachd, token


@pytest.fixture
def clean(client: Client) -> Client:
    client.delete_all_transactions()
    return client


def create_repo(name: str) -> transaction_proto.TransactionRequest:
    repo = pfs_proto.Repo(name=name, type="user")
    return transaction_proto.TransactionRequest(create_repo=pfs_proto.CreateRepoRequest(repo=repo))


def create_branch(repo: str, *above: str) -> transaction_proto.TransactionRequest:
    request = pfs_proto.CreateBranchRequest(branch=branch(repo), provenance=provenance(*above))
    return transaction_proto.TransactionRequest(create_branch=request)


def names(client: Client) -> set[str]:
    return {info.repo.name for info in client.list_repo()}


def test_nothing_shows_until_it_is_finished(on: Driver, clean: Client) -> None:
    a, b = on.name(), on.name()
    with clean.transaction() as transaction:
        clean.create_repo(a)
        clean.create_repo(b)
        assert not names(clean) & {a, b}
        (listed,) = clean.list_transaction()
        assert listed.transaction.id == transaction.id
        assert len(clean.inspect_transaction(transaction).requests) == 2
    assert names(clean) >= {a, b}
    assert len(clean.list_transaction()) == 0


def test_requests_that_come_at_once_all_wait_in_the_transaction(
    on: Driver, clean: Client, pachd: Pachd
) -> None:
    wanted = {on.name() for _ in range(24)}
    transaction = clean.start_transaction()

    def create(some: list[str]) -> None:
        own = Client("127.0.0.1", pachd.port, auth_token=token(pachd.data))
        own.transaction_id = transaction.id
        for name in some:
            own.create_repo(name)

    threads = [
        threading.Thread(target=create, args=(sorted(wanted)[start::6],)) for start in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    queued = clean.inspect_transaction(transaction).requests
    assert {each.create_repo.repo.name for each in queued} == wanted
    clean.finish_transaction(transaction)
    assert names(clean) >= wanted
    for name in wanted:
        clean.delete_repo(name)


def test_an_exception_leaves_nothing(on: Driver, clean: Client) -> None:
    name = on.name()

    def broken_off() -> None:
        with clean.transaction():
            clean.create_repo(name)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        broken_off()
    assert name not in names(clean)
    assert len(clean.list_transaction()) == 0


def test_transactions_nest_and_are_independent(on: Driver, clean: Client) -> None:
    outer, inner = on.name(), on.name()
    with clean.transaction():
        clean.create_repo(outer)
        with clean.transaction():
            clean.create_repo(inner)
        assert inner in names(clean)
        assert outer not in names(clean)
    assert outer in names(clean)


def test_one_id_for_all_that_it_makes(on: Driver, clean: Client) -> None:
    a, b = on.repo(), on.repo()
    with clean.transaction() as transaction:
        first = clean.start_commit(a, "master")
        second = clean.start_commit(b, "master")
    assert first.id == second.id == transaction.id
    assert {info.commit.branch.repo.name for info in clean.inspect_commit(transaction.id)} == {a, b}


def test_a_pipeline_and_a_commit_in_one(on: Driver, clean: Client) -> None:
    repo, pipeline = on.repo({"/g": b"y"}), on.name("pipe")
    with clean.transaction():
        clean.create_pipeline(pipeline, transform(f"cp /pfs/{repo}/* /pfs/out/"), input=pfs(repo))
        commit = clean.start_commit(repo, "master")
    clean.put_file_bytes(commit, "/f", b"x")
    clean.finish_commit(commit)
    assert on.done(pipeline, commit.id).state == pps_proto.JobState.JOB_SUCCESS
    assert on.read(pipeline, "/f") == b"x"
    clean.delete_pipeline(pipeline)


def test_what_is_wrong_shows_when_it_is_asked(on: Driver, clean: Client) -> None:
    known = on.repo()
    fresh = on.name()
    transaction = clean.start_transaction()
    clean.transaction_id = transaction.id
    try:
        clean.create_repo(fresh)
        with Refusal() as refusal:
            clean.create_repo(known)
    finally:
        clean.transaction_id = None
    assert refusal.code == grpc.StatusCode.ALREADY_EXISTS
    assert refusal.text == (f"error running request 2 of 2: repo default/{known} already exists")
    assert len(clean.inspect_transaction(transaction).requests) == 1
    clean.finish_transaction(transaction)
    assert fresh in names(clean)


def test_a_change_between_asking_and_finishing(on: Driver, clean: Client) -> None:
    name, other = on.name(), on.name()
    transaction = clean.start_transaction()
    clean.transaction_id = transaction.id
    clean.create_repo(other)
    clean.create_repo(name)
    clean.transaction_id = None
    clean.create_repo(name)
    with Refusal() as refusal:
        clean.finish_transaction(transaction)
    assert refusal.text.startswith("error running request 2 of 2:")
    assert other not in names(clean)
    assert [info.transaction.id for info in clean.list_transaction()] == [transaction.id]
    clean.delete_transaction(transaction)
    with Refusal() as refusal:
        clean.delete_transaction(transaction)
    assert refusal.code == grpc.StatusCode.NOT_FOUND
    assert refusal.text == f"transactions {transaction.id} not found"


def test_a_batch_runs_at_once_and_whole(on: Driver, clean: Client) -> None:
    fresh = [on.name() for _ in range(3)]
    info = clean.batch_transaction([create_repo(name) for name in fresh])
    assert len(info.requests) == 3
    assert names(clean) >= set(fresh)
    assert len(clean.list_transaction()) == 0
    more = on.name()
    with Refusal():
        clean.batch_transaction([create_repo(more), create_repo(fresh[0])])
    assert more not in names(clean)


def test_provenance_turns_round_in_one_transaction(on: Driver, clean: Client) -> None:
    one, other = on.repo(), on.repo()
    clean.create_branch(other, "master", provenance=provenance(one))
    clean.finish_commit((other, "master"))
    turns = [create_branch(one, other), create_branch(other)]
    with Refusal() as refusal:
        clean.batch_transaction(turns[:1])
    assert refusal.text == f"branch default/{one}@master cannot be in its own provenance"
    assert list(clean.inspect_branch(one, "master").direct_provenance) == []
    clean.batch_transaction(turns)
    clean.finish_commit((one, "master"))
    came = on.put(other, {"/f": b"f"})
    assert clean.inspect_branch(one, "master").head.id == came


def test_delete_all_transactions(clean: Client) -> None:
    clean.start_transaction()
    clean.start_transaction()
    assert len(clean.list_transaction()) == 2
    clean.delete_all_transactions()
    assert len(clean.list_transaction()) == 0


def test_a_call_in_a_transaction_that_is_not(clean: Client, on: Driver) -> None:
    clean.transaction_id = "0" * 12 + "4" + "0" * 19
    try:
        with Refusal() as refusal:
            clean.create_branch(on.name(), "master", provenance=[branch("a")])
    finally:
        clean.transaction_id = None
    assert refusal.code == grpc.StatusCode.NOT_FOUND
