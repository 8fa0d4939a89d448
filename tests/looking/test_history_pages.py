"""Branches and commits of a repo, with the jobs that made them."""

from __future__ import annotations

import time

import pytest
from house_driver import copying, head
from pipeline_driver import Site

from tycokit.repos import history
from tycokit.repos.addresses import Address


@pytest.fixture(scope="module")
def ids(site: Site) -> list[str]:
    """Seven commits of `source`, the newest first; `copy` fails on the last."""
    site.client.create_repo("source")
    copying(site, "copy", "source", "test ! -e /pfs/source/bad; cp /pfs/source/* /pfs/out")
    made = [site.put("source", {f"/{number}": b"x" * number}) for number in range(6)]
    made.append(site.put("source", {"/bad": b""}))
    site.jobs(made[-1])
    return made[::-1]


def test_pages_meet_and_miss_nothing(site: Site, ids: list[str]) -> None:
    found: list[str] = []
    more = True
    while more:
        page = history.page(site.client, "source", offset=len(found), count=3)
        found += [commit.id for commit in page.commits]
        more = page.more
    # the first one is Pachyderm's own: the empty head of a branch that a pipeline reads
    assert found[:-1] == ids


def test_a_commit_tells_when_what_and_from_where(site: Site, ids: list[str]) -> None:
    page = history.page(site.client, "source", count=2)
    newest, before = page.commits
    assert (newest.project, newest.repo, newest.branch) == ("default", "source", "master")
    assert (newest.state, newest.origin, newest.job, newest.by_pipeline) == (
        "finished",
        "user",
        "",
        False,
    )
    assert newest.parent == before.id
    assert before.children == (newest.id,)
    assert newest.size == sum(range(6))
    assert newest.finished is not None
    assert time.time() - 600 < newest.started <= newest.finished <= time.time() + 1


def test_a_pipelines_commits_carry_their_jobs(site: Site, ids: list[str]) -> None:
    page = history.page(site.client, "copy", count=20)
    assert [commit.job for commit in page.commits[:7]] == ["failure", *["success"] * 6]
    failed = page.commits[0]
    assert failed.by_pipeline
    assert failed.origin == "auto"
    assert "failed" in failed.reason
    assert [(up.repo, up.id) for up in failed.upstream] == [("source", ids[0])]


def test_a_page_far_back_has_its_jobs_too(site: Site, ids: list[str]) -> None:
    page = history.page(site.client, "copy", offset=5, count=2)
    assert [commit.id for commit in page.commits] == ids[5:7]
    assert [commit.job for commit in page.commits] == ["success", "success"]


def test_branches_come_with_their_heads(site: Site) -> None:
    site.client.create_repo("forked")
    site.client.create_repo("plain")
    first, second = site.put("forked", {"/a": b"1"}), site.put("forked", {"/a": b"2"})
    site.client.create_branch("forked", "old", ("forked", first))
    site.client.create_branch("forked", "made", provenance=[head("plain")])
    found = {each.name: each for each in history.branches(site.client, "forked")}
    assert next(iter(found)) == "master"
    assert found["master"].head == second
    assert found["old"].head == first
    assert found["made"].upstream == ("plain@master",)
    assert found["old"].upstream == ()
    old = history.page(site.client, "forked", branch="old")
    assert [commit.id for commit in old.commits] == [first]
    assert not old.more


def test_one_commit_by_any_of_its_names(site: Site, ids: list[str]) -> None:
    head = history.commit(site.client, Address("copy"))
    assert (head.id, head.job) == (ids[0], "failure")
    assert history.commit(site.client, Address("source", "master^")).id == ids[1]


def test_an_open_commit_says_so(site: Site) -> None:
    site.client.create_repo("growing")
    with site.client.commit("growing", "master") as commit:
        (found,) = history.page(site.client, "growing").commits
        assert (found.id, found.state, found.finished) == (commit.id, "open", None)
