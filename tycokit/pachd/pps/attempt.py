"""One try of one datum: its files in, its user code, what that made out."""

from __future__ import annotations

import time
from collections.abc import Callable

from tycokit.errors import AttemptFailed, PachdError, UploadRefused, WorkerLost
from tycokit.pachd.pfs.filetree import Content
from tycokit.pachd.pps import userenv
from tycokit.pachd.pps.command import Outcome
from tycokit.pachd.pps.placing import Wanted
from tycokit.pachd.pps.task import Task, input_files
from tycokit.pachd.pps.values import Stats
from tycokit.pachd.pps.workplace import Workplace
from tycokit.pachd.store.packs import Stage


class Attempt:
    """Args: cancelled: asked now and then; once true, the user code is killed."""

    def __init__(
        self, where: Workplace, task: Task, stage: Stage, port: int, cancelled: Callable[[], bool]
    ) -> None:
        self.task = task
        self.cancelled = cancelled
        self._where = where
        self._stage = stage
        self._port = port
        self._inputs = input_files(task.planned.datum)
        self._env = userenv.of_datum(task, where.root)
        self.lines = userenv.lines(self._env)

    def run(self, process: Callable[[Attempt], str]) -> tuple[dict[str, Content], Stats]:
        """The output and what it took.

        Args:
            process: runs the user code on what is laid out in /pfs; "" or why it failed.

        Raises:
            AttemptFailed, WorkerLost.
        """
        try:
            return self._run_all(process)
        finally:
            self._where.place.clear()

    def _run_all(self, process: Callable[[Attempt], str]) -> tuple[dict[str, Content], Stats]:
        begun = time.monotonic()
        place = self._where.place
        env = "".join(f"{line}\n" for line in self.lines)
        try:
            downloaded = place.arrange(self._wanted(), env)
        except OSError as error:
            self.tell(str(error))
            raise AttemptFailed(str(error)) from error
        placed = time.monotonic()
        try:
            self._run_user_code(process)
        finally:
            downloaded += place.release()
        ran = time.monotonic()
        try:
            outputs = place.collect(self._stage)
        except (UploadRefused, OSError) as error:
            self.tell(str(error))
            raise AttemptFailed(str(error)) from error
        stats = Stats(
            download_seconds=placed - begun,
            process_seconds=ran - placed,
            upload_seconds=time.monotonic() - ran,
            download_bytes=downloaded,
            upload_bytes=sum(content.size for content in outputs.values()),
        )
        return outputs, stats

    def tell(self, message: str) -> None:
        """A line of the job's log about this datum."""
        self.task.log.write(
            message,
            worker=self._where.name,
            datum=self.task.planned.datum.id,
            inputs=self._inputs,
        )

    def emit(self, stream: str, line: str) -> None:
        """A line that the user code has written."""
        self.task.log.write(
            line,
            worker=self._where.name,
            datum=self.task.planned.datum.id,
            inputs=self._inputs,
            user=True,
            stream=stream,
        )

    def command(self) -> str:
        """The transform's command as a process of its own; "" or why it failed."""
        transform = self.task.transform
        outcome = self._run(transform.cmd, transform.stdin)
        if not outcome.cut and outcome.code in (0, *transform.accept_return_code):
            return ""
        return outcome.why

    def _run_user_code(self, process: Callable[[Attempt], str]) -> None:
        transform = self.task.transform
        if not transform.cmd:
            raise AttemptFailed("invalid pipeline transform, no command specified")
        self.tell("beginning to run user code")
        begun = time.monotonic()
        try:
            reason = process(self)
        except WorkerLost:
            raise
        except PachdError as error:  # a secret that is not there any more, say
            reason = str(error)
        seconds = f"{time.monotonic() - begun:.3f}s"
        if not reason:
            self.tell(f"finished running user code after {seconds}")
            return
        self.tell(f"errored running user code after {seconds}: {reason}")
        recovered = False
        if transform.err_cmd and not self.cancelled():
            self.tell("beginning to run user error handling code")
            handled = self._run(transform.err_cmd, transform.err_stdin)
            recovered = not handled.cut and handled.code == 0
            self.tell(f"finished running user error handling code: {handled.why}")
        raise AttemptFailed(reason, recovered)

    def _run(self, cmd: tuple[str, ...], stdin: tuple[str, ...]) -> Outcome:
        transform = self.task.transform
        container = self._where.container(transform)
        return container.run(
            cmd,
            env={**self._where.environment(self.task, self._port), **self._env},
            cwd=transform.working_dir or self._where.work,
            stdin="".join(f"{line}\n" for line in stdin).encode(),
            emit=self.emit,
            timeout=self.task.spec.datum_timeout or None,
            cancelled=self.cancelled,
        )

    def _wanted(self) -> Wanted:
        """What to lay out below /pfs."""
        wanted = Wanted()
        for each, files in self._where.inputs.of(self.task.planned.datum):
            wanted.folders.add(
                f"{each.name}{each.path}".rstrip("/") if each.path.endswith("/") else each.name
            )
            kind = wanted.files
            if each.empty_files:
                kind = wanted.hollow
            elif each.lazy:
                kind = wanted.lazy
            for node in files:
                kind[each.name + node.path] = node.content
        return wanted
