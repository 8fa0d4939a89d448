"""What a notebook's `parameters` cell declares: names, types, defaults and help.

papermill's own reading stops at the first line that is not a plain assignment and loses help with
an equals sign in it; this one reads the cell's syntax tree.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tycokit.stage import kinds
from tycokit.stage.kinds import ANY, Kind

_ASSIGNMENT = re.compile(r"^([^\W\d]\w*)\s*(?::[^=]*)?=(?!=)", re.MULTILINE)
_MAGIC = re.compile(r"^[%!?].*$", re.MULTILINE)
_TYPE_COMMENT = re.compile(r"type:\s*([^\s\[]+(?:\[.*?\])?)\s*")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter. `type` and `default` are as the notebook writes them.

    `type` is empty where neither an annotation nor the default tells it, `default` where there is
    none. `kind` is what `type` means; `annotated` says that it is not only the default's.
    """

    name: str
    type: str = ""
    default: str = ""
    help: str = ""
    kind: Kind = ANY
    annotated: bool = False


@dataclass(frozen=True, slots=True)
class Text:
    """A value as a command line has it; `raw` is text whatever it looks like."""

    text: str
    raw: bool = False

    def typed(self, kind: Kind) -> Any:
        """What it stands for where that type is wanted. Unfit when that is nothing."""
        if kind is ANY:
            return self.text if self.raw else kinds.typed(self.text)
        if self.raw and not kind.admits(self.text):
            raise kinds.Unfit(self.text)
        return self.text if self.raw else kind.read(self.text)


def declared(text: str, *, help: bool = True) -> tuple[Parameter, ...]:  # noqa: A002
    """The parameters that a cell declares, in order; only what stands at the margin counts.

    Without `help` it takes a third of the time, as a stage's datums do.
    """
    tree = _parse(text)
    if tree is None:  # a mistake that running it will show
        return tuple(Parameter(name) for name in dict.fromkeys(_ASSIGNMENT.findall(text)))
    lines = text.split("\n")
    comments = _comments(text) if "#" in text and (help or "type:" in text) else {}
    found: dict[str, Parameter] = {}
    for statement in tree.body:
        names = list(_targets(statement))
        if not names:
            continue
        comment = comments.get(statement.end_lineno) or comments.get(statement.lineno, "")
        for name, value in names:
            found[name] = _parameter(name, statement, value, lines, comment)
    return tuple(found.values())


def _parse(text: str) -> Any:
    # lines that IPython alone understands declare nothing
    plain = _MAGIC.sub("pass", text)
    try:
        return compile(plain, "<parameters>", "exec", kinds.ONLY_AST, dont_inherit=True)
    except (SyntaxError, ValueError):
        return None


def _targets(statement: Any) -> Iterable[tuple[str, Any]]:
    """Each name that a statement sets, with its default's tree."""
    value = getattr(statement, "value", None)
    for target in getattr(statement, "targets", None) or [getattr(statement, "target", None)]:
        parts: list[Any] = getattr(target, "elts", [target])
        values: list[Any] = [value] if parts == [target] else getattr(value, "elts", [])
        if len(values) != len(parts):
            values = [None] * len(parts)
        for part, own in zip(parts, values, strict=True):
            if type(part).__name__ == "Name":
                yield part.id, own


def _parameter(name: str, statement: Any, value: Any, lines: list[str], comment: str) -> Parameter:
    note = getattr(statement, "annotation", None)
    default = _source(value, lines) if value is not None else ""
    legacy = _TYPE_COMMENT.match(comment)
    if legacy:
        comment = comment[legacy.end() :]
    if note is not None:
        return Parameter(name, _source(note, lines), default, comment, kinds.annotated(note), True)
    if legacy:
        kind = kinds.annotated(kinds.parse(legacy[1]))
        return Parameter(name, legacy[1], default, comment, kind, True)
    kind = kinds.of_default(value)
    # None says that something else may be meant, not that nothing else is
    kind = ANY if kind.name == "None" else kind
    return Parameter(name, kind.name, default, comment, kind)


def _source(node: Any, lines: list[str]) -> str:
    """A node's own text, on one line."""
    first, last = node.lineno - 1, node.end_lineno - 1
    parts = [line.encode() for line in lines[first : last + 1]]
    parts[-1] = parts[-1][: node.end_col_offset]
    parts[0] = parts[0][node.col_offset :]
    return " ".join(part.decode().strip() for part in parts)


def _comments(text: str) -> dict[int, str]:
    """The comment on each line that has one."""
    import io
    import tokenize

    found = {}
    try:
        for token in tokenize.generate_tokens(io.StringIO(_MAGIC.sub("pass", text)).readline):
            if token.type == tokenize.COMMENT:
                found[token.start[0]] = token.string.lstrip("#").strip()
    except (tokenize.TokenError, SyntaxError):
        return found
    return found


def table(parameters: Iterable[Parameter]) -> list[str]:
    """One line a parameter: name, type, default and help, in columns."""
    rows = [(one.name, one.type or "any", one.default, one.help) for one in parameters]
    widths = [min(max((len(row[i]) for row in rows), default=0), 30) for i in range(3)]
    return [
        "  ".join(
            [*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]]
        ).rstrip()
        for row in rows
    ]


def wrong(parameter: Parameter, given: object) -> str:
    """The sentence for a value of the wrong type."""
    wanted = f"wants {parameter.type}"
    if not parameter.annotated:
        wanted += (
            f", the type of its default {parameter.default}"
            f" (an annotation, `{parameter.name}: ...`, lets it take others)"
        )
    if isinstance(given, Text):
        value = f"{given.text!r}" + (" as text (-r)" if given.raw else "")
    else:
        value = f"{given!r} ({type(given).__name__})"
    return f"the parameter `{parameter.name}` {wanted}; it was given {value}"


def values(
    parameters: Iterable[Parameter], given: Mapping[str, Any]
) -> tuple[dict[str, Any], list[tuple[Parameter, Any]]]:
    """What the given values are by their types, and those that do not fit."""
    known = {one.name: one for one in parameters}
    fitting: dict[str, Any] = {}
    unfit = []
    for name, value in given.items():
        parameter = known[name]
        try:
            if isinstance(value, Text):
                fitting[name] = value.typed(parameter.kind)
            elif parameter.kind.admits(value):
                fitting[name] = value
            else:
                unfit.append((parameter, value))
        except kinds.Unfit:
            unfit.append((parameter, value))
    return fitting, unfit
