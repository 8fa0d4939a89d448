"""Logs read from a pachd and followed: all lines, each once, through lost connections."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from pipeline_driver import SUCCESS, Site, wait_for
from python_pachyderm import Client
from python_pachyderm.service import pps_proto

from tycokit.logsearch import reading, streams
from tycokit.logsearch.filters import Filter
from tycokit.logsearch.index import LogIndex
from tycokit.logsearch.reading import Reader
from tycokit.logsearch.streams import Source
from tycokit.pachd.server import Pachd, token


def printing(site: Site, name: str, *script: str) -> str:
    """A pipeline of shell lines on a repo of its own; the id of its first job, which has ended."""
    site.client.create_repo(f"{name}_in")
    site.put(f"{name}_in", {"/a": b"1"})
    site.client.create_pipeline(
        name,
        pps_proto.Transform(cmd=["sh"], stdin=list(script)),
        input=pps_proto.Input(pfs=pps_proto.PFSInput(repo=f"{name}_in", glob="/*", name="in")),
    )
    job = str(next(site.client.list_job(name)).job.id)
    assert site.job(name, job).state == SUCCESS
    return job


@pytest.fixture
def index() -> Iterator[LogIndex]:
    made = LogIndex()
    yield made
    made.close()


def caught_up(reader: Reader) -> bool:
    reader.refresh()
    return not reader.reading


def said(index: LogIndex) -> list[str]:
    return [line.text for line in index.everything() if line.user]


def test_all_lines_come_each_once_though_the_last_come_first(
    site: Site, index: LogIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "PREVIEW", 50)
    job = printing(site, "many", "seq 1 3000", "seq 1 5")
    reader = Reader(site.client, Source("many"), index)
    wait_for(lambda: caught_up(reader))
    reader.stop()
    assert said(index) == [str(n) for n in [*range(1, 3001), *range(1, 6)]]
    whole = streams.read(site.client, Source("many", job))
    assert [line.key for line in whole] == [line.key for line in index.everything()]
    assert whole == sorted(whole, key=lambda line: line.time)
    assert {line.job for line in whole} == {job}


def test_reading_stands_back_for_a_person_and_goes_on(
    site: Site, index: LogIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    printing(site, "back", "seq 1 2000")
    everything = len(streams.read(site.client, Source("back")))
    monkeypatch.setattr(reading, "REST", 600)
    reader = Reader(site.client, Source("back"), index)
    reader.rest()
    reader.refresh()
    wait_for(lambda: index.summary().lines)
    assert len(streams.read(site.client, Source("back"))) == everything  # who does not, reads all
    assert index.summary().lines < everything
    assert reader.reading
    reader.stop()  # that it rests keeps no thread
    assert not [one for one in threading.enumerate() if one.name == "tycokit-logs"]
    monkeypatch.setattr(reading, "REST", 0.1)
    reader = Reader(site.client, Source("back"), index)
    reader.rest()
    wait_for(lambda: caught_up(reader))
    reader.stop()
    assert set(map(str, range(1, 2001))) <= set(said(index))


def test_a_line_whose_level_depends_on_those_before_gets_it(
    site: Site, index: LogIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "PREVIEW", 6)
    printing(site, "trace", "echo 'Traceback (most recent call last):'", "seq -f '  %g' 1 20")
    reader = Reader(site.client, Source("trace"), index)
    wait_for(lambda: caught_up(reader))
    reader.stop()
    levels = Counter(line.level for line in index.everything() if line.user)
    assert levels == {"error": 21}


def test_new_lines_and_new_jobs_are_followed(site: Site, index: LogIndex) -> None:
    printing(site, "live", "basename /pfs/in/*")
    reader = Reader(site.client, Source("live"), index)
    wait_for(lambda: caught_up(reader))
    assert said(index) == ["a"]
    index.choose(Filter(datum="/b"))
    site.put("live_in", {"/b": b"2"})
    wait_for(lambda: "b" in said(index))
    wait_for(lambda: [line.text for line in index.lines() if line.user] == ["b"])
    reader.stop()


def test_of_all_pipelines_also_of_those_to_come(site: Site, index: LogIndex) -> None:
    reader = Reader(site.client, Source(), index)
    printing(site, "before", "echo one")
    wait_for(lambda: caught_up(reader))
    assert "one" in said(index)
    printing(site, "later", "echo two")
    reader.refresh()
    wait_for(lambda: "two" in said(index))
    reader.stop()


def test_a_job_of_several_pipelines(site: Site, index: LogIndex) -> None:
    job = printing(site, "first", "echo first; cp /pfs/in/* /pfs/out")
    site.client.create_pipeline(
        "second",
        pps_proto.Transform(cmd=["sh"], stdin=["echo second"]),
        input=pps_proto.Input(pfs=pps_proto.PFSInput(repo="first", glob="/*")),
    )
    site.put("first_in", {"/b": b"1"})
    job = str(next(site.client.list_job("second")).job.id)
    site.jobs(job)
    reader = Reader(site.client, Source(job=job), index)
    wait_for(lambda: caught_up(reader))
    assert sorted(said(index)) == ["first", "second"]
    assert {line.job for line in index.everything()} == {job}
    reader.stop()


def test_a_pipeline_that_is_not_there_is_told_of_until_it_is(site: Site, index: LogIndex) -> None:
    reader = Reader(site.client, Source("to_come"), index)
    reader.refresh()
    wait_for(lambda: "could not get pipeline information" in reader.problem)
    assert not reader.reading
    printing(site, "to_come", "echo here")
    wait_for(lambda: said(index) == ["here"])
    assert reader.problem == ""
    reader.stop()


def answers(client: Client) -> bool:
    try:
        return bool(list(client.list_repo()))
    except (grpc.RpcError, ConnectionError):  # gRPC waits a little before it tries again
        return False


def test_a_pachd_that_comes_back_is_read_on_and_no_line_comes_twice(
    tmp_path: Path, index: LogIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Site(tmp_path)
    printing(site, "again", "seq 1 100")
    port = site.pachd.port
    reader = Reader(site.client, Source("again"), index)
    wait_for(lambda: caught_up(reader))
    tried: list[str] = []
    monkeypatch.setattr(reader, "_refused", lambda _, reason: tried.append(reason))
    site.pachd.stop()
    wait_for(lambda: len(tried) >= 3)  # in vain
    reader.refresh()
    data = site.pachd.data
    pachd = Pachd(data, port, token(data), {"PATH": "/usr/bin:/bin"})
    pachd.start()
    client = Client("127.0.0.1", port, auth_token=token(data))
    wait_for(lambda: answers(client))
    with client.commit("again_in", "master") as commit:
        client.put_file_bytes(commit, "/b", b"2")
    wait_for(lambda: len(said(index)) >= 200)
    assert Counter(said(index)) == {str(n): 2 for n in range(1, 101)}
    reader.stop()
    pachd.stop()


def test_nobody_who_looks_means_nobody_who_reads(
    site: Site, index: LogIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "LEASE", 0.5)
    printing(site, "asleep", "basename /pfs/in/*")
    reader = Reader(site.client, Source("asleep"), index)
    wait_for(lambda: caught_up(reader))
    threads = list(reader._threads.values())
    wait_for(lambda: not any(thread.is_alive() for thread in threads))
    site.put("asleep_in", {"/b": b"2"})
    site.job("asleep", str(next(site.client.list_job("asleep")).job.id))
    assert said(index) == ["a"]
    reader.refresh()
    wait_for(lambda: said(index) == ["a", "b"])
    reader.stop()
