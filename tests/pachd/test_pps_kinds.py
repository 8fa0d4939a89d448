"""Pipelines of other kinds, and what a spec says of how to run."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from pachd_driver import SUCCESS, Driver, Refusal, pfs, transform
from python_pachyderm.service import pfs_proto, pps_proto

STANDBY, RUNNING, FAILURE, PAUSED = (
    pps_proto.PipelineState.PIPELINE_STANDBY,
    pps_proto.PipelineState.PIPELINE_RUNNING,
    pps_proto.PipelineState.PIPELINE_FAILURE,
    pps_proto.PipelineState.PIPELINE_PAUSED,
)
KIND = pps_proto.PipelineInfo.PipelineType


def inspect(on: Driver, pipe: str) -> Any:
    return next(on.client.inspect_pipeline(pipe, details=True))


def test_a_spout_is_kept_and_says_that_it_is_not_run(on: Driver) -> None:
    spout = pps_proto.Spout(service=pps_proto.Service(internal_port=80, external_port=3000))
    before = len(list(on.client.list_pipeline()))
    pipe = on.pipeline(pps_proto.Transform(cmd=["sh"]), None, spout=spout)
    assert len(list(on.client.list_pipeline())) == before + 1
    info = inspect(on, pipe)
    assert info.type == KIND.PIPELINE_TYPE_SPOUT
    assert (info.state, info.reason) == (FAILURE, "spouts are not run by the local pachd")
    assert info.details.spout.service.external_port == 3000
    assert info.details.spout.service.type == "NodePort"
    assert list(on.client.list_job(pipe)) == []
    # what a spout's code does, anybody may do
    commit = on.put(pipe, {"/a": b"a"})
    assert on.read(pipe, "/a", commit) == b"a"
    on.client.stop_pipeline(pipe)
    assert inspect(on, pipe).stopped
    on.client.start_pipeline(pipe)
    on.client.delete_pipeline(pipe)
    assert len(list(on.client.list_pipeline())) == before


def test_a_service_is_kept_and_says_that_it_is_not_run(on: Driver) -> None:
    repo = on.repo({"/a": b"a"})
    service = pps_proto.Service(internal_port=80, external_port=3000)
    pipe = on.pipeline(transform("true"), pfs(repo), service=service)
    info = inspect(on, pipe)
    assert info.type == KIND.PIPELINE_TYPE_SERVICE
    assert (info.state, info.reason) == (FAILURE, "services are not run by the local pachd")
    assert info.details.service.internal_port == 80
    commit = on.put(repo, {"/b": b"b"})
    # nobody waits for a job that never comes
    assert all(each.HasField("finished") for each in on.client.wait_commit(commit))
    with Refusal() as refusal:
        on.client.create_pipeline(pipe, transform("true"), input=pfs(repo), update=True)
    assert "cannot become one of another kind" in refusal.text


@pytest.mark.parametrize(
    ("more", "what"),
    [
        ({"egress": pps_proto.Egress(URL="s3://bucket")}, "egress"),
        ({"s3_out": True}, "s3 outputs"),
    ],
)
def test_what_is_not_served_is_refused_in_one_sentence(
    on: Driver, more: dict[str, Any], what: str
) -> None:
    repo = on.repo()
    with Refusal() as refusal:
        on.pipeline("true", pfs(repo), **more)
    assert refusal.code.name == "UNIMPLEMENTED"
    assert refusal.text.startswith(f"{what} ")
    assert refusal.text.endswith("not served by the local pachd")


def test_an_s3_input_is_refused(on: Driver) -> None:
    with Refusal() as refusal:
        on.pipeline("true", pfs(on.repo(), "/", s3=True))
    assert refusal.text == "s3 inputs are not served by the local pachd"


def test_an_autoscaling_pipeline_stands_by_when_idle(on: Driver, tmp_path: Any) -> None:
    gate = tmp_path / "gate"
    repo = on.repo({"/a": b"a"})
    script = f"echo begun; while ! test -e {gate}; do sleep 0.05; done"
    pipe = on.pipeline(script, pfs(repo), autoscaling=True)
    job = on.latest(pipe)
    next(line for line in on.client.get_job_logs(pipe, job, follow=True) if line.user)
    assert inspect(on, pipe).state == RUNNING
    gate.touch()
    on.done(pipe)
    info = inspect(on, pipe)
    assert info.state == STANDBY
    assert info.details.autoscaling
    assert info.details.workers_available == 0
    on.put(repo, {"/b": b"b"})
    assert on.done(pipe).state == SUCCESS
    on.client.stop_pipeline(pipe)
    assert inspect(on, pipe).state == PAUSED


def test_a_spec_comes_back_as_it_was_given(on: Driver) -> None:
    repo = on.repo()
    metadata = pps_proto.Metadata(annotations={"a": "1"}, labels={"team": "x"})
    pipe = on.pipeline(
        "true",
        pfs(repo),
        metadata=metadata,
        description="about it",
        output_branch_name="out-branch",
        datum_set_spec=pps_proto.DatumSetSpec(number=3, per_worker=2),
        reprocess_spec="every_job",
    )
    details = inspect(on, pipe).details
    assert details.metadata == metadata
    assert details.description == "about it"
    assert details.output_branch == "out-branch"
    assert (details.datum_set_spec.number, details.datum_set_spec.per_worker) == (3, 2)
    assert details.reprocess_spec == "every_job"
    job = on.done(pipe)
    assert job.output_commit.branch.name == "out-branch"
    branches = [info.branch.name for info in on.client.list_branch(pipe)]
    assert branches == ["out-branch"]


def test_datum_sets_are_as_large_as_the_spec_says(on: Driver) -> None:
    repo = on.repo({f"/{number}": b"12345" for number in range(7)})

    def sizes(spec: Any) -> list[str]:
        pipe = on.pipeline("true", pfs(repo), datum_set_spec=spec)
        on.done(pipe)
        start = "started process datum set task: "
        lines = on.logs(pipe, on.latest(pipe))
        return [line.removeprefix(start).split()[0] for line in lines if line.startswith(start)]

    assert sizes(pps_proto.DatumSetSpec(number=3)) == ["3", "3", "1"]
    assert sizes(pps_proto.DatumSetSpec(size_bytes=10)) == ["2", "2", "2", "1"]
    assert sizes(pps_proto.DatumSetSpec(per_worker=2)) == ["3", "3", "1"]
    assert sizes(None) == ["1"] * 7


def test_a_spec_commit_that_is_there_stands_for_the_first_version(on: Driver) -> None:
    repo, name = on.repo(), on.name("pipe")
    spec = pfs_proto.Repo(name=name, type="spec", project=pfs_proto.Project(name="default"))
    stub = on.client._PFSMixin__stub
    stub.CreateRepo(pfs_proto.CreateRepoRequest(repo=spec))
    commit = stub.StartCommit(
        pfs_proto.StartCommitRequest(branch=pfs_proto.Branch(repo=spec, name="master"))
    )
    stub.FinishCommit(pfs_proto.FinishCommitRequest(commit=commit))
    on._pipelines.append(name)
    on.client.create_pipeline(name, transform("true"), input=pfs(repo), spec_commit=commit)
    assert inspect(on, name).spec_commit.id == commit.id
    assert on.done(name).state == SUCCESS
    with Refusal() as refusal:
        on.client.create_pipeline(
            name, transform("true"), input=pfs(repo), spec_commit=commit, update=True
        )
    assert refusal.text == ("Cannot update a pipeline and provide a spec commit at the same time")
    with Refusal() as refusal:
        on.pipeline("true", pfs(repo), spec_commit=commit)
    assert "not found" in refusal.text


def test_all_pipelines_of_a_project_are_deleted(on: Driver) -> None:
    project = on.name("project").replace("_", "-")
    on.client.create_project(project)
    on.client.create_repo("in", project_name=project)
    given = pfs("in", project=project)
    for name in ("one", "two"):
        on.client.create_pipeline(name, transform("true"), input=given, project_name=project)
    kept = on.pipeline("true", pfs(on.repo()))
    request = pps_proto.DeletePipelinesRequest(projects=[pfs_proto.Project(name=project)])
    gone = on.stub.DeletePipelines(request)
    assert [each.name for each in gone.pipelines] == ["two", "one"]
    assert kept in [info.pipeline.name for info in on.client.list_pipeline()]
    on.client.delete_repo("in", project_name=project)
    on.client.delete_project(project)


def test_many_may_wait_for_a_job_while_it_is_deleted(on: Driver) -> None:
    pipe = on.pipeline("sleep 60", pfs(on.repo({"/a": b"a"})))
    job = on.latest(pipe)
    said: list[str] = []

    def wait() -> None:
        with Refusal() as refusal:
            on.done(pipe, job)
        said.append(refusal.text)

    threads = [threading.Thread(target=wait) for _ in range(4)]
    for thread in threads:
        thread.start()
    on.client.delete_pipeline(pipe)
    for thread in threads:
        thread.join(20)
    assert len(said) == 4
