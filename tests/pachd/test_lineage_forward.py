"""Traces forward: every result that a file touched, in all jobs, and whether it still stands."""

from __future__ import annotations

import pytest
from pachd_driver import SUCCESS, Driver, pfs
from python_pachyderm import Client
from python_pachyderm.service import pps_proto

from tycokit.errors import TraceError
from tycokit.lineage import finding, forward, records
from tycokit.lineage.tracing import Trace
from tycokit.repos.addresses import Address, parse

Told = dict[str, bool]
"""The results as `<repo>:<path>#<number of the job>`, and whether each is current."""


def cross(*inputs: object) -> object:
    return pps_proto.Input(cross=list(inputs))


COPY = """
    for f in $(find /pfs/{of} -type f); do
      cat $f /pfs/{by}/* > /pfs/out/$(basename $f)
    done
    """


class Chain:
    """pictures × weights → model; model × rules → threats (none for /safe); threats → plot."""

    def __init__(self, on: Driver) -> None:
        self.on = on
        self.pictures = on.repo({"/a": b"A", "/safe": b"S"}, "pictures")
        self.weights = on.repo({"/net": b"1"}, "weights")
        self.rules = on.repo({"/rules": b"r"}, "rules")
        self.model = on.pipeline(
            COPY.format(of="picture", by="weights"),
            cross(pfs(self.pictures, name="picture"), pfs(self.weights, "/", name="weights")),
            "model",
        )
        self.threats = on.pipeline(
            "rm -f /pfs/seen/safe 2>/dev/null; [ -e /pfs/seen/safe ] && exit 0\n"
            + COPY.format(of="seen", by="rules"),
            cross(pfs(self.model, name="seen"), pfs(self.rules, "/", name="rules")),
            "threats",
        )
        self.plot = on.pipeline(
            "ls /pfs/all > /pfs/out/plot", pfs(self.threats, "/", name="all"), "plot"
        )
        self.jobs = {name: self.first(name) for name in (self.model, self.threats, self.plot)}

    def first(self, pipeline: str) -> list[str]:
        info = self.on.done(pipeline)
        assert info.state == SUCCESS
        return [str(info.job.id)]

    def put(self, repo: str, files: dict[str, bytes | None]) -> str:
        commit = self.on.put(repo, files)
        for info in self.on.client.inspect_job(commit, wait=True):
            assert info.state == SUCCESS
            self.jobs[info.job.pipeline.name].append(commit)
        return commit

    def trace(self, address: str, **more: int) -> Trace:
        return forward.trace(self.on.client, parse(address), **more)

    def told(self, found: Trace) -> Told:
        names = {self.model: "model", self.threats: "threats", self.plot: "plot"}
        told = {}
        for file in found.results:
            number = self.jobs[file.at.repo].index(file.at.commit)
            told[f"{names[file.at.repo]}:{file.at.path}#{number}"] = file.key in found.current
        return told


@pytest.fixture
def chain(on: Driver) -> Chain:
    return Chain(on)


def test_a_picture_leads_to_all_that_was_made_of_it_and_to_nothing_else(chain: Chain) -> None:
    found = chain.trace(f"{chain.pictures}:/a")
    assert chain.told(found) == {"model:/a#0": True, "threats:/a#0": True, "plot:/plot#0": True}
    assert chain.told(chain.trace(f"{chain.pictures}:/safe")) == {"model:/safe#0": True}
    told = found.as_dict()
    assert [(each["repo"], each["current"]) for each in told["results"]] == [
        (chain.model, True),
        (chain.threats, True),
        (chain.plot, True),
    ]
    plot = told["datums"][told["results"][2]["made_by"]]
    assert [each["path"] for each in plot["inputs"]] == ["/"]
    # all inputs of a datum, not only those that the trace came through
    model = told["datums"][told["results"][0]["made_by"]]
    assert [each["name"] for each in model["inputs"]] == ["picture", "weights"]


def test_results_of_former_jobs_are_found_too_and_known_as_former(chain: Chain) -> None:
    for name in ("b", "c"):
        chain.put(chain.pictures, {f"/{name}": name.encode()})
    chain.put(chain.weights, {"/net": b"2"})
    chain.put(chain.rules, {"/rules": b"R"})
    found = chain.trace(f"{chain.pictures}:/a")
    assert chain.told(found) == {
        "model:/a#3": True,
        "model:/a#0": False,
        "threats:/a#4": True,
        "threats:/a#3": False,
        "threats:/a#0": False,
        # every plot since has had it among its files
        **{f"plot:/plot#{number}": number == 4 for number in range(5)},
    }
    # a result leads on only to what was made of that very one
    old = chain.trace(f"{chain.model}@{chain.jobs[chain.model][0]}:/a")
    assert chain.told(old) == {
        "threats:/a#0": False,
        **{f"plot:/plot#{number}": False for number in range(3)},
    }


def test_weights_lead_to_what_was_made_with_them_and_not_with_later_ones(chain: Chain) -> None:
    first = str(chain.on.client.inspect_branch(chain.weights, "master").head.id)
    chain.put(chain.weights, {"/net": b"2"})
    chain.put(chain.pictures, {"/b": b"B"})
    old = {"model:/a", "model:/safe", "threats:/a", "plot:/plot"}
    for address in (f"{chain.weights}@{first}", f"{chain.weights}@{first}:/net"):
        told = chain.told(chain.trace(address))
        assert told == {f"{each}#0": False for each in old}
    new = chain.told(chain.trace(f"{chain.weights}@master"))
    assert new == {
        **{f"{each}#1": each != "plot:/plot" for each in old},
        "model:/b#2": True,
        "threats:/b#2": True,
        "plot:/plot#2": True,
    }


@pytest.mark.parametrize("few", [0, 20], ids=["job by job", "datum by datum"])
def test_both_ways_of_looking_find_the_same(
    chain: Chain, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "_FEW", few)
    monkeypatch.setattr(records, "_MANY", 0)
    first = str(chain.on.client.inspect_branch(chain.weights, "master").head.id)
    chain.put(chain.pictures, {"/b": b"B"})
    chain.put(chain.weights, {"/net": b"2"})
    assert chain.told(chain.trace(f"{chain.pictures}:/b")) == {
        "model:/b#1": False,
        "model:/b#2": True,
        "threats:/b#1": False,
        "threats:/b#2": True,
        "plot:/plot#1": False,
        "plot:/plot#2": True,
    }
    assert chain.told(chain.trace(f"{chain.weights}@{first}")) == {
        **dict.fromkeys(["model:/a#0", "model:/safe#0", "model:/b#1"], False),
        **dict.fromkeys(["threats:/a#0", "threats:/b#1", "plot:/plot#0", "plot:/plot#1"], False),
    }


def test_a_picture_that_was_deleted_leads_to_what_was_made_of_it(chain: Chain) -> None:
    before = str(chain.on.client.inspect_branch(chain.pictures, "master").head.id)
    chain.put(chain.rules, {"/rules": b"R"})
    chain.put(chain.pictures, {"/a": None})
    assert chain.told(chain.trace(f"{chain.pictures}@{before}:/a")) == {
        "model:/a#0": False,
        "threats:/a#0": False,
        "threats:/a#1": False,
        "plot:/plot#0": False,
        "plot:/plot#1": False,
    }
    with pytest.raises(TraceError):
        chain.trace(f"{chain.pictures}:/a")


def test_a_picture_that_was_replaced_is_two_pictures(chain: Chain) -> None:
    before = str(chain.on.client.inspect_branch(chain.pictures, "master").head.id)
    chain.put(chain.pictures, {"/a": b"another"})
    old = {"model:/a#0": False, "threats:/a#0": False, "plot:/plot#0": False}
    assert chain.told(chain.trace(f"{chain.pictures}@{before}:/a")) == old
    new = {"model:/a#1": True, "threats:/a#1": True, "plot:/plot#1": True}
    assert chain.told(chain.trace(f"{chain.pictures}:/a")) == new


def test_a_whole_commit_leads_to_what_was_made_of_each_of_its_files(chain: Chain) -> None:
    before = str(chain.on.client.inspect_branch(chain.pictures, "master").head.id)
    chain.put(chain.pictures, {"/a": b"another", "/b": b"B"})
    found = chain.trace(f"{chain.pictures}@{before}")
    assert chain.told(found) == {
        "model:/a#0": False,
        "model:/safe#0": True,
        "threats:/a#0": False,
        "plot:/plot#0": False,
    }


def test_results_of_a_spec_with_other_inputs_are_found(on: Driver) -> None:
    repo = on.repo({"/x": b"x", "/y": b"y"})
    pipeline = on.pipeline("cp /pfs/one/* /pfs/out/", pfs(repo, name="one"))
    first = str(on.done(pipeline).job.id)
    for name in ("two", "three"):
        copy = pps_proto.Transform(cmd=["sh"], stdin=[f"cp /pfs/{name}/* /pfs/out/"])
        on.client.create_pipeline(pipeline, copy, input=pfs(repo, name=name), update=True)
        last = str(on.done(pipeline).job.id)
    found = forward.trace(on.client, parse(f"{repo}:/x"))
    versions = [attempt.version for attempt in found.attempts.values()]
    assert versions == [3, 2, 1]
    assert {file.at.commit for file in found.results} >= {first, last}
    assert found.current == {str(Address(pipeline, last, "/x"))}


def test_joins_are_followed_by_their_keys(on: Driver) -> None:
    pictures = on.repo({"/d_1.jpg": b"1", "/d_2.jpg": b"2", "/e_1.jpg": b"3"})
    seen = on.repo({"/d/1.json": b"1", "/e/1.json": b"3"})
    join = pps_proto.Input(
        join=[
            pfs(pictures, "/(*)_(*).*", name="picture", join_on="$1_$2"),
            pfs(seen, "/(*)/(*).json", name="seen", join_on="$1_$2"),
        ]
    )
    drawn = on.pipeline("cp /pfs/picture/* /pfs/out/", join)
    assert on.done(drawn).state == SUCCESS
    for address, results in {
        f"{pictures}:/d_1.jpg": ["/d_1.jpg"],
        f"{pictures}:/d_2.jpg": [],
        f"{seen}:/e/1.json": ["/e_1.jpg"],
    }.items():
        found = forward.trace(on.client, parse(address))
        assert [file.at.path for file in found.results] == results


def test_of_many_results_so_many_are_shown_as_were_asked_for(on: Driver) -> None:
    pictures = on.repo({f"/{number:03}": b"%d" % number for number in range(90)})
    weights = on.repo({"/net": b"1"})
    model = on.pipeline(
        "cp /pfs/picture/* /pfs/out/",
        cross(pfs(pictures, name="picture"), pfs(weights, "/", name="weights")),
    )
    assert on.done(model).state == SUCCESS
    some = forward.trace(on.client, parse(weights), most=30)
    assert (len(some.results), some.more) == (30, {model})
    every = forward.trace(on.client, parse(weights), most=90)
    assert (len(every.results), every.more) == (90, frozenset())
    assert len(every.current) == 90


def test_one_picture_of_many_costs_no_list_of_all(on: Driver, client: Client) -> None:
    pictures = on.repo({f"/{number:03}": b"%d" % number for number in range(90)})
    model = on.pipeline("cp /pfs/picture/* /pfs/out/", pfs(pictures, name="picture"))
    assert on.done(model).state == SUCCESS
    listed: list[int] = []

    class Counting:
        """The client, which counts the datums that it lists."""

        def __getattr__(self, name: str) -> object:
            return getattr(client, name)

        def list_datum(self, *args: object, **more: object) -> object:
            found = list(client.list_datum(*args, **more))
            listed.append(len(found))
            return iter(found)

    found = forward.trace(Counting(), parse(f"{pictures}:/042"))  # type: ignore[arg-type]
    assert [file.at.path for file in found.results] == ["/042"]
    assert listed == [1]
