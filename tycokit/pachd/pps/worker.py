"""A worker: one datum after the other, as often as its pipeline tries each."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from tycokit.errors import AttemptFailed, WorkerLost
from tycokit.pachd.pps.attempt import Attempt
from tycokit.pachd.pps.batch import Batch
from tycokit.pachd.pps.spec import PipelineSpec, Transform
from tycokit.pachd.pps.task import Surroundings, Task, input_files
from tycokit.pachd.pps.values import (
    DatumRecord,
    DatumState,
    InputFile,
    Job,
    WorkerStatus,
    selects,
)
from tycokit.pachd.pps.workplace import Workplace
from tycokit.pachd.store.packs import Stage


@dataclass(frozen=True, slots=True)
class _Current:
    """The datum being worked on; `restart` is set when it shall begin again."""

    job: Job
    inputs: tuple[InputFile, ...]
    started: int
    restart: threading.Event


class Worker:
    """Owns its workplace, and with datum batching its user process."""

    def __init__(self, around: Surroundings, spec: PipelineSpec, version: int) -> None:
        # as a pod's name does, the random part tells it from every other worker there ever was
        self.name = f"{spec.project}-{spec.name}-v{version}-{secrets.token_hex(4)}"
        transform = spec.transform or Transform()
        self._where = Workplace(around, self.name, transform.user)
        batching = transform.datum_batching
        self._batch = Batch(self._where, around.open_door) if batching else None
        self._port = self._batch.port if self._batch is not None else around.shut_port
        self._current: _Current | None = None

    def close(self) -> None:
        """End its processes and remove its folder."""
        if self._batch is not None:
            self._batch.close()
        self._where.close()

    def process(
        self, tasks: Sequence[Task], stage: Callable[[], Stage], cancelled: Callable[[], bool]
    ) -> Iterator[DatumRecord]:
        """Run a datum set; fewer records than datums when it was cancelled meanwhile.

        Args:
            stage: where the output of the next datum goes.
        """
        log = tasks[0].log
        log.write(f"started process datum set task: {len(tasks)} datums", worker=self.name)
        if self._batch is not None:
            try:
                self._batch.resume(log)
            except WorkerLost:  # since the last datum set: that is no datum's fault
                self._lose()
        try:
            for task in tasks:
                record = self._process(task, stage(), cancelled)
                if record is None:
                    return
                yield record
        finally:
            self._where.inputs.forget()
            if self._batch is not None:
                self._batch.rest()
        log.write("finished process datum set task", worker=self.name)

    def _process(
        self, task: Task, stage: Stage, cancelled: Callable[[], bool]
    ) -> DatumRecord | None:
        """Run a datum as often as its pipeline tries; None when it was cancelled meanwhile."""
        datum = task.planned.datum
        record = DatumRecord(
            id=datum.id,
            hash=task.planned.hash,
            state=DatumState.FAILED,
            job_id=task.job.id,
            inputs=input_files(datum),
        )
        recovered = False
        tries = max(1, task.spec.datum_tries)
        while tries and not cancelled():
            current = _Current(task.job, record.inputs, time.time_ns(), threading.Event())
            restart = current.restart.is_set
            attempt = Attempt(
                self._where,
                task,
                stage,
                self._port,
                lambda: cancelled() or restart(),  # noqa: B023
            )
            if self._batch is not None and self._batch.broken:
                return replace(record, reason=self._batch.broken)
            self._current = current
            try:
                outputs, stats = attempt.run(
                    Attempt.command if self._batch is None else self._batch.process
                )
            except WorkerLost as error:
                self._lose()
                reason = str(error)
                attempt.tell(reason)
            except AttemptFailed as error:
                reason = str(error)
                recovered = recovered or error.recovered
            else:
                return replace(record, state=DatumState.SUCCESS, outputs=outputs, stats=stats)
            finally:
                self._current = None
            if restart():
                attempt.tell("datum restarted")
                continue
            record = replace(record, reason=reason)
            tries -= 1
            if tries and self._batch is not None:
                self._batch.broken = ""
        if cancelled():
            return None
        return replace(record, state=DatumState.RECOVERED) if recovered else record

    def _lose(self) -> None:
        if self._batch is not None:
            self._batch.stop()
        self._where.end_container()

    def restart(self, job: Job, filters: Sequence[str]) -> bool:
        """Begin again with the datum being run, if it is of this job and has these inputs."""
        current = self._current
        if current is None or current.job != job or not _has(current, filters):
            return False
        current.restart.set()
        return True

    @property
    def status(self) -> WorkerStatus | None:
        """What it works on just now."""
        current = self._current
        if current is None:
            return None
        return WorkerStatus(self.name, current.job, current.started, current.inputs)


def _has(current: _Current, filters: Sequence[str]) -> bool:
    return selects(filters, ((each.path, each.hash) for each in current.inputs))
