"""Which of a job's datums must run, and which outputs of the job before may stay."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tycokit.pachd.pps.datums import Datum, datum_hash
from tycokit.pachd.pps.spec import DatumSetSpec

_SETS_PER_WORKER = 4


@dataclass(frozen=True, slots=True)
class BaseRecord:
    """What the base job left of a datum: its hash, and whether it was processed successfully.

    The base is the meta commit of the nearest ancestor without an error. A failed or recovered
    datum has `processed` false.
    """

    hash: str
    processed: bool


@dataclass(frozen=True, slots=True)
class PlannedDatum:
    datum: Datum
    hash: str


@dataclass(frozen=True, slots=True)
class Plan:
    """`skip` and `run` hold each datum of the job once, in its order.

    The output of a base datum whose id is in `stale` has to go before the job's own output comes:
    `changed` are those that run again, `gone` those that the job does not have any more.
    """

    skip: tuple[PlannedDatum, ...]
    run: tuple[PlannedDatum, ...]
    changed: tuple[str, ...]
    gone: tuple[str, ...]

    @property
    def stale(self) -> tuple[str, ...]:
        return self.changed + self.gone


def datum_sets(
    planned: Sequence[PlannedDatum], spec: DatumSetSpec | None, workers: int
) -> list[Sequence[PlannedDatum]]:
    """Cut what a job runs into the sets that its workers take, one at a time, in order."""
    spec = spec or DatumSetSpec()
    most = spec.number
    if not most and not spec.size_bytes:
        most = max(1, len(planned) // (workers * (spec.per_worker or _SETS_PER_WORKER)))
    sets: list[Sequence[PlannedDatum]] = []
    start = size = 0
    for end, each in enumerate(planned, 1):
        size += each.datum.size
        if (most and end - start >= most) or (spec.size_bytes and size >= spec.size_bytes):
            sets.append(planned[start:end])
            start, size = end, 0
    return [*sets, planned[start:]] if start < len(planned) else sets


def plan(
    datums: Iterable[Datum],
    base: Mapping[str, BaseRecord],
    salt: str,
    *,
    skippable: bool = True,
) -> Plan:
    """Skip the datums whose id and hash the base job processed.

    `base` is by datum id, empty without a base job. `skippable` is false for a pipeline that runs
    every datum in every job.
    """
    skip: list[PlannedDatum] = []
    run: list[PlannedDatum] = []
    changed: list[str] = []
    wanted: set[str] = set()
    for datum in datums:
        planned = PlannedDatum(datum, datum_hash(datum, salt))
        record = base.get(datum.id)
        wanted.add(datum.id)
        if skippable and record is not None and record.processed and record.hash == planned.hash:
            skip.append(planned)
            continue
        run.append(planned)
        if record is not None:
            changed.append(datum.id)
    gone = tuple(sorted(datum for datum in base if datum not in wanted))
    return Plan(tuple(skip), tuple(run), tuple(changed), gone)
