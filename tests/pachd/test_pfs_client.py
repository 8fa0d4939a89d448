"""Projects, repos, branches, commits and files, through the real client over a socket."""

from __future__ import annotations

import contextlib
import io
import random
import tarfile
import threading
from collections.abc import Callable, Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any

import grpc
import pytest
from pachd_driver import (
    AUTO,
    FINISHED,
    READY,
    STARTED,
    USER,
    Driver,
    Refusal,
    branch,
    paths,
    provenance,
)
from python_pachyderm.pfs import Commit, commit_from
from python_pachyderm.proto.v2.pfs import pfs_pb2_grpc
from python_pachyderm.service import pfs_proto

from tycokit.pachd.server import Pachd, token

UNKNOWN, NOT_FOUND = grpc.StatusCode.UNKNOWN, grpc.StatusCode.NOT_FOUND
EXISTS = grpc.StatusCode.ALREADY_EXISTS
NO_ID = "0" * 12 + "4" + "0" * 19
DATA_HASH = "b5923dfb0198c466f376e2e32ed0a99773247e9a5f6d4edf7e436dc844f2e7d1"
EMPTY_HASH = "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8"
DATA_FOLDER_HASH = "c146dbc6ea30fc202aa87a98d9ccbc4f8fb43987f68ecc3e445d1714b75d3e6f"


def stub(pachd: Pachd) -> tuple[pfs_pb2_grpc.APIStub, grpc.Channel, list[tuple[str, str]]]:
    """The bare service, for what the client's methods cannot say."""
    channel = grpc.insecure_channel(f"127.0.0.1:{pachd.port}")
    return pfs_pb2_grpc.APIStub(channel), channel, [("authn-token", token(pachd.data))]


# projects and repos


def test_the_default_project_is_there_and_others_come_and_go(on: Driver) -> None:
    name = on.name("project")
    on.client.create_project(name, description="pictures")
    found = [info.project.name for info in on.client.list_project()]
    assert found[0] == "default"
    assert found[-1] == name  # ascending by creation
    info = on.client.inspect_project(name)
    assert (info.project.name, info.description) == (name, "pictures")
    assert info.created_at.seconds > 0
    on.client.create_project(name, description="films", update=True)
    assert on.client.inspect_project(name).description == "films"
    on.client.delete_project(name)
    assert name not in [info.project.name for info in on.client.list_project()]


def test_a_project_has_repos_of_its_own(on: Driver) -> None:
    project = on.name("project")
    on.client.create_project(project)
    name = on.repo()
    on.client.create_repo(name, project_name=project)
    commit = Commit(name, "master", project=project)
    on.client.put_file_bytes(commit, "/f", b"theirs")
    on.put(name, {"/f": b"ours"})
    assert on.client.get_file(commit, "/f").read() == b"theirs"
    assert on.read(name, "/f") == b"ours"
    with Refusal() as refusal:
        on.client.delete_project(project)
    assert refusal.code == grpc.StatusCode.FAILED_PRECONDITION
    assert refusal.text == f"cannot delete project {project}: repo {project}/{name} still exists"
    on.client.delete_repo(name, project_name=project)
    on.client.delete_project(project)
    assert on.read(name, "/f") == b"ours"


def test_repos_are_listed_newest_first_and_deleted_without_a_word_when_missing(on: Driver) -> None:
    before = len(list(on.client.list_repo()))
    first, second = on.repo(), on.repo()
    found = [info.repo.name for info in on.client.list_repo()]
    assert found[:2] == [second, first]
    assert len(found) == before + 2
    on.client.delete_repo(first)
    on.client.delete_repo(first)
    on.client.delete_repo("never_was")
    assert len(list(on.client.list_repo())) == before + 1


def test_a_repo_tells_its_size_branches_and_description(on: Driver) -> None:
    name = on.repo({"/a": b"12345", "/b/c": b"678"})
    on.client.create_repo(name, description="cameras", update=True)
    info = on.client.inspect_repo(name)
    assert (info.repo.name, info.repo.type, info.repo.project.name) == (name, "user", "default")
    assert info.description == "cameras"
    assert info.details.size_bytes == info.size_bytes_upper_bound == 8
    assert [each.name for each in info.branches] == ["master"]
    assert info.created.seconds > 0


def test_update_makes_a_missing_repo(on: Driver) -> None:
    name = on.name()
    on.client.create_repo(name, update=True)
    assert on.client.inspect_repo(name).repo.name == name
    on.client.delete_repo(name)


# branches


def test_branches_are_listed_newest_first(on: Driver) -> None:
    repo = on.repo()
    on.client.create_branch(repo, "master")
    on.client.create_branch(repo, "develop")
    names = [info.branch.name for info in on.client.list_branch(repo)]
    assert names == ["develop", "master"]
    names = [info.branch.name for info in on.client.list_branch(repo, reverse=True)]
    assert names == ["master", "develop"]
    on.client.delete_branch(repo, "develop")
    assert [info.branch.name for info in on.client.list_branch(repo)] == ["master"]


def test_a_branch_has_a_head_from_the_start_and_it_can_be_moved(on: Driver) -> None:
    repo = on.repo()
    on.client.create_branch(repo, "empty")
    head = on.client.inspect_branch(repo, "empty").head
    (info,) = on.client.inspect_commit(head)
    assert (info.origin.kind, info.finished.seconds > 0) == (AUTO, True)
    first = on.put(repo, {"/f": b"1"})
    on.put(repo, {"/f": b"2"})
    on.client.create_branch(repo, "pinned", head_commit=(repo, first))
    assert on.read(repo, "/f", "pinned") == b"1"
    assert on.read(repo, "/f") == b"2"
    on.client.create_branch(repo, "pinned", head_commit=(repo, "master"))
    assert on.read(repo, "/f", "pinned") == b"2"


def test_provenance_is_transitive_and_seen_from_both_ends(on: Driver) -> None:
    a, b, c = on.repo(), on.repo(), on.repo()
    on.put(a, {"/f": b"1"})
    on.client.create_branch(b, "master", provenance=provenance(a))
    on.client.create_branch(c, "master", provenance=provenance(b))
    info = on.client.inspect_branch(c, "master")
    assert [each.repo.name for each in info.direct_provenance] == [b]
    assert {each.repo.name for each in info.provenance} == {a, b}
    assert {each.repo.name for each in on.client.inspect_branch(a, "master").subvenance} == {b, c}
    with Refusal() as refusal:
        on.client.delete_branch(a, "master")
    assert refusal.code == UNKNOWN
    assert "as subvenance, deleting it would break those branches" in refusal.text
    on.client.delete_branch(a, "master", force=True)
    assert list(on.client.inspect_branch(b, "master").direct_provenance) == []


def test_a_missing_provenance_branch_is_made(on: Driver) -> None:
    a, b = on.repo(), on.repo()
    on.client.create_branch(b, "master", provenance=provenance(a))
    (info,) = on.client.inspect_commit((a, "master"))
    assert (info.origin.kind, info.finished.seconds > 0) == (AUTO, True)
    (waiting,) = on.client.inspect_commit((b, "master"))
    assert (waiting.origin.kind, waiting.finished.seconds) == (AUTO, 0)  # someone has to fill it


def test_loops_and_two_branches_of_one_repo_are_refused(on: Driver) -> None:
    a, b = on.repo(), on.repo()
    on.client.create_branch(b, "master", provenance=provenance(a))
    with Refusal() as refusal:
        on.client.create_branch(a, "master", provenance=provenance(b))
    assert refusal.code == UNKNOWN
    with Refusal():
        on.client.create_branch(b, "other", provenance=[branch(b), branch(a)])
    assert [each.branch.name for each in on.client.list_branch(b)] == ["master"]
    assert list(on.client.inspect_branch(a, "master").direct_provenance) == []


# commits


def test_one_id_goes_through_all_stages(on: Driver) -> None:
    a, b, c = on.repo(), on.repo(), on.repo()
    on.client.create_branch(b, "master", provenance=provenance(a))
    on.client.create_branch(c, "master", provenance=provenance(b))
    for repo in (b, c):
        on.client.finish_commit((repo, "master"))
    commit = on.client.start_commit(a, "master")
    assert (commit.branch.repo.name, commit.branch.name, commit.repo.name) == (a, "master", a)
    # those downstream are there from the start on, open
    for repo in (b, c):
        assert on.client.inspect_branch(repo, "master").head.id == commit.id
    infos = {info.commit.repo.name: info for info in on.client.inspect_commit(commit.id)}
    assert set(infos) == {a, b, c}
    assert [each.id for each in infos[c].direct_provenance] == [commit.id]
    assert infos[a].origin.kind == USER
    assert {infos[repo].origin.kind for repo in (b, c)} == {AUTO}
    on.client.put_file_bytes(commit, "/f", b"1")
    on.client.finish_commit(commit)
    for repo in (b, c):
        on.client.finish_commit((repo, "master"))
    found = on.client.wait_commit(commit.id)
    assert [info.commit.repo.name for info in found] == [a, b, c]
    assert all(info.finished.seconds and info.finished.nanos for info in found)
    # a repo without a commit in the set is found through the provenance
    assert on.read(a, "/f", commit.id) == b"1"


def test_wait_commit_wakes_when_the_last_one_finishes(on: Driver) -> None:
    a, b = on.repo(), on.repo()
    on.client.create_branch(b, "master", provenance=provenance(a))
    on.client.finish_commit((b, "master"))
    id_ = on.put(a, {"/f": b"1"})
    seen: list[str] = []
    waiting = threading.Thread(
        target=lambda: seen.extend(i.commit.repo.name for i in on.client.wait_commit(id_))
    )
    waiting.start()
    on.client.finish_commit((b, "master"))
    waiting.join(timeout=10)
    assert seen == [a, b]
    assert len(list(on.client.list_commit(b))) == 0
    assert len(list(on.client.list_commit(b, origin_kind=AUTO))) == 2


@pytest.mark.parametrize("state", [STARTED, READY, FINISHED])
def test_a_commit_is_inspected_once_it_is_as_far(on: Driver, state: int) -> None:
    repo = on.repo()
    commit = on.client.start_commit(repo, "master", description="morning")
    if state == FINISHED:
        threading.Timer(0.05, on.client.finish_commit, [commit]).start()
    (info,) = on.client.inspect_commit(commit, commit_state=state)
    assert info.description == "morning"
    assert bool(info.finished.seconds) == (state == FINISHED)


def test_commits_are_addressed_in_every_way(on: Driver) -> None:
    repo = on.repo()
    ids = [on.put(repo, {"/f": b"%d" % number}) for number in range(4)]
    wanted = {
        (repo, "master"): b"3",
        (repo, ids[1]): b"1",
        (repo, "master^"): b"2",
        (repo, "master^^"): b"1",
        (repo, "master^3"): b"0",
        (repo, "master~2"): b"1",
        (repo, f"{ids[2]}^"): b"1",
        (repo, "master.1"): b"0",
        (repo, "master", ids[2]): b"2",
        (repo, "master", ids[0], "user"): b"0",
        Commit(repo, "master"): b"3",
        Commit(repo, id=ids[0]): b"0",
    }
    for address, content in wanted.items():
        assert on.client.get_file(address, "/f").read() == content, address
    message = pfs_proto.Commit(repo=pfs_proto.Repo(name=repo), id=ids[3])
    assert on.client.get_file(message, "/f").read() == b"3"
    assert on.client.get_file({"repo": repo, "id": ids[0]}, "/f").read() == b"0"


@pytest.mark.parametrize("form", range(6))
def test_finish_takes_every_form_of_address(on: Driver, form: int) -> None:
    repo = on.repo()
    commit = on.client.start_commit(repo, "master")
    on.client.finish_commit(
        [
            commit,
            (repo, "master"),
            (repo, commit.id),
            (repo, "master", commit.id),
            {"repo": repo, "branch": "master"},
            Commit(repo, id=commit.id),
        ][form],
        description="done",
    )
    (info,) = on.client.list_commit(repo)
    assert (info.commit.id, info.description) == (commit.id, "done")
    assert info.finished.seconds
    assert info.finished.nanos


def test_a_commit_forks_another_branch(on: Driver) -> None:
    repo = on.repo({"/f": b"1", "/g": b"1"})
    commit = on.client.start_commit(repo, "patch", parent="master")
    on.client.put_file_bytes(commit, "/f", b"patched")
    on.client.finish_commit(commit)
    assert on.files(repo, "patch") == {"/f": b"patched", "/g": b"1"}
    assert on.files(repo) == {"/f": b"1", "/g": b"1"}
    (info,) = on.client.inspect_commit(commit)
    (parent,) = on.client.inspect_commit((repo, "master"))
    assert info.parent_commit.id == parent.commit.id
    assert [each.id for each in parent.child_commits] == [commit.id]


def test_commits_are_listed_newest_first_between_bounds_and_counted(on: Driver) -> None:
    repo = on.repo()
    ids = [on.put(repo, {"/f": b"%d" % number}) for number in range(5)]

    def listed(**more: Any) -> list[int]:
        return [ids.index(info.commit.id) for info in on.client.list_commit(repo, **more)]

    assert listed() == [4, 3, 2, 1, 0]
    assert listed(number=2) == [4, 3]
    assert listed(reverse=True) == [0, 1, 2, 3, 4]
    assert listed(to_commit=(repo, ids[3])) == [3, 2, 1, 0]
    assert listed(to_commit=(repo, "master"), from_commit=(repo, ids[2])) == [4, 3]


def test_commit_sets_are_listed_newest_first(on: Driver) -> None:
    a, b = on.repo(), on.repo()
    first = on.put(a, {"/f": b"1"})
    second = on.put(b, {"/f": b"1"})
    found = list(on.client.list_commit())
    assert [info.commit_set.id for info in found[:2]] == [second, first]
    assert [each.commit.repo.name for each in found[0].commits] == [b]


def test_the_body_of_a_commit_that_raises_still_finishes_it(on: Driver) -> None:
    repo = on.repo()
    with contextlib.suppress(ZeroDivisionError), on.client.commit(repo, "master") as commit:
        on.client.put_file_bytes(commit, "/f", b"1")
        raise ZeroDivisionError
    assert on.read(repo, "/f") == b"1"


def test_an_errored_commit_is_no_base_for_the_next(on: Driver) -> None:
    repo = on.repo({"/good": b"1"})
    bad = on.client.start_commit(repo, "master")
    on.client.put_file_bytes(bad, "/bad", b"1")
    on.client.finish_commit(bad, error="the disk was wet")
    (info,) = on.client.inspect_commit(bad)
    assert info.error == "the disk was wet"
    assert set(on.files(repo, bad.id)) == {"/good", "/bad"}
    on.put(repo, {"/next": b"1"})
    assert set(on.files(repo)) == {"/good", "/next"}


# what is refused, in Pachyderm's words

Call = Callable[[Driver, str], Any]


def commit_twice(on: Driver, repo: str) -> None:
    on.client.start_commit(repo, "master")
    on.client.start_commit(repo, "master")


def write_to_finished(on: Driver, repo: str) -> None:
    id_ = on.put(repo, {"/f": b"1"})
    on.client.put_file_bytes((repo, id_), "/g", b"1")


def finish_twice(on: Driver, repo: str) -> None:
    id_ = on.put(repo, {"/f": b"1"})
    on.client.finish_commit((repo, id_))


def start_on_output(on: Driver, repo: str) -> None:
    on.client.create_branch(repo, "master", provenance=provenance(on.repo()))
    on.client.start_commit(repo, "master")


def read_over_open_base(on: Driver, repo: str) -> None:
    above = on.repo({"/f": b"1"})
    on.client.create_branch(repo, "master", provenance=provenance(above))
    on.put(above, {"/f": b"2"})
    list(on.client.list_file((repo, "master"), "/"))


def wait_for_missing_file(on: Driver, repo: str) -> None:
    on.put(repo, {"/f": b"1"})
    on.client.inspect_file((repo, "master"), "nope/x.txt")


def walk_missing(on: Driver, repo: str) -> None:
    on.put(repo, {"/f": b"1"})
    list(on.client.walk_file((repo, "master"), "/nope"))


def reverse_without_number(on: Driver, repo: str) -> None:
    on.put(repo, {"/f": b"1"})
    list(on.client.list_file((repo, "master"), "/", reverse=True))


def too_many(on: Driver, repo: str) -> None:
    on.put(repo, {"/f": b"1"})
    list(on.client.list_file((repo, "master"), "/", number=100_001))


REFUSED: list[tuple[str, Call, grpc.StatusCode, str]] = [
    (
        "repo_exists",
        lambda on, r: on.client.create_repo(r),
        EXISTS,
        "repo default/{r} already exists",
    ),
    (
        "repo_missing",
        lambda on, r: on.client.inspect_repo("nope"),
        NOT_FOUND,
        "repo default/nope not found",
    ),
    (
        "repo_in_missing_project",
        lambda on, r: on.client.create_repo("x", project_name="nope"),
        NOT_FOUND,
        'cannot find project "nope": project "nope" not found',
    ),
    (
        "repo_name",
        lambda on, r: on.client.create_repo("a b"),
        UNKNOWN,
        "name (a b) invalid: only alphanumeric characters, underscores, and dashes are allowed",
    ),
    (
        "branch_name",
        lambda on, r: on.client.create_branch(r, "a.b"),
        UNKNOWN,
        "name (a.b) invalid: only alphanumeric characters, underscores, and dashes are allowed",
    ),
    (
        "branch_uuid",
        lambda on, r: on.client.create_branch(r, NO_ID),
        UNKNOWN,
        "branch name cannot be a UUID V4",
    ),
    (
        "branch_missing",
        lambda on, r: on.client.inspect_branch(r, "nope"),
        NOT_FOUND,
        'branch "nope" not found in repo default/{r}',
    ),
    (
        "file_on_missing_branch",
        lambda on, r: on.client.inspect_file((r, "nope"), "/"),
        NOT_FOUND,
        'branch "nope" not found in repo default/{r}',
    ),
    (
        "file_in_missing_repo",
        lambda on, r: on.client.inspect_file(("nope", "master"), "/"),
        NOT_FOUND,
        'branch "master" not found in repo default/nope',
    ),
    (
        "commit_missing",
        lambda on, r: list(on.client.inspect_commit((r, NO_ID))),
        NOT_FOUND,
        f"commit default/{{r}}@{NO_ID} not found",
    ),
    (
        "commit_set_missing",
        lambda on, r: list(on.client.inspect_commit(NO_ID)),
        NOT_FOUND,
        f"no commits found for commitset ID {NO_ID}",
    ),
    (
        "list_commit_repo_missing",
        lambda on, r: list(on.client.list_commit("nope")),
        NOT_FOUND,
        "repo default/nope not found",
    ),
    (
        "start_repo_missing",
        lambda on, r: on.client.start_commit("nope", "master"),
        NOT_FOUND,
        "repo default/nope not found",
    ),
    (
        "put_repo_missing",
        lambda on, r: on.client.put_file_bytes(("nope", "master"), "/f", b""),
        NOT_FOUND,
        "repo default/nope not found",
    ),
    ("start_twice", commit_twice, UNKNOWN, "parent commit default/{r}@ID has not been finished"),
    ("write_finished", write_to_finished, UNKNOWN, "commit default/{r}@ID has already finished"),
    ("finish_finished", finish_twice, UNKNOWN, "commit default/{r}@ID has already finished"),
    (
        "start_output",
        start_on_output,
        UNKNOWN,
        "cannot start a commit on an output branch: default/{r}@master",
    ),
    (
        "open_base",
        read_over_open_base,
        UNKNOWN,
        "base commit default/{r}@ID for commit default/{r}@ID unfinished",
    ),
    (
        "file_missing",
        wait_for_missing_file,
        NOT_FOUND,
        "file nope/x.txt not found in repo default/{r} at commit ID",
    ),
    ("walk_missing", walk_missing, NOT_FOUND, "commit/ID does not contain item: (/nope)"),
    ("reverse", reverse_without_number, UNKNOWN, "number must be > 0 when reverse is true"),
    ("too_many", too_many, UNKNOWN, "cannot return more than 100000 files at a time"),
    (
        "id_and_branch",
        lambda on, r: list(on.client.inspect_commit((r, "master", "develop"))),
        UNKNOWN,
        "invalid commit ID given with a branch (default/{r}@master): develop",
    ),
    (
        "start_without_branch",
        lambda on, r: on.client.start_commit(r, ""),
        UNKNOWN,
        "branch must be specified",
    ),
    (
        "project_missing",
        lambda on, r: on.client.inspect_project("nope"),
        NOT_FOUND,
        'project "nope" not found',
    ),
    (
        "project_exists",
        lambda on, r: on.client.create_project("default"),
        EXISTS,
        'could not create project: project "default" already exists',
    ),
    (
        "project_too_long",
        lambda on, r: on.client.create_project("p" * 52),
        UNKNOWN,
        f'invalid project name: project name "{"p" * 52}" is 1 characters longer than the 51 max',
    ),
    (
        "project_start",
        lambda on, r: on.client.create_project("-p"),
        UNKNOWN,
        "invalid project name: project names must start with an alphanumeric character",
    ),
    (
        "path_glob",
        lambda on, r: on.client.put_file_bytes((r, "master"), "/a*b", b""),
        UNKNOWN,
        "path (/a*b) invalid: globbing character (*) not allowed in path",
    ),
    (
        "path_unicode",
        lambda on, r: on.client.put_file_bytes((r, "master"), "/ä", b""),
        UNKNOWN,
        "path (/ä) invalid: only printable ASCII characters allowed",
    ),
    (
        "path_control",
        lambda on, r: on.client.put_file_bytes((r, "master"), "/a\nb", b""),
        UNKNOWN,
        "path (/a\nb) invalid: only printable ASCII characters allowed",
    ),
    (
        "path_dots",
        lambda on, r: on.client.put_file_bytes((r, "master"), "/a/../b", b""),
        UNKNOWN,
        "path (/a/../b) invalid: relative file paths are not allowed",
    ),
]


@pytest.mark.parametrize(
    ("call", "code", "text"), [each[1:] for each in REFUSED], ids=[each[0] for each in REFUSED]
)
def test_what_is_refused_is_refused_in_pachyderms_words(
    on: Driver, call: Call, code: grpc.StatusCode, text: str
) -> None:
    repo = on.repo()
    with Refusal() as refusal:
        call(on, repo)
    head = [info.commit.id for info in on.client.list_commit(repo, all=True)]
    found = refusal.text
    for id_ in head:
        if "ID" in text:
            found = found.replace(id_, "ID")
    assert (refusal.code, found) == (code, text.replace("{r}", repo))


def test_a_refused_path_changes_nothing(on: Driver) -> None:
    repo = on.repo({"/f": b"1"})
    with Refusal(), on.client.modify_file_client((repo, "master")) as modify:
        modify.put_file_from_bytes("/good", b"1")
        modify.put_file_from_bytes("/b?d", b"1")
    assert on.files(repo) == {"/f": b"1"}
    assert len(list(on.client.list_commit(repo))) == 1


def test_path_exists_tells_a_missing_file_from_a_missing_commit(on: Driver) -> None:
    repo = on.repo({"/dir/file1": b"1"})
    for path in ("/", "dir/", "dir", "dir/file1", "dir/file1/", "/dir/file1"):
        assert on.client.path_exists((repo, "master"), path), path
    for path in ("nope", "/dir/file", "dir/file1/x"):
        assert not on.client.path_exists((repo, "master"), path), path
    with pytest.raises(ValueError, match="nonexistent commit provided"):
        on.client.path_exists(("no_repo", "master"), "dir")


# changing files


def test_put_overwrites_and_append_appends(on: Driver) -> None:
    repo = on.repo()
    master = (repo, "master")
    on.client.put_file_bytes(master, "f", b"old")
    on.client.put_file_bytes(master, "/f", b"one\n")
    on.client.put_file_bytes(master, "/f", b"two\n", append=True)
    assert on.read(repo, "/f") == b"one\ntwo\n"
    assert on.read(repo, "/f", "master^") == b"one\n"
    on.client.put_file_bytes(master, "/new", b"x", append=True)
    assert on.read(repo, "/new") == b"x"
    on.client.put_file_bytes(master, "/io", io.BytesIO(b"abc"))
    assert on.read(repo, "/io") == b"abc"


def test_one_shot_changes_are_commits_of_their_own(on: Driver) -> None:
    repo = on.repo({"/f": b"1"})
    with on.client.modify_file_client((repo, "master")) as modify:
        modify.delete_file("/f")
        modify.copy_file((repo, "master"), "/f", "/copy")
        modify.put_file_from_bytes("/g", b"2")
    assert on.files(repo) == {"/copy": b"1", "/g": b"2"}
    newest, _ = on.client.list_commit(repo)
    assert (newest.origin.kind, bool(newest.finished.seconds)) == (USER, True)


def test_an_open_commit_gathers_changes_and_can_be_read(on: Driver) -> None:
    repo = on.repo({"/old": b"1"})
    with on.client.commit(repo, "master") as commit:
        on.client.put_file_bytes(commit, "/a", b"1")
        on.client.put_file_bytes((repo, "master"), "/b", b"2")
        on.client.put_file_bytes(commit, "/a", b"3", append=True)
        on.client.delete_file(commit, "/old")
        assert on.files(repo, commit.id) == {"/a": b"13", "/b": b"2"}
        assert not on.client.inspect_file(commit, "/a").committed.seconds
    assert on.files(repo) == {"/a": b"13", "/b": b"2"}
    assert on.client.inspect_file(commit, "/a").committed.seconds
    assert len(list(on.client.list_commit(repo))) == 2


def test_later_changes_of_a_stream_win(on: Driver) -> None:
    repo = on.repo({"/a": b"old", "/d/x": b"old", "/d/y": b"old"})
    with on.client.modify_file_client((repo, "master")) as modify:
        modify.put_file_from_bytes("/a", b"1")
        modify.put_file_from_bytes("/a", b"2")
        modify.put_file_from_bytes("/a", b"3", append=True)
        modify.put_file_from_bytes("/gone", b"1")
        modify.delete_file("/gone")
        modify.delete_file("/d/")
        modify.put_file_from_bytes("/d/y", b"new", append=True)
    assert on.files(repo) == {"/a": b"23", "/d/y": b"new"}


def test_deleting_folders_everything_and_nothing(on: Driver) -> None:
    files = {"/d/a": b"1", "/d/e/b": b"1", "/dd": b"1", "/f": b"1"}
    repo = on.repo(files)
    on.client.delete_file((repo, "master"), "/nope")
    assert set(on.files(repo)) == set(files)
    on.client.delete_file((repo, "master"), "/d/")
    assert set(on.files(repo)) == {"/dd", "/f"}
    on.client.delete_file((repo, "master"), "/")
    assert on.files(repo) == {}
    assert list(on.client.list_file((repo, "master"), "/")) == []
    assert not on.client.path_exists((repo, "master"), "/")


def test_copies_go_between_repos_and_keep_the_tree(on: Driver) -> None:
    source = on.repo({"/d/a": b"a", "/d/e/b": b"b", "/f": b"f"})
    target = on.repo({"/keep": b"k", "/f": b"old"})
    master = (target, "master")
    on.client.copy_file((source, "master"), "/f", master, "/f")
    on.client.copy_file((source, "master"), "/f", master, "/f", append=True)
    on.client.copy_file((source, "master"), "/d", master, "/x/d")
    on.client.copy_file((source, "master"), "/missing", master, "/y")
    assert on.files(target) == {"/f": b"ff", "/keep": b"k", "/x/d/a": b"a", "/x/d/e/b": b"b"}
    with Refusal() as refusal:
        on.client.copy_file((source, "nope"), "/f", master, "/f")
    assert refusal.code == NOT_FOUND


def test_files_of_the_disk_are_put_by_path_and_line(on: Driver, tmp_path: Path) -> None:
    data = random.Random(1).randbytes(300_000)
    (tmp_path / "f").write_bytes(data)
    repo = on.repo()
    with (
        (tmp_path / "f").open("rb") as file,
        on.client.modify_file_client((repo, "master")) as modify,
    ):
        modify.put_file_from_filepath("/f", str(tmp_path / "f"))  # a message a line
        modify.put_file_from_fileobj("/g", file)
        modify.put_file_from_bytes("/empty", b"")
    assert on.files(repo) == {"/empty": b"", "/f": data, "/g": data}


def test_a_stream_that_breaks_off_changes_nothing(on: Driver, pachd: Pachd) -> None:
    repo = on.repo({"/f": b"1"})
    api, channel, metadata = stub(pachd)
    sent = threading.Event()

    def requests() -> Iterator[Any]:
        commit = pfs_proto.Commit(branch=branch(repo))
        yield pfs_proto.ModifyFileRequest(set_commit=commit)
        yield pfs_proto.ModifyFileRequest(
            add_file=pfs_proto.AddFile(path="/half", raw={"value": b"x" * 3_000_000})
        )
        sent.set()
        threading.Event().wait(20)

    with channel:
        call = api.ModifyFile.future(requests(), metadata=metadata)
        assert sent.wait(10)
        call.cancel()
    on.client.put_file_bytes((repo, "master"), "/after", b"1")
    assert on.files(repo) == {"/f": b"1", "/after": b"1"}


def test_the_first_message_must_name_the_commit(on: Driver, pachd: Pachd) -> None:
    api, channel, metadata = stub(pachd)
    request = pfs_proto.ModifyFileRequest(delete_file=pfs_proto.DeleteFile(path="/f"))
    with channel, Refusal() as refusal:
        api.ModifyFile(iter([request]), metadata=metadata)
    assert refusal.text == "first message must be a commit"


def test_a_file_and_a_folder_of_one_name_make_the_commit_invalid(on: Driver) -> None:
    repo = on.repo({"/good": b"1"})
    on.put(repo, {"/a": b"1", "/a/b": b"1"})
    (info,) = on.client.inspect_commit((repo, "master"))
    assert info.error == "file / directory path collision (/a)"
    on.put(repo, {"/next": b"1"})
    assert set(on.files(repo)) == {"/good", "/next"}


def test_writers_at_the_same_time_all_arrive(on: Driver) -> None:
    repo = on.repo({"/f": b""})

    def write(number: int) -> None:
        for each in range(5):
            on.client.put_file_bytes((repo, "master"), "/f", b"x", append=True)
            on.client.put_file_bytes((repo, "master"), f"/{number}-{each}", b"1")

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert on.read(repo, "/f") == b"x" * 20
    assert len(on.files(repo)) == 21
    assert len(list(on.client.list_commit(repo))) == 41


# reading files


def test_order_is_that_of_full_paths_with_the_folders_slash(on: Driver) -> None:
    repo = on.repo(dict.fromkeys(("/a/b/file3", "/a/file2", "/a.txt", "/a-b/c", "/a0"), b"1"))
    master = (repo, "master")
    assert paths(on.client.list_file(master, "/")) == ["/a-b/", "/a.txt", "/a/", "/a0"]
    everything = ["/", "/a-b/", "/a-b/c", "/a.txt", "/a/", "/a/b/", "/a/b/file3", "/a/file2", "/a0"]
    assert paths(on.client.walk_file(master, "/")) == everything
    assert paths(on.client.walk_file(master, "a")) == ["/a/", "/a/b/", "/a/b/file3", "/a/file2"]
    assert paths(on.client.walk_file(master, "/a.txt")) == ["/a.txt"]
    assert paths(on.client.list_file(master, "/a/file2")) == ["/a/file2"]
    assert paths(on.client.list_file(master, "/a/")) == ["/a/b/", "/a/file2"]
    assert list(on.client.list_file(master, "/nope")) == []
    assert paths(on.client.glob_file(master, "/**")) == everything[1:]
    assert paths(on.client.glob_file(master, "*/file*")) == ["/a/file2"]
    assert paths(on.client.glob_file(master, "/")) == ["/"]
    bounds = pfs_proto.PathRange(lower="/a.txt", upper="/a/b/file3")
    found = on.client.glob_file(master, "/**", path_range=bounds)
    assert paths(found) == ["/a.txt", "/a/", "/a/b/"]


def test_listings_come_in_pages_and_backwards(on: Driver) -> None:
    repo = on.repo({f"/{number:04}": b"" for number in range(1200)})
    master = (repo, "master")
    names = [f"/{number:04}" for number in range(1200)]
    assert paths(on.client.list_file(master, "/")) == names
    for each in (on.client.list_file, on.client.walk_file):
        marker = pfs_proto.File(path="/1000")
        found = paths(each(master, "/", pagination_marker=marker, number=3))
        assert found == ["/1001", "/1002", "/1003"]
        found = paths(each(master, "/", pagination_marker=marker, number=3, reverse=True))
        assert found == ["/0999", "/0998", "/0997"]
        assert paths(each(master, "/", number=2, reverse=True)) == ["/1199", "/1198"]
    marker = pfs_proto.File(path="/0500")
    assert paths(on.client.list_file(master, "/", pagination_marker=marker)) == names[501:]


def test_hashes_and_sizes_are_pachyderms(on: Driver) -> None:
    repo = on.repo({"/d/data": b"DATA", "/empty": b""})
    master = (repo, "master")
    file = on.client.inspect_file(master, "/d/data")
    assert (file.file_type, file.size_bytes, file.hash.hex()) == (1, 4, DATA_HASH)
    assert (file.file.commit.branch.name, file.file.commit.repo.name) == ("master", repo)
    assert len(file.file.commit.id) == 32
    assert file.file.datum == "default"
    folder = on.client.inspect_file(master, "/d")
    assert (folder.file.path, folder.file_type, folder.size_bytes) == ("/d/", 2, 4)
    assert folder.hash.hex() == DATA_FOLDER_HASH
    empty = on.client.inspect_file(master, "/empty")
    assert (empty.size_bytes, empty.hash.hex()) == (0, EMPTY_HASH)
    root = on.client.inspect_file(master, "/")
    wanted = blake2b(folder.hash + empty.hash, digest_size=32).hexdigest()
    assert (root.file.path, root.size_bytes, root.hash.hex()) == ("/", 4, wanted)


def test_a_hash_depends_on_content_alone(on: Driver) -> None:
    data = random.Random(2).randbytes(11_000_000)
    one = on.repo({"/whole": data})
    other = on.repo()
    for at in range(0, len(data), 4_000_000):
        on.client.put_file_bytes(
            (other, "master"), "/parts", data[at : at + 4_000_000], append=True
        )
    on.client.copy_file((one, "master"), "/whole", (one, "master"), "/copied")
    hashes = {
        on.client.inspect_file((repo, "master"), path).hash
        for repo, path in ((one, "/whole"), (one, "/copied"), (other, "/parts"))
    }
    assert len(hashes) == 1
    assert on.read(other, "/parts") == data


def test_a_large_file_streams_in_pieces_from_any_offset_and_stops_when_told(on: Driver) -> None:
    data = random.Random(3).randbytes(22 << 20)
    repo = on.repo()
    on.client.put_file_bytes((repo, "master"), "/big", data)
    with on.client.get_file((repo, "master"), "/big") as file:
        assert file._stream.is_active()
        assert file.read(1000) == data[:1000]
        assert file.read(5_000_000) == data[1000:5_001_000]
        file.close()
        assert not file._stream.is_active()
    assert on.read(repo, "/big") == data
    for offset in (0, 1, 7_654_321, len(data) - 1):
        assert on.client.get_file((repo, "master"), "/big", offset=offset).read() == data[offset:]
    assert on.client.get_file((repo, "master"), "/big", offset=len(data)).read() == b""


def test_a_small_file_is_read_after_the_stream_was_cancelled(on: Driver) -> None:
    repo = on.repo({"/small": b"x" * 200, "/empty": b""})
    file = on.client.get_file((repo, "master"), "/small")
    file.close()
    assert file.read(200) == b"x" * 200
    assert on.read(repo, "/empty") == b""


@pytest.mark.parametrize("path", ["/d", "/", "/*", "/nope"])
def test_what_is_no_single_file_fails_before_the_first_byte(on: Driver, path: str) -> None:
    repo = on.repo({"/d/a": b"1", "/f": b"1", "/g": b"1"})
    with pytest.raises(ConnectionError) as raised:
        on.client.get_file((repo, "master"), path)
    words = {
        "/d": "cannot get directory or non-regular file. Use GetFileTAR instead",
        "/": "cannot get directory or non-regular file. Use GetFileTAR instead",
        "/*": "matched multiple files. Use GetFileTAR instead",
        "/nope": f"file /nope not found in repo default/{repo} at commit",
    }
    cause = raised.value.__cause__
    assert isinstance(cause, grpc.RpcError)
    assert str(cause.details()).startswith(words[path])  # type: ignore[attr-defined]


def test_a_glob_of_one_file_is_read(on: Driver) -> None:
    repo = on.repo({"/d/a.txt": b"1", "/b": b"2"})
    assert on.read(repo, "/d/*.txt") == b"1"


def test_tar_holds_the_tree_and_extracts_into_a_folder(on: Driver, tmp_path: Path) -> None:
    big = random.Random(4).randbytes(3_000_000)
    name = "/d/" + "n" * 150
    repo = on.repo({"/d/big": big, name: b"long", "/empty": b"", "/f.txt": b"f"})
    with on.client.get_file_tar((repo, "master"), "/") as tar:
        tar.extractall(tmp_path, filter="data")
    assert (tmp_path / "d" / "big").read_bytes() == big
    assert (tmp_path / name[1:]).read_bytes() == b"long"
    assert (tmp_path / "empty").read_bytes() == b""
    with on.client.get_file_tar((repo, "master"), "/*.txt") as tar:
        assert [member.name for member in tar] == ["f.txt"]
    with on.client.get_file_tar((repo, "master"), "/d") as tar:
        members = list(tar)
    assert [member.isdir() for member in members] == [True, False, False]
    with pytest.raises((ConnectionError, tarfile.TarError, grpc.RpcError)):
        on.client.get_file_tar((repo, "master"), "/nope")


def test_a_tar_begins_and_ends_at_paths(on: Driver) -> None:
    names = [*(f"/d/{at:04}" for at in range(2500)), "/d.txt", "/d.txt2", "/e"]
    repo = on.repo({name: name.encode() for name in names})
    stub = pfs_pb2_grpc.APIStub(on.client._channel)

    def tar(path: str, lower: str, upper: str) -> list[tuple[str, bytes]]:
        request = pfs_proto.GetFileRequest(
            file=pfs_proto.File(commit=commit_from((repo, "master")), path=path),
            path_range=pfs_proto.PathRange(lower=lower, upper=upper),
        )
        data = b"".join(message.value for message in stub.GetFileTAR(request))
        found = []
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            for member in archive:
                file = archive.extractfile(member)
                found.append((member.name + "/" * member.isdir(), file.read() if file else b""))
        return found

    def listed(path: str, lower: str, upper: str) -> list[str]:
        return [name for name, _ in tar(path, lower, upper)]

    whole = {"/": b"", "/d/": b"", **{name: name.encode() for name in names}}
    assert sorted(tar("/", "", "")) == sorted(whole.items())
    assert listed("/", "/d/2497", "/e") == ["/d/2497", "/d/2498", "/d/2499"]
    assert listed("/", "/d/24975", "") == ["/d/2498", "/d/2499", "/e"]
    assert listed("/", "/d.", "/d/0001") == ["/d.txt", "/d.txt2", "/d/", "/d/0000"]
    assert listed("/d", "/d/0001", "/d/0003") == ["/d/0001", "/d/0002"]
    assert listed("/d.txt", "/e", "") == []
    assert len(listed("/d/*", "/d/0500", "")) == 2000
    # a file whose name only begins as `lower` does holds nothing
    assert listed("/*.*", "/d.txt2", "") == ["/d.txt2"]
    assert listed("/d.txt", "/d.txt2", "") == []
    assert listed("/*", "/d.txt2", "/d/0001") == ["/d.txt2", "/d/", "/d/0000"]


def test_difference_of_commits_and_of_paths(on: Driver) -> None:
    repo = on.repo({"/d/same": b"1", "/d/changes": b"1", "/goes": b"1"})
    on.put(repo, {"/d/changes": b"2", "/goes": None, "/comes": b"1"})

    def sides(found: Any) -> list[tuple[str, str]]:
        return [(each.new_file.file.path, each.old_file.file.path) for each in found]

    master, before = (repo, "master"), (repo, "master^")
    wanted = [
        ("/", "/"),
        ("/comes", ""),
        ("/d/", "/d/"),
        ("/d/changes", "/d/changes"),
        ("", "/goes"),
    ]
    assert sides(on.client.diff_file(master, "/", before, "/")) == wanted
    assert sides(on.client.diff_file(master, "/")) == wanted  # against the parent
    shallow = sides(on.client.diff_file(master, "/", before, "/", shallow=True))
    assert shallow == [("/comes", ""), ("/d/", "/d/"), ("", "/goes")]
    pair = sides(on.client.diff_file(master, "/comes", before, "/goes"))
    assert pair == [("/comes", ""), ("", "/goes")]
    first = sides(on.client.diff_file(before, "/goes"))
    assert first == [("/goes", "")]


def test_many_small_files_in_one_stream(on: Driver) -> None:
    repo = on.repo()
    with on.client.modify_file_client((repo, "master")) as modify:
        for number in range(1500):
            modify.put_file_from_bytes(f"/{number % 10}/{number}", b"%d" % number)
    assert len(paths(on.client.glob_file((repo, "master"), "/*/*"))) == 1500
    assert on.read(repo, "/7/1497") == b"1497"
    assert on.client.inspect_repo(repo).details.size_bytes == sum(
        len(str(number)) for number in range(1500)
    )
