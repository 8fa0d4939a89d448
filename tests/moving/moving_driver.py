"""Two pachds, each with a data folder of its own, and the command line that knows both."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import grpc
from command import tycokit
from pipeline_driver import Site
from python_pachyderm.service import pfs_proto, pps_proto
from waiting import until

from tycokit.contexts import config
from tycokit.contexts.config import Context


class Pair:
    """`laptop` is copied from, `cluster` to; `laptop` is the active context."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.config = folder, folder / "config.json"
        self._sites: list[Site] = []
        self.laptop, self.cluster = self.site("laptop"), self.site("cluster")
        config.use(self.config, "laptop")

    def site(self, name: str) -> Site:
        """Another pachd, which is another context."""
        (self.folder / name).mkdir()
        site = Site(self.folder / name)
        self._sites.append(site)
        address = f"grpc://127.0.0.1:{site.pachd.port}"
        config.register(self.config, Context(name, address, site.client.auth_token))
        return site

    def stop(self) -> None:
        for site in self._sites:
            site.pachd.stop()

    def run(self, *words: str, code: int = 0) -> str:
        """What a command says; `code` is how it has to end."""
        done = tycokit(self.folder, self.config, *words)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        """A command that goes on meanwhile, and says nothing."""
        return subprocess.Popen(
            [sys.executable, "-m", "tycokit", *words],
            cwd=self.folder,
            env={**os.environ, "PACH_CONFIG": str(self.config)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def stopped_when(
        self, begun: Callable[[], object], *words: str, number: int = signal.SIGKILL
    ) -> int:
        """Send a command a signal as soon as it has begun something; how it ends."""
        moving = self.start(*words)

        def some() -> object:
            assert moving.poll() is None, "too fast to be stopped"
            return begun()

        until(some, 60)
        moving.send_signal(number)
        return moving.wait()

    def kill(self, repo: str, *words: str) -> None:
        """Kill a command as soon as some files of a repo have arrived in the cluster."""

        def some() -> int:
            try:
                return len(hashes(self.cluster, repo))
            except grpc.RpcError:  # there is no such repo or branch yet
                return 0

        self.stopped_when(some, *words)


def hashes(site: Site, repo: str, commit: str = "master") -> dict[str, str]:
    """Path → Pachyderm's hash of every file."""
    found = site.client.glob_file((repo, commit), "/**")
    return {info.file.path: info.hash.hex() for info in found if info.file_type == 1}


def commits(site: Site, repo: str) -> list[Any]:
    """Those that people made, the oldest first."""
    return list(site.client.list_commit(repo))[::-1]


def contents(site: Site, repo: str) -> list[Mapping[str, str]]:
    """The files of each of them."""
    return [hashes(site, repo, info.commit.id) for info in commits(site, repo)]


def pfs(repo: str) -> Any:
    return pps_proto.Input(pfs=pps_proto.PFSInput(repo=repo, glob="/"))


def transform(line: str, **more: Any) -> Any:
    return pps_proto.Transform(cmd=["sh"], stdin=[line], **more)


def branch(repo: str) -> Any:
    """A repo's `master`."""
    return pfs_proto.Branch(repo=pfs_proto.Repo(name=repo, type="user"), name="master")
