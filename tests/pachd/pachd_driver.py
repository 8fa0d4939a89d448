"""What the tests of a served pachd ask it again and again, through the real client."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import grpc
import pytest
from python_pachyderm import Client
from python_pachyderm.service import pfs_proto, pps_proto

STARTED, READY, FINISHING, FINISHED = 1, 2, 3, 4  # pfs_v2.CommitState
USER, AUTO = 1, 2  # pfs_v2.OriginKind
SUCCESS, FAILURE, KILLED, UNRUNNABLE = (
    pps_proto.JobState.JOB_SUCCESS,
    pps_proto.JobState.JOB_FAILURE,
    pps_proto.JobState.JOB_KILLED,
    pps_proto.JobState.JOB_UNRUNNABLE,
)
_numbers = itertools.count()


def pfs(repo: str, glob: str = "/*", **more: Any) -> Any:
    return pps_proto.Input(pfs=pps_proto.PFSInput(repo=repo, glob=glob, **more))


def transform(script: str, **more: Any) -> Any:
    """A transform that runs shell lines; the shell stops at the first that fails."""
    lines = ["set -e", *textwrap.dedent(script).strip().splitlines()]
    return pps_proto.Transform(cmd=["sh"], stdin=lines, **more)


def provenance(*names: str) -> list[Any]:
    """Branches `master` of these repos."""
    return [branch(name) for name in names]


def branch(repo: str, name: str = "master", kind: str = "user") -> Any:
    return pfs_proto.Branch(repo=pfs_proto.Repo(name=repo, type=kind), name=name)


class Refusal:
    """The status that a call was refused with, once its block has ended."""

    def __init__(self) -> None:
        self._raised = pytest.raises(grpc.RpcError)

    def __enter__(self) -> Refusal:
        self._info = self._raised.__enter__()
        return self

    def __exit__(self, *exc: Any) -> bool | None:
        return self._raised.__exit__(*exc)

    @property
    def code(self) -> grpc.StatusCode:
        return self._info.value.code()  # type: ignore[attr-defined, no-any-return]

    @property
    def text(self) -> str:
        return str(self._info.value.details())  # type: ignore[attr-defined]


class Driver:
    """The client, with names of its own so that tests do not meet, and shorter words."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._pipelines: list[str] = []
        self._repos: list[str] = []

    def clean(self) -> None:
        for name in reversed(self._pipelines):
            self.client.delete_pipeline(name, force=True)
        for name in reversed(self._repos):
            self.client.delete_repo(name, force=True)

    @property
    def stub(self) -> Any:
        """pps_v2.API itself, for what the client has no words for."""
        return self.client._PPSMixin__stub

    def name(self, word: str = "x") -> str:
        return f"{word}_{next(_numbers)}"

    def repo(self, files: Mapping[str, bytes] | None = None, word: str = "repo") -> str:
        name = self.name(word)
        self._repos.append(name)
        self.client.create_repo(name)
        if files:
            self.put(name, files)
        return name

    def put(self, repo: str, files: Mapping[str, bytes | None], branch: str = "master") -> str:
        """One commit that writes files, or deletes those whose bytes are None; its id."""
        with (
            self.client.commit(repo, branch) as commit,
            self.client.modify_file_client(commit) as m,
        ):
            for path, data in files.items():
                if data is None:
                    m.delete_file(path)
                else:
                    m.put_file_from_bytes(path, data)
        return str(commit.id)

    def pipeline(self, what: Any, inputs: Any, word: str = "pipe", **more: Any) -> str:
        """A pipeline from a transform or a shell script."""
        name = self.name(word)
        self._pipelines.append(name)
        made = transform(what) if isinstance(what, str) else what
        self.client.create_pipeline(name, made, input=inputs, **more)
        return name

    def latest(self, pipeline: str) -> str:
        """The id of its newest job."""
        return str(next(self.client.list_job(pipeline)).job.id)

    def done(self, pipeline: str, job: str = "") -> Any:
        """A job (the newest without an id) once it has ended."""
        job = job or self.latest(pipeline)
        return next(self.client.inspect_job(job, pipeline, wait=True, details=True))

    def read(self, repo: str, path: str, commit: str = "master") -> bytes:
        return bytes(self.client.get_file((repo, commit), path).read())

    def files(self, repo: str, commit: str = "master") -> dict[str, bytes]:
        """Path → bytes of every file."""
        found = list(self.client.glob_file((repo, commit), "/**"))
        paths = [info.file.path for info in found if info.file_type == 1]
        return {path: self.read(repo, path, commit) for path in paths}

    def logs(self, pipeline: str, job: str, **more: Any) -> list[str]:
        return [line.message for line in self.client.get_job_logs(pipeline, job, **more)]

    def said(self, pipeline: str, job: str = "", **more: Any) -> list[str]:
        """What its user code wrote."""
        job = job or self.latest(pipeline)
        return [
            line.message for line in self.client.get_job_logs(pipeline, job, **more) if line.user
        ]

    def counts(self, info: Any) -> tuple[int, int, int, int]:
        """Datums processed, skipped, failed, recovered of a job."""
        return info.data_processed, info.data_skipped, info.data_failed, info.data_recovered


def paths(infos: Sequence[Any] | Any) -> list[str]:
    return [info.file.path for info in infos]
