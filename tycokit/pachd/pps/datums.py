"""From a pipeline's input to its datums: what they hold, their ids and their hashes."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from tycokit.globs import glob
from tycokit.pachd.pps.spec import (
    CronInput,
    CrossInput,
    GroupInput,
    Input,
    JoinInput,
    PfsInput,
    UnionInput,
)


@dataclass(frozen=True, slots=True)
class MatchedFile:
    """A file or (its path ends in "/") a directory that an input's glob matched."""

    path: str
    hash: bytes
    size: int
    captures: tuple[str | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Matches:
    """What an input's glob matched in the commit `commit_id`, in path order.

    No files and the id "" stand for an input that has no commit yet.
    """

    commit_id: str
    files: Sequence[MatchedFile]


@dataclass(frozen=True, slots=True)
class DatumInput:
    """One file or directory of a datum."""

    source: PfsInput
    """Where it comes from, and how it is handed over; a cron input as the pfs input it acts as."""
    commit_id: str
    path: str
    hash: bytes
    size: int
    join_on: str
    """The key, "" when the input has no join_on; `group_by` likewise."""
    group_by: str
    identity: bytes = field(repr=False)
    """Its share of the datum's id."""

    @property
    def name(self) -> str:
        return self.source.name

    @property
    def project(self) -> str:
        return self.source.project

    @property
    def repo(self) -> str:
        return self.source.repo

    @property
    def repo_type(self) -> str:
        return self.source.repo_type

    @property
    def branch(self) -> str:
        return self.source.branch

    @property
    def lazy(self) -> bool:
        return self.source.lazy

    @property
    def empty_files(self) -> bool:
        return self.source.empty_files

    @property
    def s3(self) -> bool:
        return self.source.s3


@dataclass(frozen=True, slots=True)
class Datum:
    """What user code works on at a time."""

    id: str
    """64 hex digits, of names, repos, branches and paths; not of content."""
    inputs: tuple[DatumInput, ...]

    @property
    def size(self) -> int:
        """Bytes in all of its inputs."""
        return sum(each.size for each in self.inputs)


ListFiles: TypeAlias = Callable[[PfsInput], Matches]
Inputs: TypeAlias = "tuple[DatumInput, ...]"
"""All that one datum holds, in order."""


def enumerate_datums(given: Input, list_files: ListFiles) -> list[Datum]:
    """The datums of an input with its defaults filled, in the order to work on them.

    `list_files` applies the glob of a pfs input to the commit that the job reads. Two ways to the
    same datum (a union of overlapping globs, say) make one.
    """
    return distinct(all_inputs(given, list_files))


def distinct(found: Iterable[Inputs]) -> list[Datum]:
    """Each datum once, in order."""
    datums: dict[str, Datum] = {}
    for inputs in found:
        each = datum_id(inputs)
        if each not in datums:
            datums[each] = Datum(each, inputs)
    return list(datums.values())


def datum_id(inputs: Iterable[DatumInput]) -> str:
    """Hex BLAKE2b-256 over name, repo, branch and path of each, every one with its length."""
    return hashlib.blake2b(b"".join([each.identity for each in inputs]), digest_size=32).hexdigest()


def datum_hash(datum: Datum, salt: str) -> str:
    """Hex BLAKE2b-256 over the id, the content of the inputs and the pipeline's salt."""
    contents = b"".join([each.hash for each in datum.inputs])
    return hashlib.blake2b(datum.id.encode() + contents + salt.encode(), digest_size=32).hexdigest()


def as_pfs(given: CronInput) -> PfsInput:
    """The pfs input that a cron input acts as: each of its ticks is a datum."""
    return PfsInput(
        repo=given.repo,
        project=given.project,
        repo_type="user",
        branch="master",
        commit=given.commit,
        name=given.name,
        glob="/*",
    )


def all_inputs(given: Input, list_files: ListFiles) -> list[Inputs]:
    """The inputs of each datum, some datums maybe more than once."""
    if isinstance(given, PfsInput):
        return [(each,) for each in matched(given, list_files(given))]
    if isinstance(given, CronInput):
        return all_inputs(as_pfs(given), list_files)
    parts = [all_inputs(below, list_files) for below in given.inputs]
    if isinstance(given, UnionInput):
        return list(itertools.chain.from_iterable(parts))
    if isinstance(given, CrossInput):
        return _cross(parts)
    return brought_together(given, [itertools.chain.from_iterable(part) for part in parts])


def brought_together(
    given: JoinInput | GroupInput, parts: Iterable[Iterable[DatumInput]]
) -> list[Inputs]:
    """The inputs of a join's or group's datums, from what each of its parts has matched."""
    if isinstance(given, JoinInput):
        return _join([_by_key(part, _join_key) for part in parts])
    return _group([_by_key(part, _group_key) for part in parts])


def key_of(given: JoinInput | GroupInput, file: DatumInput) -> str:
    """What decides with which other files a file comes together."""
    return _join_key(file) if isinstance(given, JoinInput) else _group_key(file)


def matched(source: PfsInput, matches: Matches) -> list[DatumInput]:
    """What an input's glob matched, as parts of datums."""
    start = b"".join(map(_counted, (source.name, source.repo, source.branch)))
    join_on, group_by = source.join_on, source.group_by

    def key(template: str, file: MatchedFile) -> str:
        return glob.expand(template, file.captures, file.path.rstrip("/")) if template else ""

    return [
        DatumInput(
            source=source,
            commit_id=matches.commit_id,
            path=file.path,
            hash=file.hash,
            size=file.size,
            join_on=key(join_on, file),
            group_by=key(group_by, file),
            identity=start + _counted(file.path),
        )
        for file in matches.files
    ]


def _counted(text: str) -> bytes:
    encoded = text.encode()
    return encoded + len(encoded).to_bytes(8, "big")


def _cross(parts: Sequence[list[Inputs]]) -> list[Inputs]:
    if not parts or not all(parts):
        return []
    datums = parts[0]
    for part in parts[1:]:
        datums = [left + right for left in datums for right in part]
    return datums


_Keyed: TypeAlias = "dict[str, list[DatumInput]]"


def _join_key(given: DatumInput) -> str:
    return given.join_on


def _group_key(given: DatumInput) -> str:
    return given.group_by


def _by_key(files: Iterable[DatumInput], key: Callable[[DatumInput], str]) -> _Keyed:
    """Files by their own keys, each as often as it occurs."""
    keyed: _Keyed = {}
    for each in files:
        keyed.setdefault(key(each), []).append(each)
    return keyed


def _keys(parts: Iterable[_Keyed]) -> list[str]:
    """All keys, in the order of their hashes: Pachyderm's order for joins and groups."""
    keys = {key for part in parts for key in part}
    return sorted(keys, key=lambda key: hashlib.blake2b(key.encode(), digest_size=32).digest())


def _join(parts: Sequence[_Keyed]) -> list[Inputs]:
    datums: list[Inputs] = []
    for key in _keys(parts):
        present = [part[key] for part in parts if key in part]
        if len(present) == len(parts):
            datums += itertools.product(*present)
        else:
            datums += _outer(present)
    return datums


def _outer(present: Iterable[list[DatumInput]]) -> Iterable[Inputs]:
    """The product, cut down to the files of outer_join inputs; nothing where none is left."""
    choices: list[list[Inputs]] = []
    for files in present:
        kept: list[Inputs] = [(each,) for each in files if each.source.outer_join]
        # All files that are cut away make the same datums.
        choices.append(kept if len(kept) == len(files) else [*kept, ()])
    products = (tuple(itertools.chain(*chosen)) for chosen in itertools.product(*choices))
    return (inputs for inputs in products if inputs)


def _group(parts: Sequence[_Keyed]) -> list[Inputs]:
    return [
        tuple(itertools.chain.from_iterable(part.get(key, ()) for part in parts))
        for key in _keys(parts)
    ]
