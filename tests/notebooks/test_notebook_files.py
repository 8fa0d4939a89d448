"""What every notebook in the repository keeps to, and that the specs fit the notebooks."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import nbformat
import papermill
import pytest
import python_pachyderm

ROOT = Path(__file__).parents[2]
ALL = sorted((ROOT / "notebooks").glob("*.ipynb"))
SPECS = sorted((ROOT / "specs").glob("*.json"))
PEOPLE = {"tour", "provenance", "debugging", "scaling"}  # tests of their own run these
NOTEBOOKS = [path for path in ALL if path.stem not in PEOPLE]


def _ids(paths):
    return [path.stem for path in paths]


def test_the_five_stages_are_there():
    assert {"validate", "model", "threat_detect", "annotate", "plot"} <= set(_ids(NOTEBOOKS))
    assert {"validate", "model", "threat-detect", "annotate", "plot"} <= set(_ids(SPECS))


def test_a_notebook_is_a_stage_of_a_spec_or_for_people():
    assert {path.stem.replace("-", "_") for path in SPECS} == set(_ids(ALL)) - PEOPLE


@pytest.mark.parametrize("path", ALL, ids=_ids(ALL))
def test_a_notebook_has_no_outputs(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert notebook.metadata.kernelspec.name == "python3"
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=_ids(NOTEBOOKS))
def test_a_stage_can_be_parameterised(path):
    cells = nbformat.read(path, as_version=4).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    tagged = [cell for cell in code if "parameters" in cell.metadata.get("tags", [])]
    assert len(tagged) == 1
    assert code.index(tagged[0]) >= 1  # set-up stands above


@pytest.mark.parametrize("path", NOTEBOOKS, ids=_ids(NOTEBOOKS))
def test_every_parameter_has_a_type_a_default_and_help(path):
    parameters = papermill.inspect_notebook(str(path))
    assert "out" in parameters
    cells = nbformat.read(path, as_version=4).cells
    (source,) = (cell.source for cell in cells if "parameters" in cell.metadata.get("tags", []))
    # papermill silently leaves out a parameter whose comment it cannot read
    assert [node.target.id for node in ast.parse(source).body] == list(parameters)
    for name, about in parameters.items():
        assert about["inferred_type_name"] in {"str", "int", "float", "bool"}, name
        assert about["default"] != "", name
        assert len(about["help"]) > 5, name


def _pfs_inputs(value):
    if isinstance(value, dict):
        if "pfs" in value:
            yield value["pfs"]
        else:
            for inner in value.values():
                yield from _pfs_inputs(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _pfs_inputs(inner)


@pytest.mark.parametrize("path", SPECS, ids=_ids(SPECS))
def test_a_spec_names_what_its_notebook_takes(path):
    request = python_pachyderm.parse_json_pipeline_spec(path.read_text())
    assert request.pipeline.name == path.stem
    assert request.pipeline.project.name == ""
    assert list(request.transform.cmd[:2]) == ["tycokit", "stage"]
    inputs = {pfs["name"]: pfs for pfs in _pfs_inputs(json.loads(path.read_text())["input"])}
    notebook = inputs.pop("notebook")
    file = ROOT / "notebooks" / notebook["glob"].lstrip("/")
    assert notebook["repo"] == "notebooks"
    parameters = papermill.inspect_notebook(str(file))
    assert set(inputs) <= set(parameters)
    options = list(request.transform.cmd[2:])
    assert options[::3] == ["-p"] * (len(options) // 3)
    for name, value in zip(options[1::3], options[2::3], strict=True):
        assert parameters[name]["default"] == value


def test_stages_read_from_repos_that_exist_before_them():
    repos = {"images", "weights", "rules", "notebooks"} | {path.stem for path in SPECS}
    for path in SPECS:
        for pfs in _pfs_inputs(json.loads(path.read_text())["input"]):
            assert pfs["repo"] in repos - {path.stem}
