"""What a job has to do: its datums, held against those of the job that it builds on.

Where that job read the same inputs in the same way, only the datums of files that differ are looked
at, so that one new picture among thousands costs what one picture does.
"""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Set
from dataclasses import dataclass

from tycokit.errors import PachdError
from tycokit.globs.glob import Glob
from tycokit.globs.glob import compile as compile_glob
from tycokit.pachd.pfs.files import Snapshot
from tycokit.pachd.pfs.filetree import FileNode, Node
from tycokit.pachd.pfs.keyglob import narrowed
from tycokit.pachd.pfs.transaction import Pfs
from tycokit.pachd.pfs.values import CommitAddress, Repo
from tycokit.pachd.pps import jobs, specjson
from tycokit.pachd.pps.changes import Changed, Look, changed_datums
from tycokit.pachd.pps.datums import Datum, MatchedFile, Matches, enumerate_datums
from tycokit.pachd.pps.plan import BaseRecord, PlannedDatum, plan
from tycokit.pachd.pps.spec import Input, PfsInput, leaves
from tycokit.pachd.pps.values import DatumState, JobInfo, JobState
from tycokit.pachd.store.maps import Maps

_MANY_KEYS = 100  # of a join or group that changed: looking at all files is as quick then


@dataclass(frozen=True, slots=True)
class Work:
    """`run` are the datums to process, of `total`; the output of those in `stale` has to go, and
    those in `gone` are no datums of this job any more."""

    run: tuple[PlannedDatum, ...]
    total: int
    stale: tuple[str, ...]
    gone: tuple[str, ...]

    @property
    def skipped(self) -> int:
        return self.total - len(self.run)


@dataclass(frozen=True, slots=True)
class Base:
    """The job to build on: the map of its datums, and its row where it is still there."""

    root: bytes
    row: sqlite3.Row | None


def match(pfs: Pfs, given: PfsInput) -> Matches:
    """What a pfs input's glob matches in the commit that it names (else in its branch's head)."""
    snapshot = _snapshot(pfs, given)
    pattern = compile_glob(given.glob)
    files = [_matched(node, hash_, pattern) for node, hash_ in snapshot.matches(pattern)]
    return Matches(snapshot.commit.id, files)


def datums_of(pfs: Pfs, given: Input | None) -> list[Datum]:
    """The datums of an input."""
    return enumerate_datums(given, lambda each: match(pfs, each)) if given is not None else []


def find(pfs: Pfs, maps: Maps, info: JobInfo, base: Base) -> Work:
    """What a job has to do, given the one that it builds on."""
    return _by_change(pfs, maps, info, base) or _by_all(pfs, maps, info, base)


def _by_all(pfs: Pfs, maps: Maps, info: JobInfo, base: Base) -> Work:
    datums = datums_of(pfs, info.spec.input)
    with pfs.database.read() as connection:
        records = {
            key.decode(): _base_record(value) for key, value in maps.scan(connection, base.root)
        }
    planned = plan(datums, records, info.spec.salt, skippable=not info.spec.every_job)
    return Work(planned.run, len(datums), planned.stale, planned.gone)


def _by_change(pfs: Pfs, maps: Maps, info: JobInfo, base: Base) -> Work | None:
    """None when the jobs are too different, or their inputs of a kind that needs all files."""
    row = base.row
    if row is None or info.spec.input is None or info.spec.every_job:
        return None
    spec = specjson.from_json(row["spec"])
    # a datum that was recovered has to run again, changed or not
    if row["state"] != JobState.SUCCESS or row["recovered"] or spec.salt != info.spec.salt:
        return None
    if spec.input is None:
        return None
    with pfs.database.read() as connection:
        if jobs.with_commits(connection, spec.input, info.job.id) != info.spec.input:
            return None
        before = jobs.with_commits(connection, spec.input, row["set_id"])
    if not all(leaf.commit for leaf in (*leaves(before), *leaves(info.spec.input))):
        return None
    try:
        changed = changed_datums(
            before,
            info.spec.input,
            Look(
                files=lambda each: match(pfs, each),
                changes=lambda old, new: _changes(pfs, old, new),
                keyed=lambda each, template, keys: _keyed(pfs, each, template, keys),
            ),
        )
    except PachdError:  # a commit that the other job read is no more
        return None
    return None if changed is None else _work(pfs, maps, info, base, changed)


def _work(pfs: Pfs, maps: Maps, info: JobInfo, base: Base, changed: Changed) -> Work:
    assert base.row is not None
    ids = {datum.id for datum in (*changed.old, *changed.new)}
    with pfs.database.read() as connection:
        found = {id_: maps.get(connection, base.root, id_.encode()) for id_ in ids}
    records = {id_: _base_record(value) for id_, value in found.items() if value is not None}
    planned = plan(changed.new, records, info.spec.salt)
    fresh = sum(datum.id not in records for datum in changed.new)
    total = base.row["total"] + fresh - len(planned.gone)
    return Work(planned.run, total, planned.stale, planned.gone)


def _base_record(value: bytes) -> BaseRecord:
    return BaseRecord(value[1:33].hex(), value[0] == DatumState.SUCCESS)


def _changes(pfs: Pfs, old: PfsInput, new: PfsInput) -> tuple[Matches, Matches]:
    """What the glob matches in one commit but not, or not so, in the other; either way round."""
    pattern = compile_glob(new.glob)
    before, after = _snapshot(pfs, old), _snapshot(pfs, new)
    gone, come = after.changed_matches(before, pattern)
    return (
        Matches(before.commit.id, [_matched(node, hash_, pattern) for node, hash_ in gone]),
        Matches(after.commit.id, [_matched(node, hash_, pattern) for node, hash_ in come]),
    )


def _keyed(pfs: Pfs, given: PfsInput, template: str, keys: Set[str]) -> Matches:
    """What the glob matches with one of these keys, and maybe more."""
    if len(keys) > _MANY_KEYS:
        return match(pfs, given)
    snapshot = _snapshot(pfs, given)
    pattern = compile_glob(given.glob)
    found: dict[tuple[str, str], MatchedFile] = {}
    for narrow in itertools.chain.from_iterable(
        narrowed(pattern.pattern, template, key) for key in keys
    ):
        for node, hash_ in snapshot.matches(narrow):
            if pattern.match(node.path.rstrip("/") or "/") is not None:
                tag = node.tag if isinstance(node, FileNode) else ""
                found[node.path, tag] = _matched(node, hash_, pattern)
    return Matches(snapshot.commit.id, [found[place] for place in sorted(found)])


def _snapshot(pfs: Pfs, given: PfsInput) -> Snapshot:
    repo = Repo(given.project, given.repo, given.repo_type or "user")
    branch = given.branch if not given.commit else ""
    return Snapshot(pfs, CommitAddress(repo, branch, given.commit))


def _matched(node: Node, hash_: bytes, pattern: Glob) -> MatchedFile:
    captures = pattern.match(node.path.rstrip("/") or "/") or ()
    return MatchedFile(node.path, hash_, node.size, captures)
