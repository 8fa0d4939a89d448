"""Who was told moves with the pictures: two ledgers become one, and none forgets anybody."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from moving_driver import Pair, commits, hashes
from pipeline_driver import Site

from tycokit.alerting.ledger import REPO, Receipt
from tycokit.errors import CopyDiffers
from tycokit.moving.changes import Put
from tycokit.moving.reading import PachdSource
from tycokit.moving.writing import PachdSink
from tycokit.repos.addresses import Address


def note(site: Site, *names: str, state: str = "sent", project: str = "default") -> None:
    """Receipts at these paths."""
    site.client.create_repo(REPO, update=True, project_name=project)
    with site.client.modify_file_client(Address(REPO, project=project).at) as changes:
        for name in names:
            receipt = Receipt("people", "guard", state, name, name, name)  # type: ignore[arg-type]
            changes.put_file_from_bytes(f"/{name}", json.dumps(receipt.as_json()).encode())


def withdraw(site: Site, name: str) -> None:
    site.client.delete_file((REPO, "master"), f"/{name}")


def told(site: Site, project: str = "default") -> dict[str, str]:
    """Path → state of every receipt."""
    at = Address(REPO, project=project).at
    return {
        info.file.path[1:]: json.loads(site.client.get_file(at, info.file.path).read())["state"]
        for info in site.client.glob_file(at, "/*")
    }


def sent(*names: str) -> dict[str, str]:
    return dict.fromkeys(names, "sent")


def test_a_destination_that_has_told_others_takes_what_is_new_and_keeps_its_own(
    pair: Pair,
) -> None:
    note(pair.laptop, "a", "b")
    pair.laptop.client.create_repo("zoo")
    pair.run("copy", "laptop", "cluster")
    assert told(pair.cluster) == sent("a", "b")
    note(pair.cluster, "own")

    assert "there is nothing to copy" in pair.run("copy", "laptop", "cluster", "--dry-run")
    assert "0 commits (1 was there)" in pair.run("copy", "laptop", "cluster")
    assert told(pair.cluster) == sent("a", "b", "own")

    note(pair.laptop, "c")
    pair.laptop.put("zoo", {"/lion": b"l"})
    said = pair.run("copy", "laptop", "cluster", "--dry-run", code=2)
    assert "2 commits, 2 files" in said
    assert "2 commits, 2 files" in pair.run("copy", "laptop", "cluster")
    assert told(pair.cluster) == sent("a", "b", "c", "own")
    assert list(hashes(pair.cluster, "zoo")) == ["/lion"]

    note(pair.cluster, "more")
    note(pair.laptop, "d")
    pair.run("copy", "laptop", "cluster", "--replace")
    assert told(pair.cluster) == sent("a", "b", "c", "d", "more", "own")
    made = len(commits(pair.cluster, REPO))
    assert "0 commits (2 were there)" in pair.run("copy", "laptop", "cluster", "--replace")
    assert len(commits(pair.cluster, REPO)) == made


def test_a_receipt_of_somebody_told_is_not_undone_and_any_other_is(pair: Pair) -> None:
    note(pair.laptop, "a", "b", "c", state="claimed")
    note(pair.cluster, "a")
    note(pair.cluster, "b", state="failed")
    pair.cluster.put(REPO, {"/c": b"no receipt"})
    pair.run("copy", "laptop", "cluster")
    assert told(pair.cluster) == {"a": "sent", "b": "claimed", "c": "claimed"}
    note(pair.laptop, "b", "c")
    pair.run("copy", "laptop", "cluster")
    assert told(pair.cluster) == sent("a", "b", "c")


def test_an_older_archive_takes_no_receipt_away(pair: Pair) -> None:
    note(pair.laptop, "a")
    note(pair.laptop, "b", state="claimed")
    pair.run("export", "old.tar")
    note(pair.laptop, "b", "c")
    pair.run("copy", "laptop", "cluster")
    pair.run("import", "old.tar", "--context", "cluster")
    assert told(pair.cluster) == sent("a", "b", "c")


def test_the_ledgers_of_two_sources_and_of_other_projects_come_together(pair: Pair) -> None:
    desktop = pair.site("desktop")
    for site, name in ((pair.laptop, "a"), (desktop, "b")):
        site.client.create_project("night")
        for project in ("default", "night"):
            note(site, name, project=project)
        pair.run("copy", site.folder.name, "cluster")
    for project in ("default", "night"):
        assert told(pair.cluster, project) == sent("a", "b")


@pytest.mark.parametrize("head_first", [False, True])
def test_the_history_of_a_ledger_comes_on_top_of_what_is_there(
    pair: Pair, head_first: bool
) -> None:
    note(pair.laptop, "a", state="claimed")
    note(pair.laptop, "quiet", state="claimed")
    note(pair.laptop, "a")
    withdraw(pair.laptop, "quiet")
    note(pair.cluster, "own")
    if head_first:
        pair.run("copy", "laptop", "cluster")
    pair.run("copy", "laptop", "cluster", "--history")
    assert told(pair.cluster) == sent("a", "own")
    note(pair.cluster, "more")
    note(pair.laptop, "b")
    assert "1 commit (4 were there)" in pair.run("copy", "laptop", "cluster", "--history")
    assert told(pair.cluster) == sent("a", "b", "more", "own")
    assert told(pair.laptop) == sent("a", "b")


def test_a_branch_beside_a_ledger_is_like_any_other(pair: Pair) -> None:
    note(pair.laptop, "a")
    pair.laptop.client.create_branch(REPO, "before", head_commit=(REPO, "master"))
    note(pair.laptop, "b")
    pair.run("copy", "laptop", "cluster")
    note(pair.cluster, "own")
    pair.run("copy", "laptop", "cluster")
    assert list(hashes(pair.cluster, REPO, "before")) == ["/a"]


def test_a_ledger_whose_copy_was_cut_short_goes_on(pair: Pair) -> None:
    note(pair.laptop, *(f"{number:04}" for number in range(3000)))
    note(pair.cluster, "own")
    pair.kill(REPO, "copy", "laptop", "cluster")
    pair.run("copy", "laptop", "cluster")
    assert hashes(pair.cluster, REPO).keys() == {*hashes(pair.laptop, REPO), "/own"}
    assert len(commits(pair.cluster, REPO)) == 2


def test_a_receipt_that_does_not_arrive_as_it_was_is_told(pair: Pair) -> None:
    note(pair.laptop, "a", "b")
    note(pair.cluster, "own")
    source = PachdSource(pair.laptop.client, "laptop")
    contents = source.contents()
    (step,) = contents.steps
    first, second = (change for change in source.changes(step) if isinstance(change, Put))
    sink = PachdSink(pair.cluster.client, "cluster")
    sink.prepare(contents)
    with pytest.raises(CopyDiffers, match="/b of receipts@master"):
        sink.take(step, iter([first, replace(second, hash="0" * 64)]), lambda _: None)
