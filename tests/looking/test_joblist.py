"""Jobs in pages, their progress, and their end."""

from __future__ import annotations

from pathlib import Path

import pytest
from gates import Gates, constant, one_a_set, pipeline
from pipeline_driver import Site, wait_for

from tycokit.processing import joblist
from tycokit.processing.joblist import JobRow


@pytest.fixture(scope="module")
def ids(site: Site) -> list[str]:
    """Seven commits through two pipelines, newest first; `strict` fails on the last."""
    site.client.create_repo("letters")
    pipeline(site, "copy", "letters", "cp $in /pfs/out")
    pipeline(site, "strict", "copy", 'test "$(cat $in)" != bad', datum_tries=1)
    made = [site.put("letters", {f"/{number}": b"x"}) for number in range(6)]
    made.append(site.put("letters", {"/6": b"bad"}))
    for each in made:
        site.jobs(each)
    return made[::-1]


@pytest.mark.parametrize("count", [1, 2, 3, 100])
@pytest.mark.parametrize("name", [None, "copy", "strict"])
def test_pages_meet_and_miss_nothing(
    site: Site, ids: list[str], name: str | None, count: int
) -> None:
    found: list[str] = []
    before = None
    while True:
        page = joblist.page(site.client, name, before=before, count=count)
        assert len(page.sets) <= count
        found += [each.id for each in page.sets]
        if page.older is None:
            break
        before = page.older
    assert found[:7] == ids
    # and the first job of each pipeline, on what was there when it was made
    assert len(found) == len(set(found)) == (9 if name is None else 8)


def test_a_set_has_its_jobs_and_their_counts(site: Site, ids: list[str]) -> None:
    (newest,) = joblist.page(site.client, count=1).sets
    copy, strict = newest.jobs
    assert (copy.pipeline, copy.state, copy.total, copy.processed) == ("copy", "success", 7, 1)
    assert (copy.skipped, copy.done, copy.worked) == (6, 7, 1)
    assert (strict.pipeline, strict.state, strict.failed) == ("strict", "failure", 1)
    assert "failed" in strict.reason
    assert newest.ended
    assert copy.ended
    assert copy.created <= (copy.started or 0) <= (copy.finished or 0)
    assert copy.seconds(1e12) == (copy.finished or 0) - (copy.started or 0)
    assert copy.left(1e12) is None
    assert joblist.of_set(site.client, newest.id) == newest
    assert joblist.one(site.client, "copy", newest.id) == copy


def test_what_is_left_goes_on_as_it_went() -> None:
    row = JobRow("model", "default", "id", "running", "", 1, 90.0, 100.0, None, 50, 8, 20, 1, 1)
    assert (row.worked, row.done) == (10, 30)
    assert row.seconds(120.0) == 20.0
    assert row.left(120.0) == 40.0


def test_a_running_job_is_stopped_and_what_waits_for_it_does_not_run(
    site: Site, tmp_path: Path
) -> None:
    gates = Gates(tmp_path / "gates")
    site.client.create_repo("held")
    pipeline(
        site, "hold", "held", *gates.lines, parallelism_spec=constant(2), datum_set_spec=one_a_set()
    )
    pipeline(site, "after", "hold", "true")
    id_ = site.put("held", {f"/{letter}": b"" for letter in "abc"})
    wait_for(lambda: joblist.one(site.client, "hold", id_).total == 3)
    stopped = joblist.stop(site.client, "hold", id_)
    assert (stopped.state, stopped.reason, stopped.ended) == ("killed", "job stopped", True)
    assert site.job("after", id_).state == 9  # unrunnable
    again = joblist.stop(site.client, "hold", id_)  # no error, no change
    assert again == stopped

    id_ = site.put("held", {"/d": b""})
    wait_for(lambda: joblist.one(site.client, "hold", id_).state == "running")
    both = joblist.stop_set(site.client, id_)
    assert [job.state for job in both.jobs] == ["killed", "killed"]
