"""What the model of pfs found the server to do wrong, each in its shortest form."""

from __future__ import annotations

from pachd_driver import Driver, Refusal
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
