"""The grammar of glob patterns: text to a tree, and the tree to a regular expression."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from tycokit.errors import BadGlob

Kind: TypeAlias = Literal["text", "star", "deep", "one", "class", "any_of", "group"]
Sequence: TypeAlias = "tuple[Node, ...]"

_QUANTIFIERS = "@?*+!"
# Beyond this a pattern is an attack on the parser's stack, not a glob.
_DEEPEST = 50
_POSIX = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "ascii": r"\x00-\x7f",
    "blank": r"\t ",
    "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": r"!-/:-@\[-`{-~",
    "space": r"\t\n\v\f\r ",
    "upper": "A-Z",
    "word": "0-9A-Za-z_",
    "xdigit": "0-9A-Fa-f",
}


@dataclass(frozen=True, slots=True)
class Node:
    """One piece of a pattern.

    `text` holds the literal text of a text node, the `re` class of a class node and the quantifier
    (one of `@?*+!`) of a group; `branches` the alternatives of a group or of braces.
    """

    kind: Kind
    text: str = ""
    branches: tuple[Sequence, ...] = ()

    def may_match_slash(self) -> bool:
        """True when something this node matches may hold a slash."""
        if self.kind == "class":
            return re.match(self.text, "/") is not None
        if self.kind == "text":
            return "/" in self.text
        if self.kind == "group" and self.text == "!":
            return False
        return self.kind == "deep" or any(node.may_match_slash() for node in self._below())

    def has_negation(self) -> bool:
        """True for `!()` and for what has one inside."""
        is_one = self.kind == "group" and self.text == "!"
        return is_one or any(node.has_negation() for node in self._below())

    def _below(self) -> Iterator[Node]:
        for branch in self.branches:
            yield from branch


def parse(pattern: str) -> Sequence:
    """The pattern as a tree; adjacent text is one node. Raises BadGlob."""
    return _Parser(pattern).sequence("", 0)


class _Parser:
    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0

    def sequence(self, ends: str, depth: int) -> Sequence:
        """Nodes up to (not including) a character of `ends`, or to the end of the pattern."""
        if depth > _DEEPEST:
            raise BadGlob(self.pattern, f"groups are nested more than {_DEEPEST} deep")
        nodes: list[Node] = []
        text = ""
        while self.at < len(self.pattern):
            char = self.pattern[self.at]
            if char in ends:
                break
            if char == "\\":
                text += self._escaped()
                continue
            node = self._magic(char, depth)
            if node is None:
                text += char
                self.at += 1
                continue
            if text:
                nodes.append(Node("text", text))
                text = ""
            nodes.append(node)
        if text:
            nodes.append(Node("text", text))
        return tuple(nodes)

    def _escaped(self) -> str:
        if self.at + 1 >= len(self.pattern):
            raise BadGlob(self.pattern, r"nothing follows the last \ ")
        self.at += 2
        return self.pattern[self.at - 1]

    def _magic(self, char: str, depth: int) -> Node | None:
        """The node that starts here, or None when `char` is plain text."""
        if char in _QUANTIFIERS and self.pattern.startswith("(", self.at + 1):
            self.at += 2
            return Node("group", char, self._branches("(", "|", ")", depth))
        if char == "(":
            self.at += 1
            return Node("group", "@", self._branches("(", "|", ")", depth))
        if char == "{":
            self.at += 1
            return Node("any_of", "", self._branches("{", ",", "}", depth))
        if char == "[":
            return self._class()
        if char == "?":
            self.at += 1
            return Node("one")
        if char == "*":
            self.at += 1
            # In `**(a)` the second star belongs to the group.
            if self.pattern.startswith("*", self.at) and self.pattern[self.at + 1 :][:1] != "(":
                self.at += 1
                return Node("deep")
            return Node("star")
        return None

    def _branches(self, opens: str, between: str, ends: str, depth: int) -> tuple[Sequence, ...]:
        opened = self.at - 1
        branches = [self.sequence(between + ends, depth + 1)]
        while self.pattern.startswith(between, self.at):
            self.at += 1
            branches.append(self.sequence(between + ends, depth + 1))
        if not self.pattern.startswith(ends, self.at):
            raise BadGlob(self.pattern, f"the {opens} at character {opened + 1} is not closed")
        self.at += 1
        return tuple(branches)

    def _class(self) -> Node:
        opened = self.at
        self.at += 1
        sign = ""
        if self.pattern[self.at : self.at + 1] in ("!", "^"):
            sign = "^"
            self.at += 1
        members = ""
        while not self.pattern.startswith("]", self.at):
            if self.at >= len(self.pattern):
                raise BadGlob(self.pattern, f"the [ at character {opened + 1} is not closed")
            members += self._posix() if self.pattern.startswith("[:", self.at) else self._range()
        self.at += 1
        if not members:
            raise BadGlob(self.pattern, f"the [] at character {opened + 1} is empty")
        return Node("class", f"[{sign}{members}]")

    def _posix(self) -> str:
        end = self.pattern.find(":]", self.at)
        name = self.pattern[self.at + 2 : end] if end > 0 else ""
        if name not in _POSIX:
            known = ", ".join(_POSIX)
            raise BadGlob(self.pattern, f"[:{name}:] is no character class; known are {known}")
        self.at = end + 2
        return _POSIX[name]

    def _range(self) -> str:
        low = self._member()
        dash = self.pattern.startswith("-", self.at)
        if not dash or self.pattern[self.at + 1 : self.at + 2] in ("]", ""):
            return re.escape(low)
        self.at += 1
        high = self._member()
        if high < low:
            raise BadGlob(self.pattern, f"the range {low}-{high} runs backwards")
        return f"{re.escape(low)}-{re.escape(high)}"

    def _member(self) -> str:
        if self.pattern.startswith("\\", self.at):
            return self._escaped()
        self.at += 1
        return self.pattern[self.at - 1]


def translate(nodes: Sequence) -> str:
    """A regular expression for `re.fullmatch`, one capture group for each group of the pattern."""
    return _sequence(nodes, negation_end(nodes))


def _sequence(nodes: Sequence, ending: str) -> str:
    return "".join(_node(node, ending) for node in nodes)


def _node(node: Node, ending: str) -> str:
    if node.kind == "text":
        return re.escape(node.text)
    if node.kind == "class":
        return node.text
    if node.kind == "star":
        return "[^/]*"
    if node.kind == "deep":
        return ".*"
    if node.kind == "one":
        return "[^/]"
    branches = [_sequence(branch, ending) for branch in node.branches]
    if node.kind == "any_of":
        return f"(?:{'|'.join(branches)})"
    if node.text == "@":
        return f"({'|'.join(branches)})"
    if node.text == "!":
        refused = "|".join(branch + ending for branch in branches)
        return f"((?!(?:{refused}))[^/]*)"
    return f"((?:{'|'.join(branches)}){node.text})"


def negation_end(nodes: Sequence) -> str:
    r"""What stands after each alternative that `!()` refuses.

    Pachyderm's rule: where only other groups and single characters follow the first `!()`, it
    refuses the alternatives themselves (`\Z`); where text or a star follows, whatever starts so.
    """
    after = False
    for kind in _in_order(nodes):
        if kind == "negation closed":
            after = True
        elif after and kind in ("text", "star", "deep"):
            return ""
    return r"\Z"


def _in_order(nodes: Sequence) -> Iterator[str]:
    for node in nodes:
        yield node.kind
        for branch in node.branches:
            yield from _in_order(branch)
        if node.kind == "group" and node.text == "!":
            yield "negation closed"
