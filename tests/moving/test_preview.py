"""--dry-run tells what a copy or an import would do, and does nothing."""

from __future__ import annotations

import pytest
from moving_driver import Pair, commits, hashes, pfs, transform
from python_pachyderm.service import pps_proto


def house(pair: Pair) -> None:
    """Two projects, a branch beside `master`, and a pipeline with a secret, on the laptop."""
    client = pair.laptop.client
    client.create_project("other")
    client.create_repo("derived", project_name="other")
    client.create_repo("letters")
    pair.laptop.put("letters", {"/a": b"a" * 1500, "/b": b""})
    client.create_branch("letters", "stable", head_commit=("letters", "master"))
    client.create_pipeline("through", transform("true"), input=pfs("letters"))
    client.create_secret("key", {"k": "hidden"})
    key = pps_proto.SecretMount(name="key", key="k", env_var="K")
    client.create_pipeline("secretive", transform("true", secrets=[key]), input=pfs("letters"))


@pytest.mark.parametrize("imported", [False, True])
def test_a_dry_run_tells_what_would_be_made_and_makes_nothing(pair: Pair, imported: bool) -> None:
    house(pair)
    words = ["copy", "laptop", "cluster"]
    if imported:
        pair.run("export", "all.tar")
        words = ["import", "all.tar", "--context", "cluster"]
    said = pair.run(*words, "--dry-run", code=2)
    assert "would make project other" in said
    assert "would make repo letters" in said
    assert "would make pipeline through" in said
    assert "would make pipeline secretive" not in said
    assert "pipeline secretive needs the secret key" in said
    assert "would start" not in said
    assert "2 files, 1.5 kB" in said
    assert "would make or move branch letters@stable" in said
    assert "branch letters@master" not in said
    assert "nothing was copied: 2 repos, 1 commit, 2 files, 2 pipelines, 1.5 kB" in said
    assert "would start pipeline through" in pair.run(*words, "--start", "--dry-run", code=2)
    there = pair.cluster.client
    assert list(there.list_repo()) == []
    assert list(there.list_pipeline()) == []
    assert [info.project.name for info in there.list_project()] == ["default"]


def test_a_dry_run_of_what_was_copied_tells_what_is_new(pair: Pair) -> None:
    house(pair)
    pair.cluster.client.create_secret("key", {"k": "another"})
    pair.run("copy", "laptop", "cluster")
    assert "there is nothing to copy" in pair.run("copy", "laptop", "cluster", "--dry-run")
    said = pair.run("copy", "laptop", "cluster", "--dry-run", "--start", code=2)
    assert "would start pipeline through" in said
    pair.laptop.put("letters", {"/a": None, "/c": b"123"})
    said = pair.run("copy", "laptop", "cluster", "--dry-run", code=2)
    assert "1 commit (1 was there), 1 file, 2 pipelines, 3 B" in said
    assert "/a" in hashes(pair.cluster, "letters")


def test_a_dry_run_of_a_history_counts_each_commit(pair: Pair) -> None:
    pair.laptop.client.create_repo("letters")
    for at in range(3):
        pair.laptop.put("letters", {f"/{at}": b"12", "/same": b"same"})
    said = pair.run("copy", "laptop", "cluster", "--history", "--dry-run", code=2)
    assert "3 commits, 4 files, 0 pipelines, 10 B" in said
    pair.run("copy", "laptop", "cluster", "--history")
    pair.laptop.put("letters", {"/3": b"12"})
    said = pair.run("copy", "laptop", "cluster", "--history", "--dry-run", code=2)
    assert "1 commit (3 were there), 1 file, 0 pipelines, 2 B" in said


def test_a_dry_run_refuses_what_the_copy_would(pair: Pair) -> None:
    for site in (pair.laptop, pair.cluster):
        site.client.create_repo("letters")
    pair.laptop.put("letters", {"/a": b"a"})
    pair.cluster.put("letters", {"/own": b"own"})
    said = pair.run("copy", "laptop", "cluster", "--dry-run", code=1)
    assert "letters@master of cluster takes no copy: it holds other files" in said
    said = pair.run("copy", "laptop", "cluster", "--dry-run", "--replace", code=2)
    assert "1 commit, 1 file" in said
    assert len(commits(pair.cluster, "letters")) == 1
