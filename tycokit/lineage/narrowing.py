"""A pipeline's input narrowed to one file: then pachd itself lists the datums that read it.

pachd's rules for globs, crosses and joins stay pachd's: only the one glob is replaced, by the path
of the file or of a folder that it lies in, with the captures of a join_on around the same text.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from python_pachyderm.service import pps_proto

from tycokit.pipelines.specs import pfs_inputs
from tycokit.repos.addresses import DEFAULT_BRANCH

_LISTS = ("cross", "union", "join", "group")
_MAGIC = {"**": ".*", "*": "[^/]*", "?": "[^/]", "(": "(", ")": ")"}
_PIECE = re.compile(r"\*\*|[*?()]|[^*?()]")
_BEYOND_US = re.compile(r"[\[\]{}\\|+@!]|[*?]\(")  # what only pachd should read


@dataclass(frozen=True, slots=True)
class Target:
    """A file or folder in a repo, by project and name."""

    project: str
    repo: str
    path: str
    folder: bool = False


def reads(given: Any, project: str, target: Target) -> bool:
    """Whether an Input of a pipeline of a project reads the target's repo."""
    return any(_is_of(pfs, project, target) for pfs in pfs_inputs(given))


def branches(given: Any, project: str, target: Target) -> set[str]:
    """The branches of the target's repo that an Input reads."""
    return {
        pfs.branch or DEFAULT_BRANCH for pfs in pfs_inputs(given) if _is_of(pfs, project, target)
    }


def narrowed(given: Any, project: str, target: Target) -> list[Any] | None:
    """Inputs that give, together, all datums of an Input that read the target, and few others.

    None where it must be one of the datums' files among others (group, or a folder of which the
    datums read parts), or where it is not sure what pachd would capture. Where a glob is for pachd
    alone to read, the inputs may also give datums that the Input does not have.
    """
    if not _can_be_narrowed(given, project, target):
        return None
    return list(_variants(given, project, target))


def plain(given: Any) -> Any:
    """The Input without the commits of a job: as its spec has it."""
    made = pps_proto.Input()
    made.CopyFrom(given)
    for pfs in pfs_inputs(made):
        pfs.commit = ""
    return made


def _is_of(pfs: Any, project: str, target: Target) -> bool:
    return pfs.repo == target.repo and (pfs.project or project) == target.project


def _variants(node: Any, project: str, target: Target) -> Iterator[Any]:
    if node.HasField("pfs") and _is_of(node.pfs, project, target):
        for pattern in _patterns(node.pfs, target.path):
            made = pps_proto.Input(pfs=node.pfs)
            made.pfs.glob, made.pfs.commit = pattern, ""
            yield made
    for kind in _LISTS:
        children = list(getattr(node, kind))
        for number, child in enumerate(children):
            for variant in _variants(child, project, target):
                others = [plain(other) for other in children]
                others[number] = variant
                # the other parts of a union give datums of their own
                yield pps_proto.Input(**{kind: [variant] if kind == "union" else others})


def _can_be_narrowed(node: Any, project: str, target: Target) -> bool:
    if node.HasField("pfs") and _is_of(node.pfs, project, target):
        pattern = _cleaned(node.pfs)
        if target.folder and pattern != "/":
            return False
        if not _is_keyed(node.pfs):
            return True
        if _BEYOND_US.search(pattern):
            return False
        greedy, lazy = _regex(pattern, ""), _regex(pattern, "?")
        for each in _around(target.path):
            found, other = greedy.fullmatch(each), lazy.fullmatch(each)
            if found and other and found.regs != other.regs:
                return False
    if any(reads(child, project, target) for child in node.group):
        return False
    return all(
        _can_be_narrowed(child, project, target) for kind in _LISTS for child in getattr(node, kind)
    )


def _is_keyed(pfs: Any) -> bool:
    return bool(pfs.join_on or pfs.group_by)


def _cleaned(pfs: Any) -> str:
    """The glob as pachd cleans it before it reads it."""
    return posixpath.normpath("/" + str(pfs.glob).lstrip("/"))


def _patterns(pfs: Any, path: str) -> Iterator[str]:
    """The globs that match only the file, or only a folder around it, where `pfs.glob` does."""
    pattern = _cleaned(pfs)
    if _BEYOND_US.search(pattern):
        yield from map(_literal, _around(path))
        return
    regex = _regex(pattern, "")
    for each in _around(path):
        found = regex.fullmatch(each)
        if found is not None and (each == "/") == (pattern == "/"):
            yield _with_captures(each, found) if _is_keyed(pfs) else _literal(each)


def _around(path: str) -> Iterator[str]:
    """The path, and each folder that it lies in up to the root."""
    while path != "/":
        yield path
        path = posixpath.dirname(path)
    yield path


def _regex(pattern: str, mode: str) -> re.Pattern[str]:
    """The glob as a regular expression whose stars take much, or (mode "?") little."""
    pieces = (
        _MAGIC[piece] + (mode if "*" in piece else "") if piece in _MAGIC else re.escape(piece)
        for piece in _PIECE.findall(pattern)
    )
    return re.compile("".join(pieces), re.DOTALL)


def _with_captures(path: str, found: re.Match[str]) -> str:
    """The path as a glob with groups around what the match captured."""
    opens = [0] * (len(path) + 1)
    closes = [0] * (len(path) + 1)
    for start, end in found.regs[1:]:
        opens[start] += 1
        closes[end] += 1
    text = ""
    for at, character in enumerate([*path, ""]):
        text += ")" * closes[at] + "(" * opens[at] + _literal(character)
    return text


def _literal(path: str) -> str:
    """A path as a glob: of all that a glob gives a meaning to, a path can hold these."""
    return re.sub(r"[\\|,]", r"\\\g<0>", path)
