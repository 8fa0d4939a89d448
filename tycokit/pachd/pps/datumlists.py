"""A job's datums in lists: a page of them costs what the page holds, however many there are."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from itertools import islice

from tycokit.pachd.pfs import rows
from tycokit.pachd.pps import jobs
from tycokit.pachd.pps.values import DatumInfo, DatumRecord, DatumState, Job
from tycokit.pachd.store.maps import EMPTY, Maps

_Found = tuple[str, bytes]


def list_datums(
    connection: rows.Connection,
    maps: Maps,
    job: Job,
    *,
    marker: str = "",
    reverse: bool = False,
    states: frozenset[int] = frozenset(),
    number: int = 0,
) -> list[DatumInfo]:
    """A job's datums by id: those done so far, while it runs.

    Args:
        marker: begin after this id, with `reverse` before it.
        reverse: greatest id first.
        states: only datums in one of these DatumStates; none = in any.
        number: at most so many; 0 = all.

    Raises:
        JobNotFound.
    """
    row = jobs.need_job(connection, job)
    found = (
        info
        for id_, data in _records(connection, maps, row, marker, reverse)
        if (info := datum_info(job, DatumRecord.unpack(id_, data))).state in states or not states
    )
    return list(islice(found, number or None))


def _records(
    connection: rows.Connection, maps: Maps, row: rows.Row, marker: str, reverse: bool
) -> Iterator[_Found]:
    """(id, packed record) of each datum past the marker; of a job that runs, its results win."""
    order, beyond = ("DESC", "<") if reverse else ("ASC", ">")
    results = connection.execute(
        f"SELECT datum, record FROM datum_result WHERE job = ? AND datum {beyond} ?"
        f" ORDER BY datum {order}",
        (row["id"], marker or ("~" if reverse else "")),  # ids are of 0-9a-f
    )
    root, key = row["datums"] or EMPTY, marker.encode()
    if reverse:
        kept = maps.scan_back(connection, root, key or None)
    else:
        kept = maps.scan(connection, root, key + b"\0" if key else b"")
    last = None
    for id_, data in heapq.merge(
        ((result["datum"], result["record"]) for result in results),
        ((key.decode(), value) for key, value in kept),
        key=lambda pair: pair[0],
        reverse=reverse,
    ):
        if id_ != last:
            yield id_, data
        last = id_


def datum_info(job: Job, record: DatumRecord) -> DatumInfo:
    """A record that stems from another job says that this one skipped the datum."""
    skipped = record.job_id != job.id and record.state == DatumState.SUCCESS
    return DatumInfo(
        id=record.id,
        job=job,
        state=DatumState.SKIPPED if skipped else record.state,
        inputs=record.inputs,
        stats=record.stats,
        reason=record.reason,
        processed_by=Job(job.pipeline, record.job_id),
    )
