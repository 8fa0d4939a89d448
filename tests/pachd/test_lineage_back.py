"""Traces back: the datum whose attempt wrote the very file, whatever jobs came after."""

from __future__ import annotations

import json

import pytest
from pachd_driver import SUCCESS, Driver, pfs
from python_pachyderm.service import pps_proto

from tycokit.errors import TraceError
from tycokit.lineage import backward
from tycokit.lineage.tracing import Trace
from tycokit.repos.addresses import Address, parse

KILLED = pps_proto.JobState.JOB_KILLED


def cross(*inputs: object) -> object:
    return pps_proto.Input(cross=list(inputs))


def each_to_json(name: str, other: str) -> str:
    """Writes, for each file of one input, a JSON with its text and the other input's."""
    return f"""
        for f in $(find /pfs/{name} -type f); do
          o=/pfs/out/$(basename $f .json).json; t=$(cat /pfs/{other}/*)
          echo "{{\\"of\\": \\"$(basename $f)\\", \\"with\\": \\"$t\\"}}" > $o
        done
        """


class Chain:
    """pictures × weights → model; model × rules → threats: shell stand-ins for the stages."""

    def __init__(self, on: Driver) -> None:
        self.on = on
        self.pictures = on.repo({"/a": b"picture a"}, "pictures")
        self.weights = on.repo({"/net": b"one"}, "weights")
        self.rules = on.repo({"/rules": b"any"}, "rules")
        self.model = on.pipeline(
            each_to_json("picture", "weights"),
            cross(pfs(self.pictures, name="picture"), pfs(self.weights, "/", name="weights")),
            "model",
        )
        self.threats = on.pipeline(
            each_to_json("seen", "rules"),
            cross(pfs(self.model, name="seen"), pfs(self.rules, "/", name="rules")),
            "threats",
        )
        self.wait()

    def wait(self) -> str:
        """The newest job of the last pipeline once it has ended well."""
        info = self.on.done(self.threats)
        assert info.state == SUCCESS
        return str(info.job.id)

    def put(self, repo: str, path: str, text: str) -> str:
        commit = self.on.put(repo, {path: text.encode()})
        self.wait()
        return commit

    def trace(self, path: str, commit: str = "master", repo: str = "") -> Trace:
        return backward.trace(self.on.client, Address(repo or self.threats, commit, path))

    def of(self, path: str, commit: str = "master") -> dict[str, tuple[str, dict[str, str]]]:
        """pipeline → its job, and the commit of each of its datum's inputs by name."""
        found = self.trace(path, commit).attempts.values()
        return {
            attempt.pipeline: (
                attempt.job,
                {used.name: used.file.at.commit for used in attempt.inputs},
            )
            for attempt in found
        }


@pytest.fixture
def chain(on: Driver) -> Chain:
    return Chain(on)


def head(on: Driver, repo: str) -> str:
    return str(on.client.inspect_branch(repo, "master").head.id)


def test_a_result_leads_back_to_everything_that_made_it(chain: Chain) -> None:
    on = chain.on
    found = chain.trace("/a.json")
    assert [attempt.pipeline for attempt in found.attempts.values()] == [
        chain.threats,
        chain.model,
    ]
    sources = {name: [str(file.at) for file in files] for name, files in found.sources.items()}
    assert sources == {
        "picture": [f"{chain.pictures}@{head(on, chain.pictures)}:/a"],
        "weights": [f"{chain.weights}@{head(on, chain.weights)}:/"],
        "rules": [f"{chain.rules}@{head(on, chain.rules)}:/"],
    }
    for attempt in found.attempts.values():
        info = on.client.inspect_datum(attempt.pipeline, attempt.job, attempt.datum)
        assert info.state == pps_proto.DatumState.SUCCESS
        assert attempt.command == ("sh",)
    told = found.as_dict()
    assert json.loads(json.dumps(told)) == told
    assert told["start"]["made_by"] == 0
    by_name = {each["name"]: each for each in told["datums"][0]["inputs"]}
    assert by_name["seen"]["made_by"] == 1
    assert by_name["rules"]["made_by"] is None
    assert told["datums"][1]["inputs"][0]["path"] == "/a"
    assert told["sources"]["picture"][0]["hash"] == found.files[sources["picture"][0]].hash


def test_a_file_that_later_jobs_carry_over_is_traced_to_the_job_that_wrote_it(
    chain: Chain,
) -> None:
    on = chain.on
    before = chain.of("/a.json")
    first = (head(on, chain.pictures), head(on, chain.weights))
    for name in ("b", "c"):
        chain.put(chain.pictures, f"/{name}", name)
    assert chain.of("/a.json") == before
    assert before[chain.model][1] == {"picture": first[0], "weights": first[1]}
    newest = chain.of("/c.json")
    assert newest[chain.threats][0] == newest[chain.model][0] == head(on, chain.pictures)
    assert newest[chain.model][1]["picture"] == head(on, chain.pictures)
    # its address is that of the commit that wrote it, from wherever it is asked for
    job = before[chain.threats][0]
    for commit in ("master", job):
        assert str(chain.trace("/a.json", commit).start.at) == f"{chain.threats}@{job}:/a.json"


def test_new_weights_make_new_results_and_the_old_keep_theirs(chain: Chain) -> None:
    on = chain.on
    old_commit, old = head(on, chain.threats), chain.of("/a.json")
    changed = chain.put(chain.weights, "/net", "two")
    new = chain.of("/a.json")
    assert new[chain.model] == (
        changed,
        {"picture": old[chain.model][1]["picture"], "weights": changed},
    )
    assert new[chain.threats][0] == changed
    assert chain.of("/a.json", old_commit) == old
    # rules that change leave the model's attempt as it was
    later = chain.put(chain.rules, "/rules", "all")
    newest = chain.of("/a.json")
    assert newest[chain.model] == new[chain.model]
    assert newest[chain.threats][0] == newest[chain.threats][1]["rules"] == later


def test_an_attempt_that_wrote_the_same_bytes_again_is_another_one(chain: Chain) -> None:
    """New weights that change nothing in what the model writes: downstream skips, rightly."""
    on = chain.on
    old = chain.of("/a.json")
    model = Address(chain.model, "master", "/a.json")
    before = on.client.inspect_file(model.at, model.path).hash
    changed = on.put(chain.weights, {"/net": b"one", "/zero": b""})
    chain.wait()
    assert on.client.inspect_file(model.at, model.path).hash == before
    assert chain.of("/a.json") == old
    (again,) = backward.trace(on.client, model).attempts.values()
    assert again.job == changed
    assert again.job != old[chain.model][0]


def test_jobs_that_were_killed_and_failed_in_between_change_nothing(chain: Chain) -> None:
    on = chain.on
    made = chain.of("/a.json")
    on.client.stop_pipeline(chain.threats)
    on.client.start_pipeline(chain.threats)
    info = on.done(chain.threats)
    held = chain.of("/a.json", str(info.job.id))
    assert held == made
    slow = on.repo({"/x": b"x"})
    pipeline = on.pipeline("sleep 0; cp /pfs/in/* /pfs/out/", pfs(slow, name="in"))
    first = str(on.done(pipeline).job.id)
    on.client.create_pipeline(
        pipeline,
        pps_proto.Transform(cmd=["sh"], stdin=["sleep 600"]),
        input=pfs(slow, name="in"),
        update=True,
    )
    second = on.put(slow, {"/y": b"y"})
    for job in on.client.list_job(pipeline):
        on.client.stop_job(job.job.id, pipeline)
    assert on.done(pipeline, second).state == KILLED
    (attempt,) = chain.trace("/x", second, pipeline).attempts.values()
    assert attempt.job == first


def test_a_deleted_job_is_known_by_what_it_left(chain: Chain) -> None:
    on = chain.on
    made = chain.of("/a.json")
    job = made[chain.model][0]
    later = chain.put(chain.pictures, "/b", "b")
    on.client.delete_job(job, chain.model)
    for commit in (later, job):
        found = chain.trace("/a.json", commit, chain.model)
        (attempt,) = found.attempts.values()
        assert (attempt.job, attempt.lost) == (job, "its job was deleted")
        assert [used.name for used in attempt.inputs] == ["picture", "weights"]
        assert str(found.start.at) == f"{chain.model}@{job}:/a.json"
    assert set(chain.of("/a.json")) == {chain.threats, chain.model}


def test_where_nothing_is_left_of_a_job_the_trace_says_so(on: Driver) -> None:
    repo = on.repo({"/x": b"x"})
    pipeline = on.pipeline("cp /pfs/in/* /pfs/out/", pfs(repo, name="in"))
    job = str(on.done(pipeline).job.id)
    on.client.delete_job(job, pipeline)
    found = backward.trace(on.client, parse(f"{pipeline}:/x"))
    (attempt,) = found.attempts.values()
    assert (attempt.job, attempt.inputs, attempt.lost) == (job, (), "its job was deleted")
    assert found.as_dict()["datums"][0]["lost"] == "its job was deleted"


def test_a_picture_that_was_put_has_no_maker(chain: Chain) -> None:
    found = chain.trace("/a", repo=chain.pictures)
    assert (found.attempts, found.links, found.sources) == ({}, (), {})
    assert found.start.at.path == "/a"


@pytest.mark.parametrize("address", ["{}@master:/no", "nowhere@master:/x", "{}@branch:/a.json"])
def test_what_is_not_there_cannot_be_traced(chain: Chain, address: str) -> None:
    with pytest.raises(TraceError, match=r"there is no (file|commit)"):
        backward.trace(chain.on.client, parse(address.format(chain.threats)))


def test_a_folder_that_was_read_whole_leads_on_by_some_of_its_files(on: Driver) -> None:
    pictures = on.repo({f"/{number:02}": b"%d" % number for number in range(12)})
    copied = on.pipeline(
        "cp /pfs/in/* /pfs/out/; touch /pfs/out/$(basename /pfs/in/*).ipynb",
        pfs(pictures, name="in"),
    )
    all_of = on.pipeline("ls /pfs/all > /pfs/out/list", pfs(copied, "/", name="all"))
    assert on.done(all_of).state == SUCCESS
    at = parse(f"{all_of}:/list")
    found = backward.trace(on.client, at, most=5)
    folder = f"{copied}@{head(on, copied)}:/"
    assert found.more == {folder}
    inside = [link.source for link in found.links if link.target == folder]
    assert [key.rpartition("/")[2] for key in inside] == ["00", "01", "02", "03", "04"]
    assert [file.at.path for file in found.sources["in"]] == ["/00", "/01", "/02", "/03", "/04"]
    whole = backward.trace(on.client, at, most=12)
    assert not whole.more
    assert len(whole.attempts) == 13


def test_input_names_are_those_of_the_spec_that_the_job_ran_under(on: Driver) -> None:
    repo = on.repo({"/x": b"x"})
    pipeline = on.pipeline("cp /pfs/before/* /pfs/out/", pfs(repo, name="before"))
    job = str(on.done(pipeline).job.id)
    copy = pps_proto.Transform(cmd=["sh"], stdin=["cp /pfs/after/* /pfs/out/"])
    on.client.create_pipeline(pipeline, copy, input=pfs(repo, name="after"), update=True)
    on.done(pipeline)
    names = {
        commit: [
            (used.name, attempt.version)
            for attempt in backward.trace(
                on.client, Address(pipeline, commit, "/x")
            ).attempts.values()
            for used in attempt.inputs
        ]
        for commit in (job, "master")
    }
    assert names == {job: [("before", 1)], "master": [("after", 2)]}
