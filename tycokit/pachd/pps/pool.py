"""A pipeline's workers, and the threads that hand them datums."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence

from tycokit.pachd.pps.spec import PipelineSpec
from tycokit.pachd.pps.task import Surroundings, Task
from tycokit.pachd.pps.values import DatumRecord, Job, WorkerStatus
from tycokit.pachd.pps.worker import Worker
from tycokit.pachd.store.packs import Stage

_KEEP_EVERY = 0.5  # seconds between two times that a worker's results are made durable
Keep = Callable[[Stage, list[DatumRecord]], None]
"""Makes some results durable together with the sealed stage that holds their output."""


class Pool:
    """The workers of one version of a pipeline; they live from job to job."""

    def __init__(self, around: Surroundings, spec: PipelineSpec, version: int) -> None:
        self.version = version
        self._around = around
        self._spec = spec
        self._workers: list[Worker] = []
        self._lock = threading.Lock()

    def process(
        self, sets: Sequence[Sequence[Task]], keep: Keep, cancelled: Callable[[], bool]
    ) -> None:
        """Run all datum sets; back when each is done or the job was cancelled.

        Raises:
            Exception: what a worker's thread met that is no failure of a datum (a full disk, say).
        """
        waiting: queue.SimpleQueue[Sequence[Task]] = queue.SimpleQueue()
        for each in sets:
            waiting.put(each)
        with self._lock:
            while len(self._workers) < min(self._spec.workers, len(sets)):
                self._workers.append(Worker(self._around, self._spec, self.version))
            workers = self._workers[: len(sets)]
        failures: list[BaseException] = []
        stop = lambda: bool(failures) or cancelled()  # noqa: E731
        threads = [
            threading.Thread(
                target=self._work, args=(worker, waiting, keep, stop, failures), name=worker.name
            )
            for worker in workers
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures and not cancelled():
            raise failures[0]

    def _work(
        self,
        worker: Worker,
        waiting: queue.SimpleQueue[Sequence[Task]],
        keep: Keep,
        stop: Callable[[], bool],
        failures: list[BaseException],
    ) -> None:
        stage = self._around.pfs.packs.stage()
        done: list[DatumRecord] = []
        kept = time.monotonic()
        try:
            while not stop():
                try:
                    tasks = waiting.get_nowait()
                except queue.Empty:
                    break
                for record in worker.process(tasks, lambda: stage, stop):  # noqa: B023
                    done.append(record)
                    if time.monotonic() - kept > _KEEP_EVERY:
                        stage.seal()
                        keep(stage, done)
                        stage, done, kept = self._around.pfs.packs.stage(), [], time.monotonic()
            if done and not stop():
                stage.seal()
                keep(stage, done)
            else:
                stage.drop()
        except BaseException as error:
            stage.drop()
            failures.append(error)

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
