"""Pipelines that come to read other branches, through the real client over a socket."""

from __future__ import annotations

from typing import Any

from pachd_driver import SUCCESS, Driver, Refusal, pfs, transform
from python_pachyderm.service import pfs_proto, pps_proto, transaction_proto

COPY = "cp /pfs/in/* /pfs/out/"


def both(*inputs: Any) -> Any:
    return pps_proto.Input(cross=inputs)


def update(name: str, inputs: Any) -> Any:
    request = pps_proto.CreatePipelineRequest(
        pipeline=pps_proto.Pipeline(name=name), transform=transform(COPY), input=inputs, update=True
    )
    return transaction_proto.TransactionRequest(create_pipeline=request)


def test_an_update_leads_to_another_branch_of_a_repo_and_back(on: Driver) -> None:
    repo = on.repo({"/m": b"m"})
    on.put(repo, {"/o": b"o"}, "other")
    pipe = on.pipeline(COPY, pfs(repo, name="in"))
    below = on.pipeline(COPY, pfs(pipe, name="in"))
    assert on.done(pipe).state == SUCCESS
    on.client.create_pipeline(
        pipe, transform(COPY), input=pfs(repo, name="in", branch="other"), update=True
    )
    assert on.done(below).state == SUCCESS
    assert on.files(pipe) == on.files(below) == {"/o": b"o"}
    came = on.put(repo, {"/p": b"p"}, "other")
    assert on.done(below, came).state == SUCCESS
    assert on.files(below) == {"/o": b"o", "/p": b"p"}
    jobs = len(list(on.client.list_job(pipe)))
    on.put(repo, {"/n": b"n"})  # nobody reads master now
    assert len(list(on.client.list_job(pipe))) == jobs

    on.client.create_pipeline(pipe, transform(COPY), input=pfs(repo, name="in"), update=True)
    assert on.done(below).state == SUCCESS
    assert on.files(below) == {"/m": b"m", "/n": b"n"}
    came = on.put(repo, {"/q": b"q"})
    assert on.done(below, came).state == SUCCESS
    assert on.files(below) == {"/m": b"m", "/n": b"n", "/q": b"q"}


def test_an_input_gets_a_trigger_and_loses_it(on: Driver) -> None:
    repo = on.repo({"/a": b"a"})
    pipe = on.pipeline(COPY, pfs(repo, name="in"))
    slower = pfs(repo, name="in", trigger=pfs_proto.Trigger(commits=2))
    on.client.create_pipeline(pipe, transform(COPY), input=slower, update=True)
    assert on.done(pipe).state == SUCCESS
    jobs = len(list(on.client.list_job(pipe)))
    on.put(repo, {"/b": b"b"})  # the second commit of all
    assert len(list(on.client.list_job(pipe))) == jobs + 1
    on.put(repo, {"/c": b"c"})
    assert len(list(on.client.list_job(pipe))) == jobs + 1
    assert on.done(pipe).state == SUCCESS
    assert on.files(pipe) == {"/a": b"a", "/b": b"b"}
    on.client.create_pipeline(pipe, transform(COPY), input=pfs(repo, name="in"), update=True)
    came = on.put(repo, {"/d": b"d"})
    assert on.done(pipe, came).state == SUCCESS
    assert on.files(pipe) == {"/a": b"a", "/b": b"b", "/c": b"c", "/d": b"d"}


def test_pipelines_that_hang_together_move_only_together(on: Driver) -> None:
    repo = on.repo({"/m": b"m"})
    on.put(repo, {"/o": b"o"}, "other")
    first = on.pipeline(COPY, pfs(repo, name="in"))
    second = on.pipeline(COPY, both(pfs(first, name="in"), pfs(repo, "/", name="also")))
    assert on.done(second).state == SUCCESS
    before = [next(on.client.inspect_pipeline(name, details=True)) for name in (first, second)]
    moved = update(first, pfs(repo, name="in", branch="other"))
    with Refusal() as refusal:
        on.client.batch_transaction([moved])
    assert refusal.text == (
        f'multiple branches from the same repo, "default/{repo}", cannot participate in a DAG'
    )
    with Refusal() as again:
        on.client.create_pipeline(
            first, transform(COPY), input=pfs(repo, name="in", branch="other"), update=True
        )
    assert again.text == refusal.text
    assert before == [
        next(on.client.inspect_pipeline(name, details=True)) for name in (first, second)
    ]
    came = on.put(repo, {"/n": b"n"})
    assert on.done(second, came).state == SUCCESS
    assert on.files(first) == {"/m": b"m", "/n": b"n"}

    after = both(pfs(first, name="in"), pfs(repo, "/", name="also", branch="other"))
    on.client.batch_transaction([moved, update(second, after)])
    assert on.done(second).state == SUCCESS
    assert on.files(first) == on.files(second) == {"/o": b"o"}
