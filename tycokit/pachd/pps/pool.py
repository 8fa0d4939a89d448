"""A pipeline's workers, and the threads that hand them datums."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tycokit.pachd.pps.spec import PipelineSpec
from tycokit.pachd.pps.task import Surroundings, Task
from tycokit.pachd.pps.values import DatumRecord, Job, WorkerStatus
from tycokit.pachd.pps.worker import Worker
from tycokit.pachd.store.packs import Stage

_KEEP_EVERY = 0.5  # seconds between two times that a worker's results are made durable


@dataclass(frozen=True, slots=True)
class Results:
    """Some datums' results, and the sealed stage that holds their output."""

    stage: Stage
    records: Sequence[DatumRecord]


Keep = Callable[[Results], None]
"""Makes some results durable."""


class Pool:
    """The workers of one version of a pipeline; they live from job to job."""

    def __init__(self, around: Surroundings, spec: PipelineSpec, version: int) -> None:
        self.version = version
        self._around = around
        self._spec = spec
        self._workers: list[Worker] = []
        self._lock = threading.Lock()

    @property
    def autoscaling(self) -> bool:
        """Whether its workers end when there is no work."""
        return self._spec.autoscaling

    def process(
        self, sets: Sequence[Sequence[Task]], keep: Keep, cancelled: Callable[[], bool]
    ) -> Results | None:
        """Run all datum sets; back when each is done or the job was cancelled.

        The last results are not kept but returned, to be recorded with the end of the job.

        Raises:
            Exception: what a worker's thread met that is no failure of a datum (a full disk, say).
        """
        with self._lock:
            while len(self._workers) < min(self._spec.workers, len(sets)):
                self._workers.append(Worker(self._around, self._spec, self.version))
            workers = self._workers[: len(sets)]
        share = _Share(sets, len(workers), keep, cancelled)
        # one worker has this thread, which would but wait
        others = [
            threading.Thread(target=self._work, args=(worker, share), name=worker.name)
            for worker in workers[1:]
        ]
        for thread in others:
            thread.start()
        self._work(workers[0], share)
        for thread in others:
            thread.join()
        if share.failures and not cancelled():
            raise share.failures[0]
        return share.last

    def _work(self, worker: Worker, share: _Share) -> None:
        stage = self._around.pfs.packs.stage()
        done: list[DatumRecord] = []
        kept = time.monotonic()
        try:
            while not share.over():
                try:
                    tasks = share.waiting.get_nowait()
                except queue.Empty:
                    break
                for record in worker.process(tasks, lambda: stage, share.over):  # noqa: B023
                    done.append(record)
                    if time.monotonic() - kept > _KEEP_EVERY:
                        stage.seal()
                        share.keep(Results(stage, done))
                        stage, done, kept = self._around.pfs.packs.stage(), [], time.monotonic()
            if done and not share.over():
                stage.seal()
                share.end(Results(stage, done))
            else:
                stage.drop()
                share.end(None)
        except BaseException as error:
            stage.drop()
            share.failures.append(error)

    def restart(self, job: Job, filters: Sequence[str]) -> bool:
        """Begin again with the datums being run that match; whether there were any."""
        with self._lock:
            workers = list(self._workers)
        restarted = [worker for worker in workers if worker.restart(job, filters)]
        return bool(restarted)

    def status(self) -> list[WorkerStatus]:
        """What the workers that have work are doing."""
        with self._lock:
            workers = list(self._workers)
        found = [worker.status for worker in workers]
        return [each for each in found if each is not None]

    def close(self) -> None:
        """End every worker."""
        with self._lock:
            workers, self._workers = self._workers, []
        for worker in workers:
            worker.close()


class _Share:
    """What the workers of a job share: its datum sets, and what becomes of their results."""

    def __init__(
        self,
        sets: Sequence[Sequence[Task]],
        workers: int,
        keep: Keep,
        cancelled: Callable[[], bool],
    ) -> None:
        self.waiting: queue.SimpleQueue[Sequence[Task]] = queue.SimpleQueue()
        for each in sets:
            self.waiting.put(each)
        self.keep = keep
        self.failures: list[BaseException] = []
        self.last: Results | None = None
        self._cancelled = cancelled
        self._working = workers
        self._lock = threading.Lock()

    def over(self) -> bool:
        """Whether no more datums shall be run."""
        return bool(self.failures) or self._cancelled()

    def end(self, results: Results | None) -> None:
        """A worker has no more to do: what it has done is kept, but for the last worker's."""
        with self._lock:
            self._working -= 1
            last = self._working == 0
        if last:
            self.last = results
        elif results is not None:
            self.keep(results)
