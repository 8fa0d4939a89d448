"""Inputs with a trigger: a job only when enough has come."""

from __future__ import annotations

import time

from pachd_driver import SUCCESS, Driver, Refusal, pfs
from python_pachyderm.service import pfs_proto, pps_proto


def test_a_job_comes_when_enough_commits_have(on: Driver) -> None:
    repo = on.repo()
    trigger = pfs_proto.Trigger(commits=2)
    pipe = on.pipeline("cp /pfs/in/* /pfs/out/", pfs(repo, name="in", trigger=trigger))
    given = next(on.client.inspect_pipeline(pipe, details=True)).details.input.pfs
    assert given.branch == f"{pipe}-trigger-1"
    assert (given.trigger.branch, given.trigger.commits) == ("master", 2)
    info = on.client.inspect_branch(repo, given.branch)
    assert info.trigger.commits == 2
    assert on.done(pipe).data_total == 0
    on.put(repo, {"/a": b"a"})
    assert len(list(on.client.list_job(pipe))) == 1
    second = on.put(repo, {"/b": b"b"})
    job = on.done(pipe)
    assert len(list(on.client.list_job(pipe))) == 2
    assert (job.state, job.data_total) == (SUCCESS, 2)
    assert job.job.id != second, "what a trigger sets in motion has a commit set of its own"
    assert job.details.input.pfs.commit == second
    assert on.files(pipe) == {"/a": b"a", "/b": b"b"}


def test_a_trigger_by_size(on: Driver) -> None:
    repo = on.repo()
    trigger = pfs_proto.Trigger(size="1K")
    pipe = on.pipeline("true", pfs(repo, trigger=trigger))
    on.done(pipe)
    on.put(repo, {"/a": b"x" * 900})
    assert len(list(on.client.list_job(pipe))) == 1
    on.put(repo, {"/b": b"x" * 200})
    assert on.done(pipe).data_total == 2


def test_a_trigger_by_time(on: Driver) -> None:
    repo = on.repo()
    trigger = pfs_proto.Trigger(cron_spec="@every 1s")
    pipe = on.pipeline("true", pfs(repo, trigger=trigger))
    on.done(pipe)
    on.put(repo, {"/a": b"a"})
    on.put(repo, {"/b": b"b"})
    end = time.monotonic() + 15
    while on.done(pipe).data_total < 2 and time.monotonic() < end:
        time.sleep(0.1)
    assert on.done(pipe).data_total == 2
    count = len(list(on.client.list_job(pipe)))
    time.sleep(1.5)
    assert len(list(on.client.list_job(pipe))) == count, "nothing new, and yet a job"


def test_an_update_keeps_what_the_branch_had(on: Driver) -> None:
    repo = on.repo()
    trigger = pfs_proto.Trigger(commits=1)
    pipe = on.pipeline("true", pfs(repo, trigger=trigger))
    on.put(repo, {"/a": b"a"})
    assert on.done(pipe).data_total == 1
    code = pps_proto.Transform(cmd=["true"])
    slower = pfs(repo, trigger=pfs_proto.Trigger(commits=5))
    on.client.create_pipeline(pipe, code, input=slower, update=True)
    assert on.done(pipe).data_total == 1
    on.put(repo, {"/b": b"b"})
    assert on.done(pipe).data_total == 1


def test_a_trigger_that_cannot_be_is_refused(on: Driver) -> None:
    repo = on.repo()
    with Refusal() as refusal:
        on.pipeline("true", pfs(repo, trigger=pfs_proto.Trigger(size="a lot")))
    assert refusal.text.startswith("invalid trigger size")
    assert list(on.client.list_branch(repo)) == []
