"""pfs's values to protobuf messages and back."""

from __future__ import annotations

from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from python_pachyderm.proto.v2.pfs import pfs_pb2
from python_pachyderm.proto.v2.pps import pps_pb2

from tycokit.pachd.pfs.values import (
    DEFAULT_PROJECT,
    Branch,
    BranchInfo,
    Commit,
    CommitAddress,
    CommitInfo,
    FileInfo,
    ProjectInfo,
    Repo,
    RepoInfo,
    Trigger,
)
from tycokit.pachd.pps.values import Job, Pipeline

_TRIGGER = ("branch", "all", "rate_limit_spec", "size", "commits", "cron_spec")
Message = Any  # the generated modules carry no types


def timestamp(ns: int | None) -> Timestamp | None:
    if ns is None:
        return None
    return Timestamp(seconds=ns // 10**9, nanos=ns % 10**9)


def project_name(message: Message) -> str:
    """An absent or empty project means the default one."""
    return message.name or DEFAULT_PROJECT


def repo_from(message: Message) -> Repo:
    return Repo(project_name(message.project), message.name, message.type or "user")


def branch_from(message: Message) -> Branch:
    return Branch(repo_from(message.repo), message.name)


def address_from(message: Message) -> CommitAddress:
    """A commit's repo may stand in the commit itself or in its branch."""
    repo = message.repo if message.repo.name else message.branch.repo
    return CommitAddress(repo_from(repo), message.branch.name, message.id)


def names_commit(message: Message) -> bool:
    return bool(message.id or message.branch.name)


def trigger_from(message: Message) -> Trigger:
    return Trigger(**{name: getattr(message, name) for name in _TRIGGER})


def trigger_message(trigger: Trigger) -> Message:
    return pfs_pb2.Trigger(**{name: getattr(trigger, name) for name in _TRIGGER})


def pipeline_from(message: Message) -> Pipeline:
    return Pipeline(project_name(message.project), message.name)


def job_from(message: Message) -> Job:
    return Job(pipeline_from(message.pipeline), message.id)


def pipeline_message(pipeline: Pipeline) -> Message:
    return pps_pb2.Pipeline(project=project_message(pipeline.project), name=pipeline.name)


def job_message(job: Job) -> Message:
    return pps_pb2.Job(pipeline=pipeline_message(job.pipeline), id=job.id)


def projects_from(request: Message) -> set[str] | None:
    """The projects that a list is asked for; None = all."""
    return {project.name for project in request.projects if project.name} or None


def project_message(name: str) -> Message:
    return pfs_pb2.Project(name=name)


def repo_message(repo: Repo) -> Message:
    return pfs_pb2.Repo(name=repo.name, type=repo.type, project=project_message(repo.project))


def branch_message(branch: Branch) -> Message:
    return pfs_pb2.Branch(repo=repo_message(branch.repo), name=branch.name)


def commit_message(commit: Commit) -> Message:
    repo = repo_message(commit.repo)
    return pfs_pb2.Commit(
        repo=repo, branch=pfs_pb2.Branch(repo=repo, name=commit.branch), id=commit.id
    )


def project_info_message(info: ProjectInfo) -> Message:
    return pfs_pb2.ProjectInfo(
        project=project_message(info.name),
        description=info.description,
        created_at=timestamp(info.created),
    )


def repo_info_message(info: RepoInfo, details: bool) -> Message:
    return pfs_pb2.RepoInfo(
        repo=repo_message(info.repo),
        created=timestamp(info.created),
        description=info.description,
        branches=[branch_message(branch) for branch in info.branches],
        size_bytes_upper_bound=info.size,
        details=pfs_pb2.RepoInfo.Details(size_bytes=info.size) if details else None,
    )


def branch_info_message(info: BranchInfo) -> Message:
    return pfs_pb2.BranchInfo(
        branch=branch_message(info.branch),
        head=commit_message(info.head),
        direct_provenance=[branch_message(branch) for branch in info.direct_provenance],
        provenance=[branch_message(branch) for branch in info.provenance],
        subvenance=[branch_message(branch) for branch in info.subvenance],
        trigger=trigger_message(info.trigger) if info.trigger else None,
    )


def commit_info_message(info: CommitInfo) -> Message:
    details = pfs_pb2.CommitInfo.Details(size_bytes=info.size) if info.finished else None
    return pfs_pb2.CommitInfo(
        commit=commit_message(info.commit),
        origin=pfs_pb2.CommitOrigin(kind=int(info.origin)),
        description=info.description,
        parent_commit=commit_message(info.parent) if info.parent else None,
        child_commits=[commit_message(child) for child in info.children],
        started=timestamp(info.started),
        finishing=timestamp(info.finishing),
        finished=timestamp(info.finished),
        direct_provenance=[commit_message(commit) for commit in info.direct_provenance],
        error=info.error,
        size_bytes_upper_bound=info.size,
        details=details,
    )


def file_info_message(info: FileInfo) -> Message:
    kind = pfs_pb2.FileType.DIR if info.is_dir else pfs_pb2.FileType.FILE
    return pfs_pb2.FileInfo(
        file=pfs_pb2.File(commit=commit_message(info.commit), path=info.path, datum=info.tag),
        file_type=kind,
        committed=timestamp(info.committed),
        size_bytes=info.size,
        hash=info.hash,
    )
