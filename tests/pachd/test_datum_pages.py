"""ListDatum page by page: from a marker on, back from one, while the job runs and after."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pachd_driver import Driver, pfs
from python_pachyderm.service import pps_proto
from waiting import until

STATES = pps_proto.DatumState


def walk(on: Driver, pipeline: str, job: str, count: int, **more: Any) -> list[str]:
    """All ids, a page of so many after the other."""
    ids: list[str] = []
    while True:
        marker = {"pagination_marker": ids[-1]} if ids else {}
        found = list(on.client.list_datum(pipeline, job, number=count, **marker, **more))
        assert len(found) <= count
        ids += [info.datum.id for info in found]
        if len(found) < count:
            return ids


@pytest.mark.parametrize("count", [7, 150, 1000])
def test_pages_of_an_ended_job_are_its_datums_in_order(on: Driver, count: int) -> None:
    name = on.pipeline(
        pps_proto.Transform(cmd=["true"]),
        pfs(on.repo({f"/{number:03}": b"" for number in range(300)})),
    )
    job = on.done(name).job.id
    ids = [info.datum.id for info in on.client.list_datum(name, job)]
    assert ids == sorted(set(ids))
    assert len(ids) == 300
    assert walk(on, name, job, count) == ids
    assert walk(on, name, job, count, reverse=True) == ids[::-1]


def test_pages_of_a_running_job_are_what_it_has_done(on: Driver, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    repo = on.repo({f"/{letter}": b"" for letter in "abcde"})
    name = on.pipeline(
        f"if [ ${{in##*/}} = e ]; then while [ ! -e {gate} ]; do sleep 0.05; done; fi\n"
        # a worker makes what it has done known now and then, each time a datum ends
        "sleep 0.6\ntest ${in##*/} != b",
        pfs(repo, name="in"),
        datum_tries=1,
        parallelism_spec=pps_proto.ParallelismSpec(constant=2),
        datum_set_spec=pps_proto.DatumSetSpec(number=1),
    )
    job = on.latest(name)

    def done() -> list[Any]:
        found = list(on.client.list_datum(name, job))
        return found if len(found) == 4 else []

    found = until(done, 60)
    ids = [info.datum.id for info in found]
    assert ids == sorted(ids)
    assert walk(on, name, job, 2) == ids
    assert walk(on, name, job, 2, reverse=True) == ids[::-1]
    failed = pps_proto.ListDatumRequest.Filter(state=[STATES.FAILED])
    (bad,) = on.client.list_datum(name, job, datum_filter=failed, number=1)
    assert bad.data[0].file.path == "/b"
    gate.touch()
    assert on.counts(on.done(name, job)) == (4, 0, 1, 0)
    assert len(walk(on, name, job, 3)) == 5
