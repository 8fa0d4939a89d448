"""A form from a parameters cell, and a command with other values; pure."""

from __future__ import annotations

from typing import Any

import pytest

from tycokit.errors import TrialError
from tycokit.stage.parameters import declared
from tycokit.trial import form, specchange

CELL = """\
picture: str = ""  # the picture's file
out: str = ""
threshold: float = 0.5  # 0 to 1
most: int = 30_000_000
check: bool = True
kind: Literal["day", "night"] = "day"
names: list[str] = ["person"]
note = "a"
limit: int | None = None
where = Path.home()
"""
PARAMETERS = declared(CELL)


def field(name: str) -> form.Field:
    (found,) = [each for each in form.fields(PARAMETERS, {"picture"}) if each.name == name]
    return found


def test_inputs_and_out_are_no_fields() -> None:
    names = [each.name for each in form.fields(PARAMETERS, {"picture"})]
    assert names == ["threshold", "most", "check", "kind", "names", "note", "limit", "where"]


@pytest.mark.parametrize(
    ("name", "control", "default"),
    [
        ("threshold", "number", "0.5"),
        ("most", "whole", "30000000"),
        ("check", "switch", "True"),
        ("kind", "choice", "day"),
        ("names", "literal", "['person']"),
        ("note", "text", "a"),
        ("limit", "text", "None"),
        ("where", "text", None),
    ],
)
def test_each_type_has_a_control(name: str, control: str, default: str | None) -> None:
    assert (field(name).control, field(name).default) == (control, default)


def test_a_field_says_what_it_is_for() -> None:
    found = field("threshold")
    assert (found.help, found.type, found.source) == ("0 to 1", "float", "0.5")
    assert field("kind").choices == ("day", "night")


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("threshold", "1", 1),
        ("most", "7", 7),
        ("check", "False", False),
        ("kind", "night", "night"),
        ("names", "['a', 'b']", ["a", "b"]),
        ("note", "5", "5"),
        ("limit", "None", None),
        ("limit", "3", 3),
        ("where", "5", 5),
    ],
)
def test_texts_become_values_as_on_a_stage_s_command_line(name: str, text: str, value: Any) -> None:
    assert form.read(PARAMETERS, {name: text}) == {name: value}


def test_all_that_does_not_fit_is_named() -> None:
    with pytest.raises(TrialError) as refused:
        form.read(PARAMETERS, {"threshold": "much", "most": "0.5", "note": "x"})
    found = form.unfit(PARAMETERS, {"threshold": "much", "note": "x"})
    assert found.keys() == {"threshold"}
    said = str(refused.value)
    assert "`threshold` wants float; it was given 'much'" in said
    assert "`most` wants int; it was given '0.5'" in said
    with pytest.raises(TrialError, match="no parameter other"):
        form.read(PARAMETERS, {"other": "1"})


@pytest.mark.parametrize(
    ("name", "text", "differs"),
    [
        ("threshold", "0.50", False),
        ("threshold", "0.4", True),
        ("most", "30000000", False),
        ("check", "true", False),
        ("note", "", True),
        ("names", '["person"]', False),
        ("where", "", False),
        ("where", "/x", True),
    ],
)
def test_what_means_the_same_as_the_default_is_no_other_value(
    name: str, text: str, differs: bool
) -> None:
    (parameter,) = [each for each in PARAMETERS if each.name == name]
    assert form.differs(parameter, text) is differs


STAGE = ["tycokit", "stage"]


@pytest.mark.parametrize(
    ("words", "wanted", "after"),
    [
        ([], {"a": "1"}, ["-p", "a", "1"]),
        (["-p", "a", "1"], {"a": "2"}, ["-p", "a", "2"]),
        (["-p", "a", "1", "--timeout", "5"], {"a": None}, ["--timeout", "5"]),
        (["-r", "a", "1"], {"a": "1"}, ["-r", "a", "1"]),
        (["-r", "a", "1"], {"a": "2"}, ["-p", "a", "2"]),
        (["-p", "b", "1"], {"a": "2"}, ["-p", "b", "1", "-p", "a", "2"]),
        (["-p", "a", "1", "-p", "a", "3"], {"a": "2"}, ["-p", "a", "2"]),
        (["--timeout", "5"], {"a": None}, ["--timeout", "5"]),
    ],
)
def test_a_command_keeps_all_but_the_values(
    words: list[str], wanted: dict[str, str | None], after: list[str]
) -> None:
    assert specchange.command([*STAGE, *words], wanted) == [*STAGE, *after]
