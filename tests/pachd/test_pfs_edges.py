"""What the model of pfs found the server to do wrong, each in its shortest form."""

from __future__ import annotations

import grpc
import pytest
from pachd_driver import AUTO, Driver, Refusal, paths, provenance
from python_pachyderm.pfs import Commit


def test_an_id_that_names_a_branch_goes_with_no_branch(on: Driver) -> None:
    repo = on.repo({"/f": b"1"})
    with Refusal() as refusal:
        list(on.client.inspect_commit(Commit(repo, "master", "master^")))
    assert refusal.text == (
        f"invalid commit ID given with a branch (default/{repo}@master): master^"
    )


def test_deleting_a_folder_takes_what_the_same_stream_put_there(on: Driver) -> None:
    repo = on.repo({"/d/old": b"1"})
    with on.client.modify_file_client((repo, "master")) as modify:
        modify.put_file_from_bytes("/d/new", b"1")
        modify.delete_file("/d")
        modify.put_file_from_bytes("/d/newer", b"1", append=True)
        modify.put_file_from_bytes("/d/new", b"2", append=True)
    assert on.files(repo) == {"/d/new": b"2", "/d/newer": b"1"}


def test_bytes_right_after_a_delete_only_overwrite_a_file(on: Driver) -> None:
    repo = on.repo({"/d/f": b"1"})
    on.client.put_file_bytes((repo, "master"), "/d", b"2")
    (info,) = on.client.inspect_commit((repo, "master"))
    assert info.error == "file / directory path collision (/d)"
    with on.client.modify_file_client((repo, "master")) as modify:
        modify.delete_file("/d")
        modify.put_file_from_bytes("/other", b"1")
        modify.put_file_from_bytes("/d", b"2", append=True)
    assert on.files(repo) == {"/d": b"2", "/other": b"1"}


def test_an_appending_copy_does_not_bring_back_what_the_stream_deleted(on: Driver) -> None:
    repo = on.repo({"/d/f": b"old", "/g": b"new"})
    with on.client.modify_file_client((repo, "master")) as modify:
        modify.delete_file("/d/")
        modify.copy_file((repo, "master"), "/g", "/d/f", append=True)
    assert on.read(repo, "/d/f") == b"new"


def test_a_finished_commit_named_by_its_ancestry_takes_no_changes(on: Driver) -> None:
    repo = on.repo({"/f": b"1"})
    first = on.put(repo, {"/f": b"2"})
    on.put(repo, {"/f": b"3"})
    with Refusal() as refusal:
        on.client.put_file_bytes((repo, "master^"), "/f", b"4")
    assert refusal.text == f"commit default/{repo}@{first} has already finished"


@pytest.mark.parametrize("path", ["/", "", "//"])
def test_the_root_is_no_file(on: Driver, path: str) -> None:
    repo = on.repo({"/d/f": b"1"})
    for put in (
        lambda: on.client.put_file_bytes((repo, "master"), path, b"2"),
        lambda: on.client.copy_file((repo, "master"), "/d/f", (repo, "master"), path),
    ):
        with Refusal() as refusal:
            put()
        assert refusal.code != grpc.StatusCode.INTERNAL
        assert "root" in refusal.text
    on.client.copy_file((repo, "master"), "/d", (repo, "master"), path)
    assert on.files(repo) == {"/d/f": b"1", "/f": b"1"}


def test_all_branches_that_hang_together_are_of_different_repos(on: Driver) -> None:
    above, below = on.repo(), on.repo()
    on.client.create_branch(below, "master", provenance=provenance(above))
    with Refusal() as refusal:
        on.client.create_branch(below, "other", provenance=provenance(above))
    assert refusal.text == (
        f'multiple branches from the same repo, "default/{below}", cannot participate in a DAG'
    )
    on.client.finish_commit((below, "master"))
    on.put(above, {"/f": b"1"})  # it would need two commits of one set in `below`


def test_squashing_the_first_commit_leaves_no_branch_without_a_head(on: Driver) -> None:
    repo = on.repo()
    first = on.put(repo, {"/f": b"1"})
    on.client.create_branch(repo, "pinned", head_commit=(repo, first))
    on.put(repo, {"/g": b"2"})
    on.client.squash_commit(first)
    assert on.files(repo) == {"/f": b"1", "/g": b"2"}
    (info,) = on.client.inspect_commit((repo, "pinned"))
    assert (info.origin.kind, bool(info.finished.seconds)) == (AUTO, True)
    assert on.files(repo, "pinned") == {}


def test_a_branch_made_and_unmade_in_one_transaction(on: Driver) -> None:
    above, below = on.repo(), on.repo()
    with on.client.transaction():
        on.client.create_branch(below, "master", provenance=provenance(above))
        on.client.delete_branch(below, "master")
    assert list(on.client.list_branch(below)) == []
    with on.client.transaction():
        on.client.create_branch(below, "master", provenance=provenance(above))
        on.client.delete_branch(above, "master", force=True)
    (info,) = on.client.inspect_commit((below, "master"))
    assert (info.origin.kind, bool(info.finished.seconds)) == (AUTO, True)


def test_a_file_and_a_folder_of_one_name_are_listed_backwards_too(on: Driver) -> None:
    repo = on.repo()
    commit = on.client.start_commit(repo, "master")
    with on.client.modify_file_client(commit) as modify:
        modify.put_file_from_bytes("/a", b"1")
        modify.put_file_from_bytes("/a/b", b"1")
    assert paths(on.client.list_file(commit, "/a")) == ["/a", "/a/b"]
    assert paths(on.client.list_file(commit, "/a", number=9, reverse=True)) == ["/a/b", "/a"]
    assert paths(on.client.list_file(commit, "/a", number=1, reverse=True)) == ["/a/b"]


def test_what_is_wrong_only_at_the_end_of_a_transaction_shows_when_it_is_asked(on: Driver) -> None:
    above, below = on.repo(), on.repo()
    opened = on.client.start_transaction()
    on.client.transaction_id = opened.id
    try:
        # its end owes `below` a commit for `one`, and the new `other` has taken the only one
        on.client.create_branch(below, "one", provenance=provenance(above))
        with Refusal() as refusal:
            on.client.create_branch(below, "other")
    finally:
        on.client.transaction_id = None
        on.client.delete_transaction(opened)
    assert refusal.text.startswith("inconsistent dependencies: cannot create commit from")
    assert refusal.text.endswith(f"repo ({below}) already has a commit in this transaction")


def test_appending_after_an_errored_commit_does_not_take_up_its_bytes(on: Driver) -> None:
    repo = on.repo({"/a": b"good"})
    with on.client.commit(repo, "master") as commit:
        on.client.put_file_bytes(commit, "/a", b"bad", append=True)
        on.client.put_file_bytes(commit, "/a/b", b"collides")
    on.client.put_file_bytes((repo, "master"), "/a", b" and more", append=True)
    assert on.files(repo) == {"/a": b"good and more"}


def test_another_way_to_write_the_path_just_written_is_looked_at_too(on: Driver) -> None:
    repo = on.repo({"/b": b"1"})
    with Refusal() as refusal, on.client.modify_file_client((repo, "master")) as modify:
        modify.put_file_from_bytes("/b", b"2")
        modify.put_file_from_bytes("/a/../b", b"3", append=True)
    assert refusal.text == "path (/a/../b) invalid: relative file paths are not allowed"
    assert on.files(repo) == {"/b": b"1"}
