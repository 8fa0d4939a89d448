"""Cron inputs: ticks by time, made up when missed, and by hand."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from pachd_driver import SUCCESS, Driver, Refusal, pfs, transform
from python_pachyderm.service import pps_proto

from tycokit.pachd.pfs import commits, repos, rows
from tycokit.pachd.pfs import schema as pfs_schema
from tycokit.pachd.pfs.cron import tick_path, tick_time
from tycokit.pachd.pfs.files import Snapshot
from tycokit.pachd.pfs.transaction import Pfs
from tycokit.pachd.pfs.values import Branch, CommitAddress, Repo
from tycokit.pachd.pps import pipelines
from tycokit.pachd.pps import schema as pps_schema
from tycokit.pachd.pps.clock import Clock
from tycokit.pachd.pps.spec import CronInput, PipelineSpec, Transform
from tycokit.pachd.pps.values import Pipeline
from tycokit.pachd.store import maps, packs
from tycokit.pachd.store.database import Database

SECOND = 10**9
NEW_YEAR = tick_time("/2024-01-01T00:00:00Z") or 0


def cron(spec: str, name: str = "tick", **more: Any) -> Any:
    return pps_proto.Input(cron=pps_proto.CronInput(name=name, spec=spec, **more))


def ticks_of(on: Driver, pipeline: str, name: str = "tick") -> list[str]:
    return [info.file.path for info in on.client.list_file((f"{pipeline}_{name}", "master"), "/")]


def test_the_repo_comes_and_goes_with_the_pipeline(on: Driver) -> None:
    pipe = on.pipeline("true", cron("@never"))
    assert on.client.inspect_repo(f"{pipe}_tick").description.endswith(f"default/{pipe}.")
    details = next(on.client.inspect_pipeline(pipe, details=True)).details
    assert details.input.cron.repo == f"{pipe}_tick"
    assert details.input.cron.start.seconds > 0
    assert on.done(pipe).data_total == 0
    on.client.delete_pipeline(pipe)
    with Refusal():
        on.client.inspect_repo(f"{pipe}_tick")


def test_run_cron_ticks_now(on: Driver) -> None:
    pipe = on.pipeline("ls /pfs/tick > /pfs/out/seen", cron("@never"))
    before = datetime.now(timezone.utc) - timedelta(seconds=1)
    on.client.run_cron(pipe)
    job = on.done(pipe)
    assert (job.state, job.data_total) == (SUCCESS, 1)
    (path,) = ticks_of(on, pipe)
    made = datetime.strptime(path, "/%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
    assert before <= made <= datetime.now(timezone.utc)
    assert on.read(pipe, "/seen").decode().strip() == path[1:]
    assert job.details.input.cron.commit == job.job.id


def test_two_cron_inputs_tick_in_one_commit_set(on: Driver) -> None:
    both = pps_proto.Input(cross=[cron("@never", "one"), cron("@never", "two")])
    pipe = on.pipeline("true", both)
    on.done(pipe)
    on.client.run_cron(pipe)
    assert on.done(pipe).data_total == 1
    assert len(list(on.client.list_job(pipe))) == 2


def test_run_cron_needs_a_cron_input(on: Driver) -> None:
    pipe = on.pipeline("true", pfs(on.repo()))
    with Refusal() as refusal:
        on.client.run_cron(pipe)
    assert refusal.text == "pipeline doesn't have a cron input"
    with Refusal() as refusal:
        on.client.run_cron("absent")
    assert refusal.text == 'pipeline "default/absent" not found'


def test_a_list_of_datums_has_no_cron_input_before_its_pipeline(on: Driver) -> None:
    with Refusal() as refusal:
        list(on.client.list_datum(input=cron("@never")))
    assert refusal.text.startswith("can't list datums with a cron input")


def test_missed_ticks_are_made_up_and_then_time_ticks(on: Driver) -> None:
    start = Timestamp(seconds=int(time.time()) - 3)
    pipe = on.pipeline("true", cron("@every 1s", start=start))
    end = time.monotonic() + 20
    while len(ticks_of(on, pipe)) < 6 and time.monotonic() < end:
        time.sleep(0.1)
    on.client.stop_pipeline(pipe)
    found = [tick_time(path) or 0 for path in ticks_of(on, pipe)]
    assert len(found) >= 6
    assert found == [start.seconds * SECOND + n * SECOND for n in range(1, len(found) + 1)]
    time.sleep(1.5)
    assert len(ticks_of(on, pipe)) == len(found), "a stopped pipeline ticks"
    for job in on.client.list_job(pipe):
        assert on.done(pipe, job.job.id).data_total <= len(found)


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Pfs]:
    """pfs and pps without a clock of their own."""
    migrations = (
        *packs.MIGRATIONS,
        *maps.MIGRATIONS,
        *pfs_schema.MIGRATIONS,
        *pps_schema.MIGRATIONS,
    )
    database = Database(tmp_path / "x.sqlite", migrations)
    store = packs.Packs(tmp_path / "packs", database)
    made = Pfs(database, store, maps.Maps())
    with made.transaction() as transaction:
        repos.ensure_default_project(transaction)
    yield made
    store.close()
    database.close()


def with_cron(own: Pfs, **given: Any) -> None:
    spec = PipelineSpec(
        name="p",
        project="default",
        transform=Transform(cmd=("true",)),
        input=CronInput(name="c", start=NEW_YEAR, **given),
    )
    with own.transaction() as transaction:
        pipelines.create_pipeline(transaction, spec, new_salt="s")


REPO = Repo("default", "p_c")


def files(own: Pfs) -> list[str]:
    snapshot = Snapshot(own, CommitAddress(REPO, "master"))
    return [info.path for info in snapshot.list_dir("/")]


def test_a_step_makes_up_one_tick_and_says_when_the_next_is_due(own: Pfs) -> None:
    with_cron(own, spec="@hourly")
    clock = Clock(own)
    hour = 3600 * SECOND
    assert clock.step(NEW_YEAR + hour - 1) == NEW_YEAR + hour
    assert files(own) == []
    late = NEW_YEAR + 3 * hour + 1
    for number in (1, 2, 3):
        assert clock.step(late) == late
        assert files(own)[-1] == tick_path(NEW_YEAR + number * hour)
    assert clock.step(late) == NEW_YEAR + 4 * hour
    assert len(files(own)) == 3


def test_overwrite_leaves_the_newest_tick_alone(own: Pfs) -> None:
    with_cron(own, spec="@hourly", overwrite=True)
    for _ in range(3):
        Clock(own).step(NEW_YEAR + 10 * 3600 * SECOND)
    assert files(own) == ["/2024-01-01T03:00:00Z"]


def test_a_stopped_pipeline_does_not_tick(own: Pfs) -> None:
    with_cron(own, spec="@hourly")
    with own.transaction() as transaction:
        pipelines.stop_pipeline(transaction, Pipeline("default", "p"))
    assert Clock(own).step(NEW_YEAR * 2) is None
    assert files(own) == []


def test_never_has_no_next_time(own: Pfs) -> None:
    with_cron(own, spec="@never")
    assert Clock(own).step(NEW_YEAR * 2) is None


def test_an_open_commit_in_the_repo_puts_a_tick_off(own: Pfs) -> None:
    with_cron(own, spec="@hourly")
    now = NEW_YEAR + 2 * 3600 * SECOND
    with own.transaction() as transaction:
        commits.start_commit(transaction, Branch(REPO, "master"))
    assert Clock(own).step(now) == now + SECOND
    with own.database.read() as connection:
        count = connection.execute(f"{rows.COMMITS} WHERE r.name = 'p_c'").fetchall()
    assert len(count) == 2  # the branch's first, and the open one
    with own.transaction() as transaction:
        commits.finish_commit(transaction, CommitAddress(REPO, "master"))
    Clock(own).step(now)
    assert files(own) == ["/2024-01-01T01:00:00Z"]


def test_a_pipeline_with_a_cron_input_is_made_in_a_transaction(on: Driver) -> None:
    name = on.name("pipe")
    on._pipelines.append(name)
    with on.client.transaction():
        on.client.create_pipeline(name, transform("true"), input=cron("@never"))
        assert name not in [info.pipeline.name for info in on.client.list_pipeline()]
    on.done(name)
    on.client.run_cron(name)
    on.client.run_cron(name)
    assert on.done(name).state == SUCCESS
    assert len(list(on.client.list_job(name))) == 3
