"""put_file_url of a folder of this machine: one message, and pachd reads the files."""

from __future__ import annotations

import os
import random
from pathlib import Path

import grpc
import pytest
from pachd_driver import Driver, Refusal
from python_pachyderm import Client


def tree(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    return folder


def test_a_folder_goes_in_with_its_sub_folders(on: Driver, client: Client, tmp_path: Path) -> None:
    repo = on.repo({"/old": b"old"})
    big = random.Random(1).randbytes(5_000_000)
    files = {"a": b"1", "b/c/d": b"2", "b/empty": b"", ".hidden": b"3", "big": big}
    folder = tree(tmp_path / "with space", files)
    with client.modify_file_client((repo, "master")) as change:
        change.put_file_from_url("/in", folder.as_uri(), recursive=True)
        change.put_file_from_bytes("/beside", b"4")
    expected = {f"/in/{name}": data for name, data in files.items()}
    assert on.files(repo) == {**expected, "/old": b"old", "/beside": b"4"}
    client.put_file_bytes((repo, "check"), "/big", big)
    at = [
        client.inspect_file((repo, "master"), "/in/big"),
        client.inspect_file((repo, "check"), "/big"),
    ]
    assert at[0].hash == at[1].hash


def test_a_folder_is_put_over_what_is_there_or_added_to_it(
    on: Driver, client: Client, tmp_path: Path
) -> None:
    repo = on.repo({"/in/a": b"old ", "/in/gone": b"gone", "/other": b"other"})
    url = tree(tmp_path, {"a": b"new", "b": b"b"}).as_uri()
    client.put_file_url((repo, "master"), "/in", url, recursive=True, append=True)
    assert on.files(repo) == {
        "/in/a": b"old new",
        "/in/gone": b"gone",
        "/in/b": b"b",
        "/other": b"other",
    }
    client.put_file_url((repo, "master"), "/in/", url, recursive=True)
    assert on.files(repo) == {"/in/a": b"new", "/in/b": b"b", "/other": b"other"}
    client.put_file_url((repo, "master"), "/", url + "/", recursive=True)
    assert on.files(repo) == {"/a": b"new", "/b": b"b"}


def test_recursive_means_nothing_for_one_file(on: Driver, client: Client, tmp_path: Path) -> None:
    repo = on.repo()
    file = tree(tmp_path, {"a": b"DATA"}) / "a"
    client.put_file_url((repo, "master"), "/b", file.as_uri(), recursive=True)
    assert on.files(repo) == {"/b": b"DATA"}


def test_links(on: Driver, client: Client, tmp_path: Path) -> None:
    repo = on.repo()
    folder = tree(tmp_path / "a", {"file": b"DATA"})
    (folder / "link").symlink_to("file")
    client.put_file_url((repo, "master"), "/", folder.as_uri(), recursive=True)
    assert on.files(repo) == {"/file": b"DATA", "/link": b"DATA"}
    (folder / "round").symlink_to(".")
    with Refusal() as refusal:
        client.put_file_url((repo, "master"), "/", folder.as_uri(), recursive=True)
    assert f"{folder}/round: Is a directory" in refusal.text


@pytest.mark.parametrize("recursive", [False, True])
def test_what_is_no_file(on: Driver, client: Client, tmp_path: Path, recursive: bool) -> None:
    repo = on.repo()
    (tmp_path / "empty").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name, text in (
        ("missing", "missing: No such file or directory"),
        ("pipe", "pipe: neither a file nor a folder"),
        ("empty", "no objects were listed" if recursive else "empty: Is a directory"),
    ):
        url = (tmp_path / name).as_uri()
        with Refusal() as refusal:
            client.put_file_url((repo, "master"), "/f", url, recursive=recursive)
        assert refusal.code == grpc.StatusCode.UNKNOWN
        assert refusal.text.startswith(f"cannot read {url}: ")
        assert refusal.text.endswith(text)
    with Refusal() as refusal:
        client.put_file_url((repo, "master"), "/f", "file://elsewhere/f", recursive=recursive)
    assert "a file URL can only name files of this machine" in refusal.text
    assert list(client.list_branch(repo)) == []


def test_one_bad_name_and_nothing_goes_in(on: Driver, client: Client, tmp_path: Path) -> None:
    repo = on.repo()
    url = tree(tmp_path, {"a": b"1", "b*": b"2", "c": b"3"}).as_uri()
    with Refusal() as refusal:
        client.put_file_url((repo, "master"), "/", url, recursive=True)
    assert refusal.text == "path (/b*) invalid: globbing character (*) not allowed in path"
    assert list(client.list_branch(repo)) == []
