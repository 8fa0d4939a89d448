"""The types that parameters have: read from annotations and defaults, and held against values.

Syntax trees come from `compile` and are told apart by their class's name: importing `ast` for it
would cost each datum some milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_PLAIN = {"str": str, "int": int, "float": float, "bool": bool, "None": type(None)}
_HOLDERS: dict[str, Any] = {"list": list, "dict": dict, "tuple": tuple, "set": set}
_ALIASES = {
    **dict.fromkeys(("List", "Sequence", "MutableSequence", "Iterable", "Collection"), "list"),
    **dict.fromkeys(("Dict", "Mapping", "MutableMapping"), "dict"),
    **dict.fromkeys(("Path", "PurePath", "PosixPath", "PathLike", "Text", "AnyStr"), "str"),
    **dict.fromkeys(("Set", "AbstractSet", "FrozenSet", "frozenset"), "set"),
    "Tuple": "tuple",
    "Number": "float",
    "Real": "float",
    "NoneType": "None",
}
_TRUTH = {"true": True, "false": False}


class Unfit(ValueError):
    """A value that a type does not admit."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A type: `name` is one of Python's own, or `union`, `Literal`, or empty for one that admits
    everything because nothing is known of it.

    `inner`: a union's alternatives, or what a list, dict, tuple or set holds; `values`: a
    Literal's.
    """

    name: str = ""
    inner: tuple[Kind, ...] = ()
    values: tuple[Any, ...] = ()

    def admits(self, value: Any) -> bool:
        """Whether a value is of the type; a whole number is a float too."""
        if self.name == "union":
            return any(kind.admits(value) for kind in self.inner)
        if self.name == "Literal":
            return any(value == one and type(value) is type(one) for one in self.values)
        if self.name in _HOLDERS:
            return isinstance(value, _HOLDERS[self.name]) and self._holds(value)
        if self.name == "float":
            return type(value) in (int, float)
        if self.name == "int":
            return type(value) is int
        return not self.name or isinstance(value, _PLAIN[self.name])

    def _holds(self, value: Any) -> bool:
        if not self.inner:
            return True
        if self.name == "dict":
            key, item = self.inner[0], self.inner[-1]
            return all(key.admits(k) and item.admits(v) for k, v in value.items())
        if self.name == "tuple" and len(self.inner) > 1:
            return len(value) == len(self.inner) and all(
                kind.admits(item) for kind, item in zip(self.inner, value, strict=True)
            )
        return all(self.inner[0].admits(item) for item in value)

    def read(self, text: str) -> Any:
        """The value that a text on a command line stands for. Unfit when it is none of the type.

        Text stays text where the type admits it; lists and the like are written as in Python.
        """
        if self.name == "union":
            # text last: it would take what another alternative means
            for kind in sorted(self.inner, key=lambda kind: kind.name == "str"):
                try:
                    return kind.read(text)
                except Unfit:
                    continue
            raise Unfit(text)
        if self.name == "str":
            return text
        if self.name == "bool" and text.lower() in _TRUTH:
            return _TRUTH[text.lower()]
        if self.name == "Literal" and text in self.values:
            return text
        value = typed(text)
        if self.name in _HOLDERS:
            value = _literal(text)
        if not self.admits(value):
            raise Unfit(text)
        return value


ANY = Kind()


def typed(text: str) -> Any:
    """A value as papermill types its own -p: True, False, None, int, float, else text."""
    if text in ("True", "False", "None"):
        return {"True": True, "False": False, "None": None}[text]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _literal(text: str) -> Any:
    import ast

    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        raise Unfit(text) from None


def annotated(node: Any) -> Kind:
    """The type that an annotation's syntax tree stands for."""
    form = type(node).__name__
    if form == "Constant":
        if node.value is None:
            return Kind("None")
        return annotated(parse(node.value)) if isinstance(node.value, str) else ANY
    if form in ("Name", "Attribute"):
        name = _name(node)
        name = _ALIASES.get(name, name)
        return Kind(name) if name in _PLAIN or name in _HOLDERS else ANY
    if form == "BinOp" and type(node.op).__name__ == "BitOr":
        return _union(annotated(node.left), annotated(node.right))
    if form == "Subscript":
        name = _ALIASES.get(_name(node.value), _name(node.value))
        parts = node.slice.elts if type(node.slice).__name__ == "Tuple" else [node.slice]
        if name == "Optional":
            return _union(annotated(parts[0]), Kind("None"))
        if name in ("Union", "Annotated", "Final"):
            return _union(*(annotated(part) for part in parts[: None if name == "Union" else 1]))
        if name == "Literal":
            values = tuple(getattr(part, "value", None) for part in parts)
            plain = all(type(part).__name__ == "Constant" for part in parts)
            return Kind("Literal", values=values) if plain else ANY
        if name == "str":
            return Kind("str")
        if name in _HOLDERS:
            kept = [part for part in parts if getattr(part, "value", None) is not ...]
            return Kind(name, tuple(annotated(part) for part in kept))
    return ANY


def of_default(node: Any) -> Kind:
    """The type of a default's syntax tree, as far as it can be seen."""
    form = type(node).__name__
    if form == "UnaryOp":
        kind = of_default(node.operand)
        return kind if kind.name in ("int", "float") else ANY
    if form == "Constant":
        name = type(node.value).__name__
        return Kind(name) if name in _PLAIN else ANY
    if form == "JoinedStr":
        return Kind("str")
    name = {"ListComp": "list", "DictComp": "dict", "SetComp": "set"}.get(form, form.lower())
    return Kind(name) if name in _HOLDERS else ANY


def parse(text: str) -> Any:
    """The syntax tree of an expression, None when it is none."""
    try:
        tree: Any = compile(text, "<type>", "eval", ONLY_AST, dont_inherit=True)
    except (SyntaxError, ValueError):
        return None
    return tree.body


# compile's flag for "only parse"
ONLY_AST = 0x400


def _name(node: Any) -> str:
    return str(getattr(node, "attr", None) or getattr(node, "id", ""))


def _union(*kinds: Kind) -> Kind:
    parts: list[Kind] = []
    for kind in kinds:
        parts += kind.inner if kind.name == "union" else (kind,)
    if ANY in parts:
        return ANY
    return parts[0] if len(parts) == 1 else Kind("union", tuple(dict.fromkeys(parts)))
