"""Datums of a job in pages, those in work, and running them again."""

from __future__ import annotations

from pathlib import Path

import grpc
import pytest
from gates import Gates, constant, one_a_set, pipeline
from pipeline_driver import SUCCESS, Site, counts, wait_for
from python_pachyderm.service import pps_proto

from tycokit.errors import RerunError
from tycokit.processing import datumlist, joblist, rerunning
from tycokit.processing.datumlist import DatumFile


def put(site: Site, repo: str, names: str) -> str:
    return site.put(repo, {f"/{name}": name.encode() for name in names})


@pytest.fixture(scope="module")
def job(site: Site) -> str:
    """Six datums: `b` and `e` fail, `c` succeeds at the second try, `f` is recovered."""
    site.client.create_repo("letters")
    put(site, "letters", "abcdef")
    notes = site.folder / "notes"
    notes.mkdir()
    made = pps_proto.Transform(
        cmd=["sh"],
        stdin=[
            "case $in in",
            "  */[bef]) exit 1;;",
            f"  */c) test -e {notes}/c || {{ touch {notes}/c; exit 1; }};;",
            "esac",
        ],
        err_cmd=["sh"],
        err_stdin=['test "${in##*/}" = f'],
    )
    given = pps_proto.Input(pfs=pps_proto.PFSInput(repo="letters", glob="/*", name="in"))
    site.client.create_pipeline("judge", made, input=given, datum_tries=2)
    found = next(site.client.list_job("judge")).job.id
    site.job("judge", found)
    return str(found)


def test_a_row_tells_state_files_times_and_tries(site: Site, job: str) -> None:
    page = datumlist.page(site.client, "judge", job)
    assert page.after is None
    by_name = {row.files[0].path[1:]: row for row in page.datums}
    assert {name: row.state for name, row in by_name.items()} == {
        "a": "success",
        "b": "failed",
        "c": "success",
        "d": "success",
        "e": "failed",
        "f": "recovered",
    }
    row = by_name["a"]
    head = site.client.inspect_branch("letters", "master").head.id
    assert row.files == (DatumFile("default", "letters", "master", head, "/a", 1),)
    assert (row.size, row.files[0].is_folder) == (1, False)
    assert row.seconds == row.download + row.process + row.upload > 0
    tries = {
        name: datumlist.attempts(site.client, "judge", job, row.id) for name, row in by_name.items()
    }
    assert tries == {"a": 1, "b": 2, "c": 2, "d": 1, "e": 2, "f": 2}
    assert datumlist.attempts(site.client, "judge", job, "0" * 64) == 0


def test_pages_meet_and_keep_to_a_state(site: Site, job: str) -> None:
    whole = datumlist.page(site.client, "judge", job).datums
    ids: list[str] = []
    after: str | None = ""
    while after is not None:
        page = datumlist.page(site.client, "judge", job, after=after, count=2)
        ids += [row.id for row in page.datums]
        after = page.after
    assert ids == [row.id for row in whole] == sorted(ids)
    bad = datumlist.page(site.client, "judge", job, states=["failed", "recovered"], count=2)
    assert len(bad.datums) == 2
    assert bad.after == bad.datums[-1].id
    rest = datumlist.page(
        site.client, "judge", job, states=["failed", "recovered"], count=2, after=bad.after
    )
    assert {row.state for row in (*bad.datums, *rest.datums)} == {"failed", "recovered"}
    assert rest.after is None


def test_what_did_not_end_well_runs_again_in_a_new_job(site: Site, job: str) -> None:
    client = site.client
    by_name = {row.files[0].path[1:]: row.id for row in datumlist.page(client, "judge", job).datums}
    with pytest.raises(RerunError, match="no datum is chosen"):
        rerunning.rerun(client, "judge", job, [])
    before = next(client.inspect_pipeline("judge", details=True))
    # of a failed job nothing is kept, so all of it runs again
    done = rerunning.rerun(client, "judge", job, [by_name["b"], by_name["f"]])
    assert (done.datums, done.others) == (2, 4)
    assert done.job != job
    info = site.job("judge", done.job)
    assert (counts(info), info.data_recovered) == ((3, 0, 2), 1)
    after = next(client.inspect_pipeline("judge", details=True))
    assert after.version == before.version + 1
    assert after.details.salt == before.details.salt
    assert datumlist.attempts(client, "judge", done.job, by_name["b"]) == 2
    with pytest.raises(RerunError, match="not the pipeline's newest"):
        rerunning.rerun(client, "judge", job, [by_name["b"]])
    # of a good job only what was recovered
    good = site.put("letters", {"/b": None, "/e": None})
    assert site.job("judge", good).state == SUCCESS
    with pytest.raises(RerunError, match=r"1 of the 2 chosen are done.*--again judge"):
        rerunning.rerun(client, "judge", good, [by_name["a"], by_name["f"]])
    done = rerunning.rerun(client, "judge", good, [by_name["f"]])
    assert (done.datums, done.others) == (1, 0)
    info = site.job("judge", done.job)
    assert (counts(info), info.data_recovered) == ((0, 3, 0), 1)
    skipped = datumlist.page(client, "judge", done.job, states=["skipped"])
    assert {row.files[0].path for row in skipped.datums} == {"/a", "/c", "/d"}
    assert datumlist.attempts(client, "judge", done.job, by_name["a"]) == 0
    client.stop_pipeline("judge")
    with pytest.raises(RerunError, match="is paused"):
        rerunning.rerun(client, "judge", done.job, [by_name["f"]])


def test_a_datum_in_work_begins_again(site: Site, tmp_path: Path) -> None:
    gates = Gates(tmp_path / "gates")
    site.client.create_repo("held")
    put(site, "held", "abc")
    pipeline(
        site,
        "hold",
        "held",
        f"echo ${{in##*/}} >> {tmp_path}/begun",
        *gates.lines,
        parallelism_spec=constant(2),
        datum_set_spec=one_a_set(),
    )
    job = next(site.client.list_job("hold")).job.id
    wait_for(lambda: len(datumlist.working(site.client, "hold", job)) == 2)
    first, second = datumlist.working(site.client, "hold", job)
    assert {first.paths, second.paths} <= {("/a",), ("/b",), ("/c",)}
    assert first.since <= second.since
    assert first.worker != second.worker
    with pytest.raises(RerunError, match="has not ended"):
        rerunning.rerun(site.client, "hold", job, ["0" * 64])
    begun = tmp_path / "begun"
    begun.touch()
    wait_for(lambda: len(begun.read_text().split()) == 2)
    rerunning.restart(site.client, "hold", job, first)
    wait_for(lambda: len(begun.read_text().split()) == 3)
    assert begun.read_text().split()[-1] == first.paths[0][1:]
    again = {each.paths: each for each in datumlist.working(site.client, "hold", job)}
    assert again[first.paths].since > first.since
    assert again[second.paths] == second
    gates.open()
    assert site.job("hold", job).state == SUCCESS
    (row,) = [
        row
        for row in datumlist.page(site.client, "hold", job).datums
        if row.files[0].path == first.paths[0]
    ]
    assert datumlist.attempts(site.client, "hold", job, row.id) == 2
    with pytest.raises(grpc.RpcError, match="could not be found for job"):
        rerunning.restart(site.client, "hold", job, first)
    assert datumlist.working(site.client, "hold", job) == ()
    assert joblist.one(site.client, "hold", job).processed == 3
