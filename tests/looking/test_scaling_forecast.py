"""What other numbers of workers would bring, by what was measured."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st
from python_pachyderm.service import pps_proto

from tycokit.scaling import speed
from tycokit.scaling.choices import Coefficient, Constant
from tycokit.scaling.forecast import choices, forecast, forecasts
from tycokit.scaling.nodes import Nodes
from tycokit.scaling.speed import Speed
from tycokit.scaling.standing import OpenJob, Standing, Work

# 100 datums in 30 s with 2 workers; each took 0.5 s in its worker, so 0.05 s are the job's own
TWO = Speed(workers=2, datums=100, seconds=30.0, busy=50.0)
FIVE = Speed(workers=5, datums=100, seconds=20.0, busy=60.0)
NODES = Nodes(4, "node", "as declared")


def standing(*speeds: Speed, to_do: int = 100, worked: int = 0, workers: int = 2) -> Standing:
    job = OpenJob("id", "running", to_do + worked, to_do, worked, workers)
    return Standing(
        pipeline="model",
        project="default",
        version=1,
        state="running",
        choice=Constant(workers),
        workers=workers,
        available=workers,
        work=Work((job,), None),
        speeds=speeds,
        annotations={},
        every_job=False,
        autoscaling=False,
    )


def test_what_was_measured_is_repeated() -> None:
    found = forecast(standing(TWO), Constant(2))
    assert (found.basis, found.current, found.datums) == ("measured", True, 100)
    assert found.per_second == pytest.approx(100 / 30)
    assert found.seconds == pytest.approx(30)
    assert found.label == "measured: 100 datums with 2 workers"


def test_what_was_not_is_estimated_from_what_a_datum_takes() -> None:
    assert (TWO.shared, TWO.alone) == pytest.approx((0.5, 0.05))
    found = forecast(standing(TWO), Constant(10))
    assert (found.basis, found.current) == ("estimated", False)
    assert found.seconds == pytest.approx(100 * 0.05 + 10 * 0.5)
    assert found.per_second == pytest.approx(1 / (0.05 + 0.05))
    assert found.label == "estimated from 100 datums with 2 workers"


def test_the_nearest_measurement_is_taken() -> None:
    by_workers = {
        one.workers: one.measured
        for one in forecasts(standing(TWO, FIVE), None, map(Constant, (1, 2, 3, 4, 5, 40)))
    }
    assert by_workers == {1: TWO, 2: TWO, 3: TWO, 4: FIVE, 5: FIVE, 40: FIVE}


def test_nothing_measured_is_no_number() -> None:
    found = forecast(standing(), Constant(2))
    assert (found.basis, found.per_second, found.seconds) == ("unknown", None, None)
    assert "not measured yet" in found.label


def test_a_change_counts_the_datums_that_would_run_again() -> None:
    now = standing(TWO, to_do=60, worked=40)
    assert forecast(now, Constant(2)).datums == 60
    assert forecast(now, Constant(4)).datums == 100
    # a coefficient that comes to as many workers as there are changes nothing for the datums
    assert forecast(now, Coefficient(0.5), NODES).datums == 60


def test_more_workers_than_datums_bring_nothing() -> None:
    few = standing(TWO, to_do=3)
    assert forecast(few, Constant(3)).seconds == forecast(few, Constant(300)).seconds


def test_nothing_to_do_takes_no_time() -> None:
    assert forecast(standing(TWO, to_do=0), Constant(8)).seconds == 0


@given(
    datums=st.integers(1, 10_000),
    workers=st.integers(1, 64),
    each=st.floats(0.001, 100),
    idle=st.floats(0, 0.9),
    own=st.floats(0, 10),
    to_do=st.integers(0, 10_000),
)
def test_more_workers_never_take_longer_and_rates_agree(
    datums: int, workers: int, each: float, idle: float, own: float, to_do: int
) -> None:
    seconds = datums * (own + each / workers)
    one = Speed(workers, datums, seconds, datums * each * (1 - idle))
    now = standing(one, to_do=to_do, workers=workers)
    found = [forecast(now, Constant(number)) for number in range(1, 70)]
    took = [each.seconds or 0.0 for each in found]
    assert all(after <= before + 1e-9 * before for before, after in itertools.pairwise(took))
    again = forecast(now, Constant(workers))
    assert again.per_second == pytest.approx(one.per_second)
    if to_do % workers == 0:
        assert again.seconds == pytest.approx(to_do / one.per_second, abs=1e-9)


def test_the_choices_hold_the_present_one_and_multiples_of_the_nodes() -> None:
    assert choices(standing(TWO), None) == [Constant(1), Constant(2), Constant(4), Constant(8)]
    many = replace(standing(TWO, workers=12), choice=Coefficient(3.0))
    assert choices(many, NODES) == [
        *map(Constant, (1, 2, 4, 8, 12, 16)),
        *map(Coefficient, (0.5, 1.0, 2.0, 3.0)),
    ]


# of jobs


def job(
    workers: int,
    *,
    total: int = 100,
    skipped: int = 0,
    failed: int = 0,
    seconds: float | None = 30.0,
    sets: int = 0,
    started: bool = True,
    done: int | None = None,
) -> pps_proto.JobInfo:
    processed = (total - skipped - failed) if done is None else done
    info = pps_proto.JobInfo(
        data_total=total, data_skipped=skipped, data_failed=failed, data_processed=processed
    )
    if started:
        info.started.CopyFrom(Timestamp(seconds=1000))
    if seconds is not None:
        info.finished.CopyFrom(Timestamp(seconds=1000, nanos=0))
        info.finished.FromNanoseconds(int((1000 + seconds) * 1e9))
    info.stats.download_time.FromNanoseconds(int(processed * 0.1e9))
    info.stats.process_time.FromNanoseconds(int(processed * 0.3e9))
    info.stats.upload_time.FromNanoseconds(int(processed * 0.1e9))
    info.details.parallelism_spec.constant = workers
    info.details.datum_set_spec.number = sets
    return info


def test_a_job_gives_its_speed() -> None:
    assert speed.of_job(job(2), 0) == TWO
    # skipped datums cost nothing, and those that failed took time as well
    found = speed.of_job(job(2, total=150, skipped=50, failed=50), 0)
    assert found == Speed(2, 100, 30.0, pytest.approx(50))


def test_a_job_that_runs_counts_so_far() -> None:
    found = speed.of_job(job(2, total=400, done=100, seconds=None), 1030.0)
    assert found == TWO


def test_a_datum_that_is_half_done_counts_as_nothing() -> None:
    info = job(2, total=400, done=100, seconds=None)
    for since in (1028, 1016):
        status = info.details.worker_status.add()
        status.datum_status.started.FromSeconds(since)
    info.details.worker_status.add()  # a worker without a datum
    # of 2 × 38 s, 10 s and 22 s went into datums that are not done
    assert speed.of_job(info, 1038.0) == Speed(2, 100, 22.0, pytest.approx(50))


@pytest.mark.parametrize(
    "info", [job(2, total=5, skipped=5), job(2, started=False), job(2, seconds=0)]
)
def test_a_job_without_work_says_nothing(info: pps_proto.JobInfo) -> None:
    assert speed.of_job(info, 0) is None


@pytest.mark.parametrize(
    ("info", "workers"),
    [(job(8), 8), (job(0), 1), (job(8, total=3), 3), (job(8, sets=50), 2), (job(8, sets=1), 8)],
)
def test_workers_without_a_datum_are_not_counted(info: pps_proto.JobInfo, workers: int) -> None:
    assert speed.at_work(info) == workers


def test_newer_jobs_count_before_older_ones() -> None:
    infos = [job(2, total=400), job(5), job(2, total=400), job(2, total=400, seconds=1e6)]
    assert [(one.workers, one.datums, one.jobs) for one in speed.pooled(infos, 0)] == [
        (2, 800, 2),
        (5, 100, 1),
    ]
