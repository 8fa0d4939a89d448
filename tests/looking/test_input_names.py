"""Which input a datum's file came through: pachd tells the files only."""

from __future__ import annotations

from typing import Any

import pytest
from python_pachyderm.service import pfs_proto, pps_proto

from tycokit.errors import DatumUnknown
from tycokit.processing import pastdatum


def file(repo: str, path: str) -> Any:
    branch = pfs_proto.Branch(repo=pfs_proto.Repo(name=repo, type="user"), name="master")
    return pfs_proto.FileInfo(
        file=pfs_proto.File(commit=pfs_proto.Commit(branch=branch), path=path)
    )


def reads(repo: str, glob: str, name: str) -> Any:
    return pps_proto.PFSInput(repo=repo, glob=glob, name=name)


def names(files: list[Any], declared: list[Any]) -> list[str]:
    return [one.name for one in pastdatum.named(files, declared)]


def test_several_files_of_a_group_have_the_input_that_each_fits() -> None:
    declared = [
        reads("model", "/(*)/(?????)*.json", "detections"),
        reads("model", "/(*)/(?????)*.ipynb", "runs"),
    ]
    files = [
        file("model", f"/dev{number}/1511891098.{kind}")
        for kind in ("json", "ipynb")
        for number in range(3)
    ]
    assert names(files, declared) == ["detections"] * 3 + ["runs"] * 3
    assert names(files[::-1], declared) == ["runs"] * 3 + ["detections"] * 3


def test_inputs_that_are_alike_are_told_apart_by_their_order() -> None:
    declared = [reads("images", "/*", "left"), reads("images", "/*", "right")]
    assert names([file("images", "/a"), file("images", "/a")], declared) == ["left", "right"]


def test_a_file_of_a_repo_that_no_input_reads_is_refused() -> None:
    with pytest.raises(DatumUnknown):
        names([file("other", "/a")], [reads("images", "/*", "picture")])
