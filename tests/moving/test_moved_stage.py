"""A stage with its notebook, its pictures and its results so far, on another pachd."""

from __future__ import annotations

from moving_driver import Pair, hashes
from pipeline_driver import SUCCESS, photograph, spec


def results(found: dict[str, str]) -> dict[str, str]:
    """Without the executed notebooks, which hold the times at which they ran."""
    return {path: value for path, value in found.items() if not path.endswith(".ipynb")}


def test_a_notebook_stage_makes_the_same_of_the_same_pictures(pair: Pair) -> None:
    here, there = pair.laptop, pair.cluster
    here.deploy([spec("validate")])
    job = here.put("images", {"/cam_1511891000.jpg": photograph(person=True), "/bad.jpg": b"no"})
    assert here.job("validate", job).state == SUCCESS

    said = pair.run("copy", "laptop", "cluster", "--start")

    assert "2 repos, 2 commits" in said
    assert hashes(there, "notebooks") == hashes(here, "notebooks")
    first = next(there.client.list_job("validate")).job.id
    assert there.job("validate", first).state == SUCCESS
    assert results(hashes(there, "validate")) == results(hashes(here, "validate"))
    assert len(results(hashes(there, "validate"))) > 2
    # what comes later is processed there as here
    more = {"/cam_1511892000.jpg": photograph(person=False)}
    for site in (here, there):
        assert site.job("validate", site.put("images", more)).state == SUCCESS
    assert results(hashes(there, "validate")) == results(hashes(here, "validate"))
