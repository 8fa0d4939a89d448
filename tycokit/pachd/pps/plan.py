"""Which of a job's datums must run, and which outputs of the job before may stay."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tycokit.pachd.pps.datums import Datum, datum_hash


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
