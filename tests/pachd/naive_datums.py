"""The datums of an input, each kind as its sentence in Pachyderm's manual says it."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable

from tycokit.pachd.pps.datums import DatumInput, Matches, enumerate_datums
from tycokit.pachd.pps.spec import (
    CronInput,
    CrossInput,
    Input,
    JoinInput,
    PfsInput,
    UnionInput,
)


def by_key_hash(*keys: str) -> list[str]:
    return sorted(keys, key=lambda key: hashlib.blake2b(key.encode(), digest_size=32).digest())


def naive(given_input: Input, files: Callable[[PfsInput], Matches]) -> list[list[DatumInput]]:
    """All datums with their repetitions, each kind of input as its sentence says it."""
    if isinstance(given_input, PfsInput):
        return [list(datum.inputs) for datum in enumerate_datums(given_input, files)]
    assert not isinstance(given_input, CronInput)
    parts = [naive(below, files) for below in given_input.inputs]
    if isinstance(given_input, UnionInput):
        return [datum for part in parts for datum in part]
    if isinstance(given_input, CrossInput):
        return [list(itertools.chain(*chosen)) for chosen in itertools.product(*parts)]
    flat = [[each for datum in part for each in datum] for part in parts]
    is_join = isinstance(given_input, JoinInput)

    def key(each: DatumInput) -> str:
        return each.join_on if is_join else each.group_by

    datums = []
    for wanted in by_key_hash(*{key(each) for part in flat for each in part}):
        having = [[each for each in part if key(each) == wanted] for part in flat]
        if not is_join:
            datums.append([each for part in having for each in part])
            continue
        present = [part for part in having if part]
        for chosen in itertools.product(*present):
            kept = [each for each in chosen if each.source.outer_join]
            datums.append(list(chosen) if len(present) == len(flat) else kept)
    return [datum for datum in datums if datum]
