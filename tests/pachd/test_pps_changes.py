"""The datums of a job found by what has changed are those found by looking at all."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pachd_driver import FAILURE, SUCCESS, Driver, pfs, transform
from python_pachyderm.service import pps_proto

from tycokit.globs.glob import compile as compile_glob
from tycokit.pachd.pfs.files import Snapshot
from tycokit.pachd.pfs.modify import Modification
from tycokit.pachd.pfs.transaction import Pfs
from tycokit.pachd.pfs.values import CommitAddress, Repo
from tycokit.pachd.pps.changes import Look, changed_datums
from tycokit.pachd.pps.datums import MatchedFile, Matches, datum_hash, enumerate_datums
from tycokit.pachd.pps.plan import BaseRecord, plan
from tycokit.pachd.pps.spec import (
    CronInput,
    CrossInput,
    GroupInput,
    Input,
    JoinInput,
    PfsInput,
    UnionInput,
)

Files = Mapping[str, Mapping[str, str]]  # repo → path → content
REPOS = ("a", "b", "c")
PATHS = ("/1", "/2", "/3")
CONTENTS = st.dictionaries(st.sampled_from(PATHS), st.sampled_from("xyz"))
FILES = st.fixed_dictionaries(dict.fromkeys(REPOS, CONTENTS))


def inputs() -> st.SearchStrategy[Input]:
    leaf = st.builds(
        lambda repo, glob: PfsInput(repo=repo, name=repo, glob=glob),
        st.sampled_from(REPOS),
        st.sampled_from(["/*", "/1", "/[12]"]),
    )
    nested = st.recursive(
        leaf,
        lambda below: st.builds(
            lambda kind, each: kind(tuple(each)),
            st.sampled_from([CrossInput, UnionInput]),
            st.lists(below, min_size=1, max_size=3),
        ),
        max_leaves=5,
    )
    parts = st.lists(st.one_of(leaf, together()), min_size=1, max_size=3)
    return st.one_of(nested, parts.map(lambda each: named(CrossInput(tuple(each)))))


def named(given_: Input, count: Iterator[int] | None = None) -> Input:
    """With a name of its own for each leaf, as it must be outside of unions."""
    count = count or itertools.count()
    if isinstance(given_, PfsInput):
        return replace(given_, name=f"in{next(count)}")
    assert not isinstance(given_, CronInput)
    return type(given_)(tuple(named(each, count) for each in given_.inputs))


def together() -> st.SearchStrategy[Input]:
    """Joins and groups, some of whose keys many files share."""
    leaf = st.builds(
        lambda repo, glob, key, outer: PfsInput(
            repo=repo, name=repo, glob=glob, join_on=key, group_by=key, outer_join=outer
        ),
        st.sampled_from(REPOS),
        st.sampled_from(["/(*)", "/([12])", "/(?)"]),
        st.sampled_from(["$1", "k$1", "all"]),
        st.booleans(),
    )
    return st.builds(
        lambda kind, each: kind(tuple(each)),
        st.sampled_from([JoinInput, GroupInput]),
        st.lists(leaf, min_size=1, max_size=3),
    )


def matches(files: Mapping[str, str], source: PfsInput) -> dict[str, str]:
    pattern = compile_glob(source.glob)
    return {path: files[path] for path in sorted(files) if pattern.match(path) is not None}


def listed(found: Mapping[str, str], source: PfsInput) -> Matches:
    pattern = compile_glob(source.glob)
    return Matches(
        "c",
        [
            MatchedFile(path, text.encode(), 1, pattern.match(path) or ())
            for path, text in found.items()
        ],
    )


@given(given_=inputs(), old=FILES, new=FILES)
def test_what_is_found_by_change_is_what_is_found_by_all(
    given_: Input, old: Files, new: Files
) -> None:
    old_input, new_input = marked(given_, "old"), marked(given_, "new")
    at = {"old": old, "new": new}

    def files(source: PfsInput) -> Matches:
        return listed(matches(at[source.commit][source.repo], source), source)

    def changes(before: PfsInput, after: PfsInput) -> tuple[Matches, Matches]:
        was, is_ = (matches(at[each.commit][each.repo], each) for each in (before, after))
        gone = {path: text for path, text in was.items() if is_.get(path) != text}
        come = {path: text for path, text in is_.items() if was.get(path) != text}
        return listed(gone, before), listed(come, after)

    before = enumerate_datums(old_input, files)
    records = {each.id: BaseRecord(datum_hash(each, "salt"), True) for each in before}
    whole = plan(enumerate_datums(new_input, files), records, "salt")
    look = Look(files, changes, keyed=lambda source, _template, _keys: files(source))
    changed = changed_datums(old_input, new_input, look)
    assert changed is not None
    touched = {each.id for each in (*changed.old, *changed.new)}
    some = {id_: record for id_, record in records.items() if id_ in touched}
    part = plan(changed.new, some, "salt")
    assert {each.datum.id for each in part.run} == {each.datum.id for each in whole.run}
    assert {each.hash for each in part.run} == {each.hash for each in whole.run}
    assert part.gone == whole.gone
    assert set(part.changed) == set(whole.changed)
    fresh = sum(each.id not in some for each in changed.new)
    assert len(before) + fresh - len(part.gone) == len(whole.run) + len(whole.skip)


def marked(given_: Input, commit: str) -> Input:
    if isinstance(given_, PfsInput):
        return replace(given_, commit=commit)
    assert not isinstance(given_, CronInput)
    return type(given_)(tuple(marked(each, commit) for each in given_.inputs))


@pytest.mark.parametrize("kind", [JoinInput, GroupInput])
@pytest.mark.parametrize("in_union", [False, True])
def test_where_keys_do_not_tell_what_changes_all_are_looked_at(kind: type, in_union: bool) -> None:
    leaf = PfsInput(repo="a", name="a", glob="/*")
    nested = CrossInput((leaf, kind((UnionInput((leaf, leaf)),))))
    if in_union:
        nested = UnionInput((leaf, CrossInput((kind((leaf,)),))))
    nothing = Matches("c", [])
    look = Look(lambda _: nothing, lambda _a, _b: (nothing, nothing), lambda _a, _b, _c: nothing)
    assert changed_datums(nested, nested, look) is None


TREES = st.dictionaries(
    st.sampled_from(["/a", "/b", "/d/a", "/d/b", "/d/e/a", "/f/a", "/f/g/h"]),
    st.sampled_from([b"", b"x", b"y"]),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    old=TREES,
    new=TREES,
    glob=st.sampled_from(["/", "/*", "/**", "/*/*", "/a", "/d", "/d/*", "/{a,d}", "/d/e"]),
)
def test_changed_matches_are_those_whose_hash_differs(
    own: Pfs, old: dict[str, bytes], new: dict[str, bytes], glob: str
) -> None:
    before, after = written(own, old), written(own, new)
    pattern = compile_glob(glob)
    was, is_ = (
        {node.path: hash_ for node, hash_ in each.matches(pattern)} for each in (before, after)
    )
    gone, come = after.changed_matches(before, pattern)
    assert {node.path: h for node, h in gone} == {p: h for p, h in was.items() if is_.get(p) != h}
    assert {node.path: h for node, h in come} == {p: h for p, h in is_.items() if was.get(p) != h}


def written(own: Pfs, files: Mapping[str, bytes]) -> Snapshot:
    """A commit with just these files."""
    change = Modification(own)
    change.delete("/")
    for path, data in files.items():
        change.add(path, data)
    change.apply(CommitAddress(Repo("default", "r"), "master"))
    return Snapshot(own, CommitAddress(Repo("default", "r"), "master"))


def test_jobs_in_a_row_count_and_leave_what_all_of_them_should(on: Driver) -> None:
    """Each job builds on the one before it, in every way that it can."""
    pictures, code = on.repo({"/1": b"a", "/2": b"b"}), on.repo({"/n": b"n"})
    both = pps_proto.Input(cross=[pfs(pictures, name="p"), pfs(code, "/n", name="c")])
    script = "for f in /pfs/p/*; do cat $f /pfs/c/n > /pfs/out/$(basename $f); done"
    pipe = on.pipeline(script, both)
    assert counted(on, pipe) == (2, 2, 0)
    on.put(pictures, {"/3": b"c"})
    assert counted(on, pipe) == (3, 1, 2)
    on.put(pictures, {"/1": None, "/2": b"B", "/4": b"d"})
    assert counted(on, pipe) == (3, 2, 1)
    assert on.files(pipe) == {"/2": b"Bn", "/3": b"cn", "/4": b"dn"}
    on.put(code, {"/n": b"N"})
    assert counted(on, pipe) == (3, 3, 0)
    on.put(code, {"/n": None})
    assert counted(on, pipe) == (0, 0, 0)
    assert on.files(pipe) == {}
    on.put(code, {"/n": b"N"})
    assert counted(on, pipe) == (3, 3, 0)
    on.client.create_pipeline(pipe, transform(script), input=both, update=True)
    assert counted(on, pipe) == (3, 0, 3)
    narrower = pps_proto.Input(cross=[pfs(pictures, "/[23]", name="p"), pfs(code, "/n", name="c")])
    on.client.create_pipeline(pipe, transform(script), input=narrower, update=True)
    assert counted(on, pipe) == (2, 0, 2)
    assert on.files(pipe) == {"/2": b"BN", "/3": b"cN"}
    on.client.create_pipeline(pipe, transform(script), input=narrower, update=True, reprocess=True)
    assert counted(on, pipe) == (2, 2, 0)


def counted(on: Driver, pipe: str) -> tuple[int, int, int]:
    """Datums of the newest job: all, processed, skipped."""
    job = on.done(pipe)
    assert job.state == SUCCESS
    listed_ = list(on.client.list_datum(pipe, job.job.id))
    assert len(listed_) == job.data_total
    return job.data_total, job.data_processed, job.data_skipped


def test_after_a_failed_or_recovered_datum_it_runs_again(on: Driver) -> None:
    repo = on.repo({"/good": b"x", "/bad": b"x"})
    script = "test -e /pfs/in/good || test -e /pfs/in/new || exit 1"
    pipe = on.pipeline(transform(script), pfs(repo, name="in"), datum_tries=1)
    assert on.done(pipe).state == FAILURE
    on.put(repo, {"/new": b"x"})
    failing = on.done(pipe)
    assert (failing.data_total, failing.data_failed) == (3, 1)
    soft = on.pipeline(transform(script, err_cmd=["true"]), pfs(repo, name="in"), datum_tries=1)
    assert on.counts(on.done(soft)) == (2, 0, 0, 1)
    on.put(repo, {"/new2": b"x", "/new": None})
    again = on.done(soft)
    assert again.state == SUCCESS
    assert (again.data_total, again.data_skipped, again.data_recovered) == (3, 1, 2)


@pytest.mark.parametrize("kind", ["join", "group"])
def test_jobs_in_a_row_bring_together_what_has_changed(on: Driver, kind: str) -> None:
    """As annotate does: threats come with their pictures, by device and time."""
    key = {f"{kind}_{'on' if kind == 'join' else 'by'}": "$1_$2"}
    threats = on.repo({"/dev1/1.json": b"t1", "/dev1/2.json": b"t2"})
    pictures = on.repo({f"/valid/dev1_{at}.jpg": b"p%d" % at for at in (1, 2, 3)})
    code = on.repo({"/n": b"n"})
    both = [
        pfs(threats, "/(*)/(*).json", name="t", **key),
        pfs(pictures, "/valid/(*)_(*).*", name="p", **key),
    ]
    given_ = pps_proto.Input(cross=[pps_proto.Input(**{kind: both}), pfs(code, "/n", name="c")])
    script = """
        cd /pfs
        for f in t/*/* p/valid/*; do
        if test -e $f; then cat $f; echo $f; name=$f; fi
        done > all
        cp all out/$(echo $name | tr / .)
        rm all
    """
    pipe = on.pipeline(script, given_)
    alone = 0 if kind == "join" else 1  # a group of the third picture alone
    assert counted(on, pipe) == (2 + alone, 2 + alone, 0)
    on.put(pictures, {"/valid/dev1_4.jpg": b"p4"})
    assert counted(on, pipe) == (2 + 2 * alone, alone, 2 + alone)
    on.put(threats, {"/dev1/4.json": b"t4"})
    assert counted(on, pipe)[1] == 1
    many = {f"/valid/dev{at % 3}_{at}.jpg": b"p%d" % at for at in range(10, 150)}
    on.put(pictures, many)
    assert counted(on, pipe)[1] == alone * len(many)
    on.put(threats, {f"/dev{at % 3}/{at}.json": b"t%d" % at for at in range(10, 30)})
    assert counted(on, pipe)[1] == 20
    on.put(threats, {f"/dev{at % 3}/{at}.json": None for at in range(10, 30)})
    on.put(pictures, dict.fromkeys(many))
    on.put(pictures, {"/valid/dev1_2.jpg": b"P2", "/valid/dev1_2.png": b"q2"})
    processed = 2 if kind == "join" else 1
    assert counted(on, pipe)[1] == processed
    texts = on.files(pipe).values()
    assert any(b"t2" in text and b"P2" in text for text in texts)
    assert any(b"t2" in text and b"q2" in text for text in texts)
    assert not any(b"p2" in text for text in texts)
    on.put(threats, {"/dev1/2.json": None})
    total = {"join": 2, "group": 4}[kind]
    assert counted(on, pipe)[0] == total
    # and as a job that looks at everything has it
    before = on.files(pipe)
    on.client.create_pipeline(pipe, transform(script), input=given_, update=True, reprocess=True)
    assert counted(on, pipe) == (total, total, 0)
    assert on.files(pipe) == before
