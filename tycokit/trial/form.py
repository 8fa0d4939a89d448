"""A form made from what a notebook's `parameters` cell declares; pure.

A form's values are texts, as a command line has them: what is tried here can stand in a spec.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tycokit.errors import TrialError
from tycokit.stage.datum import OUT
from tycokit.stage.parameters import Parameter, Text, values, wrong

_CONTROLS = {"bool": "switch", "int": "whole", "float": "number", "Literal": "choice"}


@dataclass(frozen=True, slots=True)
class Field:
    """One parameter in a form.

    `control` is switch, whole, number, choice (one of `choices`), text, or literal (a list and the
    like, as in Python). `default` is its default as a text, None where it is no plain value;
    `source` is how the notebook writes it.
    """

    name: str
    type: str
    help: str
    control: str
    default: str | None
    source: str
    choices: tuple[str, ...] = ()


def fields(parameters: Iterable[Parameter], inputs: Collection[str]) -> tuple[Field, ...]:
    """The fields of all parameters that are neither an input nor the folder of the results."""
    return tuple(_field(one) for one in parameters if one.name not in inputs and one.name != OUT)


def _field(one: Parameter) -> Field:
    control = _CONTROLS.get(one.kind.name, "text")
    if one.kind.name in ("list", "dict", "tuple", "set"):
        control = "literal"
    choices = tuple(str(value) for value in one.kind.values)
    return Field(one.name, one.type, one.help, control, _default(one), one.default, choices)


def _default(one: Parameter) -> str | None:
    try:
        value = ast.literal_eval(one.default)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None
    return value if isinstance(value, str) else repr(value)


def read(parameters: Iterable[Parameter], texts: Mapping[str, str]) -> dict[str, Any]:
    """What the texts of a form stand for. Raises TrialError: it names each that does not fit."""
    found, unfit = _read(parameters, texts)
    if unfit:
        raise TrialError("; ".join(unfit.values()))
    return found


def unfit(parameters: Iterable[Parameter], texts: Mapping[str, str]) -> dict[str, str]:
    """Why texts of a form do not fit, by name. Raises TrialError: there is no such parameter."""
    return _read(parameters, texts)[1]


def _read(
    parameters: Iterable[Parameter], texts: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, str]]:
    known = {one.name: one for one in parameters}
    unknown = [name for name in texts if name not in known]
    if unknown:
        raise TrialError(f"the notebook has no parameter {', '.join(unknown)}")
    given = {name: Text(text) for name, text in texts.items()}
    found, others = values(known.values(), given)
    return found, {one.name: wrong(one, value) for one, value in others}


def differs(one: Parameter, text: str) -> bool:
    """Whether a text stands for something else than the parameter's default."""
    default = _default(one)
    if default is None:
        return text != ""
    if text == default:
        return False
    given = read([one], {one.name: text})
    try:
        return given != read([one], {one.name: default})
    except TrialError:  # None for a number, as many notebooks have it
        return True
