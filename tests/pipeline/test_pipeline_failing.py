"""Notebooks that raise or never end, and executors that die, in real pipelines.

Each pipeline here is the validate stage under another name, with an edited notebook.
"""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from pipeline_driver import (
    FAILURE,
    SUCCESS,
    Site,
    before_result,
    counts,
    notebook,
    photograph,
    spec,
    variant,
    wait_for,
)
from python_pachyderm.service import pps_proto

from tycokit.processing import following

SECONDS = 30  # enough to start an executor on a busy machine; other tests run meanwhile
PICTURES = {
    "/bad_1511891000.jpg": photograph(person=True),
    "/one_1511891000.jpg": photograph(person=True),
    "/two_1511891000.jpg": photograph(person=False),
}
RAISES = """\
if name.startswith("bad"):
    raise ValueError("the lens is dirty")  # on purpose
"""
NEVER_ENDS = """\
import time
while name.startswith("bad"):
    time.sleep(0.1)
"""
# hangs once, for as long as a datum may take, and says that it does
HANGS_ONCE = """\
import os, time
mark = Path(os.environ["TMPDIR"], "hangs")
if name.startswith("bad") and not mark.exists():
    mark.write_text(str(os.getpid()))
    time.sleep(600)
"""


@pytest.fixture(scope="module")
def site(empty_site: Site) -> Site:
    empty_site.deploy([spec("validate")])
    empty_site.put("images", PICTURES)
    return empty_site


@pytest.fixture(scope="module")
def endless(site: Site) -> str:
    """The job of a notebook that never ends; it began before the first test."""
    made = variant("validate", "endless", datum_tries=1, datum_timeout=f"{SECONDS}s")
    return site.create(made, notebook("validate.ipynb", before_result(NEVER_ENDS)))


@pytest.fixture(autouse=True)
def meanwhile(endless: str) -> None:
    """Each test runs beside the notebook that never ends."""


def test_a_notebook_that_raises_says_where_and_is_kept(site: Site) -> None:
    made = variant("validate", "raises", datum_tries=1)
    job = site.create(made, notebook("validate.ipynb", before_result(RAISES)))
    info = site.job("raises", job)
    assert (info.state, counts(info)) == (FAILURE, (2, 0, 1))
    bad = next(
        each for each in site.client.list_datum("raises", job) if each.state == pps_proto.FAILED
    )
    assert info.reason == f"datum {bad.datum.id} failed"
    assert {file.file.path for file in bad.data} == {"/bad_1511891000.jpg", "/raises.ipynb"}

    said = site.said("raises", job)
    (number,) = re.findall(
        r"^cell (\d+) of raises\.ipynb raised ValueError: the lens is dirty$", said, re.MULTILINE
    )
    source = nbformat.reads(site.read("notebooks", "/raises.ipynb").decode(), 4)
    assert source.cells[int(number) - 1].source == RAISES
    assert '  line 2: raise ValueError("the lens is dirty")  # on purpose' in said
    assert "Traceback (most recent call last)" in said
    assert '----> 2     raise ValueError("the lens is dirty")  # on purpose' in said
    assert "\x1b" not in said

    (failed,) = following.failed(site.client, following.of(site.client, job)[0])
    assert failed.lines[0].startswith(f"cell {number} of raises.ipynb raised ValueError")
    assert failed.notebook is not None
    assert f"executed notebook, as far as it got: {failed.notebook}" in said
    kept = Path(failed.notebook)
    assert kept.is_relative_to(site.state)
    assert kept.stem == f"{job}-{bad.datum.id}"
    executed = nbformat.read(kept, as_version=4)
    nbformat.validate(executed)
    ran = [cell for cell in executed.cells if cell.get("execution_count")]
    assert ran[-1].source == RAISES
    assert [output.ename for output in ran[-1].outputs] == ["ValueError"]
    assert not any(
        cell.outputs
        for cell in executed.cells[executed.cells.index(ran[-1]) + 1 :]
        if cell.cell_type == "code"
    )

    # nothing of the failed job is in the way of the next
    fixed = site.put("notebooks", {"/raises.ipynb": notebook("validate.ipynb")})
    info = site.job("raises", fixed)
    assert (info.state, counts(info)) == (SUCCESS, (3, 0, 0))
    assert len(site.paths("raises", "/valid/*")) == 3


def test_an_executor_killed_in_the_middle_costs_an_attempt_and_not_the_datum(site: Site) -> None:
    hangs = notebook("validate.ipynb", before_result(HANGS_ONCE))
    job = site.create(variant("validate", "hangs"), hangs)
    mark = site.tmp / "hangs"
    wait_for(mark.exists)
    (before,) = site.workers("hangs")
    assert mark.read_text() == str(before.pid)
    before.kill()

    info = site.job("hangs", job)
    assert (info.state, counts(info)) == (SUCCESS, (3, 0, 0))
    assert len(site.paths("hangs", "/valid/*")) == 3
    said = site.said("hangs", job)
    (number,) = re.findall(
        r"the warm executor was killed by signal 9 \(SIGKILL\) in cell (\d+), peak memory \d+ MB",
        said,
    )
    source = nbformat.reads(site.read("notebooks", "/hangs.ipynb").decode(), 4)
    assert source.cells[int(number) - 1].source == HANGS_ONCE
    (after,) = site.workers("hangs")
    assert after.pid != before.pid


def test_a_notebook_that_never_ends_is_ended_and_the_rest_goes_on(site: Site, endless: str) -> None:
    info = site.job("endless", endless)
    logs = site.logs("endless", endless)
    assert (info.state, counts(info)) == (FAILURE, (2, 0, 1)), logs
    assert f"timed out after {SECONDS} s" in logs
    (bad,) = (
        each
        for each in site.client.list_datum("endless", endless)
        if each.state == pps_proto.FAILED
    )
    assert "/bad_1511891000.jpg" in [file.file.path for file in bad.data]
    # its cell was interrupted: the executor is idle, and the notebook is kept as far as it got
    kept = site.state / "tycokit" / "failed" / f"{endless}-{bad.datum.id}.ipynb"
    wait_for(kept.exists)
    executed = nbformat.read(kept, as_version=4)
    errors = [
        output.ename
        for cell in executed.cells
        for output in cell.get("outputs", [])
        if output.output_type == "error"
    ]
    assert errors == ["KeyboardInterrupt"]
    # the two other pictures are in the commit, and the stages beside it never noticed
    assert len(site.paths("endless", "/valid/*", endless)) == 2
    newest = next(site.client.list_job("validate")).job.id
    assert site.job("validate", newest).state == SUCCESS
