"""A worker: one datum after the other, in one container with one /pfs."""

from __future__ import annotations

import secrets
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from tycokit.errors import UploadRefused, WorkerLost
from tycokit.pachd.pfs.files import Snapshot
from tycokit.pachd.pfs.filetree import Content
from tycokit.pachd.pfs.transaction import Pfs
from tycokit.pachd.pfs.values import CommitAddress, Repo
from tycokit.pachd.pps.container import Container, Outcome
from tycokit.pachd.pps.datums import Datum
from tycokit.pachd.pps.logs import JobLog
from tycokit.pachd.pps.namespace import Namespace
from tycokit.pachd.pps.placing import Place
from tycokit.pachd.pps.plan import PlannedDatum
from tycokit.pachd.pps.spec import PipelineSpec, Transform
from tycokit.pachd.pps.values import DatumRecord, DatumState, InputFile, Job, Stats
from tycokit.pachd.store.packs import Stage

_EMPTY = Content(0, ())


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all workers of one server share.

    `environment` is what user code inherits; `address` where this pachd is reached.
    """

    pfs: Pfs
    namespace: Namespace
    scratch: Path
    environment: Mapping[str, str]
    address: tuple[str, int]


@dataclass(frozen=True, slots=True)
class Task:
    """One datum of one job."""

    job: Job
    spec: PipelineSpec
    spec_commit: str
    planned: PlannedDatum
    log: JobLog


class Worker:
    """Owns its container and its folder; the container starts with the first datum."""

    def __init__(self, around: Surroundings, spec: PipelineSpec, version: int) -> None:
        # as a pod's name does, the random part tells it from every other worker there ever was
        self.name = f"{spec.project}-{spec.name}-v{version}-{secrets.token_hex(4)}"
        self._around = around
        self._folder = around.scratch / self.name
        self._place = Place(self._folder / "pfs", around.pfs.packs)
        self._work = self._folder / "work"
        self._work.mkdir()
        self._container: Container | None = None

    def close(self) -> None:
        """End its processes and remove its folder."""
        self._end_container()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _end_container(self) -> None:
        if self._container is not None:
            self._container.close()
            self._container = None

    def process(
        self, task: Task, stage: Stage, cancelled: Callable[[], bool]
    ) -> DatumRecord | None:
        """Run a datum, as often as its pipeline tries; None when it was cancelled meanwhile.

        Its output goes to the stage.
        """
        datum = task.planned.datum
        record = DatumRecord(
            id=datum.id,
            hash=task.planned.hash,
            state=DatumState.FAILED,
            job_id=task.job.id,
            inputs=input_files(datum),
        )
        recovered = False
        for _ in range(max(1, task.spec.datum_tries)):
            attempt = _Attempt(self, task, stage, cancelled)
            try:
                outputs, stats = attempt.run()
            except WorkerLost as error:
                self._end_container()
                reason = str(error)
                attempt.tell(reason)
            except _Failed as error:
                reason = str(error)
                recovered = recovered or error.recovered
            else:
                return replace(record, state=DatumState.SUCCESS, outputs=outputs, stats=stats)
            if cancelled():
                return None
            record = replace(record, reason=reason)
        return replace(record, state=DatumState.RECOVERED) if recovered else record

    def container(self) -> Container:
        """The running container. Raises WorkerLost."""
        if self._container is None:
            self._container = Container(self._around.namespace, self._place.root)
        return self._container

    @property
    def place(self) -> Place:
        return self._place

    @property
    def work(self) -> Path:
        return self._work

    @property
    def around(self) -> Surroundings:
        return self._around


class _Failed(Exception):
    """A failed attempt; `recovered` when the pipeline's err_cmd has dealt with it."""

    def __init__(self, reason: str, recovered: bool = False) -> None:
        super().__init__(reason)
        self.recovered = recovered


class _Attempt:
    """One try of one datum: download, user code, upload."""

    def __init__(
        self, worker: Worker, task: Task, stage: Stage, cancelled: Callable[[], bool]
    ) -> None:
        self._worker = worker
        self._task = task
        self._stage = stage
        self._cancelled = cancelled
        self._inputs = input_files(task.planned.datum)

    def run(self) -> tuple[dict[str, Content], Stats]:
        """The output and what it took. Raises _Failed, WorkerLost."""
        begun = time.monotonic()
        env = self._environment()
        files, folders = self._files()
        lines = "".join(f"{key}={value}\n" for key, value in self._datum_variables().items())
        downloaded = self._worker.place.arrange(files, folders, lines)
        placed = time.monotonic()
        self._run_user_code(env)
        ran = time.monotonic()
        try:
            outputs = self._worker.place.collect(self._stage)
        except (UploadRefused, OSError) as error:
            self.tell(str(error))
            raise _Failed(str(error)) from error
        stats = Stats(
            download_seconds=placed - begun,
            process_seconds=ran - placed,
            upload_seconds=time.monotonic() - ran,
            download_bytes=downloaded,
            upload_bytes=sum(content.size for content in outputs.values()),
        )
        return outputs, stats

    def tell(self, message: str) -> None:
        self._task.log.write(
            message,
            worker=self._worker.name,
            datum=self._task.planned.datum.id,
            inputs=self._inputs,
        )

    def _run_user_code(self, env: dict[str, str]) -> None:
        transform = self._task.spec.transform or Transform()
        if not transform.cmd:
            raise _Failed("invalid pipeline transform, no command specified")
        self.tell("beginning to run user code")
        outcome = self._command(transform.cmd, transform.stdin, env)
        if not outcome.cut and outcome.code in (0, *transform.accept_return_code):
            self.tell(f"finished running user code after {outcome.seconds:.3f}s")
            return
        reason = _why(outcome)
        self.tell(f"errored running user code after {outcome.seconds:.3f}s: {reason}")
        recovered = False
        if transform.err_cmd and not self._cancelled():
            self.tell("beginning to run user error handling code")
            handled = self._command(transform.err_cmd, transform.err_stdin, env)
            recovered = not handled.cut and handled.code == 0
            self.tell(f"finished running user error handling code: {_why(handled)}")
        raise _Failed(reason, recovered)

    def _command(
        self, cmd: tuple[str, ...], stdin: tuple[str, ...], env: dict[str, str]
    ) -> Outcome:
        transform = self._task.spec.transform or Transform()
        return self._worker.container().run(
            cmd,
            env=env,
            cwd=transform.working_dir or self._worker.work,
            stdin="".join(f"{line}\n" for line in stdin).encode(),
            emit=self._emit,
            timeout=self._task.spec.datum_timeout or None,
            cancelled=self._cancelled,
        )

    def _emit(self, stream: str, line: str) -> None:
        self._task.log.write(
            line,
            worker=self._worker.name,
            datum=self._task.planned.datum.id,
            inputs=self._inputs,
            user=True,
            stream=stream,
        )

    def _files(self) -> tuple[dict[str, Content], set[str]]:
        """What to lay out below /pfs."""
        files: dict[str, Content] = {}
        folders: set[str] = set()
        for each in self._task.planned.datum.inputs:
            repo = Repo(each.project, each.repo, each.repo_type)
            snapshot = Snapshot(self._worker.around.pfs, CommitAddress(repo, id=each.commit_id))
            folders.add(
                f"{each.name}{each.path}".rstrip("/") if each.path.endswith("/") else each.name
            )
            for node in snapshot.files_below(each.path):
                files[each.name + node.path] = _EMPTY if each.empty_files else node.content
        return files, folders

    def _datum_variables(self) -> dict[str, str]:
        """What Pachyderm tells the user code of its datum."""
        pfs = "/pfs" if self._worker.around.namespace.private else str(self._worker.place.root)
        found: dict[str, str] = {}
        for each in self._task.planned.datum.inputs:
            found[each.name] = f"{pfs}/{each.name}{each.path}".rstrip("/")
            found[f"{each.name}_COMMIT"] = each.commit_id
            if each.join_on:
                found[f"PACH_DATUM_{each.name}_JOIN_ON"] = each.join_on
            if each.group_by:
                found[f"PACH_DATUM_{each.name}_GROUP_BY"] = each.group_by
        found["PACH_DATUM_ID"] = self._task.planned.datum.id
        found["PACH_JOB_ID"] = found["PACH_OUTPUT_COMMIT_ID"] = self._task.job.id
        return found

    def _environment(self) -> dict[str, str]:
        around, task = self._worker.around, self._task
        host, port = around.address
        env = {
            **around.environment,
            "PPS_PIPELINE_NAME": task.job.pipeline.name,
            "PPS_PROJECT_NAME": task.job.pipeline.project,
            "PPS_SPEC_COMMIT": task.spec_commit,
            "PPS_POD_NAME": self._worker.name,
            "PPS_WORKER_IP": host,
            "PACH_NAMESPACE": "default",
            "PACH_IN_WORKER": "true",
            "PEER_PORT": str(port),
            "PACHD_PEER_SERVICE_HOST": host,
            "PACHD_PEER_SERVICE_PORT": str(port),
        }
        if not around.namespace.private:
            env["TYCOKIT_PFS"] = str(self._worker.place.root)
        if task.spec.transform is not None:
            env.update(task.spec.transform.env)
        return {**env, **self._datum_variables()}


def input_files(datum: Datum) -> tuple[InputFile, ...]:
    """A datum's inputs as its record keeps them."""
    return tuple(
        InputFile(
            name=each.name,
            project=each.project,
            repo=each.repo,
            repo_type=each.repo_type,
            branch=each.branch,
            commit_id=each.commit_id,
            path=each.path,
            size=each.size,
            hash=each.hash.hex(),
        )
        for each in datum.inputs
    )


def _why(outcome: Outcome) -> str:
    if outcome.cut:
        return outcome.cut
    if outcome.error:
        return outcome.error
    if outcome.code < 0:
        peak = outcome.peak_kib // 1024
        return f"killed by signal {-outcome.code}, peak memory {peak} MiB"
    return f"exit status {outcome.code}"
