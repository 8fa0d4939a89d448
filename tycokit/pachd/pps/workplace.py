"""Where a worker works: its folder, its /pfs, its secrets and the container around them."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

import psutil

from tycokit.errors import NotServed
from tycokit.pachd.pps import userenv
from tycokit.pachd.pps.container import Container
from tycokit.pachd.pps.inputs import Inputs
from tycokit.pachd.pps.mounts import mount
from tycokit.pachd.pps.placing import Place
from tycokit.pachd.pps.spec import Transform
from tycokit.pachd.pps.task import Surroundings, Task
from tycokit.pachd.pps.users import find


class Workplace:
    """Owns its container, which starts when it is first needed, and its folder.

    Args:
        user: who its user code runs as, in a transform's words.

    Raises:
        UserUnknown; NotServed: user code cannot run as this user here.
    """

    def __init__(self, around: Surroundings, name: str, user: str = "") -> None:
        self.name = name
        self.around = around
        self._account = find(user)
        if self._account is not None and not around.namespace.private:
            raise NotServed(
                f"user code cannot run as user {user}: this needs bubblewrap or unshare, and"
                " neither works on this machine"
            )
        self._folder = around.scratch / name
        self.place = Place(self._folder / "pfs", around.pfs.packs, self._account)
        self.work = self._folder / "work"
        self.work.mkdir()
        if self._account is not None:
            self._account.take(self.work)
        self.inputs = Inputs(around.pfs)
        self._container: Container | None = None
        self._secrets: dict[str, str] = {}

    @property
    def root(self) -> str:
        """The folder of the inputs, as user code sees it."""
        return "/pfs" if self.around.namespace.private else str(self.place.root)

    def container(self, transform: Transform) -> Container:
        """The running container.

        Raises:
            WorkerLost; SecretNotFound, SecretKeyMissing, NotServed: the transform's secrets.
        """
        if self._container is None:
            secrets = mount(
                self.around.secrets, transform, self.around.namespace, self._folder / "secrets"
            )
            mounts: dict[str, Path] = {"/pfs": self.place.root, **secrets.mounts}
            self._secrets = secrets.env
            if self._account is not None:
                for folder in secrets.mounts.values():
                    self._account.take(folder)
            self._container = Container(self.around.namespace, mounts, self._account)
        return self._container

    def environment(self, task: Task, port: int) -> dict[str, str]:
        """Of a command in the running container, save what is told of the datum."""
        env = userenv.of_worker(self.around, task, self.name, port, str(self.place.root))
        if self._account is not None:
            env["HOME"] = task.transform.env.get("HOME", self._account.home)
        return {**env, **self._secrets}

    def end_container(self) -> None:
        """End every process in it."""
        if self._container is not None:
            if not self._container.close():
                _end_orphans(self.name)
            self._container = None

    def close(self) -> None:
        self.place.release()
        self.end_container()
        shutil.rmtree(self._folder, ignore_errors=True)


def _end_orphans(worker: str) -> None:
    """Kill what a container's first process would have, had it not been killed itself."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):  # it has ended, or is another user's
            if process.environ().get("PPS_POD_NAME") == worker:
                process.kill()
