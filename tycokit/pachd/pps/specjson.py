"""Pipeline specs as JSON text, for the store.

Text that an older or newer version wrote can be read: a key that is missing means the field's
default, a key that is unknown is left out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import lru_cache
from typing import Any, TypeVar

from tycokit.pachd.pfs.values import Trigger
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
    UnionInput,
)

_T = TypeVar("_T")
_LEAVES: dict[str, type[PfsInput] | type[CronInput]] = {"pfs": PfsInput, "cron": CronInput}
_NESTED: dict[str, type[CrossInput] | type[UnionInput] | type[JoinInput] | type[GroupInput]] = {
    "cross": CrossInput,
    "union": UnionInput,
    "join": JoinInput,
    "group": GroupInput,
}
_KINDS = {kind: name for name, kind in (_LEAVES | _NESTED).items()}
# Fields that hold another of our values. All others hold plain JSON already, or tuples of it.
_VALUES: dict[str, type[Any]] = {
    "transform": Transform,
    "secrets": SecretMount,
    "trigger": Trigger,
    "service": Service,
    "spout": Spout,
    "datum_set_spec": DatumSetSpec,
}


def to_json(spec: PipelineSpec) -> str:
    return json.dumps(_plain(spec))


@lru_cache(maxsize=256)  # the scheduler and whoever waits read the same few again and again
def from_json(text: str) -> PipelineSpec:
    return _value(PipelineSpec, json.loads(text))


def _plain(value: Any) -> Any:
    if isinstance(value, (CrossInput, UnionInput, JoinInput, GroupInput)):
        return {_KINDS[type(value)]: [_plain(below) for below in value.inputs]}
    if isinstance(value, (PfsInput, CronInput)):
        return {_KINDS[type(value)]: _fields(value)}
    if is_dataclass(value):
        return _fields(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, tuple):
        return [_plain(element) for element in value]
    return value


def _fields(value: Any) -> dict[str, Any]:
    return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}


def _input(data: Mapping[str, Any]) -> Input:
    for name, leaf in _LEAVES.items():
        if name in data:
            return _value(leaf, data[name])
    for name, nested in _NESTED.items():
        if name in data:
            return nested(tuple(_input(below) for below in data[name]))
    raise ValueError(f"no kind of input that is known: {', '.join(data) or 'nothing'}")


def _value(kind: type[_T], data: Mapping[str, Any]) -> _T:
    known = {each.name for each in fields(kind)}  # type: ignore[arg-type]
    return kind(**{name: _field(name, data[name]) for name in data if name in known})


def _field(name: str, given: Any) -> Any:
    if given is None:
        return None
    if name == "input":
        return _input(given)
    if name in _VALUES:
        if isinstance(given, list):
            return tuple(_value(_VALUES[name], element) for element in given)
        return _value(_VALUES[name], given)
    return tuple(given) if isinstance(given, list) else given
