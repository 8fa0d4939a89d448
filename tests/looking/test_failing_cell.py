"""From a line of the log to the failing cell, with the executed notebook and without it."""

from __future__ import annotations

import pytest
from pipeline_driver import FAILURE, Site, before_result, notebook, photograph, spec, variant

from tycokit.errors import DatumUnknown, OpenError
from tycokit.logsearch import streams
from tycokit.logsearch.failing import failing_cell
from tycokit.logsearch.lines import Line
from tycokit.logsearch.streams import Source

RAISES = """\
print("looking at", name)
if name.startswith("bad"):
    raise ValueError("the lens is dirty")
"""


@pytest.fixture(scope="module")
def lines(site: Site) -> list[Line]:
    """The log of a job with one failed datum of two."""
    site.deploy([spec("validate")])
    pictures = {
        "/bad_1511891000.jpg": photograph(person=True),
        "/good_1511891000.jpg": photograph(person=False),
    }
    site.put("images", pictures)
    made = variant("validate", "fails", datum_tries=1)
    job = site.create(made, notebook("validate.ipynb", before_result(RAISES)))
    assert site.job("fails", job).state == FAILURE
    return streams.read(site.client, Source("fails", job))


def errors(lines: list[Line]) -> list[Line]:
    return [line for line in lines if line.level == "error" and line.user]


def test_errors_of_a_log_are_the_failed_datum_s(lines: list[Line]) -> None:
    found = errors(lines)
    assert {line.inputs for line in found} == {("/bad_1511891000.jpg", "/fails.ipynb")}
    # the report stands together, from its first line to the place of the notebook
    first, *_, last = found
    assert first.text.startswith("cell ")
    assert last.text.startswith("executed notebook, as far as it got: ")
    assert len(found) > 10
    ordinary = [line for line in lines if line.text.startswith("looking at")]
    assert [line.level for line in ordinary] == ["info", "info"]


def test_the_executed_notebook_shows_the_cell_with_its_outputs(
    site: Site, lines: list[Line]
) -> None:
    line = errors(lines)[0]
    found = failing_cell(site.client, line.pipeline, line.job, line.datum)
    assert found.cells[found.at].source == RAISES
    assert found.cells[found.at].failed
    assert found.cells[found.at].outputs[0].text == "looking at bad_1511891000.jpg\n"
    assert "ValueError: the lens is dirty" in found.cells[found.at].outputs[1].text
    assert found.error == "ValueError: the lens is dirty"
    assert found.executed is not None
    assert found.notebook.path == "/fails.ipynb"


def test_without_it_the_notebook_s_source_does(site: Site, lines: list[Line]) -> None:
    line = errors(lines)[0]
    kept = failing_cell(site.client, line.pipeline, line.job, line.datum).executed
    assert kept is not None
    moved = kept.rename(kept.with_suffix(".elsewhere"))
    try:
        found = failing_cell(site.client, line.pipeline, line.job, line.datum)
    finally:
        moved.rename(kept)
    assert found.executed is None
    assert found.cells[found.at].source == RAISES
    assert found.cells[found.at].outputs == ()


def test_what_has_no_failing_cell(site: Site, lines: list[Line]) -> None:
    good = next(line for line in lines if line.text == "looking at good_1511891000.jpg")
    with pytest.raises(OpenError, match="ended as success"):
        failing_cell(site.client, good.pipeline, good.job, good.datum)
    with pytest.raises(DatumUnknown):
        failing_cell(site.client, good.pipeline, good.job, "0" * 64)
