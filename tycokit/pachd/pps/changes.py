"""The datums that differ between two sets of commits, without a look at all the others."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Set
from dataclasses import dataclass
from typing import TypeAlias

from tycokit.pachd.pps.datums import (
    Datum,
    DatumInput,
    Inputs,
    ListFiles,
    Matches,
    all_inputs,
    as_pfs,
    brought_together,
    distinct,
    key_of,
    matched,
)
from tycokit.pachd.pps.spec import (
    CronInput,
    CrossInput,
    GroupInput,
    Input,
    JoinInput,
    PfsInput,
    UnionInput,
)

ListChanges: TypeAlias = Callable[[PfsInput, PfsInput], tuple[Matches, Matches]]
"""Of an input with its old and with its new commit: what matches in the old but not, or not so, in
the new, and the other way round."""
ListKeyed: TypeAlias = Callable[[PfsInput, str, Set[str]], Matches]
"""Of an input: what matches and has one of these keys by this join_on or group_by; maybe more."""


@dataclass(frozen=True, slots=True)
class Changed:
    """All datums with a file that is only in the old commits, and with one only in the new ones.

    A file whose content has changed counts on both sides. There may be other datums among them.
    """

    old: list[Datum]
    new: list[Datum]


@dataclass(frozen=True, slots=True)
class Look:
    """How the files of an input are found."""

    files: ListFiles
    changes: ListChanges
    keyed: ListKeyed


def changed_datums(old: Input, new: Input, look: Look) -> Changed | None:
    """How the datums of an input differ from those that it had with other commits.

    `old` and `new` are one input but for the commits in it. None where this cannot be told from the
    keys of files: for joins and groups of anything but files, and for those in a union, where one
    that is gone may be the same datum as one that another part still has.
    """
    if _needs_all(old):
        return None
    gone, come = _changed(old, new, look)
    return Changed(distinct(gone), distinct(come))


def _needs_all(given: Input, in_union: bool = False) -> bool:
    if isinstance(given, (PfsInput, CronInput)):
        return False
    if isinstance(given, (JoinInput, GroupInput)):
        files = all(isinstance(below, (PfsInput, CronInput)) for below in given.inputs)
        return in_union or not files
    in_union = in_union or isinstance(given, UnionInput)
    return any(_needs_all(below, in_union) for below in given.inputs)


def _changed(old: Input, new: Input, look: Look) -> tuple[list[Inputs], list[Inputs]]:
    if isinstance(old, CronInput) and isinstance(new, CronInput):
        old, new = as_pfs(old), as_pfs(new)
    if isinstance(old, PfsInput) and isinstance(new, PfsInput):
        gone, come = look.changes(old, new)
        return (
            [(each,) for each in matched(old, gone)],
            [(each,) for each in matched(new, come)],
        )
    if isinstance(old, (JoinInput, GroupInput)):
        assert isinstance(new, (JoinInput, GroupInput))
        return _changed_together(old, new, look)
    assert isinstance(old, (CrossInput, UnionInput))
    assert isinstance(new, (CrossInput, UnionInput))
    parts = [
        _changed(before, after, look) for before, after in zip(old.inputs, new.inputs, strict=True)
    ]
    if isinstance(old, UnionInput):
        return (
            list(itertools.chain.from_iterable(gone for gone, _ in parts)),
            list(itertools.chain.from_iterable(come for _, come in parts)),
        )
    assert isinstance(new, CrossInput)
    return (
        _crossed(old, [gone for gone, _ in parts], look.files),
        _crossed(new, [come for _, come in parts], look.files),
    )


def _changed_together(
    old: JoinInput | GroupInput, new: JoinInput | GroupInput, look: Look
) -> tuple[list[Inputs], list[Inputs]]:
    """A file changes the datums of its key, in the old commits and in the new ones."""
    keys: set[str] = set()
    for before, after in zip(_leaves(old), _leaves(new), strict=True):
        gone, come = look.changes(before, after)
        keys.update(key_of(old, each) for each in (*matched(before, gone), *matched(after, come)))
    if not keys:
        return [], []

    def of_keys(given: JoinInput | GroupInput, leaf: PfsInput) -> list[DatumInput]:
        template = leaf.join_on if isinstance(given, JoinInput) else leaf.group_by
        found = matched(leaf, look.keyed(leaf, template, keys))
        return [each for each in found if key_of(given, each) in keys]

    before_, after_ = (
        brought_together(given, [of_keys(given, leaf) for leaf in _leaves(given)])
        for given in (old, new)
    )
    return before_, after_


def _leaves(given: JoinInput | GroupInput) -> list[PfsInput]:
    found = [as_pfs(below) if isinstance(below, CronInput) else below for below in given.inputs]
    return [below for below in found if isinstance(below, PfsInput)]


def _crossed(given: CrossInput, changed: list[list[Inputs]], list_files: ListFiles) -> list[Inputs]:
    """The combinations with something changed in them."""
    found: list[Inputs] = []
    for place, some in enumerate(changed):
        if not some:
            continue
        choices = [
            some if at == place else all_inputs(below, list_files)
            for at, below in enumerate(given.inputs)
        ]
        found += [tuple(itertools.chain(*chosen)) for chosen in itertools.product(*choices)]
    return found
