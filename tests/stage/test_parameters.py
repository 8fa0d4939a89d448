"""What a parameters cell declares, and which values fit it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import papermill
import pytest
from stage_worker import code

import tycokit
from tycokit.errors import NotebookError, ParameterError
from tycokit.stage import kinds, parameters, source
from tycokit.stage.parameters import Text

ROOT = Path(__file__).parents[2]
SPECS = sorted((ROOT / "specs").glob("*.json"))
STAGES = [ROOT / "notebooks" / f"{path.stem.replace('-', '_')}.ipynb" for path in SPECS]


def shown(text: str) -> list[tuple[str, ...]]:
    found = parameters.declared(text)
    return [(one.name, one.type, one.default, one.help) for one in found]


def test_names_types_defaults_and_help() -> None:
    assert shown(
        "a = 1\n"
        "b: int = 2  # help with = and # in it\n"
        "c: str\n"
        "d = 'a # in text'  # after it\n"
        "e: list[str] | None = [\n    'é',\n    'y',  # inside\n]  # of a long one\n"
        "f = 60 * 60\n"
        "g = -1.5\n"
        "h = {}  # type: dict[str, int] papermill's older way\n"
        "i = None\n"
    ) == [
        ("a", "int", "1", ""),
        ("b", "int", "2", "help with = and # in it"),
        ("c", "str", "", ""),
        ("d", "str", "'a # in text'", "after it"),
        ("e", "list[str] | None", "[ 'é', 'y',  # inside ]", "of a long one"),
        ("f", "", "60 * 60", ""),
        ("g", "float", "-1.5", ""),
        ("h", "dict[str, int]", "{}", "papermill's older way"),
        ("i", "", "None", ""),
    ]


def test_only_what_stands_at_the_margin_is_a_parameter() -> None:
    def names(text: str) -> list[str]:
        return [one.name for one in parameters.declared(text)]

    assert names("d = e = 3\nf, (g, h) = 1, (2, 3)\nk, l = 1, 2") == ["d", "e", "f", "k", "l"]
    assert names("import os\nx.y = 1\nprint(1)\nz += 1\nif z:\n    q = 1") == ["z"]
    # what only IPython understands, and what nobody does
    assert names("%matplotlib inline\na = 1\n!ls\nb : int=2") == ["a", "b"]
    assert names("a = 1\nb = = 2\nc: int = 3\n  d = 4") == ["a", "b", "c"]


@pytest.mark.parametrize("path", STAGES, ids=lambda path: path.name)
def test_the_stages_parameters_are_those_that_papermill_sees(path: Path) -> None:
    found = {one.name: one for one in tycokit.parameters(path)}
    theirs = papermill.inspect_notebook(str(path))
    assert theirs
    assert found.keys() >= theirs.keys()
    for name, one in theirs.items():
        assert found[name].type == one["inferred_type_name"]
        # theirs ends at a # in text
        assert found[name].default.startswith(one["default"])
    assert all(one.help and one.annotated for one in found.values())


def test_a_file_that_is_no_notebook(tmp_path: Path) -> None:
    with pytest.raises(NotebookError, match="cannot be read"):
        tycokit.parameters(tmp_path / "absent.ipynb")


def test_importing_tycokit_is_light() -> None:
    code = "import sys, tycokit; print(*(m for m in sys.modules if m.startswith('tycokit')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["tycokit"]


@pytest.mark.parametrize(
    ("declaration", "text", "value"),
    [
        ("x: str", "5", "5"),
        ("x: Path", "/a", "/a"),
        ("x: float", "5", 5),
        ("x: float", "1e3", 1000.0),
        ("x: int", "1_511", 1511),
        ("x: bool", "true", True),
        ("x: bool", "False", False),
        ("x: Optional[int]", "None", None),
        ("x: int | str", "5", 5),
        ("x: int | str", "five", "five"),
        ("x: list[int]", "[1, 2]", [1, 2]),
        ("x: Sequence[float]", "[1, 2.5]", [1, 2.5]),
        ("x: dict[str, int]", "{'a': 1}", {"a": 1}),
        ("x: tuple[int, str]", "(1, 'a')", (1, "a")),
        ("x: tuple[int, ...]", "(1, 2, 3)", (1, 2, 3)),
        ("x: set", "{1}", {1}),
        ("x: Literal['a', 1]", "1", 1),
        ("x: Literal['a', '1']", "1", "1"),
        ("x: 'float'", "1", 1),
        ("x: Annotated[int, 'odd']", "1", 1),
        ("x: typing.Union[int, None]", "1", 1),
        ("x: Any", "1", 1),
        ("x: Unheard[of]", "1", 1),
        ("x = True", "True", True),
        ("x = 'a'", "None", "None"),
        ("x = []", "[1, 'a']", [1, "a"]),
        ("x = None", "a", "a"),
        ("x = 2 ** 3", "1.5", 1.5),
    ],
)
def test_a_value_is_read_by_its_type(declaration: str, text: str, value: Any) -> None:
    fitting, unfit = parameters.values(parameters.declared(declaration), {"x": Text(text)})
    assert not unfit
    assert fitting == {"x": value}
    assert type(fitting["x"]) is type(value)


@pytest.mark.parametrize(
    ("declaration", "text"),
    [
        ("x: int", "0.5"),
        ("x: int", "True"),
        ("x: int", ""),
        ("x: float", "much"),
        ("x: float", "True"),
        ("x: bool", "1"),
        ("x: bool", "yes"),
        ("x: int | None", "a"),
        ("x: list[int]", "[1, 'a']"),
        ("x: list", "(1,)"),
        ("x: list", "open('/')"),
        ("x: dict[str, int]", "{1: 1}"),
        ("x: tuple[int, str]", "(1,)"),
        ("x: Literal['a', 'b']", "c"),
        ("x: Literal[1]", "True"),
        ("x = 1", "0.5"),
        ("x = False", "0"),
    ],
)
def test_a_value_of_another_type_is_refused(declaration: str, text: str) -> None:
    _, unfit = parameters.values(parameters.declared(declaration), {"x": Text(text)})
    assert [one.name for one, _ in unfit] == ["x"]


def test_raw_text_fits_only_where_text_does() -> None:
    declared = parameters.declared("a: str\nb: int\nc: int | str\nd")
    given = {name: Text("5", raw=True) for name in "abc"}
    fitting, unfit = parameters.values(declared, given)
    assert fitting == {"a": "5", "c": "5"}
    assert [one.name for one, _ in unfit] == ["b"]


def test_every_wrong_value_is_named_with_what_was_wanted(tmp_path: Path) -> None:
    path = tmp_path / "n.ipynb"
    cell = code("out = ''\na: int = 1\nb: float = 1", "parameters")
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)
    with pytest.raises(ParameterError) as caught:
        source.parameters(source.read(path), {}, tmp_path, {"a": Text("x"), "b": [1]})
    assert caught.value.names == ("a", "b")
    assert str(caught.value) == (
        f"{path}: the parameter `a` wants int; it was given 'x';"
        " the parameter `b` wants float; it was given [1] (list)"
    )


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("True", True),
        ("False", False),
        ("None", None),
        ("12", 12),
        ("-1", -1),
        ("0.5", 0.5),
        ("1e3", 1000.0),
        ("true", "true"),
        ("", ""),
        ("[1]", "[1]"),
        ("1_511", 1511),
    ],
)
def test_values_of_no_known_type_are_typed_as_papermill_types_them(
    text: str, value: object
) -> None:
    from papermill.cli import _resolve_type

    assert kinds.typed(text) == value == _resolve_type(text)
    assert type(kinds.typed(text)) is type(_resolve_type(text))
