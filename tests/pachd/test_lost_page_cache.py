"""A power cut: what pachd had not synced is lost, and nothing acknowledged is among it."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pachd_process
import pytest
from lost_cache import Disk, strace
from pachd_driver import SUCCESS, Driver, pfs, provenance
from python_pachyderm import Client

from tycokit.pachd.server import Pachd


@dataclass
class Known:
    """What a client has been told, by the words of the step that told it."""

    commits: dict[tuple[str, str], dict[str, bytes]] = field(default_factory=dict)
    repos: set[str] = field(default_factory=set)
    secrets: set[str] = field(default_factory=set)
    pipelines: set[str] = field(default_factory=set)
    jobs: dict[tuple[str, str], int] = field(default_factory=dict)

    def copy(self) -> Known:
        return Known(
            dict(self.commits),
            set(self.repos),
            set(self.secrets),
            set(self.pipelines),
            dict(self.jobs),
        )


class Session:
    """Random work of one client; after each answer it is known what must last."""

    def __init__(self, on: Driver, seed: int) -> None:
        self.on = on
        self.random = random.Random(seed)
        self.known = Known()
        self.steps = 0

    def step(self) -> None:
        self.steps += 1
        if len(self.known.repos) < 2:
            self.make_repo()
            return
        work: list[Callable[[], None]] = [
            *[self.put] * 6,
            self.make_repo,
            self.open_commit,
            self.make_secret,
            self.transact,
            self.below_an_open_one,
        ]
        if len(self.known.pipelines) < 2:
            work.append(self.make_pipeline)
        if self.steps > 3:
            work += [self.delete_repo, self.drop]
        self.random.choice(work)()

    def make_repo(self) -> None:
        name = f"repo{self.steps}"
        self.on.client.create_repo(name)
        self.known.repos.add(name)

    def make_secret(self) -> None:
        name = f"secret{self.steps}"
        self.on.client.create_secret(name, {"key": "value"})
        self.known.secrets.add(name)

    def a_repo(self) -> str:
        """One that can be written to."""
        return self.random.choice(sorted(n for n in self.known.repos if not n.startswith("line")))

    def files(self) -> dict[str, bytes]:
        sizes = [self.random.choice([0, 10, 5000, 200_000]) for _ in range(3)]
        return {
            f"/{self.random.choice('abcd')}/{at}": self.random.randbytes(size)
            for at, size in enumerate(sizes)
        }

    def show(self, repo: str, commit: str = "master") -> None:
        """Note what a finished commit holds, and the jobs that it sets off."""
        (info,) = self.on.client.inspect_commit((repo, commit))
        self.known.commits[repo, info.commit.id] = self.on.files(repo, info.commit.id)
        for pipeline in sorted(self.known.pipelines):
            for job in self.on.client.list_job(pipeline):
                if job.job.id == info.commit.id:
                    self.known.jobs[pipeline, job.job.id] = self.on.done(pipeline, job.job.id).state
                    self.known.commits[pipeline, job.job.id] = self.on.files(pipeline, job.job.id)

    def put(self) -> None:
        repo = self.a_repo()
        with self.on.client.modify_file_client((repo, "master")) as change:
            for path, data in self.files().items():
                change.put_file_from_bytes(path, data, append=self.random.random() < 0.3)
        self.show(repo)

    def open_commit(self) -> None:
        repo = self.a_repo()
        with self.on.client.commit(repo, "master") as commit:
            for path, data in self.files().items():
                self.on.client.put_file_bytes(commit, path, data)
        self.show(repo)

    def transact(self) -> None:
        repo, name = self.a_repo(), f"together{self.steps}"
        with self.on.client.transaction():
            self.on.client.create_repo(name)
            commit = self.on.client.start_commit(repo, "master")
            self.on.client.finish_commit(commit)
        self.known.repos.add(name)
        self.show(repo)

    def below_an_open_one(self) -> None:
        source, repo = f"source{self.steps}", f"line{self.steps}"
        client = self.on.client
        for name in (source, repo):
            client.create_repo(name)
        client.create_branch(repo, "master", provenance=provenance(source))
        client.put_file_bytes((source, "master"), "/x", b"1")
        for path, commit in (("/high", "master"), ("/low", "master^")):
            client.put_file_bytes((repo, commit), path, self.random.randbytes(5000))
            client.finish_commit((repo, commit))
        self.known.repos |= {source, repo}
        self.show(repo)

    def make_pipeline(self) -> None:
        name = self.on.pipeline("cp -r $in /pfs/out/; true", pfs(self.a_repo(), name="in"))
        self.known.pipelines.add(name)
        job = self.on.latest(name)
        self.known.jobs[name, job] = self.on.done(name, job).state
        self.known.commits[name, job] = self.on.files(name, job)

    def delete_repo(self) -> None:
        name = self.a_repo()
        try:
            self.on.client.delete_repo(name)
        except Exception:  # a pipeline reads it
            return
        self.known.repos.remove(name)
        for key in [key for key in self.known.commits if key[0] == name]:
            del self.known.commits[key]

    def drop(self) -> None:
        _, commit = self.random.choice(sorted(self.known.commits) or [("", "")])
        try:
            self.on.client.drop_commit(commit)
        except Exception:  # it is not the newest
            return
        for key in [key for key in self.known.commits if key[1] == commit]:
            del self.known.commits[key]
            self.known.jobs.pop(key, None)


@dataclass
class Recorded:
    """All system calls of a session, and how far they were at each answer."""

    root: Path
    log: Path
    marks: list[tuple[int, Known]]

    def cuts(self, between: random.Random) -> Iterator[tuple[Disk, Known, Known]]:
        """The disk right after each answer, and once more before the next one.

        With it what was known by then, and what was with the next answer.
        """
        wanted: list[tuple[int, Known, Known]] = []
        for (at, known), (then, later) in zip(self.marks, self.marks[1:], strict=False):
            wanted += [(at, known, known), (between.randint(at, then), known, later)]
        wanted.append((*self.marks[-1], self.marks[-1][1]))
        disk = Disk(self.root, passing=("workers", "logs"))
        position = 0
        with self.log.open() as lines:
            for at, known, later in wanted:
                while position < at:
                    line = lines.readline()
                    position += len(line)
                    disk.take(iter([line]))
                yield disk, known, later


def record(folder: Path, steps: int, seed: int) -> Recorded:
    """Work of a client with a pachd that strace looks at."""
    recorded = Recorded(folder / "data", folder / "calls", [])
    command = [sys.executable, pachd_process.__file__, str(recorded.root)]
    with subprocess.Popen(
        strace(recorded.log, command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            process.communicate()
            pytest.skip("strace may not trace here")
        session = Session(Driver(Client("127.0.0.1", int(line))), seed)
        for _ in range(steps):
            session.step()
            recorded.marks.append((recorded.log.stat().st_size, session.known.copy()))
        process.communicate()
    return recorded


def check(data: Path, known: Known, later: Known) -> None:
    """All that was known, and would have been with the next answer too, is there and whole."""
    server = Pachd(data, 0, None, os.environ)
    server.start()
    try:
        on = Driver(Client("127.0.0.1", server.port))
        assert list(on.client.fsck()) == []
        assert known.repos & later.repos <= {info.repo.name for info in on.client.list_repo()}
        secrets = {info.secret.name for info in on.client.list_secret()}
        assert known.secrets <= secrets <= later.secrets
        pipelines = {info.pipeline.name for info in on.client.list_pipeline()}
        assert known.pipelines <= pipelines <= later.pipelines
        for (repo, commit), files in known.commits.items():
            if (repo, commit) in later.commits:
                assert on.files(repo, commit) == files
        for repo in {info.repo.name for info in on.client.list_repo()} - pipelines:
            for info in on.client.list_commit(repo, all=True):
                if not info.finishing.seconds:  # the next answer was to come after its end
                    on.client.finish_commit((repo, info.commit.id))
                elif info.finished.seconds:
                    files = on.files(repo, info.commit.id)
                    assert later.commits.get((repo, info.commit.id), files) == files
        for pipeline in pipelines:
            for job in on.client.list_job(pipeline):
                told = known.jobs.get((pipeline, job.job.id), SUCCESS)
                assert on.done(pipeline, job.job.id).state == told
                files = on.files(pipeline, job.job.id)
                assert later.commits.get((pipeline, job.job.id), files) == files
        on.put(on.repo(), {"/a": b"1"})  # it works
    finally:
        server.stop()


def survives(folder: Path, steps: int, seed: int) -> int:
    """Check every cut of a session; how many syncs pachd made."""
    recorded = record(folder, steps, seed)
    for number, (disk, known, later) in enumerate(recorded.cuts(random.Random(seed))):
        left = folder / "left"
        disk.leave(left, names=number % 4 > 1)
        check(left, known, later)
        shutil.rmtree(left)
    return disk.syncs


@pytest.fixture(autouse=True)
def _with_strace() -> None:
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")


def test_what_was_acknowledged_survives_a_power_cut(tmp_path: Path) -> None:
    assert survives(tmp_path, steps=12, seed=1) > 24


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_long_session_survives_power_cuts(tmp_path: Path) -> None:
    for seed in range(2, 5):
        folder = tmp_path / str(seed)
        folder.mkdir()
        survives(folder, steps=40, seed=seed)
