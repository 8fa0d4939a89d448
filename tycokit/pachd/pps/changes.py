"""The datums that differ between two sets of commits, without a look at all the others."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from tycokit.pachd.pps.datums import (
    Datum,
    Inputs,
    ListFiles,
    Matches,
    all_inputs,
    as_pfs,
    distinct,
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


@dataclass(frozen=True, slots=True)
class Changed:
    """The datums with a file that is only in the old commits, and those with one only in the new.

    A file whose content has changed counts on both sides.
    """

    old: list[Datum]
    new: list[Datum]


def changed_datums(
    old: Input, new: Input, list_files: ListFiles, list_changes: ListChanges
) -> Changed | None:
    """How the datums of an input differ from those that it had with other commits.

    `old` and `new` are one input but for the commits in it. None for joins and groups: there a file
    may change the datums of others.
    """
    if any(_has_keys(each) for each in (old, new)):
        return None
    gone, come = _changed(old, new, list_files, list_changes)
    return Changed(distinct(gone), distinct(come))


def _has_keys(given: Input) -> bool:
    if isinstance(given, (PfsInput, CronInput)):
        return False
    return isinstance(given, (JoinInput, GroupInput)) or any(map(_has_keys, given.inputs))


def _changed(
    old: Input, new: Input, list_files: ListFiles, list_changes: ListChanges
) -> tuple[list[Inputs], list[Inputs]]:
    if isinstance(old, CronInput) and isinstance(new, CronInput):
        old, new = as_pfs(old), as_pfs(new)
    if isinstance(old, PfsInput) and isinstance(new, PfsInput):
        gone, come = list_changes(old, new)
        return (
            [(each,) for each in matched(old, gone)],
            [(each,) for each in matched(new, come)],
        )
    assert isinstance(old, (CrossInput, UnionInput))
    assert isinstance(new, (CrossInput, UnionInput))
    parts = [
        _changed(before, after, list_files, list_changes)
        for before, after in zip(old.inputs, new.inputs, strict=True)
    ]
    if isinstance(old, UnionInput):
        return (
            list(itertools.chain.from_iterable(gone for gone, _ in parts)),
            list(itertools.chain.from_iterable(come for _, come in parts)),
        )
    assert isinstance(new, CrossInput)
    return (
        _crossed(old, [gone for gone, _ in parts], list_files),
        _crossed(new, [come for _, come in parts], list_files),
    )


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
