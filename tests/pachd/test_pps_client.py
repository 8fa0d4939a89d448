"""Pipelines, jobs, datums and logs, through the real client over a socket."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from pachd_driver import (
    AUTO,
    FAILURE,
    KILLED,
    SUCCESS,
    UNRUNNABLE,
    USER,
    Driver,
    Refusal,
    branch,
    pfs,
    transform,
)
from python_pachyderm import Client
from python_pachyderm.pfs import Commit
from python_pachyderm.service import pps_proto

UNKNOWN, NOT_FOUND = grpc.StatusCode.UNKNOWN, grpc.StatusCode.NOT_FOUND
EXISTS = grpc.StatusCode.ALREADY_EXISTS
RUNNING, PAUSED = pps_proto.PIPELINE_RUNNING, pps_proto.PIPELINE_PAUSED
NO_ID = "0" * 12 + "4" + "0" * 19
COPY = "cp -r /pfs/*_*/. /pfs/out/"
SLEEP = "exec sleep 300"


def cross(*inputs: Any) -> Any:
    return pps_proto.Input(cross=inputs)


def union(*inputs: Any) -> Any:
    return pps_proto.Input(union=inputs)


def join(*inputs: Any) -> Any:
    return pps_proto.Input(join=inputs)


def listed(on: Driver) -> list[str]:
    return [info.pipeline.name for info in on.client.list_pipeline()]


# pipelines


def test_a_pipeline_shows_at_once_and_has_a_job_at_once(on: Driver) -> None:
    repo = on.repo()
    name = on.pipeline(COPY, pfs(repo), description="copies")
    assert listed(on)[0] == name
    info = next(on.client.inspect_pipeline(name))
    assert (info.version, info.state, info.stopped, info.parallelism) == (1, RUNNING, False, 1)
    assert info.spec_commit.branch.repo.type == "spec"
    job = next(on.client.list_job(name))
    done = on.done(name, job.job.id)
    assert (done.state, done.data_total) == (SUCCESS, 0)  # nothing to do: and nothing was run
    assert on.said(name) == []
    assert list(on.client.list_file(job.output_commit, "/")) == []
    assert {each.repo.type for each in on.client.list_repo()} == {"user"}
    description = on.client.inspect_repo(name).description
    assert name in description


def test_details_hold_the_spec_with_its_defaults(on: Driver) -> None:
    repo = on.repo({"/f": b"1"})
    name = on.pipeline(COPY, pfs(repo), description="copies")
    on.done(name)
    info = next(iter(on.client.list_pipeline(details=True)))
    details = info.details
    assert info.last_job_state == SUCCESS
    assert details.description == "copies"
    assert details.transform.cmd == ["sh"]
    assert details.transform.image == "ubuntu:20.04"
    assert (details.input.pfs.branch, details.input.pfs.name) == ("master", repo)
    assert (details.input.pfs.repo_type, details.input.pfs.project) == ("user", "default")
    assert (details.output_branch, details.datum_tries) == ("master", 3)
    assert details.reprocess_spec == "until_success"
    assert len(details.salt) == 32
    assert details.created_at.seconds > 0


def test_an_update_makes_a_version_and_a_job_but_runs_no_datum_again(on: Driver) -> None:
    repo = on.repo({"/f": b"1", "/g": b"1"})
    name = on.pipeline("cp /pfs/*/* /pfs/out/", pfs(repo))
    on.done(name)
    on.client.create_pipeline(name, transform("false"), input=pfs(repo), update=True)
    info = on.done(name)
    assert (info.state, info.pipeline_version) == (SUCCESS, 2)
    assert on.counts(info) == (0, 2, 0, 0)
    # a new salt, and every datum is another
    on.client.create_pipeline(
        name,
        transform("echo new > /pfs/out/$PACH_DATUM_ID"),
        input=pfs(repo),
        update=True,
        reprocess=True,
    )
    info = on.done(name)
    assert (info.pipeline_version, on.counts(info)) == (3, (2, 0, 0, 0))
    assert set(on.files(name).values()) == {b"new\n"}
    assert [each.version for each in on.client.inspect_pipeline(name, history=-1)] == [3, 2, 1]
    assert [each.version for each in on.client.inspect_pipeline(name, history=1)] == [3, 2]
    # jobs are those of the current version, unless more are asked for
    assert len(list(on.client.list_job(name))) == 1
    assert len(list(on.client.list_job(name, history=-1))) == 3


def test_an_update_of_nothing_creates_and_a_changed_input_is_followed(on: Driver) -> None:
    one, other = on.repo({"/f": b"1"}), on.repo({"/g": b"2"})
    name = on.pipeline(COPY, pfs(one), update=True)
    on.done(name)
    assert on.files(name) == {"/f": b"1"}
    on.client.create_pipeline(name, transform(COPY), input=pfs(other), update=True)
    on.done(name)
    assert on.files(name) == {"/g": b"2"}
    on.put(one, {"/x": b""})
    assert len(list(on.client.list_job(name))) == 1


def test_an_update_ends_the_job_that_runs(on: Driver) -> None:
    repo = on.repo({"/f": b"1"})
    name = on.pipeline(SLEEP, pfs(repo))
    job = on.latest(name)
    on.client.create_pipeline(name, transform("true"), input=pfs(repo), update=True)
    killed = on.done(name, job)
    assert killed.state == KILLED
    assert killed.reason == (
        "all jobs killed because pipeline was updated for user unknown_username"
    )
    assert on.done(name).state == SUCCESS


def test_a_stopped_pipeline_makes_no_jobs_until_it_is_started(on: Driver) -> None:
    repo = on.repo({"/f": b"1"})
    name = on.pipeline(COPY, pfs(repo))
    on.done(name)
    on.client.stop_pipeline(name)
    info = next(each for each in on.client.list_pipeline() if each.pipeline.name == name)
    assert (info.stopped, info.state) == (True, PAUSED)
    id_ = on.put(repo, {"/g": b"2"})
    assert len(list(on.client.list_job(name))) == 1
    assert list(on.client.inspect_job(id_)) == []
    assert on.files(name) == {"/f": b"1"}
    on.client.start_pipeline(name)
    info = next(each for each in on.client.list_pipeline() if each.pipeline.name == name)
    assert (info.stopped, info.state) == (False, RUNNING)
    assert on.counts(on.done(name)) == (1, 1, 0, 0)
    assert on.files(name) == {"/f": b"1", "/g": b"2"}


def test_stopping_a_pipeline_kills_its_job(on: Driver) -> None:
    name = on.pipeline(SLEEP, pfs(on.repo({"/f": b"1"})))
    job = on.latest(name)
    on.client.stop_pipeline(name)
    assert on.done(name, job).state == KILLED


def test_deleting_a_pipeline_takes_its_repos_and_jobs_along(on: Driver) -> None:
    repo = on.repo({"/f": b"1"})
    name = on.pipeline(COPY, pfs(repo))
    job = on.done(name).job.id
    before = len(listed(on))
    on.client.delete_pipeline(name)
    on.client.delete_pipeline(name)  # missing: no error
    assert len(listed(on)) == before - 1
    assert name not in [info.repo.name for info in on.client.list_repo(type="")]
    with Refusal() as refusal:
        on.done(name, job)
    assert refusal.code == NOT_FOUND
    with Refusal():
        on.logs(name, job)
    assert on.files(repo) == {"/f": b"1"}
    # the name is free again, and nothing of the old one is remembered
    on.client.create_pipeline(name, transform(COPY), input=pfs(repo))
    assert on.counts(on.done(name)) == (1, 0, 0, 0)


def test_keep_repo_leaves_a_plain_repo(on: Driver) -> None:
    repo = on.repo({"/f": b"1"})
    name = on.pipeline(COPY, pfs(repo))
    on.done(name)
    on.client.delete_pipeline(name, keep_repo=True)
    on.put(name, {"/mine": b"2"})
    assert on.files(name) == {"/f": b"1", "/mine": b"2"}
    on.client.delete_repo(name)


def test_a_pipeline_that_feeds_another_is_deleted_only_by_force(on: Driver) -> None:
    first = on.pipeline(COPY, pfs(on.repo({"/f": b"1"})))
    second = on.pipeline(COPY, pfs(first))
    on.done(second)
    with Refusal() as refusal:
        on.client.delete_pipeline(first)
    assert refusal.code == UNKNOWN
    assert "as subvenance, deleting it would break those branches" in refusal.text
    assert first in listed(on)
    on.client.delete_pipeline(first, force=True)
    assert (first in listed(on), second in listed(on)) == (False, True)


# inputs


def test_a_folder_is_one_datum_with_all_that_is_below(on: Driver) -> None:
    repo = on.repo({"/d/a": b"1", "/d/e/b": b"2", "/f": b"3"})
    name = on.pipeline(
        "(cd /pfs/cam && find . -type f | sort | tr '\\n' ' '); echo $cam", pfs(repo, name="cam")
    )
    info = on.done(name)
    assert info.data_total == 2
    assert sorted(on.said(name)) == ["./d/a ./d/e/b /pfs/cam/d", "./f /pfs/cam/f"]
    whole = on.pipeline("find /pfs/cam -type f | sort; echo $cam", pfs(repo, "/", name="cam"))
    assert on.done(whole).data_total == 1
    assert on.said(whole) == ["/pfs/cam/d/a", "/pfs/cam/d/e/b", "/pfs/cam/f", "/pfs/cam"]


def test_cross_pairs_and_union_adds(on: Driver) -> None:
    one, other = on.repo({"/a": b"", "/b": b""}), on.repo({"/1": b"", "/2": b"", "/3": b""})
    both = pfs(one, name="left"), pfs(other, name="right")
    crossed = on.pipeline("echo ${left##*/}${right##*/}", cross(*both))
    assert on.done(crossed).data_total == 6
    assert sorted(on.said(crossed)) == ["a1", "a2", "a3", "b1", "b2", "b3"]
    united = on.pipeline("echo ${left##*/}${right##*/}", union(*both))
    assert on.done(united).data_total == 5
    assert sorted(on.said(united)) == ["1", "2", "3", "a", "b"]


def test_cross_with_an_empty_repo_has_no_datum(on: Driver) -> None:
    name = on.pipeline("false", cross(pfs(on.repo({"/a": b""})), pfs(on.repo())))
    info = on.done(name)
    assert (info.state, info.data_total) == (SUCCESS, 0)


def test_join_pairs_by_key_and_nests_in_a_cross(on: Driver) -> None:
    threats = on.repo({"/dev1/100.json": b"", "/dev1/200.json": b"", "/dev2/100.json": b""})
    pictures = on.repo({"/dev1_100.jpg": b"", "/dev2_100.png": b"", "/dev3_100.png": b""})
    notebooks = on.repo({"/annotate.ipynb": b"", "/plot.ipynb": b""})
    joined = join(
        pfs(threats, "/(*)/(*).json", name="threat", join_on="$1_$2"),
        pfs(pictures, "/(*)_(*).*", name="picture", join_on="$1_$2"),
    )
    name = on.pipeline(
        "echo $PACH_DATUM_threat_JOIN_ON ${threat#/pfs/} ${picture#/pfs/} ${notebook#/pfs/}",
        cross(joined, pfs(notebooks, "/annotate.ipynb", name="notebook")),
    )
    on.done(name)
    assert sorted(on.said(name)) == [
        "dev1_100 threat/dev1/100.json picture/dev1_100.jpg notebook/annotate.ipynb",
        "dev2_100 threat/dev2/100.json picture/dev2_100.png notebook/annotate.ipynb",
    ]


def test_an_outer_join_keeps_what_has_no_partner(on: Driver) -> None:
    left, right = on.repo({"/a": b"", "/b": b""}), on.repo({"/b": b"", "/c": b""})
    name = on.pipeline(
        "echo ${left##*/}-${right##*/}",
        join(
            pfs(left, "/(*)", name="left", join_on="$1", outer_join=True),
            pfs(right, "/(*)", name="right", join_on="$1"),
        ),
    )
    on.done(name)
    assert sorted(on.said(name)) == ["a-", "b-b"]


def test_an_input_of_another_branch_and_project(on: Driver) -> None:
    project = on.name("project")
    on.client.create_project(project)
    repo, pipeline = on.name("repo"), on.name("pipe")
    on.client.create_repo(repo, project_name=project)
    commit = Commit(repo, "night", project=project)
    on.client.put_file_bytes(commit, "/f", b"dark")
    # an input without a project is the pipeline's own project's
    on.client.create_pipeline(
        pipeline, transform(COPY), project_name=project, input=pfs(repo, branch="night")
    )
    job = next(on.client.list_job(pipeline, project_name=project)).job.id
    done = next(on.client.inspect_job(job, pipeline, wait=True, project_name=project))
    assert done.state == SUCCESS
    output = Commit(pipeline, "master", project=project)
    assert on.client.get_file(output, "/f").read() == b"dark"
    other = on.pipeline(COPY, pfs(repo, branch="night", project=project))
    on.done(other)
    assert on.files(other) == {"/f": b"dark"}
    on.client.delete_pipeline(other, force=True)
    on.client.delete_pipeline(pipeline, project_name=project)
    on.client.delete_repo(repo, project_name=project)
    on.client.delete_project(project)


# refused

Call = Callable[[Driver, str, str], Any]


def create(on: Driver, given: Any, **more: Any) -> None:
    on.client.create_pipeline(on.name("never"), transform("true"), input=given, **more)


def missing_datum(on: Driver, repo: str, pipe: str) -> None:
    on.client.inspect_datum(pipe, on.done(pipe).job.id, "f" * 64)


def write_output(on: Driver, repo: str, pipe: str) -> None:
    on.done(pipe)  # until then its commit is open, and takes what is put
    on.client.put_file_bytes((pipe, "master"), "/f", b"")


def finish_output(on: Driver, repo: str, pipe: str) -> None:
    on.done(pipe)
    with contextlib.suppress(grpc.RpcError):
        on.client.start_commit(repo, "master")
    try:
        on.client.finish_commit((pipe, "master"))
    finally:
        on.client.finish_commit((repo, "master"))


REFUSED: dict[str, tuple[Call, grpc.StatusCode, str]] = {
    "exists": (
        lambda on, r, p: on.client.create_pipeline(p, transform("true"), input=pfs(r)),
        EXISTS,
        'pipeline "default/{p}" already exists',
    ),
    "repo of the name": (
        lambda on, r, p: on.client.create_pipeline(r, transform("true"), input=pfs(p)),
        UNKNOWN,
        'pipeline "{r}" cannot be created because a repo with the same name already exists',
    ),
    "missing repo": (
        lambda on, r, p: create(on, pfs("nope")),
        NOT_FOUND,
        "repo default/nope not found",
    ),
    "missing": (
        lambda on, r, p: list(on.client.inspect_pipeline("nope")),
        NOT_FOUND,
        (
            "pipeline was not inspected: couldn't find up to date spec for pipeline"
            ' "default/nope": branch "master" not found in repo default/nope.spec'
        ),
    ),
    "missing at start": (
        lambda on, r, p: on.client.start_pipeline("nope"),
        NOT_FOUND,
        'pipeline "default/nope" not found',
    ),
    "jobs of missing": (
        lambda on, r, p: list(on.client.list_job("nope")),
        NOT_FOUND,
        'pipeline "default/nope" not found',
    ),
    "missing job": (
        lambda on, r, p: list(on.client.inspect_job(NO_ID, p)),
        NOT_FOUND,
        f"jobs default/{{p}}@{NO_ID} not found",
    ),
    "missing datum": (
        missing_datum,
        UNKNOWN,
        "datum " + "f" * 64 + " not found in job default/{p}@ID",
    ),
    "delete its repo": (
        lambda on, r, p: on.client.delete_repo(p),
        UNKNOWN,
        "cannot delete a repo associated with a pipeline - delete the pipeline instead",
    ),
    "write its output": (
        write_output,
        UNKNOWN,
        "cannot start a commit on an output branch: default/{p}@master",
    ),
    "finish its output": (
        finish_output,
        UNKNOWN,
        "cannot finish a pipeline output or meta commit, use 'stop job' instead",
    ),
    "logs of missing job": (
        lambda on, r, p: on.logs(p, NO_ID),
        NOT_FOUND,
        f'could not get job information for "{NO_ID}": jobs default/{{p}}@{NO_ID} not found',
    ),
    "logs of missing pipeline": (
        lambda on, r, p: list(on.client.get_pipeline_logs("nope")),
        NOT_FOUND,
        'could not get pipeline information for default/nope: pipeline "default/nope" not found',
    ),
    "pipeline name": (
        lambda on, r, p: on.client.create_pipeline("a.b", transform("true"), input=pfs(r)),
        UNKNOWN,
        (
            "invalid pipeline name: name (a.b) invalid: only alphanumeric characters, underscores,"
            " and dashes are allowed"
        ),
    ),
    "pipeline name too long": (
        lambda on, r, p: on.client.create_pipeline("p" * 52, transform("true"), input=pfs(r)),
        UNKNOWN,
        f'pipeline name "{"p" * 52}" is 1 characters longer than the 51 max',
    ),
    "pipeline name start": (
        lambda on, r, p: on.client.create_pipeline("-p", transform("true"), input=pfs(r)),
        UNKNOWN,
        "pipeline names must start with an alphanumeric character",
    ),
    "no input": (lambda on, r, p: create(on, None), UNKNOWN, "no input set"),
    "no kind of input": (
        lambda on, r, p: create(on, pps_proto.Input()),
        UNKNOWN,
        "no input set",
    ),
    "two kinds of input": (
        lambda on, r, p: create(on, pps_proto.Input(pfs=pfs(r).pfs, cross=[pfs(r)])),
        UNKNOWN,
        "multiple input types set",
    ),
    "no repo": (lambda on, r, p: create(on, pfs("")), UNKNOWN, "input must specify a repo"),
    "no glob": (lambda on, r, p: create(on, pfs(r, "")), UNKNOWN, "input must specify a glob"),
    "input out": (
        lambda on, r, p: create(on, pfs(r, name="out")),
        UNKNOWN,
        "input cannot be named out",
    ),
    "name twice": (
        lambda on, r, p: create(on, cross(pfs(r), pfs(r, "/"))),
        UNKNOWN,
        'name "{r}" was used more than once',
    ),
    "commit": (
        lambda on, r, p: create(on, pfs(r, commit=NO_ID)),
        UNKNOWN,
        "input cannot come from a commit; use a branch with head pointing to the commit",
    ),
    "reprocess": (
        lambda on, r, p: create(on, pfs(r), reprocess_spec="sometimes"),
        UNKNOWN,
        "invalid pipeline spec: ReprocessSpec must be one of 'until_success' or 'every_job'",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_is_refused_in_pachyderms_words(on: Driver, case: str) -> None:
    call, code, text = REFUSED[case]
    repo = on.repo()
    pipe = on.pipeline("true", pfs(repo))
    before, repos = listed(on), len(list(on.client.list_repo(type="")))
    with Refusal() as refusal:
        call(on, repo, pipe)
    wanted = text.replace("{r}", repo).replace("{p}", pipe).replace("ID", on.latest(pipe))
    assert (refusal.code, refusal.text) == (code, wanted)
    assert listed(on) == before
    assert len(list(on.client.list_repo(type=""))) == repos


def test_a_cycle_is_refused_and_changes_nothing(on: Driver) -> None:
    repo = on.repo({"/f": b"1"})
    first = on.pipeline("true", pfs(repo))
    second = on.pipeline("true", pfs(first))
    with Refusal() as refusal:
        on.client.create_pipeline(first, transform("true"), input=pfs(second), update=True)
    assert refusal.code == UNKNOWN
    info = next(iter(on.client.inspect_pipeline(first, history=-1)))
    assert (info.version, info.details.input.pfs.repo) == (1, repo)
    on.put(repo, {"/g": b"1"})
    assert on.done(second).state == SUCCESS


@pytest.mark.parametrize("pattern", ["/[", "/a[b", "/{a,b"])
def test_a_malformed_glob_is_refused_and_named(on: Driver, pattern: str) -> None:
    repo = on.repo()
    before = listed(on)
    with Refusal() as refusal:
        create(on, pfs(repo, pattern))
    assert pattern in refusal.text
    assert listed(on) == before


# jobs and stages


def test_one_id_from_the_picture_to_the_last_stage(on: Driver) -> None:
    repo = on.repo()
    first = on.pipeline(
        "for f in /pfs/in/*; do tr a-z A-Z < $f > /pfs/out/${f##*/}; done", pfs(repo, name="in")
    )
    second = on.pipeline("cat /pfs/in/* > /pfs/out/all", pfs(first, "/", name="in"))
    third = on.pipeline("wc -c < $in > /pfs/out/size", pfs(second, name="in"))
    id_ = on.put(repo, {"/a": b"one\n", "/b": b"two\n"})
    infos = on.client.wait_commit(id_)
    assert infos[-1].commit.id == id_
    assert {info.commit.repo.type for info in infos} == {"user", "meta", "spec"}
    jobs = list(on.client.inspect_job(id_))
    assert [job.job.pipeline.name for job in jobs] == [first, second, third]
    assert {job.state for job in jobs} == {SUCCESS}
    assert {job.job.id for job in jobs} == {job.output_commit.id for job in jobs} == {id_}
    assert on.read(third, "/size").strip() == b"8"
    # every result leads back to what made it
    (info,) = on.client.inspect_commit((second, id_))
    assert info.origin.kind == AUTO
    made_from = {each.repo.name for each in info.direct_provenance if each.repo.type == "user"}
    assert made_from == {first}
    assert on.read(repo, "/a", id_) == b"one\n"
    assert on.client.inspect_file((first, id_), "/a").file.datum != "default"
    assert [each.commit.id for each in on.client.list_commit(repo, origin_kind=USER)] == [id_]


def test_an_open_input_commit_holds_the_job(on: Driver) -> None:
    repo = on.repo()
    name = on.pipeline(COPY, pfs(repo))
    with on.client.commit(repo, "master") as commit:
        on.client.put_file_bytes(commit, "/f", b"1")
        job = next(on.client.list_job(name))
        assert job.job.id == commit.id
        assert job.state in (pps_proto.JOB_CREATED, pps_proto.JOB_STARTING)
    assert on.done(name, commit.id).state == SUCCESS
    assert on.files(name) == {"/f": b"1"}


def test_a_commit_to_one_input_uses_the_head_of_the_other(on: Driver) -> None:
    pictures, rules = on.repo(), on.repo()
    old = on.put(rules, {"/rules": b"strict"})
    name = on.pipeline(
        "cat /pfs/*/* > /pfs/out/f; echo ${a}_$a_COMMIT $b_COMMIT",
        cross(pfs(pictures, name="a"), pfs(rules, name="b")),
    )
    new = on.put(pictures, {"/picture": b"cat "})
    info = on.done(name, new)
    assert on.read(name, "/f") == b"cat strict"
    assert on.said(name, new) == [f"/pfs/a/picture_{new} {old}"]
    used = [each.pfs.commit for each in info.details.input.cross]
    assert used == [new, old]


def test_jobs_are_listed_newest_first_and_by_set(on: Driver) -> None:
    repo = on.repo()
    name = on.pipeline("true", pfs(repo))
    other = on.pipeline("true", pfs(name))
    ids = [on.put(repo, {f"/{number}": b""}) for number in range(3)]
    on.client.wait_commit(ids[-1])
    assert [info.job.id for info in on.client.list_job(name)][:3] == ids[::-1]
    sets = list(on.client.list_job())
    assert [each.job_set.id for each in sets[:3]] == ids[::-1]
    assert [job.job.pipeline.name for job in sets[0].jobs] == [name, other]
    found = on.client.list_job(name, input_commit=(repo, ids[1]))
    assert [info.job.id for info in found] == [ids[1]]
    before = len(sets)
    on.client.delete_job(ids[0], name)
    on.client.delete_job(ids[0], other)
    assert len(list(on.client.list_job())) == before - 1
    assert [info.commit.id for info in on.client.list_commit(repo)] == ids[::-1]
    with Refusal():
        on.done(name, ids[0])


def test_a_finished_job_tells_what_it_took(on: Driver) -> None:
    name = on.pipeline(COPY, pfs(on.repo({"/f": b"12345", "/g": b"678"})))
    info = on.done(name)
    assert info.created.seconds
    assert info.started.seconds
    assert info.finished.seconds
    assert info.stats.download_bytes == info.stats.upload_bytes == 8
    assert info.stats.process_time.ToNanoseconds() > 0
    assert info.details.transform.cmd == ["sh"]
    assert info.output_commit.branch.name == "master"
    assert not next(on.client.inspect_job(info.job.id, name)).HasField("details")


def test_a_job_that_waits_and_one_that_runs_are_stopped(on: Driver) -> None:
    repo = on.repo({"/f": b"1"})
    name = on.pipeline(SLEEP, pfs(repo))
    below = on.pipeline(COPY, pfs(name))
    job = on.latest(below)
    on.client.stop_job(job, below, reason="enough")
    info = on.done(below, job)
    assert (info.state, info.reason) == (KILLED, "enough")
    running = on.latest(name)
    on.client.stop_job(running, name)
    info = on.done(name, running)
    assert (info.state, info.reason) == (KILLED, "job stopped")
    (commit,) = on.client.inspect_commit((name, running))
    assert commit.error == "job stopped"
    on.client.stop_job(running, name)  # has ended: no error, no change
    assert on.done(name, running).reason == "job stopped"


def test_a_job_deleted_while_it_is_waited_for(on: Driver) -> None:
    name = on.pipeline(SLEEP, pfs(on.repo({"/f": b"1"})))
    job = on.latest(name)
    answers: list[str] = []

    def wait() -> None:
        with Refusal() as refusal:
            on.done(name, job)
        answers.append(refusal.text)

    waiting = threading.Thread(target=wait)
    waiting.start()
    while next(on.client.inspect_job(job, name)).state != pps_proto.JOB_RUNNING:
        time.sleep(0.01)
    on.client.delete_job(job, name)
    waiting.join(timeout=10)
    assert answers in ([f"job {job} was deleted"], [f"jobs default/{name}@{job} not found"])


# failing


def test_a_failing_datum_fails_the_job_and_what_follows_but_not_the_next(on: Driver) -> None:
    repo = on.repo({"/good": b"1", "/bad": b"2"})
    name = on.pipeline("test ${in##*/} != bad; cp $in /pfs/out/", pfs(repo, name="in"))
    below = on.pipeline(COPY, pfs(name))
    info = on.done(name)
    bad = next(
        each for each in on.client.list_datum(name, info.job.id) if each.data[0].file.path == "/bad"
    )
    assert (info.state, info.reason) == (FAILURE, f"datum {bad.datum.id} failed")
    assert on.counts(info) == (1, 0, 1, 0)
    assert bad.state == pps_proto.DatumState.FAILED
    (commit,) = on.client.inspect_commit((name, info.job.id))
    assert commit.error == info.reason
    id_ = on.put(repo, {"/more": b"3"})
    infos = {each.job.pipeline.name: each for each in on.client.inspect_job(id_, wait=True)}
    assert infos[name].state == FAILURE
    assert infos[below].state == UNRUNNABLE
    assert infos[below].reason == (
        f"unrunnable because the following upstream pipelines failed: {name}"
    )
    on.client.wait_commit(id_)  # ends although the jobs failed
    id_ = on.put(repo, {"/bad": None, "/last": b"4"})
    infos = {each.job.pipeline.name: each for each in on.client.inspect_job(id_, wait=True)}
    assert {each.state for each in infos.values()} == {SUCCESS}
    assert on.files(below) == {"/good": b"1", "/more": b"3", "/last": b"4"}


def test_a_command_that_is_not_there_fails_the_datum_and_says_so(on: Driver) -> None:
    made = pps_proto.Transform(cmd=["no-such-command"])
    name = on.pipeline(made, pfs(on.repo({"/f": b"1"})), datum_tries=1)
    info = on.done(name)
    assert info.state == FAILURE
    assert any("no-such-command" in line for line in on.logs(name, info.job.id))


def test_a_pipeline_without_a_command_fails_its_datums(on: Driver) -> None:
    name = on.pipeline(pps_proto.Transform(), pfs(on.repo({"/f": b"1"})), datum_tries=1)
    assert on.done(name).state == FAILURE


# skipping


def test_only_new_and_changed_files_are_processed_and_old_output_goes(on: Driver) -> None:
    repo = on.repo({"/a": b"1", "/b": b"1", "/c": b"1"})
    name = on.pipeline(
        "cp $in /pfs/out/; echo ${in##*/}; cp $in /pfs/out/by-$(cat $in)-${in##*/}",
        pfs(repo, name="in"),
    )
    assert on.counts(on.done(name)) == (3, 0, 0, 0)
    id_ = on.put(repo, {"/d": b"1"})
    assert on.counts(on.done(name, id_)) == (1, 3, 0, 0)
    assert on.said(name, id_) == ["d"]
    states = [each.state for each in on.client.list_datum(name, id_)]
    assert sorted(states) == [pps_proto.DatumState.SUCCESS] + [pps_proto.DatumState.SKIPPED] * 3
    id_ = on.put(repo, {"/a": b"2", "/b": None})
    assert on.counts(on.done(name, id_)) == (1, 2, 0, 0)
    assert on.said(name, id_) == ["a"]
    assert on.files(name) == {
        "/a": b"2",
        "/by-2-a": b"2",
        "/c": b"1",
        "/by-1-c": b"1",
        "/d": b"1",
        "/by-1-d": b"1",
    }
    id_ = on.put(repo, {"/a": None, "/c": None, "/d": None})
    info = on.done(name, id_)
    assert (info.data_total, on.files(name)) == (0, {})


def test_the_same_content_again_processes_nothing(on: Driver) -> None:
    repo = on.repo({"/a": b"1"})
    name = on.pipeline(COPY, pfs(repo))
    on.done(name)
    id_ = on.put(repo, {"/a": b"1"})
    assert on.counts(on.done(name, id_)) == (0, 1, 0, 0)
    assert on.files(name) == {"/a": b"1"}


def test_every_job_processes_all(on: Driver) -> None:
    repo = on.repo({"/a": b"1"})
    name = on.pipeline(COPY, pfs(repo), reprocess_spec="every_job")
    on.done(name)
    id_ = on.put(repo, {"/b": b"1"})
    assert on.counts(on.done(name, id_)) == (2, 0, 0, 0)


def test_a_changed_notebook_reprocesses_its_own_stage_and_what_changes_from_it(on: Driver) -> None:
    notebooks = on.repo({"/first.ipynb": b"x", "/second.ipynb": b"x"})
    pictures = on.repo({"/a": b"1", "/b": b"2"})
    first = on.pipeline(
        "cat $notebook $in > /pfs/out/${in##*/}",
        cross(pfs(pictures, name="in"), pfs(notebooks, "/first.ipynb", name="notebook")),
    )
    second = on.pipeline(
        "cat $notebook $in > /pfs/out/${in##*/}",
        cross(pfs(first, name="in"), pfs(notebooks, "/second.ipynb", name="notebook")),
    )
    on.done(second)
    id_ = on.put(notebooks, {"/second.ipynb": b"y"})
    assert on.counts(on.done(first, id_)) == (0, 2, 0, 0)
    assert on.counts(on.done(second, id_)) == (2, 0, 0, 0)
    id_ = on.put(notebooks, {"/first.ipynb": b"y"})
    assert on.counts(on.done(first, id_)) == (2, 0, 0, 0)
    assert on.counts(on.done(second, id_)) == (2, 0, 0, 0)
    assert on.files(second) == {"/a": b"yy1", "/b": b"yy2"}


def test_one_new_picture_among_a_thousand_is_one_datum(on: Driver) -> None:
    repo = on.repo({f"/{number:04}": b"%d" % number for number in range(1000)})
    made = pps_proto.Transform(cmd=["true"])
    name = on.pipeline(made, pfs(repo), parallelism_spec=pps_proto.ParallelismSpec(constant=2))
    assert on.counts(on.done(name)) == (1000, 0, 0, 0)
    id_ = on.put(repo, {"/new": b"1"})
    assert on.counts(on.done(name, id_)) == (1, 1000, 0, 0)
    assert len(list(on.client.list_datum(name, id_))) == 1001


# datums


def test_datums_are_listed_by_id_inspected_and_cut_into_pages(on: Driver) -> None:
    repo = on.repo({f"/{letter}": letter.encode() for letter in "abcdef"})
    name = on.pipeline("true", pfs(repo))
    job = on.done(name).job.id
    found = list(on.client.list_datum(name, job))
    ids = [each.datum.id for each in found]
    assert ids == sorted(ids)
    assert len(ids) == 6
    assert {len(each) for each in ids} == {64}
    one = on.client.inspect_datum(name, job, ids[0])
    assert (one.state, one.datum.job.id) == (pps_proto.DatumState.SUCCESS, job)
    assert one.data[0].file.commit.repo.name == repo
    assert one.data[0].hash == on.client.inspect_file((repo, "master"), one.data[0].file.path).hash
    assert one.pfs_state.path == f"/pfs/{one.datum.id}"
    assert one.stats.process_time.ToNanoseconds() > 0
    assert [each.datum.id for each in on.client.list_datum(name, job, number=2)] == ids[:2]
    back = on.client.list_datum(name, job, number=2, reverse=True)
    assert [each.datum.id for each in back] == ids[:-3:-1]
    only = pps_proto.ListDatumRequest.Filter(state=[pps_proto.DatumState.FAILED])
    assert list(on.client.list_datum(name, job, datum_filter=only)) == []


def test_datums_are_previewed_without_a_pipeline(on: Driver) -> None:
    repo = on.repo({"/d/a": b"", "/d/b": b"", "/f": b""})
    given = pfs(repo, "/*")
    found = list(on.client.list_datum(input=given))
    assert {each.data[0].file.path for each in found} == {"/d/", "/f"}
    assert {each.state for each in found} == {pps_proto.DatumState.UNKNOWN}
    crossed = cross(pfs(repo, "/d/*", name="x"), pfs(repo, "/**", name="y"))
    assert len(list(on.client.list_datum(input=crossed))) == 8
    # a datum's id is the same in the job that runs it
    name = on.pipeline("true", given)
    job = on.done(name).job.id
    ids = [each.datum.id for each in on.client.list_datum(name, job)]
    assert ids == sorted(each.datum.id for each in found)


# logs


def test_each_line_is_a_message_with_its_datum(on: Driver) -> None:
    name = on.pipeline(
        "echo one; echo; printf 'no end' >&2; printf '\\303\\244\\377\\n'",
        pfs(on.repo({"/f": b"1"})),
    )
    job = on.done(name).job.id
    lines = [line for line in on.client.get_job_logs(name, job) if line.user]
    assert sorted(line.message for line in lines) == ["", "no end", "one", "ä\ufffd"]
    (datum,) = on.client.list_datum(name, job)
    for line in lines:
        assert (line.pipeline_name, line.job_id, line.datum_id) == (name, job, datum.datum.id)
        assert [each.path for each in line.data] == ["/f"]
        assert line.worker_id
        assert line.ts.seconds > 0
        assert not line.master


def test_logs_are_filtered_by_datum_file_master_and_tail(on: Driver) -> None:
    repo = on.repo({"/a": b"1", "/b": b"2"})
    name = on.pipeline("echo ${in##*/}1; echo ${in##*/}2", pfs(repo, name="in"))
    job = on.done(name).job.id
    datum = next(each for each in on.client.list_datum(name, job) if each.data[0].file.path == "/b")
    assert on.said(name, job, datum=datum.datum) == ["b1", "b2"]
    assert on.said(name, job, data_filters=["/a"]) == ["a1", "a2"]
    assert on.said(name, job, data_filters=[datum.data[0].hash.hex()]) == ["b1", "b2"]
    assert on.said(name, job, data_filters=["/c"]) == []
    assert len(on.logs(name, job, tail=2)) == 2
    assert on.logs(name, job, tail=2) == on.logs(name, job)[-2:]
    masters = [line.message for line in on.client.get_pipeline_logs(name, master=True)]
    assert any("datum" in line for line in masters)
    assert {"a1", "a2", "b1", "b2"} <= {
        line.message for line in on.client.get_pipeline_logs(name, since=Duration(seconds=60))
    }
    for line in on.client.get_job_logs(name, job):
        assert not line.master


@pytest.mark.timeout(30)  # a followed log never ends by itself
def test_logs_are_followed_while_the_job_runs(on: Driver) -> None:
    repo = on.repo({"/f": b"1"})
    name = on.pipeline("echo first; sleep 0.3; echo last; exec sleep 300", pfs(repo))
    stream = on.client.get_job_logs(name, on.latest(name), follow=True)
    seen = []
    for line in stream:
        if line.user:
            seen.append(line.message)
        if "last" in seen:
            break
    stream.cancel()
    assert seen == ["first", "last"]


def test_logs_of_a_finished_job_can_be_followed_and_stay(on: Driver) -> None:
    repo = on.repo({"/f": b"1"})
    name = on.pipeline("echo hello", pfs(repo))
    job = on.done(name).job.id
    for stream in (
        on.client.get_pipeline_logs(name, follow=True),
        on.client.get_pipeline_logs(name, follow=True, master=True),
        on.client.get_job_logs(name, job, follow=True),
    ):
        assert next(stream).message
        stream.cancel()
    on.done(name, on.put(repo, {"/g": b"1"}))
    assert on.said(name, job) == ["hello"]
    on.client.delete_job(job, name)
    with Refusal():
        on.logs(name, job)


# everything at once


def test_commits_in_a_row_are_processed_in_order(on: Driver) -> None:
    repo = on.repo()
    name = on.pipeline("cp $in /pfs/out/", pfs(repo, name="in"))
    ids = [on.put(repo, {f"/{number}": b"x"}) for number in range(8)]
    infos = [on.done(name, each) for each in ids]
    assert {info.state for info in infos} == {SUCCESS}
    assert [info.data_total for info in infos] == list(range(1, 9))
    assert sum(info.data_processed for info in infos) == 8
    for number, each in enumerate(ids):
        assert len(on.files(name, each)) == number + 1


def test_provenance_of_branches_shows_the_pipeline(on: Driver) -> None:
    repo = on.repo({"/f": b"1"})
    name = on.pipeline("true", pfs(repo))
    info = on.client.inspect_branch(name, "master")
    found = {(each.repo.name, each.repo.type) for each in info.direct_provenance}
    assert found == {(repo, "user"), (name, "spec")}
    with Refusal():
        on.client.create_branch(repo, "master", provenance=[branch(name)])


def test_following_ends_when_what_is_followed_is_deleted(on: Driver, client: Client) -> None:
    repo = on.repo({"/a": b"1"})
    pipeline = on.pipeline("echo hello", pfs(repo))
    on.done(pipeline)
    followed = client.get_pipeline_logs(pipeline, follow=True)
    assert next(followed).pipeline_name == pipeline
    client.delete_pipeline(pipeline)
    # the stream must come to an end, which this waits for
    assert all(line.pipeline_name == pipeline for line in followed)


def test_the_job_after_a_deleted_one_skips_and_cleans_up_as_ever(
    on: Driver, client: Client
) -> None:
    repo = on.repo({"/a": b"1", "/b": b"2"})
    pipeline = on.pipeline(f"cp /pfs/{repo}/* /pfs/out/", pfs(repo))
    first = on.done(pipeline)
    client.delete_job(first.job.id, pipeline)
    second = on.done(pipeline, on.put(repo, {"/a": None, "/c": b"3"}))
    assert on.counts(second) == (1, 1, 0, 0)
    assert on.files(pipeline) == {"/b": b"2", "/c": b"3"}
