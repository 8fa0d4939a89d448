"""Specs: what pachctl takes is taken, what it would refuse or drop is refused, and in order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from python_pachyderm.service import pps_proto

from tycokit import packaged
from tycokit.errors import SpecError
from tycokit.pipelines import specs
from tycokit.pipelines.specdiff import differences
from tycokit.pipelines.specjson import COEFFICIENT
from tycokit.pipelines.specs import Repo


def spec(name: str = "edges", repo: str = "images", **more: Any) -> dict[str, Any]:
    return {
        "pipeline": {"name": name},
        "transform": {"image": "x", "cmd": ["sh"]},
        "input": {"pfs": {"repo": repo, "glob": "/*"}},
        **more,
    }


def one(document: Any, cores: int = 2) -> specs.Spec:
    found = specs.parse(json.dumps(document), "edges.json", cores)
    assert len(found) == 1
    return found[0]


def refused(document: Any) -> str:
    with pytest.raises(SpecError) as raised:
        one(document)
    assert raised.value.source.startswith("edges.json")
    return raised.value.reason


def test_the_projects_own_specs_are_in_the_order_in_which_to_create_them() -> None:
    found = specs.read(packaged.specs(), cores=2)
    names = [spec.output.name for spec in found]
    assert {"annotate", "model", "plot", "threat-detect", "validate", "alert"} <= set(names)
    before = {"model": "validate", "threat-detect": "model", "annotate": "threat-detect"}
    before |= {"plot": "threat-detect", "alert": "threat-detect"}
    assert all(names.index(first) < names.index(then) for then, first in before.items())


def test_a_file_may_hold_one_spec_a_list_or_several() -> None:
    a, b, c = (json.dumps(spec(name)) for name in "abc")
    for text in (f"{a}\n{b}{c}\n", f"[{a}, {b}, {c}]", f"{a}[{b},{c}]"):
        found = specs.parse(text, "x.json", 1)
        assert [one.output.name for one in found] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"transfrom": {}}, "unknown key 'transfrom'; did you mean 'transform'?"),
        ({"transform": {"imge": "x"}}, "unknown key 'transform.imge'; did you mean 'image'?"),
        (
            {"input": {"cross": [{"pfs": {"repo": "a", "glb": "/"}}]}},
            "unknown key 'input.cross[0].pfs.glb'; did you mean 'glob'?",
        ),
        ({"parallelism_spec": {"constant": 1, "zzz": 2}}, "unknown key 'parallelism_spec.zzz'"),
        ({"parallelism_spec": {"constant": 1, "coefficient": 2}}, "both constant and coefficient"),
        ({"parallelism_spec": {"coefficient": 0}}, "must be a number above 0"),
        ({"parallelism_spec": {"coefficient": "2"}}, "must be a number above 0"),
        ({"transform": {"cmd": "sh"}}, "cmd"),
        ({"transform": []}, "transform must be an object"),
        ({"transform": None}, "has no transform"),
        ({"input": {"cross": {}}}, "input.cross must be a list"),
        ({"datum_timeout": "soon"}, 'datum_timeout must be a duration such as "90s"'),
        ({"datum_timeout": 5}, "datum_timeout must be a duration"),
        ({"datum_tries": "many"}, "many"),
        ({"datumTries": 1, "datum_tries": 2}, "twice"),
        ({"pipeline": {}}, "names no pipeline"),
        ({"pipeline": {"name": "a/b"}}, "may hold letters, digits, - and _ only"),
        ({"input": {"pfs": {"glob": "/"}}}, "pfs input without a repo"),
        ({"input": {"pfs": {"repo": "a"}}}, "the glob '' of repo a: it is empty"),
        ({"input": {"pfs": {"repo": "a", "glob": "/[a"}}}, "the [ at character 2 is not closed"),
    ],
)
def test_a_spec_that_is_wrong_is_refused_with_its_place(change: Any, says: str) -> None:
    assert says in refused({**spec(), **change})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{\n "pipeline": oops}', "line 2, column 14 is not JSON"),
        ('{"input": 1, "input": 2}', "sets 'input' twice"),
        ("", "holds no spec"),
        ("3", "a spec must be a JSON object"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_a_file_that_is_no_spec_is_refused(text: str, says: str) -> None:
    with pytest.raises(SpecError) as raised:
        specs.parse(text, "edges.json", 1)
    assert says in str(raised.value)


def test_durations_are_go_s() -> None:
    made = one(spec(datum_timeout="1h30m", jobTimeout="0.5s")).request
    assert made.datum_timeout.ToSeconds() == 5400
    assert made.job_timeout.ToMilliseconds() == 500


@pytest.mark.parametrize(
    ("coefficient", "cores", "workers"), [(1, 4, 4), (0.5, 4, 2), (0.5, 1, 1), (2, 3, 6)]
)
def test_a_coefficient_is_that_many_workers_a_core(
    coefficient: float, cores: int, workers: int
) -> None:
    made = one(spec(parallelism_spec={"coefficient": coefficient}), cores).request
    assert made.parallelism_spec.constant == workers
    assert made.metadata.annotations[COEFFICIENT] == str(coefficient)


def test_inputs_are_found_at_every_depth() -> None:
    inner = {"join": [{"pfs": {"repo": "b", "glob": "/", "project": "p"}}]}
    cross = [{"pfs": {"repo": "a", "glob": "/"}}, {"union": [inner]}, {"group": [inner]}]
    assert one(spec(input={"cross": cross})).inputs == [Repo("default", "a"), Repo("p", "b")]


def test_pipelines_that_wait_for_each_other_are_named() -> None:
    made = [one(spec(name, repo)) for name, repo in (("a", "c"), ("b", "a"), ("c", "b"))]
    with pytest.raises(SpecError, match="pipelines form a cycle: a -> c -> b -> a"):
        specs.order(made)
    with pytest.raises(SpecError, match="pipeline a also stands in"):
        specs.order([made[0], made[0]])


def test_a_folder_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="no such folder"):
        specs.read(tmp_path / "none", 1)
    with pytest.raises(SpecError, match="holds no spec"):
        specs.read(tmp_path, 1)


@pytest.mark.parametrize(
    ("name", "says"), [("a.yaml", "YAML"), ("a.yml", "YAML"), ("a.jsonnet", "Jsonnet")]
)
def test_what_is_not_json_is_refused_and_not_left_out(tmp_path: Path, name: str, says: str) -> None:
    (tmp_path / "b.json").write_text(json.dumps(spec()))
    (tmp_path / name).write_text("pipeline: {name: edges}")
    for given in (tmp_path, tmp_path / name):
        with pytest.raises(SpecError, match=f"{name}: specs are read as JSON; this one is {says}"):
            specs.read(given, 1)


def info(request: Any) -> Any:
    """A PipelineInfo as pachd makes it from a request: with the defaults filled in."""
    made = pps_proto.PipelineInfo()
    made.pipeline.name, made.pipeline.project.name = request.pipeline.name, "default"
    details = made.details
    for field in details.DESCRIPTOR.fields:
        given = request.DESCRIPTOR.fields_by_name.get(field.name)
        if given and given.message_type == field.message_type and field.message_type is not None:
            if field.label != field.LABEL_REPEATED and request.HasField(field.name):
                getattr(details, field.name).CopyFrom(getattr(request, field.name))
        elif given and given.message_type == field.message_type:
            setattr(details, field.name, getattr(request, field.name))
    details.salt, details.output_branch = "a" * 32, "master"
    details.datum_tries = details.datum_tries or 3
    details.reprocess_spec = "until_success"
    details.input.cross.sort(key=lambda one: str(one.pfs.name))
    for pfs in specs.pfs_inputs(details.input):
        pfs.project, pfs.branch, pfs.repo_type = "default", "master", "user"
        pfs.name = pfs.name or pfs.repo
    return made


@pytest.mark.parametrize("number", range(5))
def test_what_pachd_fills_in_is_no_difference(number: int) -> None:
    request = specs.read(packaged.specs(), cores=2)[number].request
    assert differences(request, info(request)) == []


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"transform": {"image": "x", "cmd": ["sh", "-c"]}}, ["transform"]),
        ({"parallelism_spec": {"constant": 2}}, ["parallelism_spec"]),
        ({"parallelism_spec": {"constant": 1}}, []),
        ({"datum_timeout": "5s", "description": "d"}, ["datum_timeout", "description"]),
        ({"input": {"pfs": {"repo": "images", "glob": "/"}}}, ["input"]),
        ({"input": {"pfs": {"repo": "images", "glob": "*", "branch": "master"}}}, []),
        ({"datum_tries": 3, "output_branch": "master"}, []),
        ({"metadata": {"annotations": {"a": "b"}}}, ["metadata"]),
    ],
)
def test_a_difference_is_named_by_its_field(change: dict[str, Any], fields: list[str]) -> None:
    there = info(one(spec()).request)
    assert sorted(differences(one({**spec(), **change}).request, there)) == sorted(fields)
    if fields and "parallelism_spec" not in fields:
        # and also when the spec no longer says what the pipeline has
        other = info(one({**spec(), **change}).request)
        assert sorted(differences(one(spec()).request, other)) == sorted(fields)
