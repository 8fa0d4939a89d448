"""How a spec's inputs read what a plan changes: by branch, by glob, by a trigger; pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tycokit.errors import BadGlob
from tycokit.globs import glob
from tycokit.pipelines.specs import Repo, Spec
from tycokit.repos.addresses import DEFAULT_BRANCH

Branch = tuple[Repo, str]


@dataclass(frozen=True, slots=True)
class Leaf:
    """A pfs input of a spec (`pfs`, protobuf), as it reads `repo`.

    `branch` is the one whose commits reach it, through others if `triggered`: then only once their
    triggers fire. `everywhere`: each datum has a file of it, as nothing but crosses is around it.
    """

    repo: Repo
    branch: str
    triggered: bool
    everywhere: bool
    pfs: Any

    def reads(self, paths: Collection[str]) -> list[str]:
        """Those of some files of the repo's top folder that are in its datums."""
        try:
            pattern = glob.compile(self.pfs.glob)
        except BadGlob:  # pachd has taken it: so it may be any
            return sorted(paths)
        if pattern.literal_path == "/":
            return sorted(paths)
        if pattern.literal_path is not None:
            return [pattern.literal_path] if pattern.literal_path in paths else []
        return sorted(path for path in paths if pattern.match(path) is not None)

    @property
    def is_one(self) -> bool:
        """Whether it is the same file or folder in each of its datums."""
        return names(self.pfs.glob) is not None


def names(pattern: str) -> str | None:
    """The one path that a glob names, None where it may match several."""
    try:
        return glob.compile(pattern).literal_path
    except BadGlob:
        return None


def leaves(spec: Spec, follows: Mapping[Branch, str]) -> Iterator[Leaf]:
    """The pfs inputs of a spec; `follows` tells of branches with triggers which one they follow."""
    home = spec.output.project
    for pfs, everywhere in _inputs(spec.request.input, everywhere=True):
        repo = Repo(pfs.project or home, pfs.repo)
        triggered = pfs.HasField("trigger")
        branch = (pfs.trigger.branch if triggered else pfs.branch) or DEFAULT_BRANCH
        seen = {branch}
        while (next_ := follows.get((repo, branch))) and next_ not in seen:
            branch, triggered = next_, True
            seen.add(next_)
        yield Leaf(repo, branch, triggered, everywhere, pfs)


def _inputs(node: Any, *, everywhere: bool) -> Iterator[tuple[Any, bool]]:
    if node.HasField("pfs") and node.pfs.repo_type in ("", "user"):
        yield node.pfs, everywhere
    for inner in node.cross:
        yield from _inputs(inner, everywhere=everywhere)
    for inner in (*node.union, *node.join, *node.group):
        yield from _inputs(inner, everywhere=False)
