"""Glob patterns over the paths of a commit, with capture groups for join_on and group_by.

A pattern is matched against a whole absolute path without its trailing slash. `/` matches the root
and nothing else does. The syntax: `*` and `?` stop at a slash, `**` does not; `[a-z]`, `[!a]`,
`[[:alpha:]]`; `{a,b}`; `\\c`; and the groups `(a|b)`, `@()`, `?()`, `*()`, `+()`, `!()`, which
capture what they matched.

    glob = compile("/(*)/(*).json")
    glob.match("/alice/17.json")            # ("alice", "17")
    expand("$1_$2", ("alice", "17"))        # "alice_17"
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from tycokit.errors import BadGlob
from tycokit.globs import globmatch
from tycokit.globs.globmatch import Matcher
from tycokit.globs.globsyntax import Node, Sequence, parse

_REFERENCE = re.compile(r"\$(?:(\$)|(\d+)|\{(\d+)\})")


@dataclass(frozen=True, slots=True)
class Glob:
    """A compiled pattern. `pattern` is its cleaned form: absolute, no trailing slash."""

    pattern: str
    literal: bool
    """True when the pattern has no magic: it names one path, `literal_path`."""
    literal_prefix: str
    """The directory, with its trailing slash, that holds everything the pattern can match."""
    literal_path: str | None = None
    _matcher: Matcher = field(repr=False, compare=False, default=globmatch.compile(()))
    _everything: bool = field(repr=False, compare=False, default=False)
    _directories: tuple[Matcher | None, ...] = field(repr=False, compare=False, default=())
    _any_depth: bool = field(repr=False, compare=False, default=False)
    _beginnings: tuple[str, ...] = field(repr=False, compare=False, default=())

    def match(self, path: str) -> tuple[str | None, ...] | None:
        """The capture groups of `path`, left to right (`()` when the pattern has none).

        None when it does not match; a group inside an alternative that was not taken is None.
        """
        if self.literal:
            return () if path == self.literal_path else None
        if path == "/":
            return None
        if self._everything:
            return ()
        return self._matcher.match(path)

    def beginning(self, directory: str) -> str:
        """What the names in a directory that may match, or hold a match, all begin with."""
        depth = directory.strip("/").count("/") + 1 if directory.strip("/") else 0
        return self._beginnings[depth] if depth < len(self._beginnings) else ""

    def may_descend(self, directory: str) -> bool:
        """False when nothing below `directory` can match, so that a walk may leave it out."""
        names = directory.strip("/").split("/") if directory.strip("/") else []
        for name, wanted in zip(names, self._directories, strict=False):
            if wanted is not None and wanted.match(name) is None:
                return False
        return self._any_depth or len(names) <= len(self._directories)


@lru_cache(maxsize=1024)
def compile(pattern: str) -> Glob:  # noqa: A001 (read as glob.compile, like re.compile)
    """Clean and compile `pattern`. Raises BadGlob when it is malformed."""
    # normpath keeps two leading slashes apart from one, so hand it exactly one.
    cleaned = posixpath.normpath("/" + pattern.lstrip("/"))
    # wcmatch has no capture groups for a bare (a|b), and its `**` counts only as a whole path
    # element, so the translation to `re` is our own.
    return of_nodes(cleaned, parse(cleaned))


def of_nodes(pattern: str, nodes: Sequence) -> Glob:
    """What a parsed pattern matches. Raises BadGlob, naming the pattern."""
    try:
        matcher = globmatch.compile(nodes)
        directories, any_depth = _directories(nodes)
    except (re.error, RecursionError) as error:
        raise BadGlob(pattern, str(error)) from error
    literal_path = "".join(node.text for node in nodes) if _is_text(nodes) else None
    return Glob(
        pattern=pattern,
        literal=literal_path is not None,
        literal_prefix=_literal_prefix(nodes),
        literal_path=literal_path,
        _matcher=matcher,
        _everything=pattern == "/**",
        _directories=directories,
        _any_depth=any_depth,
        _beginnings=_beginnings(nodes),
    )


def fault(pattern: str) -> str | None:
    """What is malformed in a pattern in a few words, None where nothing is."""
    if not pattern:
        return "it is empty"
    try:
        compile(pattern)
    except BadGlob as error:
        return error.rule
    return None


def expand(template: str, captures: Iterable[str | None], path: str = "") -> str:
    """Fill `$1` and `${1}` of a join_on or group_by; `$$` is a dollar, `$0` the matched path.

    A group that matched nothing, or that the pattern does not have, gives "".
    """
    if "$" not in template:
        return template
    groups = (path, *captures)

    def value(found: re.Match[str]) -> str:
        dollar, bare, braced = found.groups()
        if dollar:
            return "$"
        number = int(bare or braced)
        return (groups[number] or "") if number < len(groups) else ""

    return _REFERENCE.sub(value, template)


def references(template: str) -> tuple[str | int, ...]:
    """A join_on or group_by in pieces: text, and the numbers of the groups that it refers to."""
    found: list[str | int] = []
    at = 0
    for each in _REFERENCE.finditer(template):
        dollar, bare, braced = each.groups()
        found += [template[at : each.start()], "$" if dollar else int(bare or braced)]
        at = each.end()
    return tuple(piece for piece in (*found, template[at:]) if piece != "")


def _is_text(nodes: Iterable[Node]) -> bool:
    return all(node.kind == "text" for node in nodes)


def _literal_prefix(nodes: Sequence) -> str:
    text = ""
    for node in nodes:
        if node.kind != "text":
            break
        text += node.text
    return text[: text.rindex("/") + 1]


def _beginnings(nodes: Sequence) -> tuple[str, ...]:
    """The text that the names at each depth begin with, from the top down."""
    found = [""]
    open_ = True  # nothing but text so far, in this name
    for node in nodes:
        if node.kind != "text" and node.may_match_slash():
            break
        open_ = open_ and node.kind == "text"
        first, *rest = node.text.split("/") if node.kind == "text" else [""]
        if open_:
            found[-1] += first
        for name in rest:
            found.append(name)
            open_ = True
    return tuple(found[1:])


def _directories(nodes: Sequence) -> tuple[tuple[Matcher | None, ...], bool]:
    """What the names of the directories above a match look like, from the top down.

    None stands for any name. The second value is True when a match may lie below all of them,
    because the pattern has a piece that can match a slash.
    """
    elements: list[list[Node]] = [[]]
    for node in nodes:
        if node.kind == "text":
            first, *rest = node.text.split("/")
            elements[-1].append(Node("text", first))
            elements.extend([Node("text", name)] for name in rest)
        elif node.may_match_slash():
            # Whatever this element starts with, the slash may follow anywhere.
            return tuple(_element(element) for element in elements[1:-1]), True
        else:
            elements[-1].append(node)
    return tuple(_element(element) for element in elements[1:-1]), False


def _element(nodes: list[Node]) -> Matcher | None:
    # What `!()` excludes depends on the pattern after it, so it is left to the full match.
    if any(node.has_negation() for node in nodes):
        return None
    return globmatch.compile(tuple(nodes))
