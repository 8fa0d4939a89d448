"""One pipeline spec, from its JSON object to the request that python_pachyderm sends; strict.

What pachctl accepts is accepted: field names in snake_case or camelCase, and durations as Go
writes them (`"1h30m"`). What it would refuse, or drop without a word, is refused here.
"""

from __future__ import annotations

import difflib
import re
from decimal import Decimal
from typing import Any

from google.protobuf import json_format
from python_pachyderm.service import pps_proto

from tycokit.errors import SpecError
from tycokit.scaling.choices import COEFFICIENT, Coefficient, workers

_DURATION = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
_SECONDS = {
    "ns": Decimal("1e-9"),
    "us": Decimal("1e-6"),
    "µs": Decimal("1e-6"),
    "μs": Decimal("1e-6"),
    "ms": Decimal("1e-3"),
    "s": Decimal(1),
    "m": Decimal(60),
    "h": Decimal(3600),
}


def request(spec: dict[str, Any], source: str, cores: int) -> Any:
    """A CreatePipelineRequest. Raises SpecError, which names the key and its place.

    `parallelism_spec.coefficient`, which Pachyderm 2 no longer knows, is turned into a constant:
    that many workers for each of `cores`, at least one, and an annotation keeps what was written.
    Whoever deploys it computes it again, for the cluster's nodes: tycokit.scaling.change.resolve.
    """
    made = pps_proto.CreatePipelineRequest()
    spec = dict(spec)
    coefficient = _take_coefficient(spec, source, cores)
    known = _fields(spec, made.DESCRIPTOR, source, "")
    try:
        json_format.ParseDict(known, made)
    except (json_format.ParseError, ValueError, TypeError) as error:
        raise SpecError(source, _reason(error)) from error
    if coefficient is not None:
        made.metadata.annotations[COEFFICIENT] = coefficient
    return made


def given_input(value: dict[str, Any], source: str) -> Any:
    """An Input alone, as strictly. Raises SpecError."""
    made = pps_proto.Input()
    try:
        json_format.ParseDict(_fields(value, made.DESCRIPTOR, source, ""), made)
    except (json_format.ParseError, ValueError, TypeError) as error:
        raise SpecError(source, _reason(error)) from error
    return made


def _take_coefficient(spec: dict[str, Any], source: str, cores: int) -> str | None:
    key = "parallelismSpec" if "parallelismSpec" in spec else "parallelism_spec"
    wanted = spec.get(key)
    if not isinstance(wanted, dict) or "coefficient" not in wanted:
        return None
    value = wanted["coefficient"]
    if "constant" in wanted:
        raise SpecError(source, f"{key} sets both constant and coefficient")
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 10_000:
        raise SpecError(source, f"{key}.coefficient must be a number above 0, not {value!r}")
    rest = {name: other for name, other in wanted.items() if name != "coefficient"}
    spec[key] = rest | {"constant": workers(Coefficient(value), cores)}
    return Coefficient(value).text


def _fields(value: dict[str, Any], descriptor: Any, source: str, place: str) -> dict[str, Any]:
    """The object with its keys checked against the message's fields, at every depth."""
    by_name = {field.name: field for field in descriptor.fields}
    by_name |= {field.json_name: field for field in descriptor.fields}
    checked: dict[str, Any] = {}
    for key, inner in value.items():
        here = f"{place}.{key}" if place else key
        field = by_name.get(key)
        if field is None:
            raise SpecError(source, _unknown(here, key, list(by_name), place))
        if field.name in checked:
            raise SpecError(source, f"sets {here} twice (snake_case and camelCase)")
        checked[field.name] = _value(inner, field, source, here)
    return checked


def _value(value: Any, field: Any, source: str, place: str) -> Any:
    message = field.message_type
    if message is None or value is None:
        return value
    if message.GetOptions().map_entry or message.full_name == "google.protobuf.Timestamp":
        return value
    if field.label == field.LABEL_REPEATED:
        if not isinstance(value, list):
            raise SpecError(source, f"{place} must be a list")
        return [
            _message(one, message, source, f"{place}[{index}]") for index, one in enumerate(value)
        ]
    return _message(value, message, source, place)


def _message(value: Any, message: Any, source: str, place: str) -> Any:
    if message.full_name == "google.protobuf.Duration":
        return _duration(value, source, place)
    if message.full_name.startswith("google.protobuf."):
        return value  # a wrapper: its JSON is the plain value
    if not isinstance(value, dict):
        raise SpecError(source, f"{place} must be an object")
    return _fields(value, message, source, place)


def _duration(value: Any, source: str, place: str) -> str:
    parts = _DURATION.findall(value) if isinstance(value, str) else []
    if not parts or "".join(number + unit for number, unit in parts) != value:
        raise SpecError(source, f'{place} must be a duration such as "90s" or "1h30m": {value!r}')
    seconds = sum((Decimal(number) * _SECONDS[unit] for number, unit in parts), Decimal(0))
    return f"{seconds.quantize(Decimal('1e-9')):f}s"


def _unknown(here: str, key: str, known: list[str], place: str) -> str:
    near = difflib.get_close_matches(key, known, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    if not near:
        where = place or "a pipeline spec"
        hint = f"; {where} has {', '.join(sorted({name for name in known if name.islower()}))}"
    return f"unknown key {here!r}{hint}"


def _reason(error: Exception) -> str:
    """json_format nests `Failed to parse … field:` once a level; the innermost says it."""
    text = str(error).splitlines()[0]
    return re.sub(r"^(Failed to parse \w+ field: )+", "", text).strip().rstrip(".")
