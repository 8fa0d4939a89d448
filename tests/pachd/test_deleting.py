"""Deleting, all of it: what goes, what must stay, and what goes on beside it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from pachd_driver import SUCCESS, Driver, Refusal, pfs
from python_pachyderm import Client
from python_pachyderm.service import pfs_proto

from tycokit.pachd.server import Pachd, token


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Driver]:
    """A pachd whose last repo may go."""
    server = Pachd(tmp_path / "data", 0, token(tmp_path / "data"), os.environ)
    server.start()
    yield Driver(Client("127.0.0.1", server.port, auth_token=token(tmp_path / "data")))
    server.stop()


@pytest.mark.parametrize("as_project", [True, False])
def test_a_pipeline_called_like_a_folder_deletes_no_folder(
    on: Driver, tmp_path: Path, as_project: bool
) -> None:
    (tmp_path / "precious").write_text("kept")
    name, project = ("precious", str(tmp_path)) if as_project else (str(tmp_path), None)
    on.client.delete_pipeline(name, project_name=project)
    for name in ("", ".", "..", "../..", "../../logs"):
        on.client.delete_pipeline(name, project_name=project)
    assert (tmp_path / "precious").read_text() == "kept"


def test_deleting_no_pipeline_leaves_the_logs_of_the_others(on: Driver) -> None:
    source = on.repo({"a": b"x"})
    pipeline = on.pipeline("echo it is there", pfs(source))
    on.done(pipeline)
    on.client.delete_pipeline("")
    assert on.said(pipeline) == ["it is there"]


def test_deleting_all_repos_deletes_the_pipelines_that_run_in_them(alone: Driver) -> None:
    source = alone.repo({"a": b"x"})
    alone.pipeline("sleep 100", pfs(source))
    alone.client.delete_all_repos()
    assert list(alone.client.list_pipeline()) == []
    assert list(alone.client.list_job()) == []
    assert list(alone.client.list_repo(type="")) == []
    # and others can come
    pipeline = alone.pipeline("cp /pfs/*/a /pfs/out/", pfs(alone.repo({"a": b"y"})))
    assert alone.done(pipeline).state == SUCCESS


@pytest.mark.parametrize("kind", ["user", "meta", "spec"])
def test_no_repo_of_a_pipeline_can_be_deleted_alone(on: Driver, kind: str) -> None:
    pipeline = on.pipeline("cp /pfs/*/a /pfs/out/", pfs(on.repo({"a": b"x"})))
    with Refusal() as refused:
        on.client._PFSMixin__stub.DeleteRepo(
            pfs_proto.DeleteRepoRequest(repo=pfs_proto.Repo(name=pipeline, type=kind), force=True)
        )
    assert refused.text == (
        "cannot delete a repo associated with a pipeline - delete the pipeline instead"
    )
    assert on.done(pipeline).state == SUCCESS
