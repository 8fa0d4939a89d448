"""Specs: defaults, refusals in Pachyderm's words, and JSON that outlives versions."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tycokit.errors import BadGlob, InvalidName, InvalidSpec
from tycokit.pachd.pfs.values import Branch, Repo
from tycokit.pachd.pps.defaults import in_order, with_defaults
from tycokit.pachd.pps.spec import (
    CronInput,
    CrossInput,
    DatumSetSpec,
    GroupInput,
    Input,
    JoinInput,
    PfsInput,
    PipelineSpec,
    SecretMount,
    Service,
    Spout,
    Transform,
    Trigger,
    UnionInput,
    cron_inputs,
    input_branches,
    one_input,
)
from tycokit.pachd.pps.specjson import from_json, to_json
from tycokit.pachd.pps.validation import validate

NOW = 1_700_000_000_000_000_000
IMAGES = PfsInput("images", glob="/*")
MODEL = PipelineSpec("model", transform=Transform(cmd=("sh",)), input=IMAGES)


def filled(spec: PipelineSpec) -> PipelineSpec:
    return with_defaults(spec, "new salt", NOW)


def reading(given_input: Input) -> PipelineSpec:
    return filled(replace(MODEL, input=given_input))


# --- defaults --------------------------------------------------------------------------------


def test_defaults() -> None:
    spec = filled(replace(MODEL, service=Service(), spout=Spout(Service())))
    assert spec.project == "default"
    assert spec.transform == Transform("ubuntu:20.04", ("sh",))
    assert spec.input == PfsInput("images", "default", "user", "master", name="images", glob="/*")
    assert (spec.output_branch, spec.datum_tries, spec.salt) == ("master", 3, "new salt")
    assert (spec.reprocess_spec, spec.every_job) == ("until_success", False)
    assert spec.parallelism is None
    assert spec.workers == 1
    assert spec.printed == "default/model"
    assert spec.service == Service(type="NodePort")
    assert spec.spout == Spout(Service(type="NodePort"))


def test_what_is_given_stays() -> None:
    pfs = PfsInput("r", "other", "meta", "dev", name="n", glob="/")
    spec = PipelineSpec(
        "p",
        "mine",
        transform=Transform("image"),
        input=pfs,
        output_branch="out",
        datum_tries=1,
        reprocess_spec="every_job",
        salt="old",
        service=Service(type="ClusterIP"),
        parallelism=4,
    )
    assert filled(spec) == spec
    assert (spec.workers, spec.every_job) == (4, True)


def test_a_spec_whose_inputs_are_named_is_filled_for_good() -> None:
    union = UnionInput((CronInput("tick", "@daily"), PfsInput("x", name="x", trigger=Trigger())))
    once = reading(CrossInput((PfsInput("b", name="b", glob="x/*/"), union)))
    assert with_defaults(once, "another salt", NOW + 1) == once


def test_inputs_belong_to_the_pipelines_project() -> None:
    spec = filled(replace(MODEL, project="mine", input=CrossInput((IMAGES, CronInput("tick")))))
    assert input_branches(spec.input) == [
        Branch(Repo("mine", "images"), "master"),
        Branch(Repo("mine", "model_tick"), "master"),
    ]


@pytest.mark.parametrize(
    ("glob", "cleaned"), [("*", "/*"), ("/a/", "/a"), ("//a//b", "/a/b"), ("", ""), ("/", "/")]
)
def test_globs_are_cleaned(glob: str, cleaned: str) -> None:
    found = reading(PfsInput("r", glob=glob)).input
    assert isinstance(found, PfsInput)
    assert found.glob == cleaned


def test_a_cron_input_starts_now() -> None:
    expected = CronInput("tick", "@daily", "model_tick", "default", start=NOW)
    assert cron_inputs(reading(CronInput("tick", "@daily")).input) == [expected]
    early = reading(CronInput("tick", "@daily", start=5))
    assert [each.start for each in cron_inputs(early.input)] == [5]


def test_trigger_branches_are_counted_by_repo() -> None:
    trigger = Trigger(size="1K")
    spec = reading(
        CrossInput(
            (
                PfsInput("a", glob="/", name="1", trigger=trigger),
                PfsInput("a", glob="/", name="2", trigger=trigger),
                PfsInput("b", glob="/", name="3", trigger=replace(trigger, branch="dev")),
                PfsInput("b", glob="/", name="4", branch="mine", trigger=trigger),
            )
        )
    )
    assert isinstance(spec.input, CrossInput)
    found = [
        (each.branch, each.trigger) for each in spec.input.inputs if isinstance(each, PfsInput)
    ]
    assert found == [
        ("model-trigger-1", Trigger("master", size="1K")),
        ("model-trigger-2", Trigger("master", size="1K")),
        ("model-trigger-1", Trigger("dev", size="1K")),
        ("mine", Trigger("master", size="1K")),
    ]


def test_inputs_are_sorted_by_explicit_name_before_names_are_filled() -> None:
    unnamed = PfsInput("aaa", glob="/")
    b, a = PfsInput("x", glob="/", name="b"), PfsInput("y", glob="/", name="a")
    tick = CronInput("a-tick", "@daily")
    nested = JoinInput((PfsInput("z", name="d"), PfsInput("z", name="aa")))
    sorted_ = in_order(CrossInput((b, nested, unnamed, a, tick)))
    assert sorted_ == CrossInput((unnamed, tick, a, in_order(nested), b))
    assert in_order(nested) == JoinInput(nested.inputs[::-1])


def test_a_branch_that_is_read_twice_counts_once() -> None:
    twice = CrossInput((IMAGES, replace(IMAGES, name="again"), PfsInput("b", glob="/")))
    assert [branch.repo.name for branch in input_branches(reading(twice).input)] == ["images", "b"]
    assert input_branches(None) == []


# --- refusals --------------------------------------------------------------------------------

N = replace(IMAGES, name="n")
S3 = PfsInput("r", glob="/", s3=True)


@pytest.mark.parametrize(
    "spec",
    [
        MODEL,
        replace(MODEL, transform=Transform()),
        replace(MODEL, input=None, spout=Spout()),
        replace(MODEL, spout=Spout(Service(type="ClusterIP"))),
        replace(MODEL, service=Service(), parallelism=1),
        replace(MODEL, pod_spec='{"a": 1}', pod_patch="[]"),
        replace(MODEL, input=UnionInput((N, N))),
        replace(MODEL, input=CrossInput((IMAGES, S3))),
        replace(MODEL, input=CronInput("tick", "@every 10s")),
        replace(MODEL, egress={"URL": "s3://b"}),
    ],
)
def test_good_specs(spec: PipelineSpec) -> None:
    validate(filled(spec))


SPECS = [
    (replace(MODEL, name=""), "invalid pipeline spec: request.Pipeline.Name cannot be empty"),
    (
        replace(MODEL, tf_job={}),
        "embedding TFJobs in pipelines is not supported yet",
    ),
    (replace(MODEL, transform=None), "pipeline must specify a transform"),
    (
        replace(MODEL, reprocess_spec="never"),
        "invalid pipeline spec: ReprocessSpec must be one of 'until_success' or 'every_job'",
    ),
    (
        replace(MODEL, s3_out=True, service=Service()),
        "s3 output is not supported in spouts or services",
    ),
    (
        replace(MODEL, input=None, spout=Spout(), autoscaling=True),
        "autoscaling can't be used with spouts (spouts aren't triggered externally)",
    ),
    (
        replace(MODEL, service=Service(), parallelism=2),
        "services can only be run with a constant parallelism of 1",
    ),
    (
        replace(MODEL, service=Service(type="Bad")),
        "the following service type Bad is not allowed",
    ),
    (replace(MODEL, pod_spec="{"), "malformed PodSpec"),
    (replace(MODEL, pod_patch="{"), "malformed PodPatch"),
    (
        replace(MODEL, spout=Spout()),
        "spout pipelines (without a service) must not have an input",
    ),
    (replace(MODEL, input=None), "no input set"),
    (replace(MODEL, datum_tries=-1), "datum_tries cannot be negative"),
]
INPUTS: list[tuple[Input, str]] = [
    (CrossInput(), "no input set"),
    (PfsInput(glob="/", name="n"), "input must specify a repo"),
    (PfsInput("r"), "input must specify a glob"),
    (CronInput(spec="@daily"), "input must specify a name"),
    (
        PfsInput("out", glob="/"),
        (
            "inputs based on repos named \"out\" must have 'name' set, as pachyderm already creates"
            " /pfs/out to collect job output"
        ),
    ),
    (PfsInput("r", glob="/", name="out"), "input cannot be named out"),
    (CronInput(".env", "@daily"), "input cannot be named .env"),
    (PfsInput("r", glob="/", name="a/b"), 'input name "a/b" cannot be the name of a folder'),
    (PfsInput("r", glob="/", name="a\0"), 'input name "a\0" cannot be the name of a folder'),
    (PfsInput("r", glob="/", name="a\nb"), 'input name "a\nb" cannot be the name of a folder'),
    (CrossInput((N, CrossInput((N,)))), 'name "n" was used more than once'),
    (CrossInput((UnionInput((N, N)), N)), 'name "n" was used more than once'),
    (JoinInput((CronInput("n", "@daily"), N)), 'name "n" was used more than once'),
    (
        replace(N, commit="c"),
        "input cannot come from a commit; use a branch with head pointing to the commit",
    ),
    (replace(S3, glob="/*"), 's3 inputs must have the glob "/"'),
    (replace(S3, lazy=True), "s3 inputs cannot be lazy and cannot have empty_files"),
    (
        CrossInput((UnionInput((CrossInput((S3,)),)),)),
        "s3 inputs are not supported inside join, group and union inputs",
    ),
]


@pytest.mark.parametrize(
    ("spec", "message"), SPECS + [(replace(MODEL, input=given), said) for given, said in INPUTS]
)
def test_refused(spec: PipelineSpec, message: str) -> None:
    with pytest.raises(InvalidSpec) as caught:
        validate(filled(spec))
    assert str(caught.value) == message


def test_refused_for_what_others_check() -> None:
    with pytest.raises(InvalidName, match="pipeline names must start with"):
        validate(filled(replace(MODEL, name="_m")))
    with pytest.raises(InvalidSpec, match=r"^error parsing cron-spec: "):
        validate(reading(CronInput("tick", "hourly")))
    with pytest.raises(BadGlob):
        validate(reading(PfsInput("r", glob="/(")))


def test_an_unfilled_spec_is_refused_for_what_it_lacks() -> None:
    spec = filled(MODEL)
    whole = replace(N, branch="b")
    for lacking, message in [
        (replace(whole, name=""), "a name"),
        (replace(whole, branch=""), "a branch"),
        (replace(whole, glob=""), "a glob"),
    ]:
        with pytest.raises(InvalidSpec, match=rf"^input must specify {message}$"):
            validate(replace(spec, input=lacking))
    with pytest.raises(InvalidSpec, match="must contain an image"):
        validate(replace(spec, transform=Transform()))


def test_a_spec_commit_is_refused_only_in_an_update() -> None:
    spec = filled(replace(MODEL, spec_commit={"id": "x"}))
    validate(spec)
    with pytest.raises(InvalidSpec, match=r"^Cannot update a pipeline and provide a spec commit"):
        validate(spec, update=True)


def test_one_input() -> None:
    assert one_input([IMAGES]) is IMAGES
    with pytest.raises(InvalidSpec, match=r"^no input set$"):
        one_input([])
    with pytest.raises(InvalidSpec, match=r"^multiple input types set$"):
        one_input([IMAGES, N])


# --- JSON ------------------------------------------------------------------------------------

text = st.text(max_size=3)
triggers = st.builds(Trigger, branch=text, all=st.booleans(), commits=st.integers(0, 9))
pfs_inputs = st.builds(
    PfsInput, text, text, text, text, lazy=st.booleans(), trigger=st.none() | triggers
)
cron_leaves = st.builds(CronInput, text, text, start=st.none() | st.integers(0))
inputs = st.recursive(
    pfs_inputs | cron_leaves,
    lambda below: st.one_of(
        [
            st.builds(kind, st.lists(below, max_size=3).map(tuple))
            for kind in (CrossInput, UnionInput, JoinInput, GroupInput)
        ]
    ),
    max_leaves=6,
)
texts = st.lists(text, max_size=3).map(tuple)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | text,
    lambda below: st.lists(below, max_size=2) | st.dictionaries(text, below, max_size=2),
    max_leaves=4,
)
json_objects = st.dictionaries(text, json_values, max_size=3)
transforms = st.builds(
    Transform,
    image=text,
    cmd=texts,
    stdin=texts,
    env=st.dictionaries(text, text),
    secrets=st.lists(st.builds(SecretMount, text, text), max_size=2).map(tuple),
    accept_return_code=st.lists(st.integers(), max_size=2).map(tuple),
    datum_batching=st.booleans(),
)
specs = st.builds(
    PipelineSpec,
    name=text,
    transform=st.none() | transforms,
    input=st.none() | inputs,
    parallelism=st.none() | st.integers(0, 9),
    datum_timeout=st.none() | st.floats(0, 1e6),
    datum_set_spec=st.none() | st.builds(DatumSetSpec, number=st.integers(0, 9)),
    service=st.none() | st.builds(Service, ip=text),
    spout=st.none() | st.builds(Spout, st.none() | st.builds(Service, internal_port=st.just(1))),
    egress=st.none() | json_objects,
    metadata=st.none() | json_objects,
    tolerations=st.lists(json_objects, max_size=2).map(tuple),
    details_json=text,
)


@given(specs)
def test_json_gives_back_what_it_was_given(spec: PipelineSpec) -> None:
    assert from_json(to_json(spec)) == spec


def test_json_of_another_version() -> None:
    data = json.loads(to_json(MODEL))
    data["new"] = {"x": 1}
    data["input"]["pfs"]["new"] = [1]
    del data["datum_tries"], data["transform"]["stdin"]
    assert from_json(json.dumps(data)) == MODEL
    assert from_json("{}") == PipelineSpec()


def test_json_with_an_unknown_kind_of_input_is_an_error() -> None:
    with pytest.raises(ValueError, match="no kind of input that is known: git"):
        from_json('{"input": {"git": {}}}')
