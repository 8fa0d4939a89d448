"""A pipeline's workers, and the threads that hand them datums."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence

from tycokit.pachd.pps.spec import PipelineSpec
from tycokit.pachd.pps.values import DatumRecord
from tycokit.pachd.pps.worker import Surroundings, Task, Worker
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

    def process(self, tasks: Sequence[Task], keep: Keep, cancelled: Callable[[], bool]) -> None:
        """Run all tasks; back when each is done or the job was cancelled.

        Raises:
            Exception: what a worker's thread met that is no failure of a datum (a full disk, say).
        """
        waiting: queue.SimpleQueue[Task] = queue.SimpleQueue()
        for task in tasks:
            waiting.put(task)
        with self._lock:
            while len(self._workers) < min(self._spec.workers, len(tasks)):
                self._workers.append(Worker(self._around, self._spec, self.version))
            workers = self._workers[: len(tasks)]
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
        waiting: queue.SimpleQueue[Task],
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
                    task = waiting.get_nowait()
                except queue.Empty:
                    break
                record = worker.process(task, stage, stop)
                if record is not None:
                    done.append(record)
                if time.monotonic() - kept > _KEEP_EVERY and done:
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

    def close(self) -> None:
        """End every worker."""
        with self._lock:
            workers, self._workers = self._workers, []
        for worker in workers:
            worker.close()
